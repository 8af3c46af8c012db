"""The output of a container, on its way from the thread that reads it to an event loop that it never runs ahead of."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from circuit_breaker.executors.output import Output

__all__ = ["Stopped", "Streams", "beside"]

_AHEAD: Final = 8
_TURN: Final = 0.25
_PER_LINE: Final = 64
_STDERR: Final = 2


class Stopped(Exception):
    """Nobody wants the outcome any more."""


class Streams:
    """Both streams of a container.

    Whoever feeds them waits when the event loop has not yet come to the lines of a few pieces, and then the container
    waits too. So a flood of output takes no memory.

    Attributes:
        stdout: Its standard output.
        stderr: Its standard error.
        logged: The most bytes that the engine may have written to its log for what was taken.
    """

    def __init__(self, stdout: Output, stderr: Output, loop: asyncio.AbstractEventLoop) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self.logged = 0
        self._loop = loop
        self._places = threading.Semaphore(_AHEAD)
        self._stopped = False

    def take(self, stream: int, data: bytes) -> None:
        """Takes a piece of a stream: 2 is the standard error.

        Raises:
            OutputTooLarge: There is more than is kept.
            Stopped: Nobody waits for it any more.
        """
        self.logged += len(data) + _PER_LINE * (data.count(b"\n") + 1)
        (self.stderr if stream == _STDERR else self.stdout).feed(data)
        self._keep_step()

    def _keep_step(self) -> None:
        while not self._places.acquire(timeout=_TURN):
            self.check()
        self.check()
        try:
            self._loop.call_soon_threadsafe(self._places.release)
        except RuntimeError as closed:
            raise Stopped from closed

    def check(self) -> None:
        """Does nothing, unless :meth:`stop` was called.

        Raises:
            Stopped: It was.
        """
        if self._stopped:
            raise Stopped

    def stop(self) -> None:
        """Lets whoever feeds or checks the streams find out that nobody waits any more."""
        self._stopped = True

    def close(self) -> None:
        """Passes on the lines that have not ended."""
        self.stdout.close()
        self.stderr.close()


@contextmanager
def beside(work: Callable[[], object]) -> Iterator[None]:
    """Does the work in another thread meanwhile, and waits for it; what it raises is raised then."""
    raised: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for it
            raised.append(error)

    thread = threading.Thread(target=guarded, name="circuit_breaker container", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if raised:
        raise raised[0]
