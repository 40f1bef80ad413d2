"""The client of the Python SDK: signs in, lists the tools, calls one.

    python_sdk_client.py URL CLIENT_ID PORT FOLDER

Tokens stay in FOLDER. The tool is named by GAUNTLET_TOOL and GAUNTLET_ARGUMENTS.
"""

import asyncio
import json
import os
import pathlib
import sys
import urllib.parse
import webbrowser

import httpx2
from mcp.client import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

url, client_id, port, folder = sys.argv[1:]
redirect = f"http://127.0.0.1:{port}/callback"
metadata = {"redirect_uris": [redirect], "token_endpoint_auth_method": "none"}


class Store:
    path = pathlib.Path(folder, "tokens.json")

    async def get_tokens(self):
        return OAuthToken.model_validate_json(self.path.read_text()) if self.path.exists() else None

    async def set_tokens(self, tokens):
        self.path.write_text(tokens.model_dump_json())

    async def get_client_info(self):
        return OAuthClientInformationFull(client_id=client_id, **metadata)

    async def set_client_info(self, client_info):
        pass


class Callback:
    """Listens before the browser opens, and takes one answer."""

    async def open(self, address):
        self.answer = asyncio.get_running_loop().create_future()
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", int(port))
        print(f"Please sign in at:\n{address}", file=sys.stderr, flush=True)
        await asyncio.to_thread(webbrowser.open, address)

    async def serve(self, reader, writer):
        line = (await reader.readline()).decode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        if not self.answer.done():
            self.answer.set_result(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(line.split()[1]).query)))

    async def wait(self):
        query = await self.answer
        self.server.close()
        if "code" not in query:
            raise RuntimeError(f"the sign-in was refused: {query.get('error')}")
        return AuthorizationCodeResult(code=query["code"], state=query.get("state"), iss=query.get("iss"))


async def main():
    callback = Callback()
    auth = OAuthClientProvider(
        server_url=url,
        client_metadata=OAuthClientMetadata(client_name="python-sdk-client", **metadata),
        storage=Store(),
        redirect_handler=callback.open,
        callback_handler=callback.wait,
    )
    async with httpx2.AsyncClient(auth=auth, timeout=20) as http:
        async with Client(streamable_http_client(url, http_client=http)) as client:
            await client.list_tools()
            arguments = json.loads(os.environ["GAUNTLET_ARGUMENTS"])
            result = await client.call_tool(os.environ["GAUNTLET_TOOL"], arguments)
            print(result.model_dump_json())


asyncio.run(main())
