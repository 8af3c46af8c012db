"""The relay: one stream to the caller, whoever provides it. It fails over silently until the first content."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from itertools import count
from typing import Any, Self

import attrs

from circuit_breaker.errors import CircuitBreakerError, LLMError
from circuit_breaker.llm.members import gather
from circuit_breaker.llm.messages import assistant, user
from circuit_breaker.llm.parts import EXTRA, Text, Thinking, ToolCall
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse, Choice, Loss
from circuit_breaker.llm.router.config import Hedging
from circuit_breaker.llm.router.failover import Tour
from circuit_breaker.llm.router.hedging import Pump, delay_of, race, settled
from circuit_breaker.llm.router.route import Route
from circuit_breaker.llm.router.trial import Call, NoPlace, Trial
from circuit_breaker.llm.router.upstream import Upstream
from circuit_breaker.llm.stream import (
    StreamContinued,
    StreamEnded,
    StreamEvent,
    StreamFailed,
    StreamStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnded,
)
from circuit_breaker.llm.usage import Cost

__all__ = ["Relay", "Replay"]

GO_ON = "Your answer was cut off there. Go on exactly where it stops, and repeat nothing of it."


class Replay:
    """A response that is there already, as a stream.

    Args:
        events: Its events.
    """

    def __init__(self, *events: StreamEvent) -> None:
        self._events = iter(events)

    @classmethod
    def of(cls, response: ChatCompletionResponse) -> Replay:
        """The stream that gives a response, with each part of it as one delta."""
        started = StreamStarted(id=response.id, model=response.model, provider=response.provider)
        deltas = (event for choice in response.choices for event in _deltas(choice))
        return cls(started, *deltas, StreamEnded(response))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        """The next event."""
        for event in self._events:
            return event
        raise StopAsyncIteration


def _deltas(choice: Choice) -> Iterator[StreamEvent]:
    calls = count()
    for part in choice.message.parts:
        if isinstance(part, Text):
            yield TextDelta(text=part.text, index=choice.index)
        elif isinstance(part, Thinking) and part.text:
            yield ThinkingDelta(text=part.text, index=choice.index)
        elif isinstance(part, ToolCall):
            told: dict[str, Any] = {"call": next(calls), "id": part.id, "name": part.name, "arguments": part.arguments}
            yield ToolCallDelta(**told, index=choice.index)
            yield ToolCallEnded(**told, index=choice.index)


class Relay:
    """The events of one request, as an async context manager; see :mod:`circuit_breaker.llm.stream`.

    Entering it waits for the first content, and raises what stands in the way of that. Leaving it stops the call at the
    vendor's and settles what it cost.

    Args:
        call: The request on its way.
        tour: Whom to ask.
        hedging: Whether a second provider is asked when the first is slow.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        call: Call,
        tour: Tour,
        *,
        hedging: Hedging | None,
        sleep: Callable[[float], Awaitable[None]],
        done: Callable[[ChatCompletionResponse], None] = lambda _: None,
    ) -> None:
        self._call = call
        self._tour = tour
        self._hedging = hedging
        self._sleep = sleep
        self._done = done
        self._group: asyncio.TaskGroup | None = None
        self._source: Upstream | Pump | None = None
        self._before: ChatCompletionResponse | None = None
        self._over = False

    async def __aenter__(self) -> Self:
        if self._hedging is not None:
            self._group = await asyncio.TaskGroup().__aenter__()
        try:
            self._source = await self._open(self._call.request)
        except BaseException:
            await self._leave_group()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._over = True
        try:
            if self._source is not None:
                await self._source.close()
        finally:
            await self._leave_group()

    async def _leave_group(self) -> None:
        if self._group is not None:
            group, self._group = self._group, None
            await group.__aexit__(None, None, None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        """The next event."""
        if self._over or self._source is None:
            raise StopAsyncIteration
        event = await self._source.pull()
        if isinstance(event, StreamEnded):
            return await self._ended(event)
        if isinstance(event, StreamFailed):
            return await self._failed(event)
        if isinstance(event, StreamStarted) and self._before is not None:
            return await self.__anext__()  # the stream has started once already
        return event

    async def _ended(self, event: StreamEnded) -> StreamEnded:
        response = event.response
        if self._before is not None:
            response = _joined(self._before, response)
        else:
            self._done(response)
        await self._close()
        return StreamEnded(response)

    async def _failed(self, event: StreamFailed) -> StreamEvent:
        source = self._source
        await self._close()
        partial = event.partial if self._before is None else _joined(self._before, event.partial)
        partial = attrs.evolve(partial, attempts=tuple(self._call.attempts))
        may = source is not None and not source.trial.calls_tools and self._continuable(partial)
        going_on = await self._continued(event.error, partial, source) if may else None
        return going_on or StreamFailed(event.error, partial)

    async def _close(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            await source.close()

    def _continuable(self, partial: ChatCompletionResponse) -> bool:
        """Whether another model may go on: the caller allows it, and there is nothing but text to go on with."""
        request = self._call.request
        plain = request.response_format is None or request.response_format.kind == "text"
        texts = [part for part in partial.message.parts if isinstance(part, Text)]
        return request.circuit_breaker.continuation and plain and request.n == 1 and bool(texts)

    async def _continued(
        self, error: CircuitBreakerError, partial: ChatCompletionResponse, source: Upstream | Pump | None
    ) -> StreamContinued | None:
        """Lets another model go on, and says so; None where nobody can."""
        if source is None or not isinstance(error, LLMError):
            return None
        self._tour.failed(source.trial.route, error)
        request = self._call.request
        onward = attrs.evolve(request, messages=(*request.messages, assistant(partial.content), user(GO_ON)))
        try:
            self._source = await self._open(onward)
        except LLMError:
            return None
        route = self._source.trial.route
        first = f"{source.trial.route.lane.name}/{source.trial.route.model}"
        what = f"answer[{len(partial.content)}:]"
        loss = Loss(what, "changed", f"{first} broke off ({error.code}); {route.label} wrote the rest")
        self._before = attrs.evolve(partial, losses=(*partial.losses, loss))
        return StreamContinued(provider=route.lane.name, model=route.model, error=error)

    async def _open(self, request: ChatCompletionRequest) -> Upstream | Pump:
        while True:
            route, wait = self._tour.next()
            if wait:
                await self._sleep(wait)
            try:
                return await self._opened(route, request)
            except NoPlace as full:
                self._tour.passed(full.error)
            except LLMError as error:
                self._tour.failed(route, error)

    async def _opened(self, route: Route, request: ChatCompletionRequest) -> Upstream | Pump:
        delay = delay_of(self._hedging, route, streamed=True)
        if delay is None or self._group is None or not self._tour.has_more:
            upstream = Upstream(Trial(self._call, route, request=request))
            await upstream.open()
            return upstream
        return await self._raced(route, request, self._group, delay)

    async def _raced(
        self, route: Route, request: ChatCompletionRequest, group: asyncio.TaskGroup, delay: float
    ) -> Pump:
        async def opened(route: Route) -> Pump:
            pump = Pump(Upstream(Trial(self._call, route, request=request)))
            await pump.open(group)
            return pump

        runners = await race(group, route, opened, spare=self._tour.spare, delay=delay)
        pump = settled(runners, self._tour)
        for runner in runners:
            if runner.result is not None and runner.result is not pump:
                await runner.result.close()
        return pump


def _joined(before: ChatCompletionResponse, after: ChatCompletionResponse) -> ChatCompletionResponse:
    """The response that two models wrote, one after the other."""
    message = before.message.plus(*after.message.parts)
    texts = "".join(part.text for part in message.parts if isinstance(part, Text))
    others = tuple(part for part in message.parts if not isinstance(part, Text))
    choice = attrs.evolve(
        after.choices[0],
        message=attrs.evolve(message, parts=(*others, Text(texts))),
        extra=_united(before.choices[0].extra, after.choices[0].extra),
    )
    return attrs.evolve(
        after,
        id=before.id or after.id,
        choices=(choice,),
        usage=before.usage + after.usage,
        cost=_together(before.cost, after.cost),
        losses=tuple(dict.fromkeys((*before.losses, *after.losses))),
        extra=_united(before.extra, after.extra),
    )


def _united(*extras: Mapping[str, Any]) -> Mapping[str, Any]:
    """The members of several pieces, put together."""
    kept: dict[str, Any] = {}
    for extra in extras:
        gather(kept, extra)
    return kept or EXTRA


def _together(one: Cost, other: Cost) -> Cost:
    if one.dollars is None or other.dollars is None:
        return Cost()
    return Cost(one.dollars + other.dollars, other.source)
