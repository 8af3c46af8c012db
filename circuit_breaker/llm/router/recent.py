"""Recent: what is known of names that were used of late. Clients may choose names, so only so many are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

__all__ = ["MOST", "Recent"]

T = TypeVar("T")

MOST: Final = 1000
"""Names that are kept."""


class Recent(Generic[T]):
    """Values by name; of too many names that is forgotten which was not used for the longest time.

    Args:
        most: How many are kept.
    """

    __slots__ = ("_kept", "_most")

    def __init__(self, most: int = MOST) -> None:
        self._kept: OrderedDict[str, T] = OrderedDict()
        self._most = most

    def get(self, name: str) -> T | None:
        """The value of a name, which is used thereby; None where nothing is known of it."""
        found = self._kept.get(name)
        if found is not None:
            self._kept.move_to_end(name)
        return found

    def of(self, name: str, make: Callable[[], T]) -> T:
        """The value of a name, made where nothing is known of it."""
        found = self.get(name)
        return self.put(name, make()) if found is None else found

    def put(self, name: str, value: T) -> T:
        """The value, which is that of the name from now on."""
        self._kept[name] = value
        self._kept.move_to_end(name)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return value

    def items(self) -> Iterable[tuple[str, T]]:
        """All names with their values; what was not used for the longest time comes first."""
        return self._kept.items()

    def clear(self) -> None:
        """Forgets everything."""
        self._kept.clear()
