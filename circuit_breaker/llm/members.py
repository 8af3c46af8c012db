"""Members of a vendor's that we do not know, put together over the pieces of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from circuit_breaker.llm.allowance import MOST_BESIDE, Allowance, weight_of
from circuit_breaker.llm.failures import Asked

__all__ = ["Members", "beyond", "gather"]

_MOST_COUNTS: Final = 1000
_SILENT: Final[tuple[Any, ...]] = (None, 0, "", [], {})
"""Values that say no more than the absence of their member."""


class Members:
    """Members of an answer that we do not know, as they come; a server cannot fill our memory with them.

    Args:
        asked: Who was asked.

    Attributes:
        kept: Those of the whole answer.
    """

    __slots__ = ("_allowance", "kept")

    def __init__(self, asked: Asked) -> None:
        self.kept: dict[str, Any] = {}
        self._allowance = Allowance(MOST_BESIDE, asked)

    def keep(self, more: Mapping[str, Any]) -> None:
        """Members of the whole answer; of those that come again, what came last stays.

        Raises:
            ResponseTooLong: There are too many, or they are too long.
        """
        for name, value in more.items():
            known = self.kept.get(name, self)
            if known == value:  # most come again unchanged with every piece
                continue
            before = -len(name) if known is self else weight_of(known)
            self._allowance.take(max(0, weight_of(value) - before))
            self.kept[name] = value

    def gather(self, more: Mapping[str, Any], kept: dict[str, Any] | None = None) -> None:
        """Members whose pieces are put together; see :func:`gather`.

        Args:
            more: The members.
            kept: Where they belong, if not to the whole answer.

        Raises:
            ResponseTooLong: There are too many, or they are too long.
        """
        self.weigh(more)
        gather(self.kept if kept is None else kept, more)

    def count(self, known: Mapping[str, Any], usage: Mapping[str, Any]) -> None:
        """What the vendor counts beside the tokens that we know of; counts are of all so far.

        Raises:
            ResponseTooLong: There is too much of it.
            ValueError: It counts more things than there are.
        """
        if len(usage) > _MOST_COUNTS:
            raise ValueError(f"it counts {len(usage)} things")
        if more := beyond(known, usage):
            self.keep({"usage": more})

    def weigh(self, value: Any) -> None:
        """Takes what a value weighs from what is left.

        Raises:
            ResponseTooLong: There is not enough left.
        """
        self._allowance.take(weight_of(value))


def gather(kept: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Adds members to those that are kept: lists go on, objects are put together, of anything else the later stays."""
    for name, value in more.items():
        known = kept.get(name)
        if isinstance(value, list):
            kept[name] = known if isinstance(known, list) else []
            kept[name].extend(value)
        elif isinstance(value, Mapping):
            kept[name] = known if isinstance(known, dict) else {}
            gather(kept[name], value)
        elif value is not None:
            kept[name] = value


def beyond(known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is told beyond the known members, which stand for themselves or for objects with members that are known.

    Args:
        known: The names, each with those of its own members that are known, or None for all of them.
        given: The document.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        inner = known.get(name, _SILENT)
        if isinstance(inner, Mapping) and isinstance(value, Mapping):
            value = beyond(inner, value)  # noqa: PLW2901 - what is left of it
        elif name in known:
            continue
        if value not in _SILENT:
            found[name] = value
    return found
