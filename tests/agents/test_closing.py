"""What those get who follow or wait when the engine is closed."""

from __future__ import annotations

import asyncio

import pytest

from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.errors import AgentError
from circuit_breaker.storage import connect
from circuit_breaker.testing.script import HANG
from tests.agents.work import Wrapped, agent, at_work, live, script

QUICK = AgentEngineConfig(poll=0.001)


async def test_who_follows_or_waits_is_told_that_the_engine_is_closed():
    """A follower and whoever waits for an execution that goes on elsewhere end with an error when the engine does."""

    async def told(work):
        with pytest.raises(AgentError, match="the engine of agents is closed"):
            await work

    async with (
        connect("memory://") as storage,
        asyncio.timeout(5),
        asyncio.TaskGroup() as group,
        at_work(agent(), storage=storage, model=script(HANG), config=QUICK) as engine,
    ):
        begun = await engine.start("helper", {"q": "?"})
        for work in (live(engine, begun.id), engine.wait(begun.id)):
            group.create_task(told(work))
        await asyncio.sleep(0.01)


async def test_an_execution_that_is_over_can_be_read_when_the_engine_is_closed():
    """What was written stays readable: its events to the last one, and how it stands."""
    async with connect("memory://") as storage:
        async with at_work(agent(), storage=storage, model=script("Yes.")) as engine:
            done = await engine.run("helper", {"q": "?"})
        assert done.events == len(await live(engine, done.id))
        assert done == await engine.wait(done.id)


async def test_an_engine_that_was_never_opened_follows_what_others_do():
    """Looking on needs no engine at work: what another one writes is followed to its end."""
    model = script("Yes.")
    async with (
        connect("memory://") as storage,
        at_work(agent(), storage=storage, model=model, config=QUICK) as engine,
    ):
        begun = await engine.start("helper", {"q": "?"})
        seen = await live(AgentEngine(storage, config=QUICK), begun.id)
        assert seen == await engine.events.read(begun.id)


@pytest.mark.parametrize("count", [1, 2])
async def test_a_follower_may_stop_in_the_middle(count):
    """A generator over the events of one execution or of several is closed without an error when nobody wants more."""

    async def first_events():
        async with engine.events.subscribe(*(one.id for one in done)) as following:
            async for event in following:
                yield event

    async with at_work(agent(), model=script(always="Yes.")) as engine:
        done = [await engine.run("helper", {"q": "?"}) for _ in range(count)]
        events = first_events()
        assert (await anext(events)).execution_id in {one.id for one in done}
        await events.aclose()


class Unreadable(Wrapped):
    """A storage whose streams cannot be read, which is found when this is told."""

    def __init__(self, storage) -> None:
        super().__init__(storage)
        self.found = asyncio.Event()

    async def read(self, stream, **what):
        await self.found.wait()
        raise ValueError(f"{stream} is broken")


async def test_of_several_errors_none_is_lost():
    """Who follows several executions, all of which fail, gets the first error with a note of each other one."""

    async def first(storage, *execution_ids: str):
        async with AgentEngine(storage).events.subscribe_raw(*execution_ids) as following:
            storage.found.set()
            return await anext(following)

    async with connect("memory://") as storage:
        async with at_work(agent(), storage=storage, model=script(always="Yes.")) as engine:
            done = [(await engine.run("helper", {"q": "?"})).id for _ in range(3)]
        with pytest.raises(ValueError, match="is broken") as error:
            await first(Unreadable(storage), *done)
    told = [str(error.value), *error.value.__notes__]
    assert all(any(one in text for text in told) for one in done)


async def test_what_a_closed_engine_leaves_can_be_taken_up_at_once():
    """ZB10: its process lives and has the storage open; another one goes on with what nobody works on."""
    async with connect("memory://") as storage:
        async with at_work(agent(), storage=storage, model=script(HANG), config=QUICK) as engine:
            begun = await engine.start("helper", {"q": "?"})
            await asyncio.sleep(0.02)
        left = await engine.execution(begun.id)
        assert ("running", "") == (left.status, left.worker)
        assert {begun.id} == await engine.store.left([left])


@pytest.mark.parametrize("what", ["wait", "cancel"])
async def test_another_process_goes_on_with_what_a_closed_engine_left(what, tmp_path):
    """ZB10: neither waiting for it nor cancelling it hangs until the other process ends."""
    url = f"sqlite:///{tmp_path}/agents.db"
    async with connect(url) as one, connect(url) as two, asyncio.timeout(10):
        async with at_work(agent(), storage=one, model=script(HANG), config=QUICK) as engine:
            begun = await engine.start("helper", {"q": "?"})
            await asyncio.sleep(0.05)
        model = script("Yes." if what == "wait" else HANG)
        async with at_work(storage=two, model=model, config=QUICK) as engine:
            done = await engine.wait(begun.id) if what == "wait" else await engine.cancel(begun.id)
            assert done is True if what == "cancel" else done.status == "completed"


async def test_a_process_that_does_not_hear_is_not_waited_for(tmp_path):
    """ZB10: whoever cancels an execution of a process that looks after nothing any more has it ended all the same."""
    url = f"sqlite:///{tmp_path}/agents.db"
    async with connect(url) as one, connect(url) as two, asyncio.timeout(20):
        async with at_work(agent(), storage=one, model=script(HANG), config=AgentEngineConfig(poll=1000.0)) as engine:
            begun = await engine.start("helper", {"q": "?"})
            async with at_work(storage=two, model=script(), config=QUICK) as other:
                assert await other.cancel(begun.id)
                assert "cancelled" == (await other.execution(begun.id)).status
            await asyncio.sleep(0.05)
        assert "cancelled" == (await engine.execution(begun.id)).status
