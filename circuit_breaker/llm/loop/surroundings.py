"""The surroundings of a loop: who is told, who keeps what is finished, and who says what time it is."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from circuit_breaker.llm.loop.events import LoopEvent

__all__ = ["Keep", "Surroundings", "Tell"]

Tell = Callable[[LoopEvent], object]
Keep = Callable[[str, Callable[[], Awaitable[Any]]], Awaitable[Any]]
"""``await keep(name, call)`` gives what ``call`` gives, which is JSON; what is kept from before is not done again."""


def _ignore(_: LoopEvent) -> None:
    """Nobody listens."""


async def _simply(name: str, call: Callable[[], Awaitable[Any]]) -> Any:
    """What the call gives; nothing is kept."""
    del name
    return await call()


@attrs.frozen(kw_only=True)
class Surroundings:
    """What a loop is given beside its work.

    Attributes:
        tell: Told of every event, in the order in which they happen.
        keep: Keeps each finished call of a model and of a tool, by a name that is unique in the loop.
        now: The time in seconds, which never goes back.
    """

    tell: Tell = _ignore
    keep: Keep = _simply
    now: Callable[[], float] = time.monotonic

    async def kept(self, name: str, call: Callable[[], Awaitable[Any]]) -> tuple[Any, bool]:
        """What the call gives, and whether that was kept from before."""
        made = False

        async def work() -> Any:
            nonlocal made
            made = True
            return await call()

        return await self.keep(name, work), not made
