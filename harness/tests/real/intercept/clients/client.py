"""Asks both hosts of the Kiro runtime for their tools, as an ordinary program would that was never told of another address.

The argument names the library. Prints one JSON object: host to status.
"""

import asyncio
import json
import os
import sys
import urllib.error
import urllib.request

HOSTS = ["runtime.us-east-1.kiro.dev", "q.us-east-1.amazonaws.com"]
BODY = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode()
HEADERS = {"authorization": "Bearer " + os.environ["TOKEN"], "content-type": "application/json"}


def urls():
    return {host: f"https://{host}/mcp" for host in HOSTS}.items()


def with_urllib():
    def status(url):
        try:
            return urllib.request.urlopen(urllib.request.Request(url, BODY, HEADERS), timeout=20).status
        except urllib.error.HTTPError as error:
            return error.code

    return {host: status(url) for host, url in urls()}


def with_requests():
    import requests

    return {host: requests.post(url, data=BODY, headers=HEADERS, timeout=20).status_code for host, url in urls()}


def with_httpx(http2=False):
    import httpx

    with httpx.Client(http2=http2, timeout=20) as client:
        answers = {host: client.post(url, content=BODY, headers=HEADERS) for host, url in urls()}
    assert {answer.http_version for answer in answers.values()} == {"HTTP/2" if http2 else "HTTP/1.1"}
    return {host: answer.status_code for host, answer in answers.items()}


async def with_aiohttp():
    import aiohttp

    found = {}
    async with aiohttp.ClientSession(trust_env=True) as session:
        for host, url in urls():
            async with session.post(url, data=BODY, headers=HEADERS) as answer:
                found[host] = answer.status
    return found


LIBRARIES = {
    "urllib": with_urllib,
    "requests": with_requests,
    "httpx": with_httpx,
    "httpx-h2": lambda: with_httpx(http2=True),
    "aiohttp": lambda: asyncio.run(with_aiohttp()),
}
print(json.dumps(LIBRARIES[sys.argv[1]]()))
