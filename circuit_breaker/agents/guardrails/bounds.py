"""Bounds: what one execution may take at the most, whatever the definition of its agent allows."""

from __future__ import annotations

from decimal import Decimal

import attrs

from circuit_breaker.agents.numbers import is_count
from circuit_breaker.errors import AgentInvalid, Fault
from circuit_breaker.executors.models.settings import ModelSettings
from circuit_breaker.llm.loop.limits import LoopLimits

__all__ = ["Bounds"]


@attrs.frozen(kw_only=True)
class Bounds:
    """Narrows the limits of an agent; None where there is no bound.

    Attributes:
        depth: How many executions it may be the innermost of; what it wants in turn keeps to the limits of its agents.
        iterations: How often the model is asked.
        tokens: Of input and output together, of all that it wants as well.
        dollars: US dollars, in the same way.

    Raises:
        AgentInvalid: The depth is none.
        DefinitionError: Another bound is none; every fault is named.
    """

    depth: int | None = None
    iterations: int | None = None
    tokens: int | None = None
    dollars: Decimal | float | str | None = None
    _most: ModelSettings = attrs.field(init=False, repr=False, eq=False)

    @_most.default
    def _as_settings(self) -> ModelSettings:
        if self.depth is not None and not is_count(self.depth):
            fault = Fault("depth", f"{self.depth!r:.40} is no depth", "give a whole number from 1")
            raise AgentInvalid("the bounds are not valid", faults=[fault])
        return ModelSettings(most=LoopLimits(iterations=self.iterations, tokens=self.tokens, dollars=self.dollars))

    def narrowed(self, limits: LoopLimits) -> LoopLimits:
        """The limits, no wider than the bounds."""
        return self._most.limited(limits)

    def exceeded(self, depth: int) -> str:
        """What is wrong with an execution at that depth; empty where nothing is."""
        if self.depth is None or depth < self.depth:
            return ""
        return f"it is inside of {depth} others, and {self.depth} at the most may want one another"
