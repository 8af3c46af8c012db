"""The account of an execution: what all its calls of models have taken, over all rounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import attrs

from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.llm.documents import from_document
from circuit_breaker.llm.loop.outcome import usage_document
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.usage import NO_USAGE, Usage

__all__ = ["Account"]


@attrs.frozen
class Account:
    """What was taken.

    Attributes:
        usage: Tokens.
        dollars: US dollars.
        unpriced: How many calls have no known price.
    """

    usage: Usage = NO_USAGE
    dollars: Decimal = Decimal(0)
    unpriced: int = 0

    def __add__(self, other: Account) -> Account:
        return Account(self.usage + other.usage, self.dollars + other.dollars, self.unpriced + other.unpriced)

    @classmethod
    def of_response(cls, response: ChatCompletionResponse) -> Account:
        """What one answer took."""
        dollars = response.cost.dollars
        return cls(response.usage, dollars or Decimal(0), int(dollars is None))

    @classmethod
    def of_steps(cls, steps: Mapping[str, Any]) -> Account:
        """What the answers took that are among finished steps."""
        answers = (value for name, value in steps.items() if name.endswith("/model"))
        return cls.total(cls.of_response(from_document(value, ChatCompletionResponse)) for value in answers)

    @classmethod
    def of_execution(cls, execution: AgentExecution) -> Account:
        """What an execution has taken as far as it knows."""
        return cls(_usage(execution.usage), execution.dollars, execution.unpriced_calls)

    @classmethod
    def total(cls, accounts: Iterable[Account]) -> Account:
        """All of them together."""
        return sum(accounts, cls())

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Account:
        """What :meth:`document` wrote; nothing for an empty one."""
        if not document:
            return cls()
        return cls(
            _usage(document.get("usage", {})),
            Decimal(document.get("dollars", "0")),
            int(document.get("unpriced_calls", 0)),
        )

    def document(self) -> dict[str, Any]:
        """What was taken as JSON."""
        return {
            "usage": usage_document(self.usage),
            "dollars": f"{self.dollars:f}",
            "unpriced_calls": self.unpriced,
        }

    def entered(self, execution: AgentExecution) -> AgentExecution:
        """The execution that has taken this."""
        usage = usage_document(self.usage)
        return attrs.evolve(execution, usage=usage, dollars=self.dollars, unpriced_calls=self.unpriced)


def _usage(document: Mapping[str, Any]) -> Usage:
    known = attrs.fields_dict(Usage)
    return Usage(**{name: value for name, value in document.items() if name in known})
