"""Executions that are stopped at an awkward moment: nothing is lost, nothing stays behind, and it is said."""

from __future__ import annotations

import asyncio

from circuit_breaker.agents import AgentLimits
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.guardrails import PersonalData
from circuit_breaker.agents.store import STEP
from circuit_breaker.llm.tools import tool
from circuit_breaker.llm.usage import Usage
from circuit_breaker.storage import connect
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.script import HANG
from tests.agents.work import Dialogue, Wrapped, agent, at_work, call, script

QUICK = AgentEngineConfig(poll=0.01, cleanup_interval=0.02)
NARROW = AgentEngineConfig(max_concurrent_executions=1)


@tool
async def deaf(text: str) -> str:
    """Does not hear that it is to stop."""
    try:
        await asyncio.sleep(5)
    except asyncio.CancelledError:
        return f"went on with {text}"
    return "was never stopped"


class Forgetful:
    """A memory that never says whose turn it is."""

    async def enters(self, _) -> bool:
        await asyncio.Event().wait()
        return True


class Slow(Wrapped):
    """A storage that takes its time for each write that keeps a step, until it is told to go on."""

    def __init__(self, storage) -> None:
        super().__init__(storage)
        self.keeping, self.on = asyncio.Event(), asyncio.Event()

    async def append(self, stream, documents, *, after, put=()):
        if any(one.kind == STEP for one in put) and not self.on.is_set():
            self.keeping.set()
            await self.on.wait()
        await super().append(stream, documents, after=after, put=put)


async def test_a_place_is_given_back_by_whoever_is_stopped_before_he_sits_down():
    """An execution that is cancelled while it asks whether it is its turn keeps nobody from working."""
    async with at_work(agent(), model=script("Next."), memory=Forgetful(), config=NARROW) as engine:
        talk = await engine.conversations.create("helper")
        begun = await engine.start("helper", {"q": "?"}, conversation=talk.id)
        await asyncio.sleep(0.01)
        assert await engine.cancel(begun.id)
        async with asyncio.timeout(5):
            assert "completed" == (await engine.run("helper", {"q": "?"})).status


async def test_a_step_that_is_kept_while_the_work_stops_is_forgotten_at_the_end():
    """What is written when somebody cancels leaves no record of a step behind."""
    async with connect("memory://") as storage:
        slow = Slow(storage)
        async with at_work(agent(), storage=slow, model=script("Done."), tools=()) as engine:
            begun = await engine.start("helper", {"q": "?"})
            await slow.keeping.wait()
            async with asyncio.TaskGroup() as group:
                cancelled = group.create_task(engine.cancel(begun.id))
                await asyncio.sleep(0.01)
                slow.on.set()
            assert cancelled.result()
        assert [] == await storage.records.find(STEP)


async def test_a_tool_that_swallows_its_end_does_not_go_on():
    """A tool that takes no notice of a cancellation is its last: the model is not asked again."""
    model = script(always=Dialogue(call("deaf", text="it"), "Done."))
    async with at_work(agent(tools=("deaf",)), model=model, tools=[deaf]) as engine:
        begun = await engine.start("helper", {"q": "?"})
        await asyncio.sleep(0.05)
        assert await engine.cancel(begun.id)
        assert ("cancelled", 1) == ((await engine.execution(begun.id)).status, len(model.requests))


async def test_a_tool_that_swallows_the_end_of_the_time_does_not_go_on():
    """A tool that takes no notice of the end of the time is its last: the model is not asked again."""
    model = script(always=Dialogue(call("deaf", text="it"), "Done."))
    hasty = agent(tools=("deaf",), limits=AgentLimits(timeout=0.1))
    async with at_work(hasty, model=model, tools=[deaf]) as engine:
        done = await engine.run("helper", {"q": "?"})
        assert ("timed_out", 1) == (done.status, len(model.requests))


async def test_a_reason_with_personal_data_is_a_reason():
    """Whoever cancels is told that he did, also where his words are not kept as he said them."""
    private = agent(guardrails=("privacy",))
    guardrails = {"privacy": PersonalData()}
    async with at_work(private, model=script(HANG), guardrails=guardrails) as engine:
        begun = await engine.start("helper", {"q": "?"})
        await asyncio.sleep(0.01)
        assert await engine.cancel(begun.id, reason="asked by ann@example.org")
        assert "ann@example.org" not in str((await engine.execution(begun.id)).error)


async def test_what_grandchildren_took_counts_after_a_crash():
    """The budget of an execution knows all that it wanted, and what that wanted, when another process goes on."""

    @tool
    async def wait() -> str:
        """Waits until others are over."""
        begun.set()
        await over.wait()
        return "over"

    begun, over = asyncio.Event(), asyncio.Event()
    asking = ModelTurn(calls=(("wait", {}),), usage=Usage(input_tokens=1, output_tokens=1))
    async with connect("memory://") as storage:
        model = script(asking, always="one two three four five")
        definitions = agent("parent", limits=AgentLimits(tokens=40), tools=("wait",)), agent("child")
        async with at_work(*definitions, storage=storage, model=model, tools=[wait]) as engine:
            parent = await engine.start("parent", {"q": "?"})
            await begun.wait()
            child = await engine.run("child", {"q": "?"}, parent=parent)
            below = await engine.run("child", {"q": "?"}, parent=child)
            assert 40 < child.usage["total_tokens"] + below.usage["total_tokens"]
        over.set()
        late = script(always="late")
        async with at_work(storage=storage, model=late, tools=[wait]) as engine:
            done = await engine.wait(parent.id)
    assert ("budget_exceeded", []) == (done.error["code"], late.requests)


async def test_two_engines_on_one_storage_leave_each_other_alone():
    """An engine does not take up, as if it were left behind, what another engine of its process works on."""
    turn = ModelTurn(says="Hi there, you all.", between=0.05, pieces=4)
    model = script(always=turn)
    async with (
        connect("memory://") as storage,
        at_work(agent(), storage=storage, model=model, config=QUICK) as one,
        at_work(storage=storage, model=model, config=QUICK) as other,
    ):
        done = await one.run("helper", {"q": "?"})
        assert ("completed", 1) == (done.status, len(model.requests))
        assert [] == await other.recover()


async def test_an_engine_cancels_for_another_on_the_same_storage():
    """An execution ends whichever engine of a process is asked to cancel it."""
    async with (
        connect("memory://") as storage,
        at_work(agent(), storage=storage, model=script(HANG), config=QUICK) as one,
        at_work(storage=storage, model=script(), config=QUICK) as other,
    ):
        begun = await one.start("helper", {"q": "?"})
        await asyncio.sleep(0.01)
        async with asyncio.timeout(5):
            assert await other.cancel(begun.id)
        assert "cancelled" == (await one.wait(begun.id)).status
