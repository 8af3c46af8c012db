"""Overtaking: what comes first of that which can happen, and where it matters that an action takes time.

What takes no time comes in a fixed order. An action that comes to its turn begins, or waits until there is room for it,
and keeps its tokens from everything later; one that has begun ends whenever it does. As long as that makes no
difference, an action can be taken for one step; where it does, its beginning and its end have to be told apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from circuit_breaker.workflow.verification.model import Model

__all__ = ["Counts", "Edge", "Overtaking"]

Edge = tuple[int, int]
"""The node that it leads to, and the number of the transition."""
Counts = Callable[[], Mapping[str, int]]
"""Gives the tokens of each place."""


class Overtaking:
    """Follows what comes first, and takes note of what is not exact about it.

    Args:
        model: The model.

    Attributes:
        found: The ids of the transitions of the actions that are taken for one step where that is not exact.
        preferred: The ids of what kept something else from happening by its turn.
    """

    def __init__(self, model: Model) -> None:
        self.found: set[str] = set()
        self.preferred: set[str] = set()
        self._acts = model.acts
        self._order = [(0, 0) if act.transition is None else act.transition.order for act in model.acts]
        self._takes = [{arc.place: arc.weight for arc in each.takes} for each in model.net.transitions]
        self._merged = [act.acted and not act.apart for act in model.acts]
        self._begins = [act.way == "begins" or merged for act, merged in zip(model.acts, self._merged, strict=True)]

    def first_of(self, edges: list[Edge], counts: Counts) -> list[Edge]:
        """Of what can happen in a node what nothing always comes before.

        Args:
            edges: Everything that can happen there.
            counts: The tokens that are there.
        """
        labels = [label for _, label in edges]
        if not any(self._begins[label] for label in labels):
            return self._followed(edges, self._first(labels))
        automatic = sorted(filter(self._in_order, labels), key=self._order.__getitem__)
        able, blocking = self._turns(automatic, counts())
        dropped = [label for label in automatic if label not in able]
        if not dropped:
            return edges
        self.preferred.update(self._acts[label].label for label in blocking)
        found = [*filter(self._merged.__getitem__, dropped), *self._hiding(labels, blocking)]
        self.found.update(self._acts[label].label for label in found)
        return [edge for edge in edges if edge[1] not in dropped]

    def first_of_choice(self, edges: list[Edge]) -> list[Edge]:
        """The same where all that can happen competes for the same tokens."""
        return self._followed(edges, self._first([label for _, label in edges], begins=True))

    def _first(self, labels: Sequence[int], *, begins: bool = False) -> int | None:
        """The first in order that takes its tokens at once, if any does."""
        sure = (label for label in labels if self._acts[label].sure and (begins or not self._begins[label]))
        return min(sure, key=self._order.__getitem__, default=None)

    def _followed(self, edges: list[Edge], first: int | None) -> list[Edge]:
        if first is None:
            return edges
        last = self._order[first]
        followed = [edge for edge in edges if not self._in_order(edge[1]) or self._order[edge[1]] <= last]
        if len(followed) < len(edges):
            self.preferred.add(self._acts[first].label)
        return followed

    def _in_order(self, label: int) -> bool:
        act = self._acts[label]
        return act.automatic and not act.apart

    def _turns(self, automatic: Sequence[int], counts: Mapping[str, int]) -> tuple[set[int], list[int]]:
        """What comes to its turn, one after the other, until something happens at once; and what nothing passes by."""
        left, able, blocking = Counter(counts), set[int](), list[int]()
        for _, turn in groupby(automatic, key=self._order.__getitem__):
            now = [label for label in turn if self._there(label, left)]
            able.update(now)
            sure = [label for label in now if self._acts[label].sure]
            blocking += sure
            if any(not self._begins[label] for label in sure):
                break
            for label in sure:
                while self._there(label, left):
                    left.subtract(self._takes[label])
        return able, blocking

    def _there(self, label: int, left: Mapping[str, int]) -> bool:
        return all(left[place] >= weight for place, weight in self._takes[label].items())

    def _hiding(self, labels: Sequence[int], blocking: Sequence[int]) -> Iterator[int]:
        """Actions that may hold tokens of what nothing passes by, so that something else does."""
        for label in filter(self._merged.__getitem__, labels):
            others = (each for each in blocking if self._acts[each].label != self._acts[label].label)
            if any(not self._takes[label].keys().isdisjoint(self._takes[each]) for each in others):
                yield label
