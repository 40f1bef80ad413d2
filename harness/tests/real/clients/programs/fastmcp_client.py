"""The client of FastMCP: signs in, lists the tools, calls one.

    fastmcp_client.py URL PORT FOLDER [CLIENT_ID [CLIENT_SECRET]]

Without CLIENT_ID it registers itself. What it keeps is in FOLDER. The tool is named by GAUNTLET_TOOL and GAUNTLET_ARGUMENTS,
the version of MCP by GAUNTLET_VERSION.
"""

import asyncio
import json
import os
import pathlib
import sys

from fastmcp import Client
from fastmcp.client.auth import OAuth
from key_value.aio.stores.filetree import (
    FileTreeStore,
    FileTreeV1CollectionSanitizationStrategy,
    FileTreeV1KeySanitizationStrategy,
)

url, port, folder, *known = sys.argv[1:]
folder = pathlib.Path(folder)
client_id, client_secret = (known + [None, None])[:2]


async def main():
    # Its keys are addresses, which are no file names.
    store = FileTreeStore(
        data_directory=folder,
        key_sanitization_strategy=FileTreeV1KeySanitizationStrategy(folder),
        collection_sanitization_strategy=FileTreeV1CollectionSanitizationStrategy(folder),
    )
    auth = OAuth(
        client_id=client_id,
        client_secret=client_secret,
        callback_port=int(port),
        callback_timeout=20,
        token_storage=store,
    )
    mode = "auto" if os.environ["GAUNTLET_VERSION"] >= "2026" else "legacy"
    async with Client(url, auth=auth, mode=mode) as client:
        await client.list_tools()
        result = await client.call_tool(os.environ["GAUNTLET_TOOL"], json.loads(os.environ["GAUNTLET_ARGUMENTS"]))
        print(result.content)


asyncio.run(main())
