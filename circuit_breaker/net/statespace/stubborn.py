"""Stubborn sets: every deadlock of a net, found without the orders in which independent transitions fire.

After Valmari, "Stubborn sets for reduced state space generation" (1989), with the strong sets: from each marking only
the transitions of a set are fired that contains an enabled one and is closed. It holds, of an enabled transition, all
that could disable it, that it could disable, or with which it does not commute; of a disabled one, all that could bring
about one of the things that it lacks. What is not in the set cannot matter before something in it has fired, so that
every deadlock of the whole state space is kept. Other questions are not: counts, bounds and dead transitions of the
smaller space are not those of the net.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import attrs

from circuit_breaker.errors import DefinitionError
from circuit_breaker.net.statespace.moves import Counts, Move, Moves
from circuit_breaker.net.structure import Net

__all__ = ["Deadlocks", "find_deadlocks"]

_SEEDS = 6
"""How many enabled transitions are tried to begin a set with."""


@attrs.frozen
class Deadlocks:
    """The deadlocks of a net.

    Attributes:
        complete: Whether they are all; if not, the limit came before.
        markings: For each, its marked places.
        paths: For each, transitions that lead to it: a real way, though not always a shortest one.
        visited: How many markings were looked at.
    """

    complete: bool
    markings: tuple[dict[str, int], ...]
    paths: tuple[tuple[str, ...], ...]
    visited: int


def find_deadlocks(
    net: Net,
    initial: Mapping[str, int],
    *,
    limit: int = 1_000_000,
    enough: Callable[[int], bool] | None = None,
    most: int | None = None,
) -> Deadlocks:
    """The reachable markings in which nothing is enabled, found with stubborn sets.

    Args:
        net: The net, with any arcs but without OR-joins, which depend on everything.
        initial: How many tokens lie in which place at first.
        limit: The most markings to look at.
        enough: Asked with the number of markings whether to stop; for a limit of time.
        most: The number of deadlocks after which to stop; None for all.

    Raises:
        DefinitionError: The initial marking does not fit the net, or the net has OR-joins.
    """
    moves = Moves.of(net, initial)
    joins = [move.name for move in moves.moves if move.clear is not None]
    if joins:
        raise DefinitionError(
            f"stubborn sets are not known for OR-joins, such as '{joins[0]}'; explore the whole space"
        )
    stubborn = _Stubborn(moves)
    parents: dict[Counts, tuple[Counts, str] | None] = {moves.initial: None}
    queue, found = deque([moves.initial]), list[Counts]()
    while queue and (most is None or len(found) < most):
        if len(parents) > limit or (enough is not None and enough(len(parents))):
            break
        counts = queue.popleft()
        chosen = stubborn.enabled(counts)
        if not chosen:
            found.append(counts)
        for move in chosen:
            after = move.after(counts)
            if after not in parents:
                parents[after] = (counts, move.name)
                queue.append(after)
    paths = tuple(tuple(_way(parents, counts))[::-1] for counts in found)
    return Deadlocks(not queue, tuple(map(moves.named, found)), paths, len(parents))


def _way(parents: Mapping[Counts, tuple[Counts, str] | None], counts: Counts) -> Iterator[str]:
    while (parent := parents[counts]) is not None:
        counts, name = parent
        yield name


class _Stubborn:
    """Chooses a closed set for each marking; sets of transitions are integers with a bit for each."""

    def __init__(self, moves: Moves) -> None:
        self.moves = moves.moves
        places = range(len(moves.places))
        self.growing = [_bits(_grows(move, place) for move in self.moves) for place in places]
        self.shrinking = [_bits(_shrinks(move, place) for move in self.moves) for place in places]
        self.dependent = [_bits(_depend(move, other) for other in self.moves) for move in self.moves]

    def enabled(self, counts: Counts) -> Sequence[Move]:
        """The enabled transitions of a closed set; none only where nothing is enabled."""
        able = [number for number, move in enumerate(self.moves) if move.enabled(counts)]
        best = able
        for seed in able[:_SEEDS]:
            closed = self._closed(seed, counts, set(able))
            chosen = [number for number in able if closed >> number & 1]
            if len(chosen) < len(best):
                best = chosen
            if len(best) == 1:
                break
        return [self.moves[number] for number in best]

    def _closed(self, seed: int, counts: Counts, able: set[int]) -> int:
        closed = waiting = 1 << seed
        while waiting:
            number = waiting.bit_length() - 1
            needed = self.dependent[number] if number in able else self._lacking(self.moves[number], counts)
            new = needed & ~closed
            closed |= new
            waiting = (waiting ^ (1 << number)) | new
        return closed

    def _lacking(self, move: Move, counts: Counts) -> int:
        """What could bring about one of the things that a disabled transition lacks: the one that the fewest could."""
        ways = [self.growing[place] for place, count in move.least.items() if counts[place] < count]
        ways += [self.shrinking[place] for place, count in move.below.items() if counts[place] >= count]
        return min(ways, key=int.bit_count)


def _bits(wanted: Iterable[bool]) -> int:
    return sum(1 << number for number, is_wanted in enumerate(wanted) if is_wanted)


def _grows(move: Move, place: int) -> bool:
    """Whether firing can leave more tokens in a place: more than it takes, or some where it emptied the place."""
    return move.give.get(place, 0) > (0 if place in move.reset else move.take.get(place, 0))


def _shrinks(move: Move, place: int) -> bool:
    """Whether firing can leave fewer tokens in a place."""
    return place in move.reset or move.take.get(place, 0) > move.give.get(place, 0)


def _depend(one: Move, other: Move) -> bool:
    """Whether one could disable the other, or the order in which they fire could matter."""
    return _disturbs(one, other) or _disturbs(other, one)


def _disturbs(one: Move, other: Move) -> bool:
    lowered = one.take.keys() | one.reset
    touched = other.least.keys() | other.give.keys() | other.reset
    return (
        not lowered.isdisjoint(other.least)
        or not one.give.keys().isdisjoint(other.below)
        or not one.reset.isdisjoint(touched)
    )
