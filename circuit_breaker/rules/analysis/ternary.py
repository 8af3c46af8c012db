"""Formulas over conditions, in Kleene's logic of three values, judged on what is known so far.

What a condition can still answer is a set of the three answers, kept as a mask of bits. A formula then gives the set of
what it can still answer. That set is never too small; it may be too large while conditions have several answers left.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import Any, Final

import attrs

__all__ = [
    "ANYTHING",
    "FALSE",
    "TRUE",
    "UNKNOWN",
    "Choice",
    "Every",
    "Formula",
    "Leaf",
    "Opposite",
    "Some",
    "answer_of",
    "both",
    "negated",
]

TRUE: Final = 1
FALSE: Final = 2
UNKNOWN: Final = 4
ANYTHING: Final = 7


def answer_of(holds: Callable[[Any], bool], fails: Callable[[Any], bool], token: Any) -> int:
    """The answer about a token, as a mask of one bit."""
    if holds(token):
        return TRUE
    return FALSE if fails(token) else UNKNOWN


def _negated(mask: int) -> int:
    return (mask & UNKNOWN) | (mask & TRUE) << 1 | (mask & FALSE) >> 1


def _both(one: int, other: int) -> int:
    """What ``one and other`` can be."""
    if not one or not other:
        return 0
    true = one & other & TRUE
    false = (one | other) & FALSE
    unknown = (one & UNKNOWN and other & (UNKNOWN | TRUE)) or (other & UNKNOWN and one & (UNKNOWN | TRUE))
    return true | false | (UNKNOWN if unknown else 0)


_NOT: Final = tuple(_negated(mask) for mask in range(8))
_AND: Final = tuple(tuple(_both(one, other) for other in range(8)) for one in range(8))
_OR: Final = tuple(tuple(_NOT[_AND[_NOT[one]][_NOT[other]]] for other in range(8)) for one in range(8))


def negated(mask: int) -> int:
    """The contraries of the answers of a mask."""
    return _NOT[mask]


def both(one: int, other: int) -> int:
    """What ``one and other`` can answer where the two can answer that."""
    return _AND[one][other]


class Formula(abc.ABC):
    """A rule, as far as its conditions are known."""

    @abc.abstractmethod
    def possible(self, masks: Sequence[int]) -> int:
        """What it can answer where each condition, by its number, can answer that."""

    @abc.abstractmethod
    def numbers(self) -> Iterator[int]:
        """The numbers of its conditions."""


@attrs.frozen
class Leaf(Formula):
    """A condition, by its number."""

    number: int

    def possible(self, masks: Sequence[int]) -> int:
        """What the condition can answer."""
        return masks[self.number]

    def numbers(self) -> Iterator[int]:
        """Its own."""
        yield self.number


@attrs.frozen
class Every(Formula):
    """All of the parts."""

    parts: tuple[Formula, ...]

    def possible(self, masks: Sequence[int]) -> int:
        """False as soon as one part must be."""
        return reduce(lambda sofar, part: _AND[sofar][part.possible(masks)], self.parts, TRUE)

    def numbers(self) -> Iterator[int]:
        """Those of the parts."""
        for part in self.parts:
            yield from part.numbers()


@attrs.frozen
class Some(Formula):
    """At least one of the parts."""

    parts: tuple[Formula, ...]

    def possible(self, masks: Sequence[int]) -> int:
        """True as soon as one part must be."""
        return reduce(lambda sofar, part: _OR[sofar][part.possible(masks)], self.parts, FALSE)

    def numbers(self) -> Iterator[int]:
        """Those of the parts."""
        for part in self.parts:
            yield from part.numbers()


@attrs.frozen
class Opposite(Formula):
    """The contrary of a part."""

    part: Formula

    def possible(self, masks: Sequence[int]) -> int:
        """The contrary of each answer; the contrary of what is not known is not known."""
        return _NOT[self.part.possible(masks)]

    def numbers(self) -> Iterator[int]:
        """Those of the part."""
        yield from self.part.numbers()


@attrs.frozen
class Choice(Formula):
    """One part where the condition is true, the other where it is false."""

    condition: Formula
    then: Formula
    otherwise: Formula

    def possible(self, masks: Sequence[int]) -> int:
        """Not known where the condition is not, whatever the parts say."""
        condition = self.condition.possible(masks)
        found = condition & UNKNOWN
        if condition & TRUE:
            found |= self.then.possible(masks)
        if condition & FALSE:
            found |= self.otherwise.possible(masks)
        return found

    def numbers(self) -> Iterator[int]:
        """Those of all three."""
        for part in (self.condition, self.then, self.otherwise):
            yield from part.numbers()
