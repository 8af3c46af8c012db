"""Running a program: its output as it comes, its limits, and an end of all that it has started, whatever happens."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import io
import os
import signal
import tempfile
import time
import uuid
from collections.abc import Awaitable, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, cast

import attrs

from circuit_breaker.engine.invocation import threaded
from circuit_breaker.errors import ActionError, ActionTimeout, ParameterInvalid
from circuit_breaker.executors.output import Output
from circuit_breaker.executors.programs.containment import Namespace, containment
from circuit_breaker.executors.programs.ending import KILLED, Ending, oom_kills
from circuit_breaker.executors.programs.resources import UNBOUNDED, Resources, launcher
from circuit_breaker.executors.programs.stragglers import MARK, kill_group, kill_stragglers

__all__ = ["PATIENCE", "SEARCH_PATH", "Program", "run"]

SEARCH_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for unless a setting says otherwise."""

PATIENCE: Final = 600.0
"""Seconds that a program may take unless a parameter says otherwise."""

TERMINATION_GRACE: Final = 0.4
"""Seconds between asking a program to end and ending it."""

KILL_GRACE: Final = 0.3
"""Seconds that the kernel gets to take a killed program away, and its last output to arrive."""

PIPE_SIZE: Final = 4096
"""Bytes of output that may wait to be read, where the kernel lets one choose."""

_PASSING: Final = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY})


@attrs.frozen(kw_only=True)
class Program:
    """A program to run.

    Attributes:
        command: The path of the program, and its arguments as they are.
        home: A directory of its own: where it works unless told otherwise, and where its temporary files go.
        environment: Its variables. It gets no others but ``PATH``, ``LANG``, ``HOME``, ``TMPDIR`` and a mark.
        working_dir: Where it works, or None for its home.
        stdin: What its standard input holds.
        resources: What it may use up.
        timeout: Seconds that it may take, or None.
        search_path: Its ``PATH``.
        contained: Whether it gets a namespace of its own, where this process may make any; that takes 3 ms.
        name: What errors call it; without arguments, which may hold anything.
    """

    command: tuple[str, ...]
    home: Path
    environment: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    working_dir: Path | None = None
    stdin: bytes = attrs.field(default=b"", repr=False)
    resources: Resources = UNBOUNDED
    timeout: float | None = None
    search_path: str = SEARCH_PATH
    contained: bool = True
    name: str = attrs.field()

    @name.default
    def _called(self) -> str:
        return Path(self.command[0]).name

    def variables(self, mark: str) -> dict[str, str]:
        """The whole environment."""
        home = str(self.home)
        own = {"PATH": self.search_path, "LANG": "C.UTF-8", "HOME": home, "TMPDIR": home}
        return {**own, **self.environment, MARK: mark}


async def run(program: Program, *, stdout: Output, stderr: Output) -> Ending:
    """How the program ended. When this returns or raises, nothing that it has started is there any more.

    On a timeout, a cancellation or too much output its processes are asked to end, and killed half a second later.
    Where it is contained, and this process may make namespaces (see
    :func:`~circuit_breaker.executors.programs.containment.containment`), nothing gets away. Elsewhere, processes that
    leave its session are found by a mark in their environment, unless they have wiped it, or the program ends by itself
    and they have let go of its output.

    Raises:
        ParameterInvalid: It cannot be started.
        ActionTimeout: It took too long.
        OutputTooLarge: It said more than an output keeps.
    """
    begun, kills = time.monotonic(), oom_kills()
    conversation = await _Conversation.begun(program, {1: stdout, 2: stderr})
    try:
        await _within(program, conversation.over.wait())
    finally:
        await conversation.end()
    if conversation.fault is not None:
        raise conversation.fault
    stdout.close()
    stderr.close()
    return Ending(
        name=program.name,
        exit_code=conversation.exit_code,
        duration=time.monotonic() - begun,
        stderr=str(stderr.tail),
        resources=program.resources,
        starved=conversation.exit_code in KILLED and oom_kills() > kills,
    )


async def _within(program: Program, ended: Awaitable[Any]) -> None:
    try:
        async with asyncio.timeout(program.timeout):
            await ended
    except TimeoutError:
        raise ActionTimeout(
            f"'{program.name}' took longer than {program.timeout:g} s", remedy="allow more with timeout="
        ) from None


class _Conversation(asyncio.SubprocessProtocol):
    """What a running program says, and its end."""

    def __init__(self, outputs: Mapping[int, Output], namespace: Namespace) -> None:
        self.over = asyncio.Event()  # there is nothing to wait for: it has ended, or is to be ended
        self.fault: Exception | None = None
        self._gone = asyncio.Event()
        self._silent = asyncio.Event()
        self._outputs = outputs
        self._namespace = namespace
        self._open = set(outputs)
        self._mark = uuid.uuid4().hex
        self._transport = cast(asyncio.SubprocessTransport, None)

    @classmethod
    async def begun(cls, program: Program, outputs: Mapping[int, Output]) -> _Conversation:
        """With a program that has just been started.

        Raises:
            ParameterInvalid: It cannot be started.
        """
        if program.contained:
            await threaded(containment)  # the first time, it is tried
        namespace = Namespace(wanted=program.contained)
        loop, conversation = asyncio.get_running_loop(), cls(outputs, namespace)
        with _standard_input(program.stdin) as stdin:
            starting = loop.subprocess_exec(
                lambda: conversation,
                *launcher(program.resources, conversation._namespace.words),
                *program.command,
                stdin=stdin,
                cwd=program.working_dir or program.home,
                env=program.variables(conversation._mark),
                start_new_session=True,
            )
            try:
                error = await _started(starting, conversation._mark)
            except BaseException:
                kill_stragglers(conversation._mark)
                namespace.close()
                raise
            if error is not None:
                namespace.close()
                raise _not_started(program, error) from error
        return conversation

    @property
    def exit_code(self) -> int:
        """What it ended with, negative for a signal."""
        code = self._transport.get_returncode()
        return code if code is not None else -signal.SIGKILL

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It runs."""
        self._transport = cast(asyncio.SubprocessTransport, transport)
        for fd in self._outputs:
            _narrow(self._transport.get_pipe_transport(fd))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """It has said something."""
        if self.fault is not None:
            return
        try:
            self._outputs[fd].feed(data)
        except Exception as error:  # noqa: BLE001 - whoever waits is to see it
            self.fault = error
            self.over.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - part of the protocol
        """It says no more there."""
        self._open.discard(fd)
        if not self._open:
            self._silent.set()

    def process_exited(self) -> None:
        """It has ended; what it has started may still be there."""
        self._gone.set()
        self.over.set()

    async def end(self) -> None:
        """Ends all that is left of it."""
        by_itself = self._gone.is_set() and self.fault is None
        try:
            if by_itself:
                await self._drained()
            elif not self._gone.is_set():
                self._signal(signal.SIGTERM)
                await _soon(self._gone, TERMINATION_GRACE)
        finally:
            await self._killed(thoroughly=not (by_itself and self._silent.is_set()))

    async def _drained(self) -> None:
        """Waits for the last output of a program that has ended by itself."""
        self._signal(signal.SIGKILL)
        if not await _soon(self._silent, KILL_GRACE):
            kill_stragglers(self._mark)
            await _soon(self._silent, KILL_GRACE)

    async def _killed(self, *, thoroughly: bool) -> None:
        try:
            if thoroughly:
                await self._torn_down()
            await _soon(self._gone, KILL_GRACE)
            await self._namespace.dissolved(KILL_GRACE)
        finally:
            self._transport.close()
            self._namespace.close()

    async def _torn_down(self) -> None:
        """Ends the namespace, so that what has started the program can take it away, and then all that is left."""
        try:
            if not self._gone.is_set() and self._namespace.end():
                await _soon(self._gone, KILL_GRACE)
        finally:
            self._signal(signal.SIGKILL)
            kill_stragglers(self._mark)

    def _signal(self, number: signal.Signals) -> None:
        kill_group(self._transport.get_pid(), number)


async def _started(starting: Coroutine[Any, Any, Any], mark: str) -> OSError | ValueError | None:
    """Why it was not started, if it was not; cancelled, it ends what has begun."""

    async def error() -> OSError | ValueError | None:
        try:
            await starting
        except (OSError, ValueError) as found:
            return found
        return None

    async with asyncio.TaskGroup() as group:
        task = group.create_task(error())
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            kill_stragglers(mark)  # a start that is cancelled waits for the end of output, which they keep open
            raise


def _narrow(pipe: asyncio.BaseTransport | None) -> None:
    """Lets a pipe hold only a little, so that a program which floods it takes short turns of the event loop."""
    set_size = getattr(fcntl, "F_SETPIPE_SZ", None)
    if pipe is not None and set_size is not None:
        with suppress(OSError, ValueError):  # it may be closed already
            fcntl.fcntl(pipe.get_extra_info("pipe"), set_size, PIPE_SIZE)


async def _soon(event: asyncio.Event, seconds: float) -> bool:
    """Whether it has happened, after waiting for it a little."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


def _standard_input(data: bytes) -> IO[bytes]:
    """A file that holds the data, in memory where that is possible.

    A file neither fills up, as a pipe does when the program does not read, nor breaks when it ends before it has read.
    """
    if hasattr(os, "memfd_create"):
        file: IO[bytes] = cast(IO[bytes], io.FileIO(os.memfd_create("stdin"), "r+"))
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever asked for it closes it
    file.write(data)
    file.seek(0)
    return file


def _not_started(program: Program, error: OSError | ValueError) -> ActionError:
    reason = getattr(error, "strerror", None) or str(error)
    if getattr(error, "errno", 0) in _PASSING:
        return ActionError(f"'{program.name}' cannot be started now: {reason}", code="cannot_start")
    return ParameterInvalid(f"'{program.name}' cannot be started: {reason}", remedy="look at command and working_dir")
