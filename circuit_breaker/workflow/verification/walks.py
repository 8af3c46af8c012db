"""Walks: where a case can go from the start, until it has ended; and from where it cannot end any more."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial

from circuit_breaker.net.statespace.exploration import ENDLESS
from circuit_breaker.workflow.verification.ground import Edge, Ground, InOrder
from circuit_breaker.workflow.verification.independence import Independence
from circuit_breaker.workflow.verification.model import Model

__all__ = ["Walks"]

ASKED = 2_048
"""After how many nodes it is asked whether there is still time."""


class Walks:
    """The state space of a model as a graph that ends where cases do.

    A case has ended when every token is in a final state: nothing happens to it afterwards. Of what happens by itself
    only the first in order does, as in the engine: what is no action takes no time, so that nothing later comes first.

    Args:
        model: The model.
        ground: The markings that were found.
        order: What is followed of that which can happen: what comes first, where nothing else is said.
        enough: Asked now and then whether to stop.

    Attributes:
        model: The model.
        ground: The markings that were found.
        late: Whether it was stopped before all of it was gone over.
        overtaking: What was followed first of that which could happen.
        depth: For each node that can be come to how many things happen on the shortest way; None for the others.
    """

    def __init__(
        self,
        model: Model,
        ground: Ground,
        *,
        order: InOrder | Independence | None = None,
        enough: Callable[[int], bool] = ENDLESS,
    ) -> None:
        self.model, self.ground, self.late = model, ground, False
        self.depth: list[int | None] = [None] * ground.size
        self._from: dict[int, Edge] = {}
        self._silent = [act.silent for act in model.acts]
        self._automatic = [act.silent or act.automatic for act in model.acts]
        order = order or InOrder(model)
        self._order = order
        self.overtaking = order.overtaking
        self._chosen = order.chosen
        self._out: list[list[Edge] | None] = [None] * ground.size
        self._walk(enough)

    @property
    def complete(self) -> bool:
        """Whether everything was found."""
        return self.ground.complete and not self.late

    def ended(self, node: int) -> bool:
        """Whether the case has ended in a node."""
        return self.ground.ended(node)

    def _walk(self, enough: Callable[[int], bool]) -> None:
        """Goes everywhere, by the fewest things that happen; assumptions are none."""
        self.depth[0] = 0
        ahead, gone = deque([(0, 0)]), 0
        while ahead and not self.late:
            node, depth = ahead.popleft()
            gone += 1
            self.late = not gone % ASKED and enough(gone)
            if self.depth[node] != depth:
                continue
            for target, label in self.edges(node):
                far = depth + (not self._silent[label])
                known = self.depth[target]
                if known is None or far < known:
                    self.depth[target] = far
                    self._from[target] = (node, label)
                    (ahead.appendleft if self._silent[label] else ahead.append)((target, far))

    def edges(self, node: int) -> list[Edge]:
        """What can happen in a node."""
        found = self._out[node]
        if found is None:
            edges = [] if self.ended(node) else self.ground.leaving(node)
            found = self._out[node] = self._chosen(edges, partial(self.marking, node)) if edges else []
        return found

    @cached_property
    def nodes(self) -> list[int]:
        """The nodes that a case can come to, the nearest first."""
        found = [node for node, depth in enumerate(self.depth) if depth is not None]
        return sorted(found, key=lambda node: (self.depth[node], node))

    @cached_property
    def fired(self) -> set[int]:
        """The numbers of the transitions that can happen."""
        return {label for node in self.nodes for _, label in self.edges(node)}

    @cached_property
    def stuck(self) -> list[int]:
        """The nodes in which a case has not ended and nothing can happen, the nearest first."""
        quiet = [node for node in self.nodes if not self.edges(node)]
        return [node for node in quiet if not self.ended(node) and self.ground.resting(node)]

    @cached_property
    def doomed(self) -> list[int]:
        """The nodes from which a case can go on but never end, nor come to where nothing can happen."""
        ends = {*(node for node in self.nodes if self.ended(node)), *self.stuck}
        good = self.leading_to(ends, lambda *_: True)
        return [node for node in self.nodes if node not in good]

    @cached_property
    def restless(self) -> list[int]:
        """The nodes from which a case goes on by itself for ever: what is automatic never leads to a rest."""
        before: dict[int, list[int]] = {}
        calm = deque[int]()
        for node in self.nodes:
            automatic = [target for target, label in self.edges(node) if self._automatic[label]]
            if not automatic:
                calm.append(node)
            for target in automatic:
                before.setdefault(target, []).append(node)
        rested = set(calm)
        while calm:
            for source in before.get(calm.popleft(), ()):
                if source not in rested:
                    rested.add(source)
                    calm.append(source)
        return [node for node in self.nodes if node not in rested]

    def way(self, node: int) -> list[int]:
        """The transitions of the shortest way to a node."""
        found: list[int] = []
        while node in self._from and node:
            node, label = self._from[node]
            found.append(label)
        return found[::-1]

    def needed(self, way: list[int], *, places: Iterable[str] = (), again: Sequence[int] = ()) -> list[int]:
        """A way without what was only tried first; whoever goes it can go on as from the end of the whole.

        Args:
            way: The transitions.
            places: Where a token must be at its end.
            again: The transitions that are repeated after it.
        """
        return self._order.needed(way, places=places, again=again)

    def onward(self, node: int, allowed: Callable[[int, int], bool], goal: Callable[[int], bool]) -> list[Edge] | None:
        """A shortest way from a node to one that is a goal; None where there is none.

        Args:
            node: Where it begins.
            allowed: Whether a transition may be taken to a node: (transition, node).
            goal: Whether a node is what is looked for.
        """
        before: dict[int, tuple[int, int] | None] = {node: None}
        ahead = deque([node])
        while ahead:
            here = ahead.popleft()
            if goal(here):
                return _back(before, here)
            for target, label in self.edges(here):
                if target not in before and allowed(label, target):
                    before[target] = (here, label)
                    ahead.append(target)
        return None

    def leading_to(self, goals: Iterable[int], allowed: Callable[[int, int], bool]) -> set[int]:
        """The nodes from which a case can come to one of the goals, themselves among them.

        Args:
            goals: Nodes.
            allowed: Whether a transition may be taken to a node: (transition, node).
        """
        before: dict[int, list[int]] = {}
        for node in self.nodes:
            for target, label in self.edges(node):
                if allowed(label, target):
                    before.setdefault(target, []).append(node)
        found = set(goals)
        ahead = list(found)
        while ahead:
            new = [source for source in before.get(ahead.pop(), ()) if source not in found]
            found.update(new)
            ahead += new
        return found

    def cycle(self, node: int, *, automatic: bool) -> tuple[list[int], list[int]]:
        """From a node that goes on for ever: what happens first, and then again and again.

        Args:
            node: One of :attr:`restless` or :attr:`doomed`.
            automatic: Whether only what happens by itself counts.
        """
        seen: dict[int, int] = {}
        labels: list[int] = []
        while node not in seen:
            seen[node] = len(labels)
            edges = [edge for edge in self.edges(node) if not automatic or self._automatic[edge[1]]]
            node, label = min(edges, key=lambda edge: (edge[0] not in seen, edge[1]))
            labels.append(label)
        return labels[: seen[node]], labels[seen[node] :]

    def marking(self, node: int) -> dict[str, int]:
        """The tokens of each place."""
        return self.ground.marking(node)

    @cached_property
    def nearest(self) -> dict[str, int]:
        """For each place that a token comes to the nearest node with one."""
        found: dict[str, int] = {}
        for node in self.nodes:
            for place in self.marking(node):
                found.setdefault(place, node)
        return found

    @cached_property
    def bounds(self) -> dict[str, int]:
        """The most tokens of each state in a node."""
        spots, highest = self.model.spots, self.ground.highest(self.nodes)
        bounds = {spot.state: 0 for spot in spots.values()} | self.model.states(highest)
        places = Counter(spots[place].state for place in highest)
        several = {state for state, count in places.items() if count > 1}
        if several:
            counts = [self.model.states(self.marking(node)) for node in self.nodes]
            bounds |= {state: max(each.get(state, 0) for each in counts) for state in several}
        return bounds

    def with_tokens(self, places: Iterable[str], most: int) -> Iterator[int]:
        """The nodes with more than so many tokens in these places together, the nearest first."""
        wanted = set(places)
        for node in self.nodes:
            if sum(count for place, count in self.marking(node).items() if place in wanted) > most:
                yield node


def _back(before: dict[int, tuple[int, int] | None], node: int) -> list[Edge]:
    way: list[Edge] = []
    while (step := before[node]) is not None:
        way.append((node, step[1]))
        node = step[0]
    return way[::-1]
