"""Budgets: what all executions of a case may take together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

import attrs

from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.limits import AgentLimits
from circuit_breaker.errors import BudgetExceeded

__all__ = ["Budget"]


def _dollars(given: Any) -> Decimal | None:
    return AgentLimits(dollars=given).dollars


@attrs.frozen(kw_only=True)
class Budget:
    """What a composition may take; None where there is no limit. Beyond it no further execution is begun.

    An execution that has begun keeps to the limits of its own agent, and branches that begin at the same moment are
    judged alike. So more than the budget is taken at the most by what was under way when it was used up.

    Attributes:
        dollars: US dollars, as a number or as text.
        tokens: Of input and output together.
        seconds: From the first execution on.
        executions: How many executions.

    Raises:
        AgentInvalid: A limit is none; every fault is named.
    """

    dollars: Decimal | None = attrs.field(default=None, converter=_dollars)
    tokens: int | None = None
    seconds: float | None = None
    executions: int | None = None

    def __attrs_post_init__(self) -> None:
        AgentLimits(tokens=self.tokens, timeout=self.seconds, iterations=self.executions)

    def to_document(self) -> dict[str, Any]:
        """The budget as JSON, without what has no limit."""
        document = {name: value for name, value in attrs.asdict(self).items() if value is not None}
        return document | ({"dollars": f"{self.dollars:f}"} if self.dollars is not None else {})

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The budget that :meth:`to_document` wrote."""
        return cls(**document)

    def check(self, name: str, executions: Iterable[AgentExecution], now: datetime) -> None:
        """Nothing, when a further execution may begin.

        Args:
            name: Whose budget it is.
            executions: Those that have begun.
            now: The time.

        Raises:
            BudgetExceeded: One of the limits is reached.
        """
        begun = list(executions)
        for what, limit, taken in self._limits(begun, now):
            if limit is not None and taken >= limit:
                raise BudgetExceeded(
                    f"the budget of '{name}' is used up: {taken} of {limit} {what}",
                    remedy=f"give it more: Budget({what}=...)",
                )

    def _limits(self, begun: list[AgentExecution], now: datetime) -> Iterable[tuple[str, Any, Any]]:
        first = min((one.created_at for one in begun), default=now)
        yield "executions", self.executions, len(begun)
        yield "tokens", self.tokens, sum(int(one.usage.get("total_tokens", 0)) for one in begun)
        yield "dollars", self.dollars, sum((one.dollars for one in begun), Decimal(0))
        yield "seconds", self.seconds, (now - first).total_seconds()
