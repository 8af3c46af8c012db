"""The end of a stream of events in memory, for those who follow it live; whoever is slower reads from the storage."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import attrs

__all__ = ["Tail"]


@attrs.define(eq=False)
class Tail:
    """The last events of an execution, and a bell that rings when there are more.

    Attributes:
        most: How many are kept.
        length: How many there have been.
        ended: Whether no more come.
    """

    most: int
    length: int = 0
    ended: bool = False
    _last: deque[bytes] = attrs.field(init=False)
    _bell: asyncio.Event = attrs.field(factory=asyncio.Event)

    @_last.default
    def _empty(self) -> deque[bytes]:
        return deque(maxlen=self.most)

    def extend(self, documents: Sequence[bytes]) -> None:
        """Adds events that are stored now."""
        if documents:
            self._last.extend(documents)
            self.length += len(documents)
            self.ring()

    def end(self) -> None:
        """Says that no more come."""
        self.ended = True
        self.ring()

    def ring(self) -> None:
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
        return list(self._last)[-missing:]

    async def more(self, number: int) -> None:
        """Returns when there are events above a number, or none come any more."""
        while self.length <= number and not self.ended:
            await self._bell.wait()
