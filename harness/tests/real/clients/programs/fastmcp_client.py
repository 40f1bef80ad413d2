"""The client of FastMCP: signs in, lists the tools, calls one.

    fastmcp_client.py URL CLIENT_ID PORT

The tool is named by GAUNTLET_TOOL and GAUNTLET_ARGUMENTS. Nothing is kept.
"""

import asyncio
import json
import os
import sys

from fastmcp import Client
from fastmcp.client.auth import OAuth

url, client_id, port = sys.argv[1:]


async def main():
    auth = OAuth(client_id=client_id, callback_port=int(port), callback_timeout=20)
    async with Client(url, auth=auth) as client:
        await client.list_tools()
        result = await client.call_tool(os.environ["GAUNTLET_TOOL"], json.loads(os.environ["GAUNTLET_ARGUMENTS"]))
        print(result.content)


asyncio.run(main())
