"""The state space of a net: what an exploration found, asked by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import Any

import attrs

from circuit_breaker.net.statespace.compact import Layout
from circuit_breaker.net.statespace.components import Graph
from circuit_breaker.net.statespace.coverability import Coverability, Pumping, coverability, pumping_on
from circuit_breaker.net.statespace.exploration import ENDLESS, Bounds, Exploration, Spill
from circuit_breaker.net.statespace.known import integers
from circuit_breaker.net.statespace.moves import Moves
from circuit_breaker.net.statespace.where import Where
from circuit_breaker.net.structure import Net

__all__ = ["Path", "StateSpace", "explore"]

_PAIRS = 100_000
"""How many parts of a way are looked at, for one that can be repeated; of a short way all."""
_GLANCE = 1000
"""How many nodes of a coverability graph are built before it is known that nothing else decides."""


@attrs.frozen
class Path:
    """A way through the state space.

    Attributes:
        transitions: Their names, in the order in which they fire.
        markings: The marked places before the first, and after each of them.
    """

    transitions: tuple[str, ...]
    markings: tuple[dict[str, int], ...]

    def __len__(self) -> int:
        return len(self.transitions)


@attrs.frozen(slots=False, eq=False)
class StateSpace:
    """What is known of the reachable markings of a net.

    Counts are exact where it is :attr:`complete`. Where it is not, they are what was found until then, and every other
    question is answered for these markings only.

    Attributes:
        net: The net.
        exploration: How it was found.
        cover: The coverability graph, where it was needed.
        pumping: The witness of an unbounded net.
    """

    net: Net
    exploration: Exploration = attrs.field(repr=False)
    cover: Coverability | None = attrs.field(default=None, repr=False)
    pumping: Pumping | None = None

    @property
    def complete(self) -> bool:
        """Whether every reachable marking was found."""
        return self.exploration.ending == "complete"

    @property
    def decided(self) -> bool:
        """Whether bounds, dead transitions and what is unbounded are known: also of many infinite spaces."""
        return self.complete or (self.pumping is not None and self.cover is not None and self.cover.complete)

    @property
    def found(self) -> bool:
        """Whether it ended because what was looked for was found."""
        return self.exploration.found

    @property
    def not_decided(self) -> str:
        """Why questions about the whole state space have no answer, such as ``"not decided within 1,000 markings"``.

        Empty where they have: the space is complete, or known to be infinite.
        """
        if self.pumping is not None or self.complete:
            return ""
        if self.found:
            return f"not explored further: what was looked for was found within {self.markings:,} markings"
        if self.exploration.ending == "time":
            return f"not decided within the time given, after {self.markings:,} markings"
        if self.exploration.ending == "size":
            size = f"{len(self.net.places):,} places and {len(self.net.transitions):,} transitions"
            return f"not decided: a net of {size} is too large to explore"
        return f"not decided within {self.exploration.bounds.limit:,} markings"

    @property
    def markings(self) -> int:
        """How many markings were found."""
        return self.exploration.known.total

    @property
    def edges(self) -> int:
        """How many pairs there are of a marking and a transition that is enabled in it."""
        return self.exploration.edges

    @cached_property
    def deadlocks(self) -> tuple[dict[str, int], ...]:
        """The markings in which nothing is enabled, the nearest first."""
        return tuple(map(self.named, self.stuck_markings()))

    @property
    def deadlock_count(self) -> int:
        """How many markings have nothing enabled."""
        return sum(map(len, self.exploration.stuck))

    def stuck_markings(self) -> Iterator[int]:
        """The markings in which nothing is enabled, the nearest first, in integer form and one after another."""
        for layer in self.exploration.stuck:
            yield from integers(layer)

    @cached_property
    def bounds(self) -> dict[str, int | None]:
        """The most tokens that each place holds in a marking that was found; None where there is no bound."""
        if self.cover is not None and self.pumping is not None:
            return self.cover.bounds
        counts = self.exploration.layout.decode(self.exploration.highs)
        grows = set(self.unbounded)
        return {place: None if place in grows else n for place, n in zip(self.net.places, counts, strict=True)}

    @property
    def safe(self) -> bool:
        """Whether no place ever holds more than one token, in what was found."""
        return all(bound is not None and bound <= 1 for bound in self.bounds.values())

    @property
    def unbounded(self) -> tuple[str, ...]:
        """Places that are known to have no bound, in the order of the net.

        They are all of them where :attr:`cover` is complete; with inhibitor or reset arcs there may be more.
        """
        if self.pumping is None:
            return ()
        return self.cover.unbounded if self.cover is not None else self.pumping.grows

    @cached_property
    def dead_transitions(self) -> tuple[str, ...]:
        """The transitions that never fire, in the order of the net; those not seen to, where it is not complete."""
        if self.cover is not None and self.pumping is not None:
            return tuple(t.name for t in self.net.transitions if t.name not in self.cover.fireable)
        fired = self.exploration.fired
        return tuple(t.name for t, count in zip(self.net.transitions, fired, strict=True) if not count)

    def named(self, marking: int) -> dict[str, int]:
        """The marked places of a marking in integer form, with their tokens."""
        return {self.net.places[place]: count for place, count in self.exploration.layout.marked(marking)}

    def compact(self, marking: Mapping[str, int]) -> int:
        """The integer form of a marking.

        Raises:
            KeyError: It names a place that the net does not have.
        """
        return self.exploration.layout.encode(self.exploration.moves.counted(marking))

    def states(self) -> Iterator[dict[str, int]]:
        """Every marking that was found, the nearest first."""
        for layer in self.exploration.known.layers:
            yield from map(self.named, integers(layer))

    def __contains__(self, marking: Mapping[str, int]) -> bool:
        sought = self.compact(marking)
        return any(sought in layer for layer in self.exploration.known.layers)

    def find(self, where: Where) -> Iterator[dict[str, int]]:
        """The markings that fulfil a condition, the nearest first.

        Raises:
            KeyError: The condition names a place that the net does not have.
        """
        yield from map(self.named, self.search(where))

    def search(self, where: Where) -> Iterator[int]:
        """The same as :meth:`find`, in integer form."""
        run = self.exploration
        test = where.test(run.layout, run.moves)
        stuck = {marking for layer in run.stuck for marking in integers(layer)} if where.stuck is not None else set()
        for layer in run.known.layers:
            for marking in integers(run.known.among(test, layer)):
                if where.stuck is None or (marking in stuck) == where.stuck:
                    yield marking

    def path(self, marking: Mapping[str, int]) -> Path:
        """A shortest way from the initial marking to this one; of several always the same one.

        Raises:
            LookupError: The marking was not reached, or names a place that the net does not have.
        """
        return self.path_to(self.compact(marking))

    def path_to(self, marking: int) -> Path:
        """The same as :meth:`path`, for a marking in integer form."""
        run = self.exploration
        way = run.path(marking, run.depth_of(marking))
        names = tuple(run.moves.moves[step].name for step, _ in way)
        return Path(names, tuple(map(run.moves.named, run.counts_along(way))))

    @cached_property
    def graph(self) -> Graph:
        """The markings and edges that were found, as a graph: for home states, liveness and what can be reached."""
        return self.nearer(self.markings)

    def nearer(self, most: int) -> Graph:
        """The same of so many markings only, the nearest ones, and of the edges between them."""
        run = self.exploration
        found = (marking for layer in run.known.layers for marking in integers(layer))
        return Graph([*islice(found, max(most, 1))], run.steps)

    @cached_property
    def home_states(self) -> tuple[dict[str, int], ...]:
        """The markings that can be reached from every reachable marking; of an incomplete space, of those found."""
        return tuple(self.named(self.graph.markings[node]) for node in self.graph.home)

    @cached_property
    def live_transitions(self) -> tuple[str, ...]:
        """The transitions that can fire again from wherever one is, in the order of the net."""
        live = self.graph.live
        return tuple(transition.name for number, transition in enumerate(self.net.transitions) if number in live)

    def doomed(self, where: Where) -> Iterator[dict[str, int]]:
        """The markings from which none that fulfils the condition can be reached any more, the nearest first."""
        goals = set(self.search(where))
        graph = self.graph
        reaching = graph.reaching(node for node, marking in enumerate(graph.markings) if marking in goals)
        return (self.named(marking) for node, marking in enumerate(graph.markings) if not reaching[node])


def explore(
    net: Net,
    initial: Mapping[str, int],
    *,
    limit: int = 1_000_000,
    enough: Callable[[int], bool] = ENDLESS,
    until: Where | None = None,
    arrays: bool = True,
) -> StateSpace:
    """The state space of a net: every marking that can be reached from the initial one.

    It is found in layers of equal distance. Colours are left out: tokens are black, of one case.

    Args:
        net: The net.
        initial: How many tokens lie in which place at first; places that are not named are empty.
        limit: The most markings to find; with more than that the space is not complete, and says so.
        enough: Asked now and then, with the number of markings found so far, whether to stop: for a limit of time.
        until: What is looked for: the exploration ends as soon as such a marking is found, or with a limit; also where
            the net is known to be unbounded.
        arrays: Whether numpy is used where it is installed; the answers are the same without it.

    Raises:
        DefinitionError: The initial marking does not fit the net.
    """
    moves = Moves.of(net, initial)
    layout = Layout.for_moves(moves)
    bounds = Bounds(limit, enough, until, arrays)
    cover: Coverability | None = None
    pumping: Pumping | None = None
    while (run := Exploration(moves, layout, bounds).run()).spill is not None:
        pumping = pumping or _pumping(run, run.spill)
        if cover is None and moves.monotone and not (pumping or layout.safe):
            cover = coverability(moves, limit=min(limit, _GLANCE), enough=enough)
        pumping = pumping or (cover.pumping if cover else None)
        if pumping and until is None:
            return _endless(net, run, pumping)
        layout = layout.widened(run.spill.over)
    if pumping and not run.found:
        return _endless(net, run, pumping)
    if run.ending == "limit" and moves.monotone and not layout.safe and not (cover and cover.complete):
        cover = coverability(moves, limit=limit, enough=enough)
        if cover.pumping:
            return _endless(net, run, cover.pumping)
    return StateSpace(net, run)


def _endless(net: Net, run: Exploration, pumping: Pumping) -> StateSpace:
    """The state space of an unbounded net, with the coverability graph where there is one."""
    bounds, moves = run.bounds, run.moves
    cover = coverability(moves, limit=bounds.limit, enough=bounds.enough) if moves.monotone else None
    return StateSpace(net, run, cover, pumping)


def _pumping(run: Exploration, spill: Spill) -> Pumping | None:
    """The first steps on the way to where a field was too narrow that can be repeated for ever, if there are any."""
    moves = run.moves
    steps = run.path(spill.before, run.depth_of(spill.before))
    counts = run.counts_along(steps)
    way: list[Any] = [*zip(counts, [None, *(moves.moves[step] for step, _ in steps)], strict=True)]
    last = moves.moves[spill.step]
    way.append((last.after(counts[-1]), last))
    ends = max(1, _PAIRS // len(way))
    parts = (way[:end] for end in range(max(2, len(way) + 1 - ends), len(way) + 1))
    return next(filter(None, (pumping_on(moves, part) for part in parts)), None)
