"""Plan: needs that were found so far, and the situation as it would be with them."""

from __future__ import annotations

import attrs

from circuit_breaker.workflow.explain.need import Need
from circuit_breaker.workflow.explain.situation import Situation

__all__ = ["Plan"]


@attrs.frozen
class Plan:
    """Needs, and the situation after them.

    Attributes:
        situation: As it would be.
        needs: What was changed so far, in order.
        way: The ids of the transitions by which tokens that are lacking could come.
        brought: The ids of tokens that are not there yet.
        origin: The situation as it is.
    """

    situation: Situation
    needs: tuple[Need, ...] = ()
    way: tuple[str, ...] = ()
    brought: frozenset[str] = frozenset()
    origin: Situation = attrs.field(default=attrs.Factory(lambda self: self.situation, takes_self=True), repr=False)

    def plus(self, *needs: Need) -> Plan:
        """The plan with these needs as well."""
        plan = self
        for need in needs:
            after = need.supposed(plan.situation)
            new = {token.id for token in after.case.marking} - {token.id for token in plan.situation.case.marking}
            plan = attrs.evolve(plan, situation=after, needs=(*plan.needs, need), brought=plan.brought | new)
        return plan
