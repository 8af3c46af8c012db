"""Components of a state space: which markings lead to one another, where one ends up, and what stays possible."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from functools import cached_property, reduce
from operator import or_

from circuit_breaker.net.statespace.compact import Step

__all__ = ["Graph"]

_TOGETHER = 64
"""How many markings at least a transition is tried in at once; those that are found together have much in common."""


class Graph:
    """Markings as numbered nodes, and the edges between them.

    Edges that lead to a marking that is not among them are left out.

    Attributes:
        markings: The marking of each node, in integer form.
        targets: Where the edges lead, those of one node side by side.
        labels: The number of the transition of each edge.
        starts: For each node, where its edges begin; one more at the end.
    """

    def __init__(self, markings: Sequence[int], steps: Iterable[Step]) -> None:
        self.markings = list(markings)
        self.targets, self.labels, self.starts = array("q"), array("q"), array("q", [0])
        leaving = self._leaving(steps)
        for edges in leaving:
            self.targets.extend(target for target, _ in edges)
            self.labels.extend(label for _, label in edges)
            self.starts.append(len(self.targets))

    def _leaving(self, steps: Iterable[Step]) -> list[list[tuple[int, int]]]:
        """For each node the edges that leave it, as (target, transition)."""
        nodes = {marking: node for node, marking in enumerate(self.markings)}
        leaving: list[list[tuple[int, int]]] = [[] for _ in self.markings]
        every = list(steps)
        size = max(_TOGETHER, len(self.markings) // max(len(every), 1))
        for start in range(0, len(self.markings), size):
            markings = self.markings[start : start + size]
            present = reduce(or_, markings)
            for step in every:
                if step.key and not step.key & present:
                    continue
                enabled = step.test.among(markings)
                for marking, after in zip(enabled, step.after(enabled), strict=True):
                    if after in nodes:
                        leaving[nodes[marking]].append((nodes[after], step.number))
        return leaving

    def following(self, node: int) -> array[int]:
        """The nodes that follow a node, one for each edge."""
        return self.targets[self.starts[node] : self.starts[node + 1]]

    @cached_property
    def component(self) -> Sequence[int]:
        """For each node the number of its strongly connected component; an edge never leads to a higher number.

        By Tarjan's algorithm (1972), without recursion.
        """
        return _components(self.starts, self.targets)

    @cached_property
    def terminal(self) -> tuple[int, ...]:
        """The numbers of the components that cannot be left."""
        left = set()
        for node in range(len(self.markings)):
            own = self.component[node]
            if own not in left and any(self.component[target] != own for target in self.following(node)):
                left.add(own)
        return tuple(number for number in range(max(self.component) + 1) if number not in left)

    @cached_property
    def home(self) -> tuple[int, ...]:
        """The nodes that can be reached from every node."""
        if len(self.terminal) != 1:
            return ()
        return tuple(node for node, number in enumerate(self.component) if number == self.terminal[0])

    @cached_property
    def live(self) -> frozenset[int]:
        """The numbers of the transitions that can fire again from every node: those in every terminal component."""
        fired: dict[int, set[int]] = {number: set() for number in self.terminal}
        for node, number in enumerate(self.component):
            if number in fired:
                fired[number].update(self.labels[self.starts[node] : self.starts[node + 1]])
        return frozenset(set.intersection(*fired.values()))

    @cached_property
    def cyclic(self) -> frozenset[int]:
        """The numbers of the components with an edge inside: one can go round in them for ever."""
        return frozenset(
            number
            for node, number in enumerate(self.component)
            if any(self.component[target] == number for target in self.following(node))
        )

    def reaching(self, goals: Iterable[int]) -> bytearray:
        """For each node whether one of the goals can be reached from it; a goal reaches itself."""
        reached = bytearray(len(self.markings))
        todo = list(goals)
        for node in todo:
            reached[node] = 1
        starts, sources = self._backward
        while todo:
            node = todo.pop()
            for source in sources[starts[node] : starts[node + 1]]:
                if not reached[source]:
                    reached[source] = 1
                    todo.append(source)
        return reached

    @cached_property
    def _backward(self) -> tuple[array[int], array[int]]:
        """The edges the other way round."""
        starts = array("q", bytes(8 * (len(self.markings) + 1)))
        for target in self.targets:
            starts[target + 1] += 1
        for node in range(len(self.markings)):
            starts[node + 1] += starts[node]
        free, sources = starts[:], array("q", bytes(8 * len(self.targets)))
        for node in range(len(self.markings)):
            for target in self.following(node):
                sources[free[target]] = node
                free[target] += 1
        return starts, sources


def _components(starts: Sequence[int], targets: Sequence[int]) -> Sequence[int]:
    count = len(starts) - 1
    component, low, order = array("q", [-1]) * count, array("q", bytes(8 * count)), array("q", bytes(8 * count))
    position = array("q", starts[:count])
    clock = number = 0
    open_nodes: list[int] = []
    for root in range(count):
        way = [root] if not order[root] else []
        while way:
            node = way[-1]
            if not order[node]:
                clock += 1
                order[node] = low[node] = clock
                open_nodes.append(node)
            if position[node] < starts[node + 1]:
                target = targets[position[node]]
                position[node] += 1
                if not order[target]:
                    way.append(target)
                elif component[target] < 0:
                    low[node] = min(low[node], order[target])
                continue
            way.pop()
            if way:
                low[way[-1]] = min(low[way[-1]], low[node])
            if low[node] == order[node]:
                while component[node] < 0:
                    component[open_nodes.pop()] = number
                number += 1
    return component
