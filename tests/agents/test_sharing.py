"""What an execution and all that it wants may take together: children pay from the purse of their parent."""

from __future__ import annotations

import asyncio

import pytest

from circuit_breaker.agents import AgentLimits
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.guardrails import Bounds
from circuit_breaker.executors.models.settings import ModelSettings
from circuit_breaker.llm.loop.limits import LoopLimits
from circuit_breaker.llm.tools import tool
from circuit_breaker.llm.usage import Usage
from circuit_breaker.storage import connect
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.script import HANG
from tests.agents.work import Wrapped, agent, at_work, script

SHORT = ModelTurn(says="Yes.", usage=Usage(input_tokens=20, output_tokens=4))


async def asked(model) -> None:
    """Returns when a model has been asked something."""
    while not model.requests:  # noqa: ASYNC110 - the model cannot ring
        await asyncio.sleep(0)


class Busy:
    """A tool that works for ever, and tells when it has begun."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    @property
    def tool(self):
        @tool
        async def wait() -> str:
            """Waits for ever."""
            self.begun.set()
            return await asyncio.Event().wait()

        return wait


def waits(**usage) -> ModelTurn:
    """An answer that has the tool called."""
    return ModelTurn(calls=(("wait", {}),), usage=Usage(**usage))


class SlowToAnswer(Wrapped):
    """A storage whose first write is there before whoever writes knows."""

    def __init__(self, storage) -> None:
        super().__init__(storage)
        self.written, self.answers = asyncio.Event(), asyncio.Event()

    async def append(self, *which, **what):
        await super().append(*which, **what)
        if not self.written.is_set():
            self.written.set()
            await self.answers.wait()


@pytest.mark.parametrize("over", [True, False])
async def test_twenty_children_at_once_share_one_budget(over):
    """R1: children that begin together take what their parent may take and at most one answer more."""
    busy = Busy()
    model = script(SHORT if over else waits(input_tokens=20, output_tokens=4), always=SHORT)
    parent_ = agent("parent", limits=AgentLimits(tokens=70), tools=("wait",))
    async with at_work(parent_, agent("child"), model=model, tools=[busy.tool]) as engine:
        parent = await engine.start("parent", {"q": "?"})
        await (engine.wait(parent.id) if over else busy.begun.wait())
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(engine.run("child", {"q": "?"}, parent=parent)) for _ in range(20)]
        done = [task.result() for task in tasks]

    took = sum(one.usage.get("total_tokens", 0) for one in done) + 24
    assert 70 <= took < 70 + 24
    assert {"budget_exceeded"} == {one.error["code"] for one in done if one.status != "completed"}


async def test_a_child_takes_what_a_call_of_its_parent_leaves():
    """R1: a child that begins while its parent is in a call waits for that call, and both stay within the limit."""

    async def long(request):
        await asyncio.sleep(0.02)
        return ModelTurn(says="x", usage=Usage(input_tokens=5, output_tokens=min(request.max_tokens, 900)))

    model, members = script(always=long), {"llm_config": {"model": "m", "max_tokens": 900}}
    async with at_work(
        agent("parent", limits=AgentLimits(tokens=1000), **members), agent("child", **members), model=model
    ) as engine:
        parent = await engine.start("parent", {"q": "?"})
        await asked(model)
        child = await engine.run("child", {"q": "?"}, parent=parent)
        done = await engine.wait(parent.id)
    assert ["completed", "completed", 1005] == [
        done.status,
        child.status,
        done.usage["total_tokens"] + child.usage["total_tokens"],
    ]


async def test_engines_of_one_process_pay_from_one_purse():
    """R1: children that several engines of a process carry out on one storage share the budget of their parent."""

    async def long(request):
        await asyncio.sleep(0.01)
        return ModelTurn(says="x", usage=Usage(input_tokens=5, output_tokens=min(request.max_tokens, 900)))

    busy, members = Busy(), {"llm_config": {"model": "m", "max_tokens": 900}}
    model = script(waits(input_tokens=3, output_tokens=2), always=long)
    parent_ = agent("parent", limits=AgentLimits(tokens=1000), tools=("wait",), **members)
    async with (
        connect("memory://") as storage,
        at_work(parent_, agent("child", **members), storage=storage, model=model, tools=[busy.tool]) as one,
        at_work(storage=storage, model=model) as two,
        at_work(storage=storage, model=model) as three,
    ):
        parent = await one.start("parent", {"q": "?"})
        await busy.begun.wait()
        done = await asyncio.gather(*(engine.run("child", {"q": "?"}, parent=parent) for engine in (one, two, three)))
    assert 1000 < 5 + sum(one.usage.get("total_tokens", 0) for one in done) < 1010
    assert ["completed", "completed", "failed"] == sorted(one.status for one in done)


@pytest.mark.parametrize("how", ["bounds", "most"])
async def test_who_narrows_limits_narrows_them_for_children_as_well(how):
    """R1: a bound of a guardrail, or of the operator, counts what an execution and all that it wants take together."""
    model = script(always=ModelTurn(says="x", usage=Usage(input_tokens=5, output_tokens=60)))
    most = LoopLimits(tokens=100) if how == "most" else LoopLimits()
    settings = ModelSettings(providers=[model], most=most)
    async with (
        connect("memory://") as storage,
        AgentEngine(storage, settings=settings, guardrails={"small": Bounds(tokens=100)}) as engine,
    ):
        await engine.register(agent("parent", guardrails=("small",) if how == "bounds" else ()))
        await engine.register(agent("child"))
        parent = await engine.run("parent", {"q": "?"})
        done = [await engine.run("child", {"q": "?"}, parent=parent) for _ in range(2)]
    assert ["completed", "failed"] == [one.status for one in done]
    assert "budget_exceeded" == done[1].error["code"]


async def test_the_bounds_of_a_guardrail_that_is_not_here_do_not_stop_children():
    """An engine that lacks a guardrail of a parent counts its children against what the parent's definition says."""
    async with connect("memory://") as storage:
        definition = agent("parent", limits=AgentLimits(tokens=40), guardrails=("small",))
        settings = ModelSettings(providers=[script(always=SHORT)])
        async with AgentEngine(storage, settings=settings, guardrails={"small": Bounds(tokens=30)}) as engine:
            await engine.register(definition)
            await engine.register(agent("child"))
            parent = await engine.run("parent", {"q": "?"})
        async with AgentEngine(storage, settings=settings) as engine:
            done = [await engine.run("child", {"q": "?"}, parent=parent) for _ in range(2)]
    assert ["completed", "failed"] == [one.status for one in done]


async def test_who_finds_an_execution_finds_its_purse():
    """A child that begins as soon as its parent is written pays from the purse that the parent has."""
    async with connect("memory://") as storage:
        slow = SlowToAnswer(storage)
        limited = agent("parent", limits=AgentLimits(tokens=100))
        async with at_work(limited, agent("child"), storage=slow, model=script(always=HANG)) as engine:
            async with asyncio.TaskGroup() as group:
                group.create_task(engine.start("parent", {"q": "?"}))
                await slow.written.wait()
                (parent,) = await engine.executions(agent="parent")
                child = await engine.start("child", {"q": "?"}, parent=parent)
                slow.answers.set()
            roster = engine.office.roster
            assert roster.get(child.id).purse.above is roster.get(parent.id).purse


async def test_children_of_an_execution_that_is_over_share_what_is_left():
    """The budget of a parent that nobody carries out any more is what it and its children have not taken."""
    async with connect("memory://") as storage:
        definitions = agent("parent", limits=AgentLimits(tokens=70)), agent("child")
        async with at_work(*definitions, storage=storage, model=script(always=SHORT)) as engine:
            parent = await engine.run("parent", {"q": "?"})
            await engine.run("child", {"q": "?"}, parent=parent)
        async with at_work(storage=storage, model=script(always=SHORT)) as engine, asyncio.TaskGroup() as group:
            tasks = [group.create_task(engine.run("child", {"q": "?"}, parent=parent)) for _ in range(5)]
    assert ["completed", *["failed"] * 4] == sorted(task.result().status for task in tasks)


async def test_what_a_child_left_open_has_taken_counts_as_its_steps_say():
    """The spending of a child whose process has ended is what its finished steps have taken."""
    async with connect("memory://") as storage:
        short = {"llm_config": {"model": "m", "max_tokens": 1}}
        limits = AgentLimits(tokens=450)
        definitions = agent("parent", limits=limits, **short), agent("child", tools=("wait",), **short)
        busy, model = Busy(), script(HANG, waits(input_tokens=300, output_tokens=200))
        async with at_work(*definitions, storage=storage, model=model, tools=[busy.tool]) as engine:
            parent = await engine.start("parent", {"q": "?"})
            await asked(model)
            await engine.start("child", {"q": "?"}, parent=parent)
            await busy.begun.wait()
        late = script(always="late")
        async with at_work(storage=storage, model=late, tools=[busy.tool]) as engine:
            done = await engine.wait(parent.id)
    assert ("budget_exceeded", []) == (done.error["code"], late.requests)


async def test_a_parent_that_nobody_carries_out_pays_with_what_its_steps_have_left():
    """A child of an execution that was left open gets the rest of its budget, and not a fresh one."""
    busy, model = Busy(), script(waits(input_tokens=30, output_tokens=20))
    async with connect("memory://") as storage:
        definitions = agent("parent", limits=AgentLimits(tokens=50), tools=("wait",)), agent("child")
        async with at_work(*definitions, storage=storage, model=model, tools=[busy.tool]) as engine:
            parent = await engine.start("parent", {"q": "?"})
            await busy.begun.wait()
        async with at_work(storage=storage, model=script(), config=AgentEngineConfig(recover=False)) as engine:
            done = await engine.run("child", {"q": "?"}, parent=parent)
    assert ("failed", "budget_exceeded") == (done.status, done.error["code"])


async def test_a_parent_that_goes_on_pays_with_its_children_from_one_purse():
    """A parent that is taken up while a child of it is at work has the purse that the child pays into."""

    async def later(request):
        await gate.wait()
        return ModelTurn(says="Yes.", usage=Usage(input_tokens=40, output_tokens=30))

    gate, model = asyncio.Event(), script(later, HANG)
    async with connect("memory://") as storage:
        definitions = agent("parent", limits=AgentLimits(tokens=60)), agent("child")
        async with at_work(*definitions, storage=storage, model=script(HANG)) as engine:
            parent = await engine.start("parent", {"q": "?"})
        async with at_work(storage=storage, model=model, config=AgentEngineConfig(recover=False)) as engine:
            first = await engine.start("child", {"q": "?"}, parent=parent)
            await asked(model)
            assert await engine.resume(parent.id)
            gate.set()
            assert "completed" == (await engine.wait(first.id)).status
            second = await engine.run("child", {"q": "?"}, parent=parent)
    assert "budget_exceeded" == second.error["code"]
