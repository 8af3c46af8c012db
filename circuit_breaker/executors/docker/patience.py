"""Work in threads that is waited for to its end, but not for ever: an engine may hang."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar, cast

import attrs

from circuit_breaker.engine.invocation import threaded

__all__ = ["Patience"]

T = TypeVar("T")

_TURN: Final = 0.3
_MOST: Final = 15.0


@attrs.define(eq=False)
class Patience:
    """How long somebody who has been cancelled still waits: for as long as the engine answers at all.

    Attributes:
        answers: Whether the engine answers now; blocks for half a second at most.
        is_over: Whether it was found not to; then nothing is waited for any more.
    """

    answers: Callable[[], bool]
    is_over: bool = False

    async def to_its_end(self, work: Callable[[], T], *, stop: Callable[[], object] = lambda: None) -> T:
        """What the work gives, in a thread; a cancellation stops it, and is passed on when it has come to its end.

        Where the engine hangs, it is passed on at once, and the work comes to its end when the engine does.
        """
        over, begun = asyncio.Event(), threading.Event()
        ended = _teller(over)

        def guarded() -> T:
            begun.set()
            try:
                return work()
            finally:
                ended()

        try:
            return cast("T", await threaded(guarded))
        except asyncio.CancelledError:
            stop()
            if begun.is_set():
                await self._wait(over)
            raise

    async def beside(self, work: Callable[[], object]) -> None:
        """Does the work, which raises nothing, in a thread; returns when it is done, or when the engine hangs."""
        over = asyncio.Event()
        ended = _teller(over)

        def guarded() -> None:
            try:
                work()
            finally:
                ended()

        threading.Thread(target=guarded, name="circuit_breaker removal", daemon=True).start()
        await self._wait(over)

    async def _wait(self, event: asyncio.Event) -> None:
        """Waits for the event, whoever cancels meanwhile."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _MOST
        while not event.is_set() and not self.is_over and loop.time() < deadline:
            with suppress(asyncio.CancelledError, TimeoutError):
                async with asyncio.timeout(_TURN):
                    await event.wait()
            if not event.is_set():
                with suppress(asyncio.CancelledError):
                    self.is_over = not await threaded(self.answers)


def _teller(event: asyncio.Event) -> Callable[[], None]:
    """Sets the event from another thread."""
    loop = asyncio.get_running_loop()

    def tell() -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(event.set)

    return tell
