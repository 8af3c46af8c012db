"""Arrays: known markings in sorted arrays of numpy, so that a whole layer takes each step at once.

New markings are told from old ones by sorting, as in Stern and Dill's delayed duplicate detection (1998). The old ones
lie in runs of which each is at least twice as long as the next, so that a long chain of thin layers costs no more than
a few wide ones. Thin layers are lists, for which plain Python is quicker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from circuit_breaker.net.statespace.compact import Layout, Step, Test
from circuit_breaker.net.statespace.known import Known, Layer

__all__ = ["THIN", "Arrays"]

THIN = 192
"""The width of a layer from which on an array is quicker than a list."""
HELD = 1 << 21
"""How many collected markings are held before those that came twice are dropped."""
_WORD = (1 << 64) - 1


def _word(value: int) -> np.uint64:
    return np.uint64(value & _WORD)


class Arrays(Known):
    """Known markings of at most 64 bits."""

    def __init__(self, layout: Layout, layers: Sequence[Layer]) -> None:
        super().__init__(layout, ())
        self.layers = [_layer(_sorted(layer)) for layer in layers]
        self.total = sum(map(len, layers))
        self._runs = [_sorted([int(marking) for layer in layers for marking in layer])]
        self._parts: list[Any] = []
        self._held = 0

    def among(self, test: Test, layer: Any) -> Any:
        """The markings of a layer that fulfil a condition."""
        if isinstance(layer, list):
            return test.among(layer)
        found = layer[_holds(test, layer)]
        return found if test.also is None else _sorted(list(filter(test.also, found.tolist())))

    def outside(self, test: Test, layer: Any) -> Any:
        """The markings of a layer that do not fulfil a condition."""
        if isinstance(layer, list):
            return test.outside(layer)
        return layer[~np.isin(layer, self.among(test, layer))] if test.also else layer[~_holds(test, layer)]

    def union(self, layer: Any) -> int:
        """The bits that are set in some marking of a layer."""
        return super().union(layer) if isinstance(layer, list) else int(np.bitwise_or.reduce(layer))

    def after(self, step: Step, enabled: Any) -> Any:
        """The marking after the step, for each of those in which it is enabled."""
        if isinstance(enabled, list):
            return step.after(enabled)
        if step.keep is None:
            return enabled + _word(step.delta)
        return ((enabled - _word(step.take)) & _word(step.keep)) + _word(step.give)

    def collect(self, markings: Any) -> None:
        """Takes markings for the next layer, those that are new."""
        self._parts.append(np.array(markings, dtype=np.uint64))
        self._held += len(markings)
        if self._held > HELD:
            self._gather()
            self._held = 0

    def coming(self, room: int) -> int:
        """How many new markings have been collected: exactly where that is more than ``room``, or at least about."""
        held = sum(map(len, self._parts))
        return len(self._gather()) if held > room else held

    def advance(self) -> Any:
        """The next layer: what is new among the markings that were collected."""
        fresh = self._gather()
        self._parts, self._held = [], 0
        if not len(fresh):
            return []
        self._runs.append(fresh)
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            merged = np.concatenate((self._runs.pop(), self._runs.pop()))
            merged.sort(kind="stable")
            self._runs.append(merged)
        return self._keep(_layer(fresh))

    def highest(self, layer: Any, highs: int) -> int:
        """The fields of ``highs``, raised to the most that a marking of the layer holds in each."""
        if self.layout.safe or isinstance(layer, list):
            return super().highest(layer, highs)
        raised = 0
        for mask in map(self.layout.mask, range(len(self.layout.bits))):
            raised |= max(highs & mask, int((layer & _word(mask)).max()))
        return raised

    def _gather(self) -> Any:
        """What is new among the collected markings, each once and in order; kept instead of what was collected."""
        fresh = _once(np.concatenate(self._parts)) if self._parts else np.empty(0, dtype=np.uint64)
        for run in self._runs:
            places = np.searchsorted(run, fresh)
            places[places == len(run)] = 0
            fresh = fresh[run[places] != fresh]
        self._parts = [fresh]
        return fresh


def _holds(test: Test, layer: Any) -> Any:
    held: Any = True
    for lift, less, mask, want in test.clauses:
        lifted = (layer | _word(lift)) - _word(less) if lift else layer
        held = ((lifted & _word(mask)) == _word(want)) & held
    return held


def _sorted(markings: Any) -> Any:
    return np.sort(np.array(markings, dtype=np.uint64))


def _layer(markings: Any) -> Any:
    return markings.tolist() if len(markings) < THIN else markings


def _once(markings: Any) -> Any:
    markings.sort()
    first = np.empty(len(markings), dtype=bool)
    first[:1] = True
    np.not_equal(markings[1:], markings[:-1], out=first[1:])
    return markings[first]
