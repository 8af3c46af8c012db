"""Budgets: what all executions of a case may take together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

import attrs

from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.numbers import is_amount, is_count, is_duration
from circuit_breaker.errors import AgentInvalid, BudgetExceeded, Fault
from circuit_breaker.llm.loop.limits import exact_dollars

__all__ = ["Budget"]


@attrs.frozen(kw_only=True)
class Budget:
    """What a composition may take; None where there is no limit. Beyond it no further execution is begun.

    What an execution has others do by its tools counts in dollars and tokens. Where nobody knows the price of what was
    taken, nothing further is begun under a limit of dollars.

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

    dollars: Decimal | None = attrs.field(default=None, converter=exact_dollars)
    tokens: int | None = None
    seconds: float | None = None
    executions: int | None = None

    def __attrs_post_init__(self) -> None:
        if faults := list(self._faults()):
            raise AgentInvalid("the budget is not valid", faults=faults)

    def _faults(self) -> Iterator[Fault]:
        judges = {"dollars": is_amount, "tokens": is_count, "seconds": is_duration, "executions": is_count}
        for name, fits in judges.items():
            if (value := getattr(self, name)) is not None and not fits(value):
                remedy = "give a whole number from 1" if fits is is_count else "give a number above 0, or None"
                yield Fault(name, f"{value!s:.40} is no limit", remedy)

    @property
    def is_spent_below(self) -> bool:
        """Whether what an execution has others do counts in it."""
        return self.tokens is not None or self.dollars is not None

    def to_document(self) -> dict[str, Any]:
        """The budget as JSON, without what has no limit."""
        document = {name: value for name, value in attrs.asdict(self).items() if value is not None}
        return document | ({"dollars": f"{self.dollars:f}"} if self.dollars is not None else {})

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The budget that :meth:`to_document` wrote."""
        return cls(**document)

    def check(
        self, name: str, executions: Iterable[AgentExecution], now: datetime, *, below: Iterable[AgentExecution] = ()
    ) -> None:
        """Nothing, when a further execution may begin.

        Args:
            name: Whose budget it is.
            executions: Those that have begun.
            now: The time.
            below: Those that they have wanted.

        Raises:
            BudgetExceeded: One of the limits is reached, or nobody knows whether it is.
        """
        begun = list(executions)
        taking = [*begun, *below]
        if self.dollars is not None and any(one.unpriced_calls for one in taking):
            raise BudgetExceeded(
                f"the budget of '{name}' is in dollars, and nobody knows what it has cost so far",
                remedy="set tokens in place of dollars, or give the provider a profile with the price of the model",
            )
        for what, limit, taken in self._limits(begun, taking, now):
            if limit is not None and taken >= limit:
                raise BudgetExceeded(
                    f"the budget of '{name}' is used up: {taken} of {limit} {what}",
                    remedy=f"give it more: Budget({what}=...)",
                )

    def _limits(
        self, begun: list[AgentExecution], taking: list[AgentExecution], now: datetime
    ) -> Iterable[tuple[str, Any, Any]]:
        first = min((one.created_at for one in begun), default=now)
        yield "executions", self.executions, len(begun)
        yield "tokens", self.tokens, sum(int(one.usage.get("total_tokens", 0)) for one in taking)
        yield "dollars", self.dollars, sum((one.dollars for one in taking), Decimal(0))
        yield "seconds", self.seconds, (now - first).total_seconds()
