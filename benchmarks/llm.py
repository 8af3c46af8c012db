"""What asking a model costs on our side: a call, a stream, the first token, many streams at once, and the import."""

from __future__ import annotations

import asyncio
import gc
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from benchmarks.bare_aiohttp import HEADERS
from benchmarks.registry import Peer, benchmark
from benchmarks.timing import middle
from benchmarks.upstream import BODY, Call, cpu_per_call, upstream
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.providers import OpenAIProvider
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.stream import StreamEnded, TextDelta

REQUEST = ChatCompletionRequest(model="gpt-4o", messages=(user("Say something."),))
LONG = ChatCompletionRequest(model="gpt-4o", messages=(user("Say something."),), seed=200)
STREAMS = 1000
IMPORT = "import circuit_breaker.llm, circuit_breaker.llm.providers.openai"


@asynccontextmanager
async def _whole(address: str) -> AsyncIterator[Call]:
    async with OpenAIProvider(api_key="x", base_url=address) as provider:
        yield lambda: provider.complete(REQUEST)


@asynccontextmanager
async def _streamed(address: str) -> AsyncIterator[Call]:
    async with OpenAIProvider(api_key="x", base_url=address) as provider:

        async def call() -> str:
            async with provider.stream(REQUEST) as events:
                return "".join([event.text async for event in events if isinstance(event, TextDelta)])

        yield call


@benchmark("µs", Peer("bare_aiohttp", "call"), Peer("openai", "call"), Peer("litellm", "call"))
def model_call() -> float:
    """Processor time of one whole answer."""
    return cpu_per_call(300, _whole)


@benchmark("µs", Peer("bare_aiohttp", "stream"), Peer("openai", "stream"), Peer("litellm", "stream"))
def model_stream_of_50_chunks() -> float:
    """Processor time of one streamed answer of 50 chunks."""
    return cpu_per_call(60, _streamed)


@benchmark("ms", Peer("litellm", "import"))
def model_layer_import() -> float:
    """How long the layer takes to import in a fresh process, beyond what Python itself does: the best of five."""
    code = f"import time; t = time.perf_counter(); {IMPORT}; print((time.perf_counter() - t) * 1000)"
    runs = (subprocess.run([sys.executable, "-c", code], capture_output=True, check=True) for _ in range(5))
    return min(float(run.stdout) for run in runs)


@benchmark("µs")
def first_token_delay() -> float:
    """How much later the first token comes than the first byte to bare aiohttp, in turns: the median of nine rounds."""
    with upstream() as address:
        return asyncio.run(_delay(address))


async def _delay(address: str) -> float:
    async with OpenAIProvider(api_key="x", base_url=address) as provider, aiohttp.ClientSession() as session:
        return statistics.median([await _difference(provider, session, address) for _ in range(9)]) * 1e6


async def _difference(provider: OpenAIProvider, session: aiohttp.ClientSession, address: str) -> float:
    ours, bare = [], []
    for _ in range(50):
        ours.append(await _first_token(provider))
        bare.append(await _first_byte(session, address))
    return statistics.median(ours) - statistics.median(bare)


async def _first_token(provider: OpenAIProvider) -> float:
    began = time.perf_counter()
    first = 0.0
    async with provider.stream(REQUEST) as events:
        async for event in events:
            if not first and isinstance(event, TextDelta):
                first = time.perf_counter() - began
    return first


async def _first_byte(session: aiohttp.ClientSession, address: str) -> float:
    began = time.perf_counter()
    body = {**BODY, "stream": True}
    async with session.post(f"{address}/chat/completions", json=body, headers=HEADERS) as response:
        await response.content.readany()
        first = time.perf_counter() - began
        await response.read()
    return first


@benchmark("KB")
def memory_per_stream() -> float:
    """Memory that each of 1,000 concurrent streams of 200 chunks takes at the most; none may lose a chunk.

    The median of three rounds: how much the system hands over at once is a matter of luck.
    """
    with upstream() as address:
        return middle(lambda: asyncio.run(_memory(address)), rounds=3)


async def _memory(address: str) -> float:
    async with OpenAIProvider(api_key="x", base_url=address) as provider:
        await _counted(provider)
        gc.collect()
        tracemalloc.start()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_counted(provider)) for _ in range(STREAMS)]
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    if any(task.result() != 200 for task in tasks):
        raise AssertionError("a stream lost a chunk")
    return peak / STREAMS / 1000


async def _counted(provider: OpenAIProvider) -> int:
    count = 0
    async with provider.stream(LONG) as events:
        async for event in events:
            count += isinstance(event, TextDelta)
    return count if isinstance(event, StreamEnded) else -1
