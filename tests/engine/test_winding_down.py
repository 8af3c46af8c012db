"""A worker that is asked to end lets what is in progress end, and begins nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

from circuit_breaker import Workflow, flow, states

a, b, c, d = states("a", "b", "c", "d")


async def test_a_worker_that_winds_down_ends_its_actions_and_begins_no_other(open_engine: Any) -> None:
    """What was in progress is written down, what fires without an action goes on, and no further action begins."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(token: Any) -> None:
        begun.set()
        await go_on.wait()

    first, last = flow(a >> b).transition("first").action(slow), flow(c >> d).transition("last").action(slow)
    chain = Workflow("chain", first, flow(b >> c).transition("pass"), last)
    engine = await open_engine(chain)
    await engine.start("chain", id="x")
    async with asyncio.TaskGroup() as group:
        group.create_task(engine.work())
        await begun.wait()
        engine.wind_down()
        go_on.set()
    assert ("c", ()) == ((await engine.get("x")).state, (await engine.get("x")).pending)


async def test_a_worker_at_rest_ends_at_once(open_engine: Any) -> None:
    """Where nothing is in progress, it returns; so does every later one."""
    engine = await open_engine(Workflow("w", flow(a >> b).transition("go").manual()))
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        resting = group.create_task(engine.work(poll=3600))
        await asyncio.sleep(0.05)
        assert not resting.done()
        engine.wind_down()
        await resting
        await engine.work()
