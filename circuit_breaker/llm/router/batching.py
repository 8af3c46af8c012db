"""Batching: texts to be embedded that come at about the same time go to the provider together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol, runtime_checkable

import attrs

from circuit_breaker.errors import CircuitBreakerError, LLMError, ResponseInvalid
from circuit_breaker.llm.provider import Embeddings
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.router.config import Batching
from circuit_breaker.llm.router.trial import Call, NoPlace, Trial, at_provider
from circuit_breaker.llm.usage import Usage

__all__ = ["BatchProvider", "Batcher", "answered_together"]

Embed = Callable[[Sequence[str]], Awaitable[Embeddings]]


@runtime_checkable
class BatchProvider(Protocol):
    """A provider that takes several requests in one call of its own."""

    async def complete_many(
        self, requests: Sequence[ChatCompletionRequest]
    ) -> Sequence[ChatCompletionResponse | LLMError]:
        """The answers in the order of the requests; an error in the place of one that failed.

        Raises:
            LLMError: None of them can be had.
        """
        ...


async def answered_together(calls: Sequence[Call]) -> list[ChatCompletionResponse | LLMError | None] | None:
    """The answers to calls whose first route is on the same lane, made in one call of the provider.

    Returns:
        An answer, an error, or None for one that could not be asked now, in the order of the calls; None where the
        provider takes one request at a time, limits how many it takes at once, or could not be asked at all.
    """
    lane = calls[0].plan.routes[0].lane
    if not isinstance(lane.provider, BatchProvider) or lane.access.max_concurrent is not None:
        return None
    trials = [await _entered(Trial(call, call.plan.routes[0])) for call in calls]
    asked = [trial for trial in trials if isinstance(trial, Trial)]
    if not asked:
        return None
    try:
        with at_provider(asked[0]):
            found = await _all_answers(lane.provider, [trial.request for trial in asked])
    except BaseException as error:
        for trial in asked:
            await trial.__aexit__(type(error), error, None)
        if isinstance(error, LLMError):
            return None
        raise
    answers = {id(trial): await _left(trial, answer) for trial, answer in zip(asked, found, strict=True)}
    return [answers[id(trial)] if isinstance(trial, Trial) else trial for trial in trials]


async def _all_answers(
    provider: BatchProvider, requests: Sequence[ChatCompletionRequest]
) -> Sequence[ChatCompletionResponse | LLMError]:
    found = await provider.complete_many(requests)
    if len(found) != len(requests):
        raise ResponseInvalid(f"{len(found)} answers came for {len(requests)} requests")
    return found


async def _entered(trial: Trial) -> Trial | LLMError | None:
    """The trial, entered; or why it could not be."""
    try:
        return await trial.__aenter__()
    except NoPlace:
        return None
    except LLMError as error:
        return error


async def _left(trial: Trial, answer: ChatCompletionResponse | LLMError) -> ChatCompletionResponse | LLMError:
    """The answer, settled."""
    if isinstance(answer, LLMError):
        await trial.__aexit__(type(answer), answer, None)
        return answer
    told = trial.answered(answer)
    await trial.__aexit__(None, None, None)
    return told


@attrs.define(eq=False)
class _Order:
    texts: tuple[str, ...]
    ready: asyncio.Future[Embeddings]


class Batcher:
    """Puts texts together that are to be embedded by the same model for the same caller.

    Args:
        policy: For how long to wait for others, and how many texts go together.
        group: Owns the calls.
        embed: Embeds several texts.
    """

    def __init__(self, policy: Batching, group: asyncio.TaskGroup, embed: Embed) -> None:
        self._policy = policy
        self._group = group
        self._embed = embed
        self._waiting: list[_Order] = []
        self._full = asyncio.Event()
        self._gathering = False

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """The texts as vectors, with their share of the usage.

        Raises:
            LLMError: They cannot be had.
        """
        order = _Order(tuple(texts), asyncio.get_running_loop().create_future())
        self._waiting.append(order)
        if not self._gathering:
            self._gathering = True
            self._group.create_task(self._gather())
        if sum(len(other.texts) for other in self._waiting) >= self._policy.most:
            self._full.set()
        return await order.ready

    def close(self) -> None:
        """Ends the waiting of those who still wait for others."""
        for order in self._waiting:
            order.ready.cancel()

    async def _gather(self) -> None:
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), self._policy.wait)
        finally:
            self._full.clear()
            self._gathering = False
        orders, self._waiting = self._waiting, []
        await self._serve([order for order in orders if not order.ready.done()])

    async def _serve(self, orders: list[_Order]) -> None:
        if not orders:
            return
        texts = [text for order in orders for text in order.texts]
        try:
            found = await self._embed(texts)
            if len(found.vectors) != len(texts):
                raise ResponseInvalid(f"{len(found.vectors)} vectors came for {len(texts)} texts", model=found.model)
        except CircuitBreakerError as error:
            for order in orders:
                if not order.ready.done():
                    order.ready.set_exception(error)
            return
        except asyncio.CancelledError:
            for order in orders:
                order.ready.cancel()
            raise
        _hand_out(orders, found)


def _hand_out(orders: list[_Order], found: Embeddings) -> None:
    start = 0
    for order in orders:
        end = start + len(order.texts)
        if not order.ready.done():
            share = _share(found.usage, len(order.texts), len(found.vectors))
            order.ready.set_result(attrs.evolve(found, vectors=found.vectors[start:end], usage=share))
        start = end


def _share(usage: Usage, part: int, whole: int) -> Usage:
    """The usage of some of the texts, by their number: the vendor tells that of all together."""
    if part == whole:
        return usage
    return Usage(input_tokens=-(-usage.input_tokens * part // whole), estimated=True)
