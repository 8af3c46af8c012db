"""Judged: rules as sets of values, one for each path; and where a rule reads several paths, what has to be chosen.

In Kleene's logic ``all of`` is true where every part is, false where some part is, and otherwise not known; so what is
wanted of it is either wanted of all parts alike, or of one part that may be chosen.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce

import attrs

from circuit_breaker.rules.analysis.atoms import Key
from circuit_breaker.rules.analysis.axis import Sets
from circuit_breaker.rules.analysis.ternary import ANYTHING, FALSE, TRUE, UNKNOWN, both, negated

__all__ = ["Box", "Joint", "Judged", "Part", "Wanted", "every", "one_of", "opposite", "some"]

Box = Mapping[Key, int]
"""For some paths the values that are left; at all others everything is possible."""


class Judged(abc.ABC):
    """A rule, judged for all values at once."""

    @abc.abstractmethod
    def possible(self, box: Box) -> int:
        """What it can answer for values of the box, as a mask; never too little."""

    @abc.abstractmethod
    def opposite(self) -> Judged:
        """The contrary of it."""


class Joint(Judged):
    """A rule that reads several paths."""

    @abc.abstractmethod
    def ways(self, wanted: int) -> Sequence[Sequence[Wanted]]:
        """What can be wanted of its parts so that it answers as wanted: one of these."""


Wanted = tuple[Judged, int]
"""What is judged, and which answers are wanted, as a mask."""


@attrs.frozen(eq=False)
class Part(Judged):
    """What depends on the value at one path alone.

    Attributes:
        key: The path.
        sets: For which values it gives each answer.
    """

    key: Key
    sets: Sets

    def values(self, wanted: int) -> int:
        """The values for which it answers as wanted."""
        true, false, unknown = self.sets
        return (true if wanted & TRUE else 0) | (false if wanted & FALSE else 0) | (unknown if wanted & UNKNOWN else 0)

    def possible(self, box: Box) -> int:
        """The answers that some value gives."""
        left = box.get(self.key, -1)
        return sum(mask for mask, values in zip((TRUE, FALSE, UNKNOWN), self.sets, strict=True) if values & left)

    def opposite(self) -> Judged:
        """True and false change places."""
        true, false, unknown = self.sets
        return Part(self.key, (false, true, unknown))


@attrs.frozen(eq=False)
class _Every(Joint):
    """All of several parts that read different paths."""

    parts: tuple[Judged, ...]

    def possible(self, box: Box) -> int:
        """False as soon as one part must be."""
        return reduce(lambda sofar, part: both(sofar, part.possible(box)), self.parts, TRUE)

    def ways(self, wanted: int) -> Sequence[Sequence[Wanted]]:
        """All parts alike, where false is not wanted; otherwise one of them."""
        if wanted == ANYTHING:
            return ((),)
        if wanted in (TRUE, TRUE | UNKNOWN):
            return (tuple((part, wanted) for part in self.parts),)
        if wanted & TRUE:
            return (*self.ways(TRUE), *self.ways(wanted & ~TRUE))
        if wanted & FALSE:
            return tuple(((part, wanted),) for part in self.parts)
        alike = tuple((part, TRUE | UNKNOWN) for part in self.parts)
        return tuple((*alike, (part, UNKNOWN)) for part in self.parts)

    def opposite(self) -> Judged:
        """Its contrary."""
        return _Opposite(self)


@attrs.frozen(eq=False)
class _Opposite(Joint):
    """The contrary of what reads several paths."""

    part: Joint

    def possible(self, box: Box) -> int:
        """The contrary of each answer."""
        return negated(self.part.possible(box))

    def ways(self, wanted: int) -> Sequence[Sequence[Wanted]]:
        """Those of the contrary."""
        return self.part.ways(negated(wanted))

    def opposite(self) -> Judged:
        """What it is the contrary of."""
        return self.part


@attrs.frozen(eq=False)
class _OneOf(Joint):
    """One part where the condition is true, the other where it is false; not known where the condition is not."""

    condition: Judged
    then: Judged
    otherwise: Judged

    def possible(self, box: Box) -> int:
        """What those parts can answer that may be asked."""
        said = self.condition.possible(box)
        then = self.then.possible(box) if said & TRUE else 0
        return then | (self.otherwise.possible(box) if said & FALSE else 0) | said & UNKNOWN

    def ways(self, wanted: int) -> Sequence[Sequence[Wanted]]:
        """Each answer of the condition, with what it takes then."""
        asked: list[Sequence[Wanted]] = [
            ((self.condition, TRUE), (self.then, wanted)),
            ((self.condition, FALSE), (self.otherwise, wanted)),
        ]
        return [*asked, ((self.condition, UNKNOWN),)] if wanted & UNKNOWN else asked

    def opposite(self) -> Judged:
        """The same choice between the contraries."""
        return _OneOf(self.condition, opposite(self.then), opposite(self.otherwise))


def opposite(part: Judged) -> Judged:
    """The contrary."""
    return part.opposite()


def every(parts: Iterable[Judged], nothing: Part) -> Judged:
    """All of the parts; those that read one and the same path become one.

    Args:
        parts: The parts.
        nothing: What is true of every value, for where there are no parts.
    """
    merged: dict[Key, Part] = {}
    joint: list[Judged] = []
    for part in _flat(parts):
        if not isinstance(part, Part):
            joint.append(part)
        elif part.key in merged:
            merged[part.key] = Part(part.key, _all_of(merged[part.key].sets, part.sets))
        else:
            merged[part.key] = part
    found = (*merged.values(), *joint)
    return nothing if not found else found[0] if len(found) == 1 else _Every(found)


def _flat(parts: Iterable[Judged]) -> Iterable[Judged]:
    for part in parts:
        yield from part.parts if isinstance(part, _Every) else (part,)


def _all_of(one: Sets, other: Sets) -> Sets:
    true, false = one[0] & other[0], one[1] | other[1]
    return true, false, (one[2] | other[2]) & ~false


def some(parts: Iterable[Judged], nothing: Part) -> Judged:
    """At least one of the parts; takes what :func:`every` takes."""
    return opposite(every(map(opposite, parts), nothing))


def one_of(condition: Judged, then: Judged, otherwise: Judged) -> Judged:
    """One part where the condition is true, the other where it is false."""
    if not (isinstance(condition, Part) and isinstance(then, Part) and isinstance(otherwise, Part)):
        return _OneOf(condition, then, otherwise)
    if not condition.key == then.key == otherwise.key:
        return _OneOf(condition, then, otherwise)
    (true, false, unknown), yes, no = condition.sets, then.sets, otherwise.sets
    chosen = [(true & one) | (false & other) for one, other in zip(yes, no, strict=True)]
    return Part(condition.key, (chosen[0], chosen[1], chosen[2] | unknown))
