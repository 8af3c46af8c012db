"""Exploration: every marking that a net can reach, breadth first, a whole layer at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any, Literal

import attrs

from circuit_breaker.lazy import deferred
from circuit_breaker.net.statespace.compact import Layout, Step
from circuit_breaker.net.statespace.known import Known
from circuit_breaker.net.statespace.moves import Counts, Moves
from circuit_breaker.net.statespace.where import Where

__all__ = ["ENDLESS", "Bounds", "Ending", "Exploration", "Spill"]

Ending = Literal["complete", "found", "limit", "time", "size", "spilled"]
"""How an exploration ended: with everything, with what was looked for, or before."""

WIDE = 256
"""The width of a layer from which on it is worth to go on with arrays."""
_LARGEST = 400_000_000
"""The most bits of a marking times transitions: beyond that the steps alone would fill the memory."""
_NARROW = 2048
"""Up to this width a layer is not asked whether there is still time after every step."""


def ENDLESS(_: int) -> bool:  # noqa: N802 - a constant that is called
    """Never enough."""
    return False


@attrs.frozen
class Bounds:
    """How far an exploration may go.

    Attributes:
        limit: The most markings to find.
        enough: Asked now and then, with the number of markings found so far, whether to stop; for a limit of time.
        until: What is looked for: the exploration ends with the layer in which such a marking is found.
        arrays: Whether numpy is used where it is installed.
    """

    limit: int = 1_000_000
    enough: Callable[[int], bool] = ENDLESS
    until: Where | None = None
    arrays: bool = True


@attrs.frozen
class Spill:
    """Fields that turned out too narrow.

    Attributes:
        over: The bits of their places.
        before: A marking in which a step would fill them.
        step: That step.
    """

    over: int
    before: int
    step: int


class Exploration:
    """One run through the reachable markings in one layout, and what was counted on the way."""

    def __init__(self, moves: Moves, layout: Layout, bounds: Bounds) -> None:
        self.moves, self.layout, self.bounds = moves, layout, bounds
        self.ending: Ending = "size" if layout.width * len(moves.moves) > _LARGEST else "complete"
        steps = enumerate(moves.moves if self.ending == "complete" else ())
        self.steps: list[Step] = [layout.step(number, move) for number, move in steps]
        self.known = Known(layout, [[layout.encode(moves.initial)]])
        self.arrays = _arrays() if bounds.arrays and layout.width <= 64 else None
        self.fired = [0] * len(moves.moves)
        self.highs = 0
        self.stuck: list[Any] = []
        self.spill: Spill | None = None
        until = bounds.until
        self._sought = until.test(layout, moves) if until else None

    def run(self) -> Exploration:
        """The exploration itself, when it has ended."""
        layer: Any = self.known.layers[0] if self.ending == "complete" else ()
        while len(layer):
            self.highs = self.known.highest(layer, self.highs)
            rest = self._through(layer)
            if self.ending != "complete":
                return self
            if len(rest):
                self.stuck.append(rest)
            if self._found(layer, rest):
                self.ending = "found"
                return self
            layer = self._advance()
        return self

    def _through(self, layer: Any) -> Any:
        """Takes every step from a layer, and gives the markings from which none can be taken."""
        rest, asked = layer, len(layer) > _NARROW
        for step in self._possible(layer):
            enabled = self.known.among(step.test, layer)
            if not len(enabled):
                continue
            if over := self.known.fire(step, enabled):
                return self._spilled(over, step, enabled)
            self.fired[step.number] += len(enabled)
            rest = self.known.outside(step.test, rest) if len(rest) else rest
            if asked and self._over():
                return rest
        self._over()
        return rest

    def _possible(self, layer: Any) -> Iterator[Step]:
        present = self.known.union(layer)
        return (step for step in self.steps if not step.key or step.key & present)

    def _spilled(self, over: int, step: Step, enabled: Any) -> Any:
        self.ending = "spilled"
        safe = self.layout.safe
        for marking in map(int, enabled):
            (after,) = step.after([marking])
            if (marking if safe else after) & over:
                self.spill = Spill(over, marking, step.number)
                break
        return ()

    def _over(self) -> bool:
        """Whether a limit is reached; then the exploration has ended."""
        room = self.bounds.limit - self.known.total
        if self.known.coming(room) > room:
            self.ending = "limit"
        elif self.bounds.enough(self.known.total):
            self.ending = "time"
        return self.ending != "complete"

    def _found(self, layer: Any, rest: Any) -> bool:
        if self.bounds.until is None or self._sought is None:
            return False
        stuck = self.bounds.until.stuck
        found = len(self.known.among(self._sought, rest if stuck else layer))
        return found > (len(self.known.among(self._sought, rest)) if stuck is False else 0)

    def _advance(self) -> Any:
        layer = self.known.advance()
        if len(layer) < WIDE or not self.arrays:
            return layer
        self.known, self.arrays = self.arrays(self.layout, self.known.layers), None
        return self.known.layers[-1]

    @property
    def found(self) -> bool:
        """Whether it ended because what was looked for was found."""
        return self.ending == "found"

    @property
    def edges(self) -> int:
        """How many pairs of a marking and a transition that is enabled in it have been met."""
        return sum(self.fired)

    def path(self, marking: int, depth: int) -> list[tuple[int, int]]:
        """A shortest way from the first marking to one of the layer ``depth``: (step, marking after it) in order.

        Nothing was remembered for it: one walks back from layer to layer.
        """
        way: list[tuple[int, int]] = []
        for layer in reversed(self.known.layers[:depth]):
            step, before = self._before(marking, layer)
            way.append((step, marking))
            marking = before
        return way[::-1]

    def _before(self, marking: int, layer: Any) -> tuple[int, int]:
        held: frozenset[int] = frozenset(layer if isinstance(layer, list) else layer.tolist())
        for step in self.steps:
            if step.keep is None:
                before = marking - step.delta
                if before in held and step.test.holds(before):
                    return step.number, before
        for step in self.steps:
            if step.keep is not None:
                enabled = step.test.among(sorted(held))
                after = step.after(enabled)
                if marking in after:
                    return step.number, enabled[after.index(marking)]
        raise LookupError("the marking does not follow from this layer")

    def depth_of(self, marking: int) -> int:
        """The number of steps after which a marking was first reached.

        Raises:
            LookupError: It was not reached.
        """
        for depth, layer in enumerate(self.known.layers):
            if marking in layer:
                return depth
        raise LookupError("the marking was not reached")

    def counts_along(self, way: Sequence[tuple[int, int]]) -> list[Counts]:
        """The markings of a way, the first one included."""
        return [self.moves.initial, *(self.layout.decode(marking) for _, marking in way)]


def _arrays() -> Callable[..., Known] | None:
    """What makes known markings in arrays, where numpy is installed; it is loaded when a layer is wide."""
    return deferred("circuit_breaker.net.statespace.arrays", "Arrays") if find_spec("numpy") else None
