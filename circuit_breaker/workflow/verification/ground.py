"""Ground: the markings of a model that were found, whichever way; walks go over it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

from circuit_breaker.net.statespace import StateSpace
from circuit_breaker.net.statespace.components import Graph
from circuit_breaker.net.statespace.known import Known
from circuit_breaker.net.statespace.moves import Counts, Moves
from circuit_breaker.workflow.verification.model import Model
from circuit_breaker.workflow.verification.overtaking import Counts as Marked
from circuit_breaker.workflow.verification.overtaking import Edge, Overtaking

__all__ = ["Chosen", "Edge", "Explored", "Ground", "InOrder", "Ordered"]

Chosen = Callable[[list[Edge], Marked], list[Edge]]
"""Of what can happen in a node, what is followed, for the tokens that are there."""


class Ground(Protocol):
    """Nodes, of which the first one is the start."""

    complete: bool
    size: int

    def marking(self, node: int) -> dict[str, int]:
        """The tokens of each place."""

    def highest(self, nodes: Iterable[int]) -> dict[str, int]:
        """The most tokens that each place holds in one of the nodes."""

    def leaving(self, node: int) -> list[Edge]:
        """What can happen in a node, as far as it is known where it leads."""

    def resting(self, node: int) -> bool:
        """Whether nothing can happen in it."""

    def ended(self, node: int) -> bool:
        """Whether all its tokens are in final places."""


class Explored:
    """The state space of a net, whatever comes first.

    Where the time was up before all of it was found only the nearer half is gone over, which takes about as long again.
    """

    def __init__(self, model: Model, space: StateSpace) -> None:
        late = space.exploration.ending == "time"
        self.space, self.graph = space, space.nearer(space.markings // 2) if late else space.graph
        self.complete, self.size, self.edges = space.complete, len(self.graph.markings), space.edges
        self._rest = set(space.stuck_markings())
        self._named: dict[int, dict[str, int]] = {}
        layout = space.exploration.layout
        self._busy = 0
        for number, place in enumerate(model.net.places):
            if place not in model.finals:
                self._busy |= layout.mask(number)

    def marking(self, node: int) -> dict[str, int]:
        """The tokens of each place."""
        found = self._named.get(node)
        if found is None:
            found = self._named[node] = self.space.named(self.graph.markings[node])
        return found

    def highest(self, nodes: Iterable[int]) -> dict[str, int]:
        """The most tokens of each place."""
        known = Known(self.space.exploration.layout, ())
        return self.space.named(known.highest([self.graph.markings[node] for node in nodes], 0))

    def leaving(self, node: int) -> list[Edge]:
        """What can happen in a node."""
        graph: Graph = self.graph
        return [(graph.targets[at], graph.labels[at]) for at in range(graph.starts[node], graph.starts[node + 1])]

    def resting(self, node: int) -> bool:
        """Whether nothing can happen in it."""
        return self.graph.markings[node] in self._rest

    def ended(self, node: int) -> bool:
        """Whether all its tokens are in final places."""
        return not self.graph.markings[node] & self._busy


class Ordered:
    """What is found where only what comes first is followed: less, and sometimes an end where there is none otherwise.

    Args:
        model: The model.
        chosen: Of what can happen in a node, what is followed.
        limit: The most markings.
        enough: Whether to stop.
    """

    def __init__(self, model: Model, chosen: Chosen, limit: int, enough: Callable[[int], bool]) -> None:
        self.moves = Moves.of(model.net, model.start)
        self._finals = [place in model.finals for place in model.net.places]
        self._found: list[Counts] = [self.moves.initial]
        self._edges: list[list[Edge]] = []
        self._known = {self.moves.initial: 0}
        self._taking = self._by_place()
        self.complete = self._explore(chosen, limit, enough)
        self.size = len(self._found)

    def _by_place(self) -> list[list[int]]:
        taking: list[list[int]] = [[] for _ in (*self.moves.places, None)]
        for number, move in enumerate(self.moves.moves):
            taking[next(iter(move.take), -1)].append(number)
        return taking

    def _explore(self, chosen: Chosen, limit: int, enough: Callable[[int], bool]) -> bool:
        ahead = deque([0])
        while ahead:
            if len(self._found) > limit or enough(len(self._found)):
                self._edges += [[] for _ in range(len(self._found) - len(self._edges))]
                return False
            node = ahead.popleft()
            size = len(self._found)
            able = [] if self.ended(node) else [(0, number) for number in self._able(self._found[node])]
            edges = chosen(able, partial(self.marking, node)) if able else []
            self._edges.append([(self._node(node, number), number) for _, number in edges])
            ahead.extend(range(size, len(self._found)))
        return True

    def _able(self, counts: Counts) -> Sequence[int]:
        places = [place for place, count in enumerate(counts) if count]
        numbers = sorted(number for place in (*places, -1) for number in self._taking[place])
        return [number for number in numbers if self.moves.moves[number].enabled(counts)]

    def _node(self, node: int, number: int) -> int:
        after = self.moves.moves[number].after(self._found[node])
        known = self._known.setdefault(after, len(self._found))
        if known == len(self._found):
            self._found.append(after)
        return known

    @property
    def edges(self) -> int:
        """How many steps there are between the markings."""
        return sum(map(len, self._edges))

    def marking(self, node: int) -> dict[str, int]:
        """The tokens of each place."""
        return self.moves.named(self._found[node])

    def highest(self, nodes: Iterable[int]) -> dict[str, int]:
        """The most tokens of each place."""
        columns = zip(*(self._found[node] for node in nodes), strict=True)
        return self.moves.named(tuple(map(max, columns)))

    def leaving(self, node: int) -> list[Edge]:
        """What can happen in a node."""
        return self._edges[node]

    def resting(self, node: int) -> bool:
        """Whether nothing can happen in it."""
        return not self._able(self._found[node])

    def ended(self, node: int) -> bool:
        """Whether all its tokens are in final places."""
        return all(final or not count for final, count in zip(self._finals, self._found[node], strict=True))


class InOrder:
    """What is followed of that which can happen: one assumption after the other, and of what is instant the first.

    Args:
        model: The model.

    Attributes:
        overtaking: What takes note of the actions for which that is not exact.
    """

    def __init__(self, model: Model) -> None:
        self._acts, self._transitions = model.acts, model.net.transitions
        self._silent = any(act.silent for act in model.acts)
        self.overtaking = Overtaking(model)

    def chosen(self, edges: list[Edge], counts: Marked) -> list[Edge]:
        """What is followed of that which can happen in a node."""
        silent = [edge for edge in edges if self._acts[edge[1]].silent] if self._silent else []
        if silent:
            place = self._transitions[silent[0][1]].takes
            return [edge for edge in silent if self._transitions[edge[1]].takes == place]
        return self.overtaking.first_of(edges, counts)

    def needed(self, labels: list[int], *, places: Iterable[str] = (), again: Sequence[int] = ()) -> list[int]:  # noqa: ARG002
        """All of a way: nothing was only taken because it could be."""
        return labels
