"""Coverability: whether a net is bounded, and if not, the steps that can be repeated for ever to fill a place.

After Karp and Miller (1969), as a graph: a marking that covers one of those on the way to it, and is not the same, can
be pumped, and its growing places become ω. The construction ends for every net whose transitions are monotone, and
then decides boundedness. Inhibitor and reset arcs are not monotone; for them :func:`pumping_on` tells only some
unbounded nets, but never a bounded one: boundedness of reset nets is undecidable (Dufourd, Finkel and Schnoebelen
1998).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

import attrs

from circuit_breaker.net.statespace.moves import Counts, Move, Moves

__all__ = ["Coverability", "Pumping", "coverability", "pumping_on"]

OMEGA = 1 << 62
"""As many tokens as one likes; so many that counting up and down does not change that it is."""
_COMPARED = 2_000_000
"""How often a marking is compared with one on the way to it: seconds of work, for long ways take their square."""


@attrs.frozen
class Pumping:
    """The witness of an unbounded net.

    Attributes:
        prefix: Transitions that lead from the initial marking to where the repetition starts.
        cycle: Transitions that can then be repeated for ever.
        grows: The places that hold more tokens after every repetition.
    """

    prefix: tuple[str, ...]
    cycle: tuple[str, ...]
    grows: tuple[str, ...]


@attrs.frozen
class Coverability:
    """What the coverability graph says.

    Attributes:
        complete: Whether it was built to its end; if not, what follows is only what is known so far.
        unbounded: The places without a bound, in the order of the net.
        bounds: The most tokens of every place, None for those without a bound.
        fireable: The names of the transitions that can ever fire.
        pumping: A witness, where the net is unbounded.
        nodes: How many nodes it has.
    """

    complete: bool
    unbounded: tuple[str, ...]
    bounds: dict[str, int | None]
    fireable: frozenset[str]
    pumping: Pumping | None
    nodes: int


class _Graph:
    """The nodes of a coverability graph, each with the node and the move by which it was found first."""

    def __init__(self, moves: Moves) -> None:
        self.moves = moves
        self.parents: dict[Counts, tuple[Counts, Move] | None] = {moves.initial: None}
        self.fireable: set[str] = set()
        self.pumping: Pumping | None = None
        self.compared = 0

    def expand(self, counts: Counts) -> Iterable[Counts]:
        """The nodes that are new behind a node."""
        for move in self.moves.moves:
            if not move.enabled(counts):
                continue
            self.fireable.add(move.name)
            after = self._accelerated(counts, move, _settled(move.after(counts)))
            if after not in self.parents:
                self.parents[after] = (counts, move)
                yield after

    def _accelerated(self, counts: Counts, move: Move, after: Counts) -> Counts:
        """What follows from a node by a move, with ω where it grew over a node on the way to it."""
        node: Counts | None = counts
        cycle = [move.name]
        while node is not None:
            self.compared += 1
            if _covers(after, node):
                grows = tuple(new > old for new, old in zip(after, node, strict=True))
                self._witness(node, cycle[::-1], grows)
                after = tuple(OMEGA if up else new for up, new in zip(grows, after, strict=True))
            parent = self.parents[node]
            node = parent[0] if parent else None
            cycle += [parent[1].name] if parent else []
        return after

    def _witness(self, node: Counts, cycle: list[str], grows: Sequence[bool]) -> None:
        """Keeps the first witness; it is exact, for no ω was there before it."""
        if self.pumping is None:
            names = [place for place, up in zip(self.moves.places, grows, strict=True) if up]
            self.pumping = Pumping(tuple(self._way(node)), tuple(cycle), tuple(names))

    def _way(self, node: Counts) -> list[str]:
        names = []
        while (parent := self.parents[node]) is not None:
            node, move = parent
            names.append(move.name)
        return names[::-1]


def coverability(moves: Moves, *, limit: int = 100_000, enough: Callable[[int], bool] | None = None) -> Coverability:
    """The coverability graph of a net without inhibitor and reset arcs.

    Args:
        moves: The net.
        limit: The most nodes to build.
        enough: Asked with the number of nodes whether to stop; for a limit of time.

    Raises:
        ValueError: The net has inhibitor or reset arcs.
    """
    if not moves.monotone:
        raise ValueError("the net has inhibitor or reset arcs, with which coverability is not decided in this way")
    graph = _Graph(moves)
    queue = deque([moves.initial])
    complete = True
    while queue and complete:
        queue.extend(graph.expand(queue.popleft()))
        nodes = len(graph.parents)
        complete = nodes <= limit and graph.compared <= _COMPARED and not (enough is not None and enough(nodes))
    return _told(graph, complete=complete)


def _told(graph: _Graph, *, complete: bool) -> Coverability:
    most = [max(column) for column in zip(*graph.parents, strict=True)]
    bounds = {place: None if count >= OMEGA else count for place, count in zip(graph.moves.places, most, strict=True)}
    unbounded = tuple(place for place, count in bounds.items() if count is None)
    return Coverability(complete, unbounded, bounds, frozenset(graph.fireable), graph.pumping, len(graph.parents))


def pumping_on(moves: Moves, way: Sequence[tuple[Counts, Move | None]]) -> Pumping | None:
    """The steps at the end of a way that can be repeated for ever, or None where none are found.

    A part of the way can be repeated if it leaves at least as many tokens everywhere as it found, if no inhibitor arc
    on it looks at a place that grew, and if some place grew that it does not empty. Of
    a part with an OR-join nothing is known.

    Args:
        moves: The net.
        way: Each marking, with the move that led to it; None for the first one.
    """
    last, *_ = way[-1]
    looked, emptied = set[int](), set[int]()
    for position in range(len(way) - 2, -1, -1):
        if (move := way[position + 1][1]) is None or move.clear is not None:
            return None
        looked |= move.below.keys()
        emptied |= move.reset
        start = way[position][0]
        grown = {place for place, (new, old) in enumerate(zip(last, start, strict=True)) if new > old}
        if _covers(last, start) and not grown & looked and grown - emptied:
            names = [found.name for _, found in way if found is not None]
            grows = tuple(moves.places[place] for place in sorted(grown - emptied))
            return Pumping(tuple(names[:position]), tuple(names[position:]), grows)
    return None


def _settled(counts: Counts) -> Counts:
    return tuple(OMEGA if count >= OMEGA >> 1 else count for count in counts)


def _covers(counts: Counts, other: Counts) -> bool:
    return counts != other and all(new >= old for new, old in zip(counts, other, strict=True))
