"""Models whose calls are paid from a purse: their worst is set aside before, and what they took is counted after."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Self

import attrs

from circuit_breaker.agents.heard import Heard, read_by
from circuit_breaker.agents.purse import NOTHING, Most, Purse, Reservation
from circuit_breaker.llm.loop.model import Answering
from circuit_breaker.llm.pricing import worst_case
from circuit_breaker.llm.provider import EventStream
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse, Loss
from circuit_breaker.llm.router.needs import answers_of, most_answer, shortened
from circuit_breaker.llm.stream import StreamEnded, StreamEvent, StreamFailed

__all__ = ["Metered", "Paying", "most_of"]


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
    """A model that is asked only while there is something in the purse, and for no more than that.

    Attributes:
        model: Who answers.
        purse: Who pays.
        lost: Told what was delivered of an answer that broke off or was given up, which is paid all the same.
    """

    model: Answering
    purse: Purse
    lost: Callable[[ChatCompletionResponse], object]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    async def complete(self, request: ChatCompletionRequest) -> ChatCompletionResponse:
        """The answer, whole.

        Raises:
            BudgetExceeded: All is taken.
        """
        reservation = await self._reservation(request)
        bounded = _bounded(request, reservation)
        try:
            response = await self.model.complete(bounded)
            self.pay(response)
        finally:
            reservation.give_back()
        return response if bounded is request else _told(response, bounded)

    @asynccontextmanager
    async def stream(self, request: ChatCompletionRequest) -> AsyncIterator[EventStream]:
        """The answer as it comes; one that is given up, or that nobody gets, is paid all the same.

        Raises:
            BudgetExceeded: All is taken.
        """
        reservation = await self._reservation(request)
        bounded = _bounded(request, reservation)
        watched = _Watched(self, bounded, cut=bounded is not request)
        try:
            async with self.model.stream(bounded) as watched.events:
                yield watched
            watched.kept = True
        finally:
            watched.end()
            reservation.give_back()

    def pay(self, response: ChatCompletionResponse) -> None:
        """Takes what an answer took from the purse."""
        self.purse.spend(response.usage.total_tokens, response.cost.dollars or Decimal(0))

    async def _reservation(self, request: ChatCompletionRequest) -> Reservation:
        return await self.purse.reserve(most_of(self.model, request)) if self.purse.limited else NOTHING


@attrs.define(eq=False)
class _Watched:
    """The events of a stream; what was delivered is paid, and what nobody got whole is told somebody.

    Attributes:
        meter: Who pays.
        request: What is asked.
        cut: Whether the answer had to be shorter.
        kept: Whether whoever asked got to the end.
    """

    meter: Metered
    request: ChatCompletionRequest
    cut: bool
    events: EventStream = attrs.field(init=False)
    kept: bool = False
    _answer: ChatCompletionResponse | None = None
    _heard: Heard = attrs.field(factory=Heard)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        event = await anext(self.events)
        self._heard.hear(event)
        if isinstance(event, StreamEnded):
            self._answer = event.response
            self.meter.pay(event.response)
            return StreamEnded(_told(event.response, self.request)) if self.cut else event
        if isinstance(event, StreamFailed):
            self._lose(event.partial)
        return event

    def end(self) -> None:
        """Pays what was delivered until now where no end has come, and tells of an end that did not get through."""
        if self._answer is None and self._heard.anything:
            self._lose(self._heard.partial(self.request, self.meter.model))
        elif self._answer is not None and not self.kept:
            self.meter.lost(self._answer)

    def _lose(self, partial: ChatCompletionResponse) -> None:
        self._answer, self.kept = partial, True
        self.meter.pay(partial)
        self.meter.lost(partial)


def most_of(model: Any, request: ChatCompletionRequest) -> Most:
    """The most that a call can take: what it reads, by estimate, and the longest answer that it may give."""
    profile = getattr(model, "profile", None)
    known = None if profile is None else profile(request.model)
    written = most_answer(request)
    if written is None and known is not None and known.max_output_tokens is not None:
        written = known.max_output_tokens * answers_of(request)
    price = known.price if known is not None else None
    read = read_by(request)
    each = None if price is None else price.of(read).output.scaleb(-6)
    if written is None:
        return Most(each=each)
    return Most(read + written, None if price is None else worst_case(read, written, price), written, each)


def _bounded(request: ChatCompletionRequest, reservation: Reservation) -> ChatCompletionRequest:
    """The request, with answers that are no longer than what is left where the worst does not fit."""
    if (longest := reservation.longest) is None:
        return request
    most = most_answer(request)
    return shortened(request, longest) if most is None or most > longest else request


def _told(response: ChatCompletionResponse, request: ChatCompletionRequest) -> ChatCompletionResponse:
    """The response, which tells that its answer had to be as short as this request says."""
    why = f"set to {request.max_tokens:,}, which is what was left of the budget of the execution"
    return attrs.evolve(response, losses=(*response.losses, Loss("max_tokens", "changed", why)))
