"""The transport of MCP over HTTP: the SDK's requests go through our own guarded session.

So an address that a name resolves to is judged before it is connected to, no proxy is taken from the environment, TLS
is verified, and redirects are the SDK's business, which follows none to another origin.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

import httpx2

from circuit_breaker.errors import ActionError, ActionTimeout
from circuit_breaker.outgoing import Perimeter, Request, Session, read_url

if TYPE_CHECKING:
    import aiohttp

__all__ = ["guarded_client"]

MOST_BYTES: Final = 16 * 1024 * 1024
"""The longest answer, or event of a stream, that is read."""

_EVENT_ENDS: Final = re.compile(rb"\n\n|\r\r|\r\n\r\n")
_HOPS = frozenset({"connection", "host", "content-length", "transfer-encoding", "accept-encoding"})


@asynccontextmanager
async def guarded_client(
    perimeter: Perimeter, headers: Mapping[str, str | Callable[[], str]], *, first_byte: float
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client for the SDK which reaches only what the perimeter allows.

    Args:
        perimeter: What may be called.
        headers: Sent with every request; a function is asked each time.
        first_byte: Seconds until an answer must begin.
    """
    async with Session(perimeter, first_byte=first_byte) as session:
        transport = _Guarded(session, headers)
        # The limits of time are the session's.
        async with httpx2.AsyncClient(transport=transport, timeout=None, trust_env=False) as client:
            yield client


class _Guarded(httpx2.AsyncBaseTransport):
    def __init__(self, session: Session, headers: Mapping[str, str | Callable[[], str]]) -> None:
        self._session = session
        self._headers = headers

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        own = {name: value if isinstance(value, str) else value() for name, value in self._headers.items()}
        asked = Request(
            method=request.method,
            url=read_url(str(request.url)),
            headers={name: value for name, value in request.headers.items() if name.lower() not in _HOPS} | own,
            body=await request.aread() or None,
        )
        stack = AsyncExitStack()
        try:
            response = await stack.enter_async_context(self._session.open(asked))
        except ActionError as error:
            await stack.aclose()
            kind = httpx2.ReadTimeout if isinstance(error, ActionTimeout) else httpx2.ConnectError
            raise kind(str(error), request=request) from error
        return httpx2.Response(response.status, headers=_raw(response), stream=_Body(response, stack), request=request)


def _raw(response: aiohttp.ClientResponse) -> list[tuple[bytes, bytes]]:
    return list(response.raw_headers)


class _Body(httpx2.AsyncByteStream):
    """The body, read as it comes; the connection is given back when it is closed."""

    def __init__(self, response: aiohttp.ClientResponse, stack: AsyncExitStack) -> None:
        self._response = response
        self._stack = stack

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # A stream of events may last as long as the session: it is each of its events that is bounded.
        streamed = self._response.content_type == "text/event-stream"
        size, end = 0, b""
        try:
            async for piece in self._response.content.iter_any():
                end = end[-3:] + piece
                size = size + len(piece) if not (streamed and _EVENT_ENDS.search(end)) else 0
                if size > MOST_BYTES:
                    raise httpx2.ReadError(f"an answer has more than {MOST_BYTES:,} bytes")
                yield piece
        except OSError as error:
            raise httpx2.ReadError(str(error)) from error

    async def aclose(self) -> None:
        # Inside of a cancelled scope nothing may be waited for; closing the connection at once is right then, and an
        # answer that was read to its end has given it back already.
        self._response.close()
        await self._stack.aclose()
