"""Turns: who may run, when not all can; each in his turn, so that nobody with much to do keeps others waiting."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from circuit_breaker.errors import LimitReached

__all__ = ["Turns"]


class Turns:
    """So many places, given to the groups of those who wait one after the other, and in a group to who came first.

    Args:
        places: How many run at the same time.
        most: How many may wait.
    """

    def __init__(self, places: int, *, most: int) -> None:
        self._free = places
        self._most = most
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiting.values()))

    def check(self) -> None:
        """Nothing, when one more may wait.

        Raises:
            LimitReached: There are too many.
        """
        if self.waiting >= self._most:
            raise LimitReached(f"{self.waiting} executions wait for their turn already", remedy="ask again later")

    @asynccontextmanager
    async def place(self, group: str) -> AsyncIterator[None]:
        """A place for the block, once it is this group's turn."""
        await self._take(group)
        try:
            yield
        finally:
            self._give_back()

    async def _take(self, group: str) -> None:
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(group, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back()  # it was ours already
            raise

    def _give_back(self) -> None:
        while self._waiting:
            group = next(iter(self._waiting))
            line = self._waiting.pop(group)
            turn = line.popleft()
            if line:
                self._waiting[group] = line  # at the end: the others come first
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
