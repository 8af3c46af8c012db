"""A server of HTTP that cuts what it says anywhere, and breaks off in every way that a network and a vendor can."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

import attrs

Fault = Literal["", "stall", "reset", "truncate", "endless"]


@attrs.frozen(kw_only=True)
class Reply:
    """What the server answers once.

    Attributes:
        status: The number.
        body: The bytes.
        headers: By name.
        cuts: Bytes of each piece; 0 for one piece; a negative number for random pieces with this seed.
        fault: What happens after the body: it stalls, resets the connection, ends the connection without ending the
            body, or goes on for ever with ``more``.
        more: What an endless body repeats.
        late: Seconds before the head is sent.
        pause: Seconds between pieces.
        sized: Whether the length is told in the head, instead of chunks.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    cuts: int = 0
    fault: Fault = ""
    more: bytes = b": still here\n\n"
    late: float = 0.0
    pause: float = 0.0
    sized: bool = False

    def pieces(self) -> Iterable[bytes]:
        """The body, cut."""
        if self.cuts == 0:
            return [self.body] if self.body else []
        if self.cuts > 0:
            return [self.body[at : at + self.cuts] for at in range(0, len(self.body), self.cuts)]
        return _random_pieces(self.body, random.Random(self.cuts))  # noqa: S311 - a test that can be repeated


def _random_pieces(body: bytes, chance: random.Random) -> Iterable[bytes]:
    while body:
        size = chance.choice([1, 1, 2, 3, 7, 20, 64])
        yield body[:size]
        body = body[size:]


@attrs.define
class Asking:
    """One request as the server saw it.

    Attributes:
        line: Method and path.
        headers: By name in small letters.
        body: What the JSON says, or None.
        left: When the client closed the connection, by the monotonic clock, or None.
        gone: Set when it has.
    """

    line: str
    headers: dict[str, str]
    body: Any
    left: float | None = None
    gone: asyncio.Event = attrs.field(factory=asyncio.Event)


@attrs.define
class Faulty:
    """A server that runs.

    Attributes:
        port: Where it listens, on 127.0.0.1.
        replies: What it answers next, in order; the last one is repeated.
        seen: What it was asked.
    """

    port: int = 0
    replies: list[Reply | Callable[[Asking], Reply]] = attrs.field(factory=list)
    seen: list[Asking] = attrs.field(factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reply(self, asking: Asking) -> Reply:
        """What is answered to this request."""
        found = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return found(asking) if callable(found) else found

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers the requests of one connection."""
        while True:
            asking = await _read(reader)
            self.seen.append(asking)
            reply = self.reply(asking)
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(_watch(reader, asking))
                going_on = await _answer(reply, writer, asking)
                watch.cancel()
            if not going_on:
                return


async def _read(reader: asyncio.StreamReader) -> Asking:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *rest = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest if one)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asking(line.rpartition(" ")[0], headers, json.loads(body) if body else None)


async def _watch(reader: asyncio.StreamReader, asking: Asking) -> None:
    """Notes when the client closes the connection while it is still being answered."""
    with suppress(ConnectionError):
        if await reader.read(1):
            return
    asking.left = time.monotonic()
    asking.gone.set()


async def _answer(reply: Reply, writer: asyncio.StreamWriter, asking: Asking) -> bool:
    """Answers; whether the connection can be used again."""
    await _wait(reply.late, asking)
    sized = f"Content-Length: {len(reply.body)}" if reply.sized else "Transfer-Encoding: chunked"
    told = {"Content-Type": "application/json", **reply.headers}
    head = [f"HTTP/1.1 {reply.status} X", sized, *(f"{name}: {value}" for name, value in told.items())]
    writer.write("\r\n".join([*head, "", ""]).encode())
    for piece in reply.pieces():
        await _write(piece, reply, writer)
        await _wait(reply.pause, asking)
    return await _end(reply, writer, asking)


async def _write(piece: bytes, reply: Reply, writer: asyncio.StreamWriter) -> None:
    writer.write(piece if reply.sized else b"%x\r\n%s\r\n" % (len(piece), piece))
    await writer.drain()
    if reply.cuts:
        await asyncio.sleep(0)


async def _wait(seconds: float, asking: Asking) -> None:
    if seconds:
        with suppress(TimeoutError):
            await asyncio.wait_for(asking.gone.wait(), seconds)


async def _end(reply: Reply, writer: asyncio.StreamWriter, asking: Asking) -> bool:
    match reply.fault:
        case "stall":
            await asking.gone.wait()
        case "reset":
            await writer.drain()
            await asyncio.sleep(0.02)
            writer.transport.abort()
        case "endless":
            while not asking.gone.is_set():
                await _write(reply.more, reply, writer)
                await asyncio.sleep(0.005)
        case "truncate":
            await writer.drain()
        case _:
            if not reply.sized:
                writer.write(b"0\r\n\r\n")
            await writer.drain()
            return True
    return False


@asynccontextmanager
async def faulty(*replies: Reply | Callable[[Asking], Reply]) -> AsyncIterator[Faulty]:
    """A server that answers with these, one after another."""
    server = Faulty(replies=list(replies))
    talking: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talking.add(asyncio.current_task())
        try:
            await server.talk(reader, writer)
        except* (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server
        for task in [task for task in talking if not task.done()]:
            task.cancel()
            await asyncio.wait([task])
