"""The end of a stream of events in memory, for those who follow it live; whoever is slower reads from the storage."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import islice

import attrs

__all__ = ["Tail"]


@attrs.define(eq=False)
class Tail:
    """The last events of an execution, and a bell that rings when there are more.

    Attributes:
        most: How many are kept.
        length: How many there have been.
        ended: Whether no more come from here.
    """

    most: int
    length: int = 0
    ended: bool = False
    _last: deque[bytes] = attrs.field(init=False)
    _bell: asyncio.Event = attrs.field(factory=asyncio.Event)
    _over: asyncio.Event = attrs.field(factory=asyncio.Event)

    @_last.default
    def _empty(self) -> deque[bytes]:
        return deque(maxlen=self.most)

    def extend(self, documents: Sequence[bytes]) -> None:
        """Adds events that are stored now."""
        if documents:
            self._last.extend(documents)
            self.length += len(documents)
            self._ring()

    def end(self) -> None:
        """Says that no more come from here."""
        self.ended = True
        self._over.set()
        self._ring()

    def _ring(self) -> None:
        """Wakes all who wait."""
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    def after(self, number: int) -> list[bytes] | None:
        """The events above a number; None where they are not all here any more."""
        missing = self.length - number
        if missing <= 0:
            return []
        if missing > len(self._last):
            return None
        return list(islice(self._last, len(self._last) - missing, None))

    async def more(self, number: int) -> None:
        """Returns when there are events above a number, or none come any more."""
        while self.length <= number and not self.ended:
            await self._bell.wait()

    async def over(self) -> None:
        """Returns when no more come from here."""
        await self._over.wait()
