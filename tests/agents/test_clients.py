"""Clients of an engine of agents: what they do not want any more ends, and what they still need stays."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.store import EXECUTION
from circuit_breaker.errors import AgentError, StorageError
from circuit_breaker.llm.tools import tool
from circuit_breaker.storage import connect
from circuit_breaker.testing import ManualClock
from circuit_breaker.testing.script import HANG
from tests.agents.work import agent, at_work, call, rest, script

QUICK = AgentEngineConfig(poll=0.01, cleanup_interval=0.02)


@attrs.define(eq=False)
class Whim:
    """A client that wants everything until it is told otherwise."""

    why: str = ""
    needed: set[str] = attrs.field(factory=set)

    async def unwanted(self, execution) -> str:
        return "" if execution.parent_id else self.why

    async def needs(self, execution) -> bool:
        return execution.id in self.needed


@tool
async def pay(amount: int) -> str:
    """Pays."""
    return f"paid {amount}"


CAREFUL = agent(tools=("pay",), approve=("pay",))


async def ended(engine, execution_id: str):
    async with asyncio.timeout(5):
        while not (found := await engine.execution(execution_id)).ended:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    return found


async def test_a_running_execution_that_nobody_wants_any_more_is_cancelled():
    """ZB10: the engine asks its clients again and again, and ends the call of the model."""
    whim = Whim()
    async with at_work(agent(), model=script(HANG), config=QUICK) as engine:
        engine.serve(whim)
        begun = await engine.start("helper", {"q": "?"})
        await asyncio.sleep(0.05)
        assert not (await engine.execution(begun.id)).ended
        whim.why = "the shop is closed"
        done = await ended(engine, begun.id)
    assert ("cancelled", "cancelled: the shop is closed") == (done.status, done.error["message"])


async def test_one_that_waits_for_a_person_is_cancelled_too():
    """ZB10: nobody has to say no to what nobody wants any more."""
    whim = Whim()
    async with at_work(CAREFUL, model=script(call("pay", amount=1)), tools=[pay], config=QUICK) as engine:
        engine.serve(whim)
        begun = await engine.run("helper", {"q": "?"})
        assert "approval" == begun.waiting_for
        whim.why = "the shop is closed"
        assert "cancelled" == (await ended(engine, begun.id)).status


async def test_a_yes_to_what_nobody_wants_any_more_is_refused():
    """ZB10: whoever says yes is told why it comes too late, and the execution ends."""
    async with at_work(CAREFUL, model=script(call("pay", amount=1)), tools=[pay]) as engine:
        begun = await engine.run("helper", {"q": "?"})
        engine.serve(Whim("the shop is closed"))
        with pytest.raises(AgentError, match="is not wanted any more: the shop is closed"):
            await engine.approve(begun.id, begun.approval["digest"])
        assert "cancelled" == (await ended(engine, begun.id)).status


async def test_what_was_left_behind_and_nobody_wants_is_not_taken_up():
    """ZB10: the next engine on the storage ends it without asking the model again."""
    async with connect("memory://") as storage:
        model = script(HANG)
        async with at_work(agent(), storage=storage, model=model) as engine:
            begun = await engine.start("helper", {"q": "?"})
            await asyncio.sleep(0.02)
        engine.serve(Whim("the shop is closed"))
        async with engine:
            assert "cancelled" == (await ended(engine, begun.id)).status
    assert 1 == len(model.requests)


async def test_what_an_unwanted_execution_wants_is_not_wanted_either():
    """ZB10: an execution goes the way of the one that wants it."""
    whim = Whim()
    async with at_work(agent(), model=script(HANG, HANG), config=QUICK) as engine:
        engine.serve(whim)
        parent = await engine.start("helper", {"q": "?"})
        child = await engine.start("helper", {"q": "?"}, parent=parent)
        whim.why = "the shop is closed"
        assert ["cancelled"] * 2 == [(await ended(engine, one.id)).status for one in (parent, child)]


async def test_a_child_whose_parent_is_gone_is_judged_alone():
    """What cannot be known of a parent that was removed is not held against the child."""
    async with at_work(agent(), model=script("One.", HANG), config=QUICK) as engine:
        parent = await engine.run("helper", {"q": "?"})
        await engine.storage.records.delete(EXECUTION, parent.id)
        child = await engine.start("helper", {"q": "?"}, parent=parent)
        engine.serve(Whim("the shop is closed"))
        await asyncio.sleep(0.1)
        assert not (await engine.execution(child.id)).ended


async def test_a_client_that_cannot_say_keeps_nobody_waiting():
    """What cannot be found out is logged, and asked again; the other executions are looked after meanwhile."""

    class Lost(Whim):
        async def unwanted(self, execution) -> str:
            raise StorageError("the disk is gone")

    async with at_work(agent(), model=script("Done.", HANG), config=QUICK) as engine:
        lost = Lost()
        engine.serve(lost)
        assert "completed" == (await engine.run("helper", {"q": "?"})).status


async def test_a_client_is_asked_once_however_often_it_is_named():
    """Who serves the same client twice serves it once."""
    async with at_work(model=script()) as engine:
        whim = Whim()
        engine.serve(whim)
        engine.serve(whim)
        assert [whim] == engine.office.clients


async def test_what_a_client_needs_outlives_its_retention():
    """I19: what is looked at again is kept until it is not; then it goes, with the day under which it was found."""
    clock, whim = ManualClock(), Whim()
    config = AgentEngineConfig(retention=3600)
    async with at_work(agent(), model=script(always="Yes."), clock=clock, config=config) as engine:
        engine.serve(whim)
        kept, gone = [(await engine.run("helper", {"q": "?"})).id for _ in range(2)]
        whim.needed.add(kept)
        await clock.advance("50h")
        assert 1 == await engine.clean_up()
        assert [kept] == [one.id for one in await engine.executions()]
        whim.needed.clear()
        assert 1 == await engine.clean_up()
        assert [] == await engine.storage.records.find("agent_day")
        assert gone != kept


async def test_what_an_open_execution_has_wanted_outlives_its_retention():
    """I19: what the children of an execution took counts for its limits until it is over, also theirs in turn."""
    clock = ManualClock()
    config = AgentEngineConfig(retention=3600)
    model = script(call("pay", amount=1), always="Yes.")
    async with at_work(CAREFUL, model=model, tools=[pay], clock=clock, config=config) as engine:
        parent = await engine.run("helper", {"q": "?"})
        child = await engine.run("helper", {"q": "?"}, parent=parent)
        grandchild = await engine.run("helper", {"q": "?"}, parent=child)
        await clock.advance("50h")
        assert 0 == await engine.clean_up()
        assert 3 == len(await engine.executions())
        await engine.cancel(parent.id)
        await rest(engine, parent.id)
        assert 2 == await engine.clean_up()
        assert "completed" == grandchild.status
