"""Slots: how many actions are carried out at the same time, and which cases wait to begin one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from itertools import islice

__all__ = ["Slots"]


class Slots:
    """A number of slots, given to cases in the order in which they first asked for one.

    A case that has got one asks again at the end of the line, so that one with many branches leaves room for others.
    Nobody waits in here: whoever is told that there is no slot goes on with something else, and is looked for among
    :meth:`first` when one is free.
    """

    def __init__(self, most: int, *, freed: Callable[[], None]) -> None:
        self._free = most
        self._freed = freed
        self._line: OrderedDict[str, None] = OrderedDict()
        self._closed = False

    def __contains__(self, case_id: str) -> bool:
        return case_id in self._line

    def first(self) -> list[str]:
        """The cases for which there is a slot, the one that has waited longest first."""
        return list(islice(self._line, 0 if self._closed else max(0, self._free)))

    def take(self, case_id: str) -> bool:
        """Whether the case has got a slot; if not, it stands in the line."""
        self._line.setdefault(case_id)
        if case_id not in self.first():
            return False
        del self._line[case_id]
        self._free -= 1
        return True

    def close(self) -> None:
        """Gives no slot any more, however many are free."""
        self._closed = True

    def give_back(self) -> None:
        """Frees a slot, and tells that it is free."""
        self._free += 1
        self._freed()

    def leave(self, case_id: str) -> None:
        """Takes the case out of the line: it wants no slot any more."""
        if self._line.pop(case_id, self) is None:
            self._freed()
