"""A small MCP server for the tests of the toolset, run as ``python server.py stdio`` or ``python server.py PORT``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import ImageContent, TextContent, ToolAnnotations

server = MCPServer("for tests", log_level="ERROR")


@server.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.tool()
async def slow(seconds: float, ctx: Context, mark: str = "") -> str:
    """Takes its time, and leaves a mark when it is cancelled."""
    await ctx.report_progress(0.5, 1.0, "half")
    try:
        await anyio.sleep(seconds)
    except anyio.get_cancelled_exc_class():
        if mark:
            Path(mark).touch()  # noqa: ASYNC240 - it takes no time
        raise
    return "done"


@server.tool()
def broken() -> str:
    """Breaks."""
    raise RuntimeError("it broke")


@server.tool()
def picture() -> list[TextContent | ImageContent]:
    """Shows something."""
    return [TextContent(text="see:"), ImageContent(data="aGVsbG8=", mime_type="image/png")]


@server.tool()
def die() -> str:
    """Ends the server."""
    os._exit(3)


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def die_once(mark: str) -> str:
    """Ends the server the first time."""
    if not Path(mark).exists():
        Path(mark).touch()
        os._exit(3)
    return "alive"


@server.tool()
def environment() -> str:
    """What the server sees of the environment."""
    return " ".join(sorted(os.environ))


@server.tool()
def grow() -> str:
    """Adds a tool while the server runs."""

    def grown() -> str:
        """Is new."""
        return "new"

    server.add_tool(grown)
    return "grown"


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run("stdio")
    else:
        server.run("streamable-http", port=int(sys.argv[1]))
