"""Known markings: which have been found, and which of those that come up are new, in a set of integers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_
from typing import Any

from circuit_breaker.net.statespace.compact import Layout, Step, Test

__all__ = ["Known", "Layer", "integers"]

Layer = Sequence[int]
"""Markings of one distance from the first one: a list, or an array of numpy."""


class Known:
    """The markings that have been found, layer by layer; what was collected becomes the next layer."""

    def __init__(self, layout: Layout, layers: Sequence[Layer]) -> None:
        self.layout = layout
        self.layers: list[Any] = list(layers)
        self.total = sum(map(len, layers))
        self._found: set[int] = {int(marking) for layer in layers for marking in layer}
        self._coming: set[int] = set()

    def among(self, test: Test, layer: Any) -> Any:
        """The markings of a layer that fulfil a condition."""
        return test.among(layer)

    def outside(self, test: Test, layer: Any) -> Any:
        """The markings of a layer that do not fulfil a condition."""
        return test.outside(layer)

    def union(self, layer: Any) -> int:
        """The bits that are set in some marking of a layer."""
        return reduce(or_, layer, 0)

    def fire(self, step: Step, enabled: Any) -> int:
        """Collects where a step leads from markings in which it is enabled.

        Returns:
            The bits of the fields that are too narrow for where it leads; where there are any, nothing is collected.
        """
        if self.layout.safe and (over := step.spill and self.union(enabled) & step.spill):
            return over
        after = self.after(step, enabled)
        if not self.layout.safe and (over := step.spill and self.union(after) & step.spill):
            return over
        self.collect(after)
        return 0

    def after(self, step: Step, enabled: Any) -> Any:
        """The marking after the step, for each of those in which it is enabled."""
        return step.after(enabled)

    def collect(self, markings: Any) -> None:
        """Takes markings for the next layer, those that are new."""
        self._coming.update(markings)

    def coming(self, room: int) -> int:
        """How many new markings have been collected: exactly where that is more than ``room``, or at least about."""
        if len(self._coming) > room:
            self._coming -= self._found
        return len(self._coming)

    def advance(self) -> Any:
        """The next layer: what is new among the markings that were collected."""
        self._coming -= self._found
        layer, self._coming = list(self._coming), set()
        self._found.update(layer)
        return self._keep(layer)

    def _keep(self, layer: Any) -> Any:
        self.total += len(layer)
        if len(layer):
            self.layers.append(layer)
        return layer

    def highest(self, layer: Any, highs: int) -> int:
        """The fields of ``highs``, raised to the most that a marking of the layer holds in each."""
        if self.layout.safe:
            return highs | self.union(layer)
        guards = self.layout.guards
        for marking in layer:
            if ((highs | guards) - marking) & guards != guards:
                both = zip(self.layout.decode(highs), self.layout.decode(marking), strict=True)
                highs = self.layout.encode(tuple(map(max, both)))
        return highs


def integers(layer: Iterable[Any]) -> list[int]:
    """The markings of a layer as integers of Python, in order."""
    return sorted(map(int, layer))
