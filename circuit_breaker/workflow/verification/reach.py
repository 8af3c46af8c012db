"""Reach: how far cases were followed, and in which orders."""

from __future__ import annotations

from typing import Final

import attrs

from circuit_breaker.net.statespace import StateSpace, explore
from circuit_breaker.net.statespace.exploration import ENDLESS, Bounds
from circuit_breaker.workflow.verification.counterexample import Telling
from circuit_breaker.workflow.verification.findings import Finding
from circuit_breaker.workflow.verification.ground import Explored, InOrder, Ordered
from circuit_breaker.workflow.verification.independence import Independence
from circuit_breaker.workflow.verification.model import Model
from circuit_breaker.workflow.verification.soundness import unbounded_finding
from circuit_breaker.workflow.verification.walks import Walks

__all__ = ["LIMIT", "Reach"]

LIMIT: Final = 200_000
"""How many markings are found unless another limit is given."""
GLANCE = 10_000
"""How many markings are found before what is independent is left out of account."""
ORDERED: Final = 20_000
"""How many markings are looked at in the order in which things happen, where there seems to be no end to them."""
COUNTS: Final = 20_000_000
"""How many counts of places these may hold together."""
FEW = 8
"""With how many independent transitions it is hardly worth to leave them out of account."""


@attrs.frozen
class Reach:
    """What an exploration found.

    Attributes:
        markings: How many markings.
        edges: How many steps.
        walks: Where cases go; None where there is no end to them.
        endless: That there is no end to them.
        why: Why not everything was found, or an empty text.
        unbounded: The states without a bound.
        every: Whether everything was tried in every order that could matter to a finding.
        overtaken: The transitions of which the action was taken for one step where that is not exact, by id.
    """

    markings: int
    edges: int
    walks: Walks | None
    endless: Finding | None = None
    why: str = ""
    unbounded: frozenset[str] = frozenset()
    every: bool = True
    overtaken: frozenset[str] = frozenset()

    @property
    def whole(self) -> bool:
        """Whether everything was found that there is."""
        return self.walks is not None and self.walks.complete

    @classmethod
    def of(cls, model: Model, telling: Telling, bounds: Bounds, *, every: bool = True) -> Reach:
        """How far cases can be followed within some bounds.

        Args:
            model: The model.
            telling: What tells the ways through it.
            bounds: How far the search goes.
            every: Whether also those orders are to be tried that can only matter to a property.
        """
        limit = bounds.limit if every else min(bounds.limit, GLANCE)
        space = _explored(model, bounds, limit)
        if every or space.exploration.ending != "limit" or space.pumping is not None:
            return cls._of(model, telling, bounds, space)
        found = cls._in_some_order(model, bounds)
        return found or cls._of(model, telling, bounds, _explored(model, bounds, bounds.limit))

    @classmethod
    def _in_some_order(cls, model: Model, bounds: Bounds) -> Reach | None:
        """What is found where what is independent is tried in one order; None where that is little, or too much."""
        independence = Independence(model)
        if len(independence.labels) < FEW:
            return None
        ground = Ordered(model, independence.chosen, _most(model, bounds), bounds.enough)
        if not ground.complete or not independence.safe(map(ground.marking, range(ground.size))):
            return None
        found = cls._walked(model, ground, bounds, independence)
        return attrs.evolve(found, every=False)

    @classmethod
    def _of(cls, model: Model, telling: Telling, bounds: Bounds, space: StateSpace) -> Reach:
        """Everything; what there is no end to only as far as it is reached in the order in which things happen."""
        if space.complete:
            return cls._walked(model, Explored(model, space), bounds)
        pumping = space.pumping
        endless = None if pumping is None else unbounded_finding(
            telling, (pumping.prefix, pumping.cycle, pumping.grows)
        )  # fmt: skip
        states = frozenset(model.spots[place].state for place in space.unbounded)
        if endless is not None and endless.certain:
            return cls(space.markings, space.edges, None, endless, unbounded=states)
        order = InOrder(model)
        ordered = Ordered(model, order.chosen, _most(model, bounds), bounds.enough)
        if ordered.complete:
            return cls._walked(model, ordered, bounds, order=order)
        why = space.not_decided or "not decided: tokens may pile up without end"
        late = space.exploration.ending == "time"  # of that only the half is gone over, in time that nobody gave
        enough = ENDLESS if late else bounds.enough
        walks = None if endless is not None else Walks(model, Explored(model, space), enough=enough)
        overtaken = frozenset((order if walks is None else walks).overtaking.found)
        return cls(space.markings, space.edges, walks, endless, why, states, overtaken=overtaken)

    @classmethod
    def _walked(
        cls, model: Model, ground: Explored | Ordered, bounds: Bounds, order: InOrder | Independence | None = None
    ) -> Reach:
        """What is found where every marking is known."""
        walks = Walks(model, ground, order=order, enough=bounds.enough)
        late = f"not decided within the time given, of {ground.size:,} markings" if walks.late else ""
        overtaken = frozenset(walks.overtaking.found)
        return cls(ground.size, ground.edges, walks, why=late or model.doubt, overtaken=overtaken)


def _most(model: Model, bounds: Bounds) -> int:
    """How many markings are looked at in order: fewer of a large net, for each holds the count of every place."""
    return min(bounds.limit, ORDERED, COUNTS // max(len(model.net.places), 1))


def _explored(model: Model, bounds: Bounds, limit: int) -> StateSpace:
    return explore(model.net, model.start, limit=limit, enough=bounds.enough)
