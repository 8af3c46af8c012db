"""What the router adds to a call: beside the same provider called directly, in the same run."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Self

from benchmarks.registry import benchmark
from circuit_breaker.llm import (
    Access,
    Budget,
    ChatCompletionRequest,
    ChatCompletionResponse,
    Choice,
    Embeddings,
    Failover,
    LLMConfig,
    LLMRouter,
    ModelProfile,
    Price,
    ProviderHealth,
    StreamEnded,
    StreamEvent,
    StreamStarted,
    TextDelta,
    Usage,
    assistant,
    user,
)

CALLS = 2_000
STREAMS = 1_000
CHUNKS = 200
REQUEST = ChatCompletionRequest(model="m", messages=[user("How are you?")], max_tokens=100)
PROFILE = ModelProfile(
    capabilities={"streaming", "system", "tools"},
    price=Price(input=Decimal(1), output=Decimal(2)),
    context_tokens=8_000,
)
ANSWER = ChatCompletionResponse(
    id="1", model="m", choices=(Choice(message=assistant("Well.")),), usage=Usage(input_tokens=9, output_tokens=3)
)
EVENTS: tuple[StreamEvent, ...] = (
    StreamStarted(id="1", model="m"),
    *(TextDelta(text="word ") for _ in range(CHUNKS)),
    StreamEnded(ANSWER),
)


class Instant:
    """A provider that answers at once, so that only the way to it is measured.

    Args:
        name: What it is called.
        turns: Whether a stream lets others have a turn between two pieces.
    """

    kind = "instant"

    def __init__(self, name: str, *, turns: bool = False) -> None:
        self.name = name
        self._turns = turns

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

    async def complete(self, request: ChatCompletionRequest) -> ChatCompletionResponse:
        """The answer."""
        del request
        return ANSWER

    @asynccontextmanager
    async def stream(self, request: ChatCompletionRequest) -> AsyncIterator[Any]:
        """The answer in pieces."""
        del request
        yield self._events()

    async def _events(self) -> AsyncIterator[StreamEvent]:
        for event in EVENTS:
            if self._turns:
                await asyncio.sleep(0)
            yield event

    async def embed(self, texts: Sequence[str], *, model: str) -> Embeddings:
        """Nothing."""
        del texts
        return Embeddings(model=model, vectors=())

    async def models(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    async def health(self) -> ProviderHealth:
        """It is well."""
        return ProviderHealth(name=self.name, status="healthy")

    def profile(self, model: str) -> ModelProfile:
        """The same for every model."""
        del model
        return PROFILE


def _router(*, budgets: Sequence[Budget] = (), turns: bool = False) -> LLMRouter:
    """Three providers, with failover to a fourth model."""
    providers = [Access(Instant(name, turns=turns), models=("m",)) for name in "abc"]
    return LLMRouter(LLMConfig(providers=providers, failover=Failover(order=("b/n",)), budgets=budgets))


async def _added(call: Callable[[], Awaitable[object]], direct: Callable[[], Awaitable[object]]) -> float:
    """Microseconds that the median of calls is above that of direct calls; they take turns."""
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(CALLS):
        for each, taken in ((call, ours), (direct, theirs)):
            start = time.perf_counter()
            await each()
            taken.append(time.perf_counter() - start)
    return (statistics.median(ours) - statistics.median(theirs)) * 1e6


@benchmark("µs")
def router_added_latency() -> float:
    """What the median call through the router takes longer than the same provider called directly."""

    async def measure() -> float:
        provider = Instant("d")
        async with _router() as router:
            return await _added(lambda: router.chat_completion(REQUEST), lambda: provider.complete(REQUEST))

    return asyncio.run(measure())


@benchmark("µs")
def router_added_latency_with_budgets() -> float:
    """The same with two budgets to reserve from and settle, in memory."""

    async def measure() -> float:
        provider = Instant("d")
        budgets = [Budget("all", dollars="1000"), Budget("each", tokens=10**12, per=("tenant",))]
        async with _router(budgets=budgets) as router:
            return await _added(lambda: router.chat_completion(REQUEST), lambda: provider.complete(REQUEST))

    return asyncio.run(measure())


@benchmark("µs")
def router_added_first_token() -> float:
    """What the first piece of a stream comes later through the router."""

    async def first(source: LLMRouter | Instant) -> None:
        async with source.stream(REQUEST) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    return

    async def measure() -> float:
        provider = Instant("d")
        async with _router() as router:
            return await _added(lambda: first(router), lambda: first(provider))

    return asyncio.run(measure())


@benchmark("µs")
def router_cpu_of_a_call() -> float:
    """Processor time of a call through the router."""

    async def measure() -> float:
        async with _router() as router:
            start = time.process_time()
            for _ in range(CALLS):
                await router.chat_completion(REQUEST)
            return (time.process_time() - start) / CALLS * 1e6

    return asyncio.run(measure())


async def _drain(source: LLMRouter | Instant) -> int:
    async with source.stream(REQUEST) as events:
        return sum([1 async for _ in events])


@benchmark("µs")
def router_cpu_of_a_chunk() -> float:
    """Processor time that the router adds to a piece of a stream."""

    async def once(source: LLMRouter | Instant) -> float:
        start = time.process_time()
        for _ in range(100):
            await _drain(source)
        return (time.process_time() - start) / 100 / len(EVENTS) * 1e6

    async def measure() -> float:
        provider = Instant("d")
        async with _router() as router:
            return statistics.median([await once(router) - await once(provider) for _ in range(7)])

    return asyncio.run(measure())


@benchmark("streams/s")
def router_thousand_streams() -> float:
    """1,000 streams of 200 pieces side by side; all pieces must come."""

    async def measure() -> float:
        async with _router(turns=True) as router:
            start = time.perf_counter()
            found = await asyncio.gather(*(_drain(router) for _ in range(STREAMS)))
            if set(found) != {len(EVENTS)}:
                raise AssertionError("pieces were lost")
            return STREAMS / (time.perf_counter() - start)

    return asyncio.run(measure())


@benchmark("KB")
def router_memory_of_a_stream() -> float:
    """What an open stream holds, of 1,000 side by side, beyond that of the provider."""

    async def held(source: LLMRouter | Instant) -> float:
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        opened = [source.stream(REQUEST) for _ in range(STREAMS)]
        streams = [await one.__aenter__() for one in opened]
        for stream in streams:
            await anext(aiter(stream))
        gc.collect()
        during, _ = tracemalloc.get_traced_memory()
        for one in opened:
            await one.__aexit__(None, None, None)
        return (during - before) / STREAMS / 1024

    async def measure() -> float:
        async with _router() as router:
            return await held(router) - await held(Instant("d"))

    tracemalloc.start()
    try:
        return asyncio.run(measure())
    finally:
        tracemalloc.stop()
