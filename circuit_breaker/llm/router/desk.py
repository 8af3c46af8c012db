"""The desk: takes a request with its plan from route to route until it is answered, and keeps what may be kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import attrs

from circuit_breaker.errors import LLMError
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.provider import Embeddings
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.router.batching import answered_together
from circuit_breaker.llm.router.cache import ResponseCache, fingerprint
from circuit_breaker.llm.router.config import LLMConfig
from circuit_breaker.llm.router.failover import Tour
from circuit_breaker.llm.router.hedging import delay_of, race, settled
from circuit_breaker.llm.router.planning import Planner
from circuit_breaker.llm.router.purse import Caller, Purse
from circuit_breaker.llm.router.relay import Relay
from circuit_breaker.llm.router.route import Attempt, Route
from circuit_breaker.llm.router.strategy import Rotation
from circuit_breaker.llm.router.trial import Call, NoPlace, Trial, at_provider

__all__ = ["Desk"]

T = TypeVar("T")


class Desk:
    """Has requests answered.

    Args:
        config: How often to try, whether to hedge, whether to keep answers.
        planner: Says whom to ask.
        rotation: Whose turn it is.
        purse: The budgets.
        now: The time in seconds, which never goes back.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        config: LLMConfig,
        *,
        planner: Planner,
        rotation: Rotation,
        purse: Purse,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._config = config
        self._planner = planner
        self._rotation = rotation
        self._purse = purse
        self._now = now
        self._sleep = sleep
        self._cache = ResponseCache(config.cache, now=now) if config.cache else None

    async def call(self, request: ChatCompletionRequest, caller: Caller, *, embeds: bool = False) -> Call:
        """The request on its way, once somebody can be asked; a short wait for that is waited.

        Raises:
            LLMError: Nobody can be asked, or the request is wrong.
        """
        plan = self._planner.plan(request, tenant=caller.tenant)
        if not plan.routes and (wait := plan.wait) is not None and wait <= self._config.failover.patience:
            await self._sleep(wait)
            plan = self._planner.plan(request, tenant=caller.tenant)
        if not plan.routes:
            raise plan.nobody()
        self._rotation.advance(request.model)
        return Call(plan, caller, self._purse, self._now, embeds=embeds)

    async def completion(self, request: ChatCompletionRequest, caller: Caller) -> ChatCompletionResponse:
        """The answer, kept or new.

        Raises:
            LLMError: It cannot be had.
        """
        call = await self.call(request, caller)
        return self.kept(call) or await self.answer(call)

    async def answer(self, call: Call) -> ChatCompletionResponse:
        """The answer of the first route that gives one.

        Raises:
            LLMError: None does.
        """
        response = await self._toured(call, self._answered)
        self._keep(call, response)
        return response

    def relay(self, call: Call) -> Relay:
        """The answer as it comes."""
        return Relay(
            call,
            Tour(call.plan, self._config.failover),
            hedging=self._config.hedging,
            sleep=self._sleep,
            done=partial(self._keep, call),
        )

    async def embedded(self, texts: Sequence[str], model: str, caller: Caller) -> Embeddings:
        """The texts as vectors.

        Raises:
            LLMError: They cannot be had.
        """
        request = ChatCompletionRequest(model=model, messages=[user(text) for text in texts])
        call = await self.call(request, caller, embeds=True)
        return await self._toured(call, partial(_embedded, texts))

    async def together(
        self, requests: Sequence[ChatCompletionRequest], caller: Caller
    ) -> list[ChatCompletionResponse | LLMError | None]:
        """The answers of a provider that takes several requests at once, if all go to the same; None for the others."""
        nothing: list[ChatCompletionResponse | LLMError | None] = [None] * len(requests)
        if self._cache is not None or len(requests) < 2:
            return nothing
        try:
            calls = [await self.call(request, caller) for request in requests]
        except LLMError:
            return nothing
        if len({id(call.plan.routes[0].lane) for call in calls}) > 1:
            return nothing
        return await answered_together(calls) or nothing

    def kept(self, call: Call) -> ChatCompletionResponse | None:
        """The answer that the first route gave before to exactly this request of this tenant, if it is kept."""
        if self._cache is None:
            return None
        route = call.plan.routes[0]
        if (kept := self._cache.find(_place(call, route.lane.name, route.model))) is None:
            return None
        asked = call.request.model
        cached = Attempt(
            number=1, provider=route.lane.name, model=route.model, key=route.lane.access.key, outcome="cached"
        )
        return attrs.evolve(kept, attempts=(cached,), requested_model=asked if asked != kept.model else "")

    def _keep(self, call: Call, response: ChatCompletionResponse) -> None:
        """Keeps an answer, for those who ask the same of whoever gave it."""
        if self._cache is not None:
            made = next(attempt for attempt in response.attempts if attempt.outcome == "answered")
            self._cache.keep(_place(call, made.provider, made.model), response)

    async def _toured(self, call: Call, ask: Callable[[Call, Tour, Route], Awaitable[T]]) -> T:
        """What the first route gives that can; see :class:`Tour`."""
        tour = Tour(call.plan, self._config.failover)
        while True:
            route, wait = tour.next()
            if wait:
                await self._sleep(wait)
            try:
                return await ask(call, tour, route)
            except NoPlace as full:
                tour.passed(full.error)
            except LLMError as error:
                tour.failed(route, error)

    async def _answered(self, call: Call, tour: Tour, route: Route) -> ChatCompletionResponse:
        """The answer of a route, or of one that is asked beside it because it takes long."""
        delay = delay_of(self._config.hedging, route, streamed=False)
        if delay is None or not tour.has_more:
            return await _completed(call, tour, route)
        async with asyncio.TaskGroup() as group:
            runners = await race(group, route, partial(_completed, call, tour), spare=tour.spare, delay=delay)
        response = settled(runners, tour)
        others = (attempt for attempt in call.attempts if attempt not in response.attempts)
        together = sorted((*others, *response.attempts), key=_number)
        return attrs.evolve(response, attempts=tuple(together))


def _number(attempt: Attempt) -> int:
    return attempt.number


def _place(call: Call, provider: str, model: str) -> str:
    """Where an answer lies in the cache."""
    return fingerprint(call.request, tenant=call.caller.tenant, provider=provider, model=model)


async def _completed(call: Call, tour: Tour, route: Route) -> ChatCompletionResponse:
    async with Trial(call, route, others=tour.has_more) as trial:
        with at_provider(trial):
            response = await route.lane.provider.complete(trial.request)
        return trial.answered(response)


async def _embedded(texts: Sequence[str], call: Call, tour: Tour, route: Route) -> Embeddings:
    async with Trial(call, route, others=tour.has_more) as trial:
        with at_provider(trial):
            found = await route.lane.provider.embed(texts, model=route.model)
        trial.spent(found.usage)
        return found
