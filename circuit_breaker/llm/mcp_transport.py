"""How an MCP server is reached: as a program of this machine, or over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

from circuit_breaker.errors import ExtraMissing
from circuit_breaker.outgoing.perimeter import Perimeter

if TYPE_CHECKING:
    from mcp import Client

__all__ = ["Connect", "check_sdk", "over_http", "over_stdio"]

Connect = Callable[[], "AbstractAsyncContextManager[Client]"]


def check_sdk() -> None:
    """Lets pass where the SDK is installed.

    Raises:
        ExtraMissing: It is not.
    """
    try:
        import mcp  # noqa: F401, PLC0415 - an optional extra
    except ImportError as error:
        raise ExtraMissing("mcp", extra="mcp", why="MCP servers as toolsets") from error


def over_stdio(program: str, arguments: list[str], env: dict[str, str], cwd: str | None) -> Connect:
    """What starts a server as a program and opens a session with it. What it logs is dropped."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Client]:
        from mcp import Client  # noqa: PLC0415 - an optional extra

        from circuit_breaker.llm.mcp_program import program as started  # noqa: PLC0415 - made for the extra

        async with Client(started(program, arguments, env, cwd)) as client:
            yield client

    return connect


def over_http(url: str, headers: Mapping[str, Any], perimeter: Perimeter, first_byte: float) -> Connect:
    """What opens a session with a server at an address."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Client]:
        from mcp import Client  # noqa: PLC0415 - an optional extra
        from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415 - the same

        from circuit_breaker.llm.mcp_http import guarded_client  # noqa: PLC0415 - made for the extra

        async with (
            guarded_client(perimeter, headers, first_byte=first_byte) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            yield client

    return connect
