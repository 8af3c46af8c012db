"""Servers of HTTP that a test writes itself: polite ones, and ones that break the connection or never end."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, TypeVar

import attrs
from aiohttp import web


@attrs.frozen
class Seen:
    """One request as the server saw it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@attrs.define
class Site:
    """A server that runs, and what it was asked."""

    port: int
    scheme: str = "http"
    host: str = "127.0.0.1"
    seen: list[Seen] = attrs.field(factory=list)
    connections: Callable[[], Collection[Any]] = list

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def place(self) -> str:
        """What an operator allows."""
        return f"{self.host}:{self.port}"

    def lingering(self) -> list[str]:
        """The connections that clients have not closed, a moment after they should have."""
        until = time.monotonic() + 1.0
        while (left := self.connections()) and time.monotonic() < until:
            time.sleep(0.01)
        return list(map(repr, left))


Answering = Callable[[web.Request], web.StreamResponse | Awaitable[web.StreamResponse]]


@asynccontextmanager
async def site(answer: Answering, *, host: str = "127.0.0.1", tls: Any = None) -> AsyncIterator[Site]:
    """A server that gives every request to the function."""

    async def answered(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        there.seen.append(
            Seen(request.method, request.path_qs, {k.lower(): v for k, v in request.headers.items()}, body)
        )
        given = answer(request)
        return await given if inspect.isawaitable(given) else given

    application = web.Application(client_max_size=64 * 1024 * 1024)
    application.router.add_route("*", "/{tail:.*}", answered)
    runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        listening = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await listening.start()
        port = listening._server.sockets[0].getsockname()[1]
        there = Site(port, "https" if tls else "http", host, connections=lambda: _open(runner.server))
        yield there
    finally:
        await runner.cleanup()


def _open(server: Any) -> list[Any]:
    """The connections that are open; one whose handler has not noticed that it is gone is not."""
    return [connection for connection in server.connections if connection.transport is not None]


Talking = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def wire(talk: Talking) -> AsyncIterator[Site]:
    """A server that the function speaks for byte by byte, once the head of a request has come."""
    talking: set[asyncio.Task[None] | None] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talking.add(asyncio.current_task())
        try:
            await reader.readuntil(b"\r\n\r\n")
            there.seen.append(Seen("", "", {}, b""))
            await talk(reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    there = Site(server.sockets[0].getsockname()[1])
    async with server:
        yield there
        for task in filter(None, talking):  # a server that closes does not wait for what it still talks about
            task.cancel()
            await asyncio.wait([task])


T = TypeVar("T")


@contextmanager
def in_thread(opened: Callable[[], AbstractAsyncContextManager[T]]) -> Iterator[T]:
    """What an async context manager gives, in the event loop of a thread, for tests that have loops of their own."""
    ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, T]] = Future()

    async def serve() -> None:
        async with opened() as given:
            stop = asyncio.Event()
            ready.set_result((asyncio.get_running_loop(), stop, given))
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    loop, stop, given = ready.result(10)
    try:
        yield given
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
