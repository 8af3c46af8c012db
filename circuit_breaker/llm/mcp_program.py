"""A program of this machine that speaks MCP over its standard input and output, one JSON message a line.

The SDK's own transport keeps a line until it ends; here a line has a greatest length, so that a server that never ends
one cannot fill our memory. See https://modelcontextprotocol.io/specification/2025-11-25/basic/transports.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from asyncio.subprocess import Process, SubprocessStreamProtocol
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import anyio
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from circuit_breaker.llm.sse import LineDecoder, ServerEvent, StreamTooLong

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

__all__ = ["LONGEST", "program"]

LONGEST: Final = 16 * 1024 * 1024
"""Bytes of the longest message of a server."""

GRACE: Final = 2.0
"""Seconds in which a server may end by itself once its input is closed, and then once it was asked to."""

_PIECE: Final = 64 * 1024
_GONE: Final = (anyio.ClosedResourceError, anyio.BrokenResourceError, OSError)


@asynccontextmanager
async def program(
    command: str, arguments: list[str], env: dict[str, str], cwd: str | None, *, longest: int = LONGEST
) -> AsyncIterator[tuple[Any, Any]]:
    """The messages of a server that is started, and those for it; it is ended when the block is left.

    Args:
        command: The program; no shell reads it.
        arguments: Its arguments.
        env: Its environment, beside the few variables that the SDK lets a server inherit.
        cwd: Where it is started.
        longest: Bytes of its longest message.

    Raises:
        OSError: It cannot be started.
    """
    async with _started([command, *arguments], get_default_environment() | env, cwd) as process:
        told, received = anyio.create_memory_object_stream[Any](0)
        sent, wanted = anyio.create_memory_object_stream[Any](0)
        async with anyio.create_task_group() as group:
            group.start_soon(_read, process, told, longest)
            group.start_soon(_write, process, wanted, told)
            try:
                yield received, sent
            finally:
                received.close()
                sent.close()
                with anyio.CancelScope(shield=True):
                    await _end(process)
                group.cancel_scope.cancel()


@asynccontextmanager
async def _started(command: list[str], env: dict[str, str], cwd: str | None) -> AsyncIterator[Process]:
    """The server, in a group of processes of its own; what it logs is dropped."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.subprocess_exec(
        lambda: SubprocessStreamProtocol(limit=_PIECE, loop=loop),
        *command,
        env=env,
        cwd=cwd,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield Process(transport, protocol, loop)
    finally:
        transport.close()  # something that the server has left behind may hold its pipes open


async def _read(process: Process, told: MemoryObjectSendStream[Any], longest: int) -> None:
    """Tells of each message; where one has no end the server is read no further, so that its session is lost."""
    lines, heard = LineDecoder(longest), True
    async with told:
        with suppress(OSError, StreamTooLong):
            while piece := await _pipe(process.stdout).read(_PIECE):
                heard = heard and await _tell(lines.feed(piece), told)


async def _tell(lines: list[ServerEvent], told: MemoryObjectSendStream[Any]) -> bool:
    """Whether somebody hears of the messages. What nobody hears is dropped, so that the server can write it and end."""
    try:
        for line in lines:
            await told.send(_message(line.data))
    except (anyio.ClosedResourceError, anyio.BrokenResourceError):
        return False
    return True


def _message(line: bytes) -> SessionMessage | Exception:
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError as error:  # the session tells of it
        return error


async def _write(process: Process, messages: MemoryObjectReceiveStream[Any], told: MemoryObjectSendStream[Any]) -> None:
    """Writes each message; where nobody reads them any more the session is lost."""
    try:
        async with messages:
            async for one in messages:
                text = one.message.model_dump_json(by_alias=True, exclude_unset=True)
                _pipe(process.stdin).write(f"{text}\n".encode())
                await _pipe(process.stdin).drain()
    except _GONE:
        await told.aclose()


async def _end(process: Process) -> None:
    """Ends a server: its input is closed; if that is not enough it is asked to end, and at last it has to."""
    _pipe(process.stdin).close()
    for number in ("SIGTERM", "SIGKILL"):
        if await _ended(process):
            return
        _signal(process, number)
    await _ended(process)


async def _ended(process: Process) -> bool:
    """Whether it ends in time. Its pipes may be open for longer, so nobody waits for these."""
    with anyio.move_on_after(GRACE):
        while process.returncode is None:  # noqa: ASYNC110 - wait() would wait for the pipes as well
            await anyio.sleep(0.01)
    return process.returncode is not None


def _signal(process: Process, name: str) -> None:
    """Sends a signal to the server and all that it has started; where there are no groups the server is killed."""
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, getattr(signal, name))
        else:
            process.kill()


def _pipe(pipe: Any) -> Any:
    """A pipe of the server's, which is there because it was asked for."""
    return pipe
