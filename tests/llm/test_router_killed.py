"""Budgets when processes die: whatever happened to the calls, a vendor has served no more than the budget has."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from circuit_breaker.storage import budgets

CALL = 100
"""Tokens of each call that the vendor serves: 10 of input and 90 of output."""
MOST = 100_000
"""The budget: enough for nearly all of the first 1,000 calls, at 103 tokens each in the worst case."""

SPENDER = """
import asyncio, sys
from circuit_breaker.errors import LLMError
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.patience import Patience, Timeouts
from circuit_breaker.llm.providers.custom import CustomProvider
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.router import Access, Budget, CircuitPolicy, Failover, LLMConfig, LLMRouter
from circuit_breaker.storage import budgets

path, address, name, calls, most = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])
patience = Patience(timeouts=Timeouts(first_byte=1.0))
provider = CustomProvider(base_url=address, api_key=name, patience=patience)
config = LLMConfig(
    providers=[Access(provider, models=("m",))],
    budgets=[Budget("all", tokens=most, period="total")],
    ledger=budgets(path),
    failover=Failover(cooldown=0, pause=0.01),
    circuit=CircuitPolicy(failures=100_000),
)

async def one(router, number):
    request = ChatCompletionRequest(model="m", messages=[user("hello")], max_tokens=90)
    try:
        if number % 2:
            await router.chat_completion(request)
        else:
            async with router.stream(request) as events:
                async for _ in events:
                    pass
    except LLMError:
        pass

async def main():
    async with LLMRouter(config) as router:
        await asyncio.gather(*(one(router, number) for number in range(calls)))

asyncio.run(main())
"""


class Vendor:
    """Serves each call in full, and then loses some of the answers in every way there is."""

    def __init__(self, seed):
        self.served = 0
        self.chance = random.Random(seed)  # noqa: S311 - a test that can be repeated
        self.began = defaultdict(asyncio.Event)

    async def answer(self, request):
        body = await request.json()
        how = self.chance.choice(["well"] * 6 + ["late", "cut", "page", "no", "busy"])
        if how == "busy":  # refused, and free
            return web.json_response({"error": {"message": "busy"}}, status=503)
        self.served += CALL
        self.began[request.headers["Authorization"].removeprefix("Bearer ")].set()
        await asyncio.sleep(self.chance.uniform(0, 0.05) if how != "late" else 2.0)
        if how == "page":
            return web.Response(text="<html>oops</html>", content_type="text/html")
        if how == "no":
            return web.json_response({"choices": 7})
        return await self.streamed(request, how) if body.get("stream") else self.whole(request, how)

    def whole(self, request, how):
        if how == "cut":
            request.transport.abort()
        usage = {"prompt_tokens": 10, "completion_tokens": 90}
        choice = {"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
        return web.json_response({"id": "1", "model": "m", "choices": [choice], "usage": usage})

    async def streamed(self, request, how):
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b'data: {"id":"1","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n')
        if how != "cut":
            await response.write(
                b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"yes"},"finish_reason":"stop"}],'
                b'"usage":{"prompt_tokens":10,"completion_tokens":90}}\n\ndata: [DONE]\n\n'
            )
        return response


async def spend(path, address, name, calls):
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", SPENDER, path, address, name, str(calls), str(MOST), cwd=Path(__file__).parents[2]
    )


async def kill_in_the_middle(path, address, name, vendor, seconds):
    """How a process ended that is killed so many seconds after its first call was served."""
    child = await spend(path, address, name, 200)
    await vendor.began[name].wait()
    await asyncio.sleep(seconds)
    child.kill()
    return await child.wait()


@pytest.mark.crash
@pytest.mark.slow
async def test_what_is_served_is_never_more_than_the_budget(tmp_path):
    """Pain 71, H7: of 1,000 calls at once by five processes, three of them killed, and of one that comes later, the
    vendor has served no more than the budget has, and the ledger has counted no less than was served.
    """
    vendor, path = Vendor(7), tmp_path / "work.db"
    chance = random.Random(11)  # noqa: S311 - a test that can be repeated
    app = web.Application()
    app.router.add_post("/chat/completions", vendor.answer)
    async with TestServer(app) as server:
        address = str(server.make_url("")).rstrip("/")
        async with asyncio.TaskGroup() as group:
            killed = [
                group.create_task(kill_in_the_middle(path, address, name, vendor, chance.uniform(0.0, 0.04)))
                for name in ("one", "two", "three")
            ]
            living = [group.create_task(spend(path, address, name, 200)) for name in ("four", "five")]
        assert [-signal.SIGKILL] * 3 == [child.result() for child in killed]
        for child in living:
            assert 0 == await child.result().wait()
        assert 0 == await (await spend(path, address, "later", 1000)).wait()
    async with budgets(path) as ledger:
        now = time.time() + 3600  # nobody renews what the dead have reserved
        _, tokens, _, held = await ledger.standing("all | total", now=now)

    assert CALL * 200 < vendor.served <= MOST
    assert vendor.served <= tokens + held <= MOST
