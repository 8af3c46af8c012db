"""Allowances: how many executions one event, call or time may still lead to, by functions that lead to one another."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from circuit_breaker.engine.ports import Journal
from circuit_breaker.errors import VersionConflict

__all__ = ["Allowances"]

KIND: Final = "function-allowance"
FOLLOWED: Final = 10_000
PORTIONS: Final = 20


class Allowances:
    """What every root has left of its executions, shared by all processes of a storage.

    A process takes portions out of storage, and spends them here; the first portion of each process is free, so that
    what leads to a few executions only writes nothing.

    Args:
        journal: Where it is kept.
        most: How many executions a root may lead to.
    """

    def __init__(self, journal: Journal, *, most: int) -> None:
        self._journal = journal
        self._most = most
        self._portion = most // PORTIONS
        self._left: OrderedDict[str, int] = OrderedDict()

    async def take(self, root: str) -> bool:
        """Whether a root may lead to one more execution, which is counted."""
        if self._left.setdefault(root, self._portion) < 1:
            drawn = await self._draw(root)
            self._left[root] = self._left.get(root, 0) + drawn
        self._left.move_to_end(root)
        if len(self._left) > FOLLOWED:
            self._left.popitem(last=False)
        granted = self._left[root] > 0
        self._left[root] -= granted
        return granted

    def give_back(self, root: str) -> None:
        """Counts one less: somebody else had begun the execution before."""
        if root in self._left:
            self._left[root] += 1

    async def _draw(self, root: str) -> int:
        """A portion out of storage; 0 when nothing is left there."""
        while True:
            record = await self._journal.records.get(KIND, root)
            spent: int = record.document["spent"] if record is not None else self._portion
            portion = min(max(self._portion, 1), self._most - spent)
            if portion < 1:
                return 0
            try:
                version = record.version if record is not None else 0
                await self._journal.records.put(KIND, root, {"spent": spent + portion}, expected=version)
            except VersionConflict:
                continue  # another process has taken one meanwhile
            return portion
