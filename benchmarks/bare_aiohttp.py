"""A call that does nothing but send JSON with aiohttp and read JSON: the floor under every figure of models."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from benchmarks.timing import report
from benchmarks.upstream import BODY, Call, cpu_per_call

HEADERS = {"Authorization": "Bearer x"}


@asynccontextmanager
async def whole(address: str) -> AsyncIterator[Call]:
    async with aiohttp.ClientSession() as session:

        async def call() -> object:
            async with session.post(f"{address}/chat/completions", json=BODY, headers=HEADERS) as response:
                return await response.json()

        yield call


@asynccontextmanager
async def streamed(address: str) -> AsyncIterator[Call]:
    async with aiohttp.ClientSession() as session:

        async def call() -> str:
            body, text = {**BODY, "stream": True}, ""
            async with session.post(f"{address}/chat/completions", json=body, headers=HEADERS) as response:
                async for line in response.content:
                    if line.startswith(b"data: {"):
                        for choice in json.loads(line[6:])["choices"]:
                            text += choice["delta"].get("content") or ""
            return text

        yield call


if __name__ == "__main__":
    figures = {
        "call": ("µs", lambda: cpu_per_call(500, whole)),
        "stream": ("µs", lambda: cpu_per_call(60, streamed)),
    }
    report("bare_aiohttp", figures)
