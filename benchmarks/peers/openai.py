"""openai: the vendor's own SDK, asynchronous, against the same fake upstream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from openai import AsyncOpenAI

from benchmarks.timing import report
from benchmarks.upstream import BODY, Call, cpu_per_call


@asynccontextmanager
async def whole(address: str) -> AsyncIterator[Call]:
    async with AsyncOpenAI(api_key="x", base_url=address) as client:
        yield lambda: client.chat.completions.create(**BODY)


@asynccontextmanager
async def streamed(address: str) -> AsyncIterator[Call]:
    async with AsyncOpenAI(api_key="x", base_url=address) as client:

        async def call() -> str:
            text = ""
            async for chunk in await client.chat.completions.create(**BODY, stream=True):
                for choice in chunk.choices:
                    text += choice.delta.content or ""
            return text

        yield call


if __name__ == "__main__":
    figures = {
        "call": ("µs", lambda: cpu_per_call(100, whole)),
        "stream": ("µs", lambda: cpu_per_call(20, streamed)),
    }
    report("openai", figures)
