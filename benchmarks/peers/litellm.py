"""litellm: its SDK, asynchronous, against the same fake upstream; its price map is the one it carries."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.timing import report
from benchmarks.upstream import BODY, Call, cpu_per_call

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # otherwise the import goes to the network
began = time.perf_counter()
import litellm  # noqa: E402 - the import is a figure

IMPORT = (time.perf_counter() - began) * 1000
ASKED = {**BODY, "model": "openai/gpt-4o", "api_key": "x"}


@asynccontextmanager
async def whole(address: str) -> AsyncIterator[Call]:
    yield lambda: litellm.acompletion(**ASKED, api_base=address)


@asynccontextmanager
async def streamed(address: str) -> AsyncIterator[Call]:
    async def call() -> str:
        text = ""
        async for chunk in await litellm.acompletion(**ASKED, api_base=address, stream=True):
            for choice in chunk.choices:
                text += choice.delta.content or ""
        return text

    yield call


if __name__ == "__main__":
    figures = {
        "call": ("µs", lambda: cpu_per_call(50, whole)),
        "stream": ("µs", lambda: cpu_per_call(10, streamed)),
        "import": ("ms", lambda: IMPORT),
    }
    report("litellm", figures)
