"""The client of the Python SDK: signs in, lists the tools, calls one.

    python_sdk_client.py URL PORT FOLDER [CLIENT_ID [CLIENT_SECRET]]

Without CLIENT_ID it registers itself. What it keeps is in FOLDER. The tool is named by GAUNTLET_TOOL and GAUNTLET_ARGUMENTS,
the version of MCP by GAUNTLET_VERSION.
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

url, port, folder, *known = sys.argv[1:]
client_id, client_secret = (known + [None, None])[:2]
metadata = {
    "redirect_uris": [f"http://127.0.0.1:{port}/callback"],
    "token_endpoint_auth_method": "client_secret_basic" if client_secret else "none",
}


class Store:
    tokens = pathlib.Path(folder, "tokens.json")
    client = pathlib.Path(folder, "client.json")

    async def get_tokens(self):
        return OAuthToken.model_validate_json(self.tokens.read_text()) if self.tokens.exists() else None

    async def set_tokens(self, tokens):
        self.tokens.write_text(tokens.model_dump_json())

    async def get_client_info(self):
        if client_id:
            return OAuthClientInformationFull(client_id=client_id, client_secret=client_secret, **metadata)
        return OAuthClientInformationFull.model_validate_json(self.client.read_text()) if self.client.exists() else None

    async def set_client_info(self, client_info):
        self.client.write_text(client_info.model_dump_json())


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
            # Whose answer this is was not checked, so what it says is not shown.
            raise RuntimeError("the browser came back without a code")
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
    mode = "auto" if os.environ["GAUNTLET_VERSION"] >= "2026" else "legacy"
    async with httpx2.AsyncClient(auth=auth, timeout=20) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
            await client.list_tools()
            arguments = json.loads(os.environ["GAUNTLET_ARGUMENTS"])
            result = await client.call_tool(os.environ["GAUNTLET_TOOL"], arguments)
            print(result.model_dump_json())


asyncio.run(main())
