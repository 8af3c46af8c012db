"""Moves: a net in numbers, where a marking is a tuple of counts; the other forms are made from this one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import attrs

from circuit_breaker.errors import DefinitionError, Fault, nearest
from circuit_breaker.net.arrival import Arrivals
from circuit_breaker.net.structure import Arc, Net, NetTransition

__all__ = ["Counts", "Move", "Moves"]

Counts = tuple[int, ...]
"""How many tokens lie in each place, in the order of the net."""


@attrs.frozen
class Move:
    """A transition in numbers; places are meant by their position in the net.

    Attributes:
        name: The name of the transition.
        least: How many tokens must be there, to be taken or only read.
        below: The number that the tokens of an inhibiting place must stay below.
        take: How many are consumed.
        give: How many are produced.
        reset: The places that are emptied after consuming and before producing.
        clear: Of an OR-join, whether nothing that it waits for is on its way in a marking; None for all others.
    """

    name: str
    least: Mapping[int, int]
    below: Mapping[int, int]
    take: Mapping[int, int]
    give: Mapping[int, int]
    reset: frozenset[int]
    clear: Callable[[Counts], bool] | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def monotone(self) -> bool:
        """Whether more tokens never keep it from firing, and leave more tokens behind."""
        return not self.below and not self.reset and self.clear is None

    def enabled(self, counts: Counts) -> bool:
        """Whether it can fire in a marking."""
        enough = all(counts[place] >= count for place, count in self.least.items())
        few = enough and all(counts[place] < count for place, count in self.below.items())
        return few and (self.clear is None or self.clear(counts))

    def after(self, counts: Counts) -> Counts:
        """The marking after it fired in one in which it is enabled."""
        held = list(counts)
        for place, count in self.take.items():
            held[place] -= count
        for place in self.reset:
            held[place] = 0
        for place, count in self.give.items():
            held[place] += count
        return tuple(held)


@attrs.frozen
class Moves:
    """A net in numbers: its places by name, its moves, and the marking in which it begins."""

    places: tuple[str, ...]
    moves: tuple[Move, ...]
    initial: Counts

    @classmethod
    def of(cls, net: Net, initial: Mapping[str, int]) -> Moves:
        """The net in numbers.

        Args:
            net: The net.
            initial: How many tokens lie in which place at first; places that are not named are empty.

        Raises:
            DefinitionError: The initial marking names a place that does not exist, or a count that is no number of
                tokens; all faults at once.
        """
        faults = [*_faults(net, initial)]
        if faults:
            raise DefinitionError("The initial marking does not fit the net", faults=faults)
        expected = net.expected or Arrivals(net).expected
        moves = tuple(_move(transition, net.index, _clear(transition, net, expected)) for transition in net.transitions)
        return cls(net.places, moves, tuple(initial.get(place, 0) for place in net.places))

    @property
    def monotone(self) -> bool:
        """Whether no transition has an inhibitor or a reset arc."""
        return all(move.monotone for move in self.moves)

    def named(self, counts: Counts) -> dict[str, int]:
        """The marked places of a marking by name, with their tokens."""
        return {place: count for place, count in zip(self.places, counts, strict=True) if count}

    def counted(self, marking: Mapping[str, int]) -> Counts:
        """The tokens of every place, in the order of the net.

        Raises:
            KeyError: The marking names a place that the net does not have.
        """
        unknown = [place for place in marking if place not in self.places]
        if unknown:
            raise KeyError(f"the net has no place '{unknown[0]}'; {nearest(unknown[0], self.places)}")
        return tuple(marking.get(place, 0) for place in self.places)


def _faults(net: Net, initial: Mapping[str, int]) -> Iterable[Fault]:
    for place, count in initial.items():
        if place not in net.index:
            yield Fault(f"place '{place}'", "does not exist", nearest(place, net.places))
        elif count < 0:
            yield Fault(f"place '{place}'", f"cannot hold {count} tokens", "give a number from 0 on")


def _clear(
    transition: NetTransition, net: Net, expected: Callable[[NetTransition, Mapping[str, int]], str | None]
) -> Callable[[Counts], bool] | None:
    if not transition.awaits:
        return None

    def clear(counts: Counts) -> bool:
        return expected(transition, dict(zip(net.places, counts, strict=True))) is None

    return clear


def _move(transition: NetTransition, index: Mapping[str, int], clear: Callable[[Counts], bool] | None) -> Move:
    take = _sums(transition.takes, index)
    least = dict(take)
    for arc in transition.reads:
        place = index[arc.place]
        least[place] = max(least.get(place, 0), arc.weight)
    below = {index[place]: 1 for place in transition.awaits}
    for arc in transition.inhibitors:
        place = index[arc.place]
        below[place] = min(below.get(place, arc.weight), arc.weight)
    reset = frozenset(index[place] for place in transition.resets)
    return Move(transition.name, least, below, take, _sums(transition.gives, index), reset, clear)


def _sums(arcs: Iterable[Arc], index: Mapping[str, int]) -> dict[int, int]:
    sums: dict[int, int] = {}
    for arc in arcs:
        sums[index[arc.place]] = sums.get(index[arc.place], 0) + arc.weight
    return sums
