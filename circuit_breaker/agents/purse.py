"""The purse of an execution: what it and all that it wants may take together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Self

import attrs

from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.store import AgentStore
from circuit_breaker.errors import BudgetExceeded
from circuit_breaker.llm.loop.model import Answering
from circuit_breaker.llm.provider import EventStream
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.stream import StreamEvent, StreamFailed

__all__ = ["Metered", "Paying", "Purse", "purse_of"]


@attrs.define(eq=False)
class Purse:
    """What may be taken, and what was; the purse above pays as well.

    Attributes:
        owner: The execution.
        tokens: The most tokens, or None.
        dollars: The most US dollars, or None.
        above: The purse of the execution that wants this one.
        spent: Tokens.
        paid: US dollars.
    """

    owner: str
    tokens: int | None = None
    dollars: Decimal | None = None
    above: Purse | None = None
    spent: int = 0
    paid: Decimal = Decimal(0)

    def spend(self, tokens: int, dollars: Decimal) -> None:
        """Notes what was taken, here and above."""
        self.spent += tokens
        self.paid += dollars
        if self.above is not None:
            self.above.spend(tokens, dollars)

    def check(self) -> None:
        """Nothing, when another call may be made.

        Raises:
            BudgetExceeded: All is taken, of this execution or of one that wants it.
        """
        if self.tokens is not None and self.spent >= self.tokens:
            raise self._empty(f"{self.spent} of {self.tokens} tokens")
        if self.dollars is not None and self.paid >= self.dollars:
            raise self._empty(f"${self.paid:f} of ${self.dollars:f}")
        if self.above is not None:
            self.above.check()

    def _empty(self, taken: str) -> BudgetExceeded:
        return BudgetExceeded(
            f"execution '{self.owner}' and those that it wants have taken {taken}",
            remedy="raise the limit of its agent",
        )


async def purse_of(
    store: AgentStore, definition: AgentDefinition, execution: AgentExecution, above: Purse | None
) -> Purse:
    """The purse of an execution as far as is written: what it has taken itself, and those that it wanted."""
    purse = Purse(execution.id, definition.limits.tokens, definition.limits.dollars, above)
    if execution.events > 1:
        async for below in _below(store, execution):
            _note(purse, below)
    _note(purse, execution)
    return purse


def _note(purse: Purse, execution: AgentExecution) -> None:
    purse.spent += int(execution.usage.get("total_tokens", 0))
    purse.paid += execution.dollars


async def _below(store: AgentStore, execution: AgentExecution) -> AsyncIterator[AgentExecution]:
    """All that the execution wanted, and what those wanted."""
    async for child in store.every(parent=execution.id):
        yield child
        async for below in _below(store, child):
            yield below


@attrs.frozen
class Paying:
    """A model that is asked beside the loop.

    Attributes:
        model: Who answers.
        paid: Told of each answer, which is to be noted.
    """

    model: Any
    paid: Callable[[ChatCompletionResponse], object]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    async def complete(self, request: ChatCompletionRequest) -> ChatCompletionResponse:
        """The answer, whole."""
        response: ChatCompletionResponse = await self.model.complete(request)
        self.paid(response)
        return response


@attrs.frozen
class Metered:
    """A model that is asked only while there is something in the purse.

    Attributes:
        model: Who answers.
        purse: Who pays.
        lost: Told what was delivered of an answer that broke off, which is paid all the same.
    """

    model: Answering
    purse: Purse
    lost: Callable[[ChatCompletionResponse], object]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    async def complete(self, request: ChatCompletionRequest) -> ChatCompletionResponse:
        """The answer, whole."""
        self.purse.check()
        return await self.model.complete(request)

    @asynccontextmanager
    async def stream(self, request: ChatCompletionRequest) -> AsyncIterator[EventStream]:
        """The answer as it comes."""
        self.purse.check()
        async with self.model.stream(request) as events:
            yield _Watched(events, self.lost)


@attrs.frozen
class _Watched:
    """The events of a stream; if it breaks off, somebody is told."""

    events: EventStream
    lost: Callable[[ChatCompletionResponse], object]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        event = await anext(self.events)
        if isinstance(event, StreamFailed):
            self.lost(event.partial)
        return event
