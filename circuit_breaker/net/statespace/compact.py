"""Compact markings: a whole marking in one integer, and transitions as a few operations on it.

Every place has a field of bits. In a *safe* layout that is one bit, and a transition is enabled where the bits that it
needs are set. Otherwise each field has a spare bit above its count: setting it and subtracting what is needed leaves it
set just where there was enough, for all places in one subtraction; and where firing sets it, the field is too narrow.
The same operations work on one integer and on an array of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from operator import or_

import attrs

from circuit_breaker.net.statespace.moves import Counts, Move, Moves

__all__ = ["Layout", "Step", "Test"]

IMPOSSIBLE = (0, 0, 0, 1)
Clause = tuple[int, int, int, int]


@attrs.frozen
class Test:
    """A condition on markings: ``((marking | lift) - less) & mask == want`` for each clause, and what ``also`` says."""

    __test__ = False  # no test of pytest's

    clauses: tuple[Clause, ...]
    also: Callable[[int], bool] | None = attrs.field(default=None, eq=False)

    def holds(self, marking: int) -> bool:
        """Whether a marking fulfils it."""
        for lift, less, mask, want in self.clauses:
            if ((marking | lift) - less) & mask != want:
                return False
        return self.also is None or self.also(marking)

    def among(self, markings: list[int]) -> list[int]:
        """Those of the markings that fulfil it."""
        for lift, less, mask, want in self.clauses:
            if lift:
                markings = [marking for marking in markings if ((marking | lift) - less) & mask == want]
            else:
                markings = [marking for marking in markings if marking & mask == want]
        return markings if self.also is None else list(filter(self.also, markings))

    def outside(self, markings: list[int]) -> list[int]:
        """Those of the markings that do not fulfil it."""
        if len(self.clauses) != 1 or self.also is not None:
            return [marking for marking in markings if not self.holds(marking)]
        ((lift, less, mask, want),) = self.clauses
        return [marking for marking in markings if ((marking | lift) - less) & mask != want]


@attrs.frozen
class Step:
    """A transition in integers.

    Attributes:
        number: Its position in the net.
        test: Whether it is enabled.
        key: The bits of one place that must be marked, or 0 where no place must be.
        delta: What firing adds, where no place is emptied.
        take: What is consumed, where a place is emptied.
        keep: The bits that stay when places are emptied; None where none is.
        give: What is produced, where a place is emptied.
        spill: In a safe layout, the places that must be empty before; otherwise the spare bits that must not be set
            after.
    """

    number: int
    test: Test
    key: int
    delta: int
    take: int
    keep: int | None
    give: int
    spill: int

    def after(self, markings: list[int]) -> list[int]:
        """The marking after each of the markings."""
        delta, take, keep, give = self.delta, self.take, self.keep, self.give
        if keep is None:
            return [marking + delta for marking in markings]
        return [((marking - take) & keep) + give for marking in markings]


@attrs.frozen
class Layout:
    """Where in an integer the count of each place lies.

    Attributes:
        bits: How many bits count the tokens of each place.
        safe: Whether a place is one bit and no more.
    """

    bits: tuple[int, ...]
    safe: bool
    shifts: tuple[int, ...] = attrs.field(init=False)
    guards: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        shifts, spare = [0], 0 if self.safe else 1
        for bits in self.bits:
            shifts.append(shifts[-1] + bits + spare)
        object.__setattr__(self, "shifts", tuple(shifts))
        object.__setattr__(self, "guards", reduce(or_, map(self.guard, range(len(self.bits))), 0))

    @classmethod
    def for_moves(cls, moves: Moves) -> Layout:
        """The narrowest layout that the initial marking and every weight fit."""
        most = [max(1, count) for count in moves.initial]
        for move in moves.moves:
            for place, count in move.give.items():
                most[place] = max(most[place], count)
        bits = tuple(count.bit_length() for count in most)
        return cls(bits, safe=all(width == 1 for width in bits))

    def widened(self, over: int) -> Layout:
        """The layout with fields of twice the size for the places of which a bit is set in ``over``."""
        wider = (
            bits * 2 if over & (self.mask(place) | self.guard(place)) else bits for place, bits in enumerate(self.bits)
        )
        return Layout(tuple(wider), safe=False)

    @property
    def width(self) -> int:
        """The bits of a whole marking."""
        return self.shifts[-1]

    def mask(self, place: int) -> int:
        """The bits that count the tokens of a place."""
        return ((1 << self.bits[place]) - 1) << self.shifts[place]

    def guard(self, place: int) -> int:
        """The spare bit of a place; 0 where there is none."""
        return 0 if self.safe else 1 << (self.shifts[place] + self.bits[place])

    def encode(self, counts: Counts) -> int:
        """The integer of a marking that fits; -1, which is no marking, of one that does not."""
        if any(count >> bits for count, bits in zip(counts, self.bits, strict=True)):
            return -1
        return self._sum(dict(enumerate(counts)))

    def decode(self, marking: int) -> Counts:
        """The counts of a marking."""
        return tuple(
            (marking >> shift) & ((1 << bits) - 1) for shift, bits in zip(self.shifts, self.bits, strict=False)
        )

    def marked(self, marking: int) -> Iterator[tuple[int, int]]:
        """The places of a marking that hold tokens, with how many; quick where they are few of many."""
        while marking:
            place = bisect_right(self.shifts, (marking & -marking).bit_length() - 1) - 1
            mask = self.mask(place)
            yield place, (marking & mask) >> self.shifts[place]
            marking &= ~mask

    def test(self, least: Mapping[int, int], below: Mapping[int, int]) -> Test:
        """The condition that some places hold at least so many tokens, and others fewer than so many."""
        below = {place: count for place, count in below.items() if not count >> self.bits[place]}
        if any(count >> self.bits[place] for place, count in least.items()) or 0 in below.values():
            return Test((IMPOSSIBLE,))
        enough, few = self._clause(least, wanted=True), self._clause(below, wanted=False)
        if least.keys().isdisjoint(below):
            return Test((_together(enough, few),))
        return Test((enough, few))

    def _clause(self, counts: Mapping[int, int], *, wanted: bool) -> Clause:
        if self.safe:
            mask = self._sum(counts)
            return (0, 0, mask, mask if wanted else 0)
        guards = reduce(or_, map(self.guard, counts), 0)
        return (guards, self._sum(counts), guards, guards if wanted else 0)

    def step(self, number: int, move: Move) -> Step:
        """The transition in integers."""
        take, give = self._sum(move.take), self._sum(move.give)
        emptied = self._sum({place: (1 << self.bits[place]) - 1 for place in move.reset})
        keep = ((1 << self.width) - 1) & ~emptied if move.reset else None
        spill = give & ~take & ~emptied if self.safe else reduce(or_, map(self.guard, move.give), 0)
        key = self.mask(next(iter(move.least))) if move.least else 0
        test = self.test(move.least, move.below)
        if (clear := move.clear) is not None:
            test = attrs.evolve(test, also=lambda marking: clear(self.decode(marking)))
        return Step(number, test, key, give - take, take, keep, give, spill)

    def _sum(self, counts: Mapping[int, int]) -> int:
        return sum(count << self.shifts[place] for place, count in counts.items())


def _together(one: Clause, other: Clause) -> Clause:
    lift, less, mask, want = (first | second for first, second in zip(one, other, strict=True))
    return (lift, less, mask, want)
