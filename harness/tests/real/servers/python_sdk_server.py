"""A server on the official Python SDK with one feature of each kind; nothing in it touches the protocol."""

import asyncio
import sys

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

mcp = MCPServer("python-sdk-fixtures", log_level="CRITICAL")
READ_ONLY = ToolAnnotations(readOnlyHint=True)


@mcp.tool(annotations=READ_ONLY)
def echo(message: str) -> str:
    """Returns the message."""
    return message


@mcp.tool(annotations=READ_ONLY)
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@mcp.tool(annotations=READ_ONLY)
def fail() -> str:
    """Always fails."""
    raise ToolError("this tool always fails")


@mcp.tool(annotations=READ_ONLY)
async def progress(steps: int, ctx: Context) -> str:
    """Reports its progress."""
    for step in range(1, steps + 1):
        await ctx.report_progress(step, steps)
    return f"{steps} steps"


@mcp.tool(annotations=READ_ONLY)
async def slow(ms: int) -> str:
    """Takes its time."""
    await asyncio.sleep(ms / 1000)
    return "done"


@mcp.tool(annotations=READ_ONLY)
async def log(ctx: Context) -> str:
    """Writes to the client's log, a line of each of four levels."""
    await ctx.debug("a line for debug")
    await ctx.info("a line for info")
    await ctx.warning("a line for warning")
    await ctx.error("a line for error")
    return "logged"


@mcp.resource("fixture://greeting", mime_type="text/plain")
def greeting() -> str:
    """A text."""
    return "Hello from the fixture"


@mcp.resource("fixture://items/{item}")
def item(item: str) -> str:
    """A text for each item."""
    return f"item {item}"


@mcp.prompt()
def greet(name: str) -> str:
    """Asks for a greeting."""
    return f"Greet {name}."


if __name__ == "__main__":
    if len(sys.argv) > 1:
        mcp.run("streamable-http", port=int(sys.argv[1]))
    else:
        mcp.run("stdio")
