"""Executions that wait for a person: in this process, in another one, after a restart, and with budgets of time."""

from __future__ import annotations

import asyncio

import pytest

from circuit_breaker.agents import AgentLimits
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.errors import AgentError, AgentForbidden, DataInvalid, StorageFull
from circuit_breaker.storage import connect
from circuit_breaker.testing.clock import ManualClock
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.script import HANG
from tests.agents.work import (
    Breaking,
    Dialogue,
    Ledger,
    Wrapped,
    agent,
    at_work,
    call,
    content_of,
    events_of,
    live,
    rest,
    script,
    told,
)

CAREFUL = agent(tools=("enter",), approve=("enter",))
TURNS = (call("enter", 1, text="a"), "Done.")
QUICK = AgentEngineConfig(poll=0.005)


async def test_a_call_that_needs_approval_waits_for_a_person():
    """An execution waits with the calls and their digest on its record, and goes on when a person says yes."""
    ledger = Ledger()
    async with at_work(CAREFUL, model=script(*TURNS), tools=[ledger.tool]) as engine:
        waiting = await engine.run("helper", {"q": "?"})
        assert ("pending", "approval", []) == (waiting.status, waiting.waiting_for, ledger.entries)
        assert ["enter"] == [one["name"] for one in waiting.approval["calls"]]

        await engine.approve(waiting.id, waiting.approval["digest"], by="ann")
        done = await engine.wait(waiting.id)

        assert ("completed", ["a"], "ann") == (done.status, ledger.entries, done.approval["by"])
        events = await events_of(engine, done.id)
        assert {"approved": True, "by": "ann"}.items() <= events[told(events).index("resumed")].details.items()
        assert 2 == told(events).count("UsageUpdate")
        assert done.usage == events[-1].usage
        assert await live(engine, done.id) == await engine.events.read(done.id)


async def test_a_no_is_told_to_the_model():
    """A call that a person refuses is not made, and the model may go on without it."""
    ledger = Ledger()
    async with at_work(CAREFUL, model=script(TURNS[0], "Then not."), tools=[ledger.tool]) as engine:
        waiting = await engine.run("helper", {"q": "?"})
        await engine.approve(waiting.id, decision=False)
        done = await engine.wait(waiting.id)
    assert ("completed", "Then not.", []) == (done.status, done.final_response, ledger.entries)


async def test_an_approval_is_bound_to_its_calls():
    """A yes for other calls, a yes without a digest and no decision at all are refused, and nothing is done."""
    ledger = Ledger()
    async with at_work(CAREFUL, model=script(*TURNS), tools=[ledger.tool]) as engine:
        waiting = await engine.run("helper", {"q": "?"})
        for wrong in (f"sha256:{'0' * 64}", {f"sha256:{'0' * 64}": True}, {}, True, None, "yes"):
            with pytest.raises(DataInvalid):
                await engine.approve(waiting.id, wrong)
        assert waiting == await engine.execution(waiting.id)
        assert [] == ledger.entries


async def test_only_what_waits_can_be_approved():
    """An execution that waits for nobody, or that somebody else has decided about, cannot be approved."""
    async with at_work(CAREFUL, agent("free"), model=script("Yes.", *TURNS), tools=[Ledger().tool]) as engine:
        done = await engine.run("free", {"q": "?"})
        with pytest.raises(AgentError, match="waits for nobody"):
            await engine.approve(done.id, decision=False)

        waiting = await engine.run("helper", {"q": "?"})
        digest = waiting.approval["digest"]
        said = await asyncio.gather(*(engine.approve(waiting.id, digest) for _ in range(3)), return_exceptions=True)
        assert 1 == sum(not isinstance(one, AgentError) for one in said)


async def test_who_may_approve():
    """The operator says who may approve."""
    async with at_work(
        CAREFUL,
        model=script(*TURNS),
        tools=[Ledger().tool],
        allowed=lambda by, deed, _: (by, deed) == ("ann", "approve"),
    ) as engine:
        waiting = await engine.run("helper", {"q": "?"})
        with pytest.raises(AgentForbidden, match="'bob' may not approve"):
            await engine.approve(waiting.id, waiting.approval["digest"], by="bob")
        await engine.approve(waiting.id, waiting.approval["digest"], by="ann")
        assert "completed" == (await engine.wait(waiting.id)).status


async def test_an_approval_from_another_process_after_a_restart(tmp_path):
    """A waiting execution survives its process, belongs to nobody, and goes on wherever it is approved; followers of
    the first part see the second.
    """
    ledger = Ledger()
    model = script(always=Dialogue(*TURNS))
    async with (
        connect(tmp_path / "a.db") as storage,
        at_work(CAREFUL, storage=storage, model=model, tools=[ledger.tool]) as engine,
    ):
        waiting = await engine.run("helper", {"q": "?"})
    async with (
        connect(tmp_path / "a.db") as here,
        connect(tmp_path / "a.db") as there,
        at_work(storage=here, model=model, tools=[ledger.tool], config=QUICK) as engine,
        at_work(storage=there, model=model, tools=[ledger.tool], config=QUICK) as other,
        asyncio.TaskGroup() as group,
    ):
        assert [] == await engine.recover()
        following = group.create_task(live(engine, waiting.id))
        await other.approve(waiting.id, {waiting.approval["calls"][0]["digest"]: True})
        done = await engine.wait(waiting.id)
        assert ("completed", ["a"], 2) == (done.status, ledger.entries, len(model.requests))
        assert await following == await other.events.read(waiting.id)


async def test_an_approved_execution_survives_a_crash():
    """What a person has said is kept: a crash after it asks nobody again, and does nothing twice."""
    for at in range(1, 12):
        ledger, model = Ledger(), script(always=Dialogue(*TURNS))
        async with connect("memory://") as storage:
            async with at_work(CAREFUL, storage=storage, model=model, tools=[ledger.tool]) as engine:
                waiting = await engine.run("helper", {"q": "?"})
            breaking = Breaking(storage, at, after=True)
            async with at_work(storage=breaking, model=model, tools=[ledger.tool]) as engine:
                try:
                    await engine.approve(waiting.id, waiting.approval["digest"])
                except StorageFull:
                    assert at == 1
                await rest(engine, waiting.id)
            async with at_work(storage=storage, model=model, tools=[ledger.tool], config=QUICK) as engine:
                done = await engine.wait(waiting.id)
                events = await events_of(engine, done.id)
                assert "completed" == done.status
                assert len(ledger.entries) <= 2
                assert "Done." == content_of(events)
                assert 2 == told(events).count("UsageUpdate")
        if breaking.writes < at:
            break
    assert breaking.writes < at


async def test_a_waiting_execution_is_cancelled():
    """What waits for a person can be cancelled, and what it has taken is on its record."""
    async with at_work(CAREFUL, model=script(*TURNS), tools=[Ledger().tool]) as engine:
        waiting = await engine.run("helper", {"q": "?"})
        assert await engine.cancel(waiting.id, by="ann")
        done = await engine.execution(waiting.id)
        assert ("cancelled", waiting.usage) == (done.status, done.usage)
        assert done.usage["total_tokens"] > 0


async def test_the_time_of_a_person_does_not_count():
    """While an execution waits for a person its own time stands still."""
    clock = ManualClock()
    definition = CAREFUL.evolve(limits=AgentLimits(timeout=10.0))
    model = script(TURNS[0], ModelTurn(says="In time."))
    async with at_work(definition, model=model, tools=[Ledger().tool], clock=clock) as engine:
        waiting = await engine.run("helper", {"q": "?"})
        await clock.advance("8h")
        await engine.approve(waiting.id, waiting.approval["digest"])
        done = await engine.wait(waiting.id)
    assert ("completed", 8 * 3600.0) == (done.status, done.idle)


async def test_an_approval_may_follow_the_question_at_once():
    """A yes that comes as soon as the waiting record can be read is taken, though the task that wrote it still ends."""
    async with at_work(CAREFUL, model=script(*TURNS), tools=[Ledger().tool]) as engine:
        begun = await engine.start("helper", {"q": "?"})
        while (waiting := await engine.execution(begun.id)).waiting_for != "approval":  # noqa: ASYNC110 - at once
            await asyncio.sleep(0)
        await engine.approve(waiting.id, waiting.approval["digest"])
        assert "completed" == (await engine.wait(waiting.id)).status


class LateToAnswer(Wrapped):
    """A storage in which an execution waits for a person before whoever wrote that knows."""

    def __init__(self, storage) -> None:
        super().__init__(storage)
        self.written, self.answers = asyncio.Event(), asyncio.Event()

    async def append(self, stream, documents, *, after, put=()):
        await super().append(stream, documents, after=after, put=put)
        if any(getattr(one, "document", {}).get("waiting_for") == "approval" for one in put):
            self.written.set()
            await self.answers.wait()


@pytest.mark.parametrize("beside", [False, True])
async def test_a_yes_may_come_before_the_one_who_asks_has_finished(beside):
    """A yes that comes at once waits until whoever asked is done, in this engine or in one beside it."""
    ledger = Ledger()
    async with connect("memory://") as storage, asyncio.timeout(5):
        late, members = LateToAnswer(storage), {"model": script(*TURNS), "tools": [ledger.tool], "config": QUICK}
        async with at_work(CAREFUL, storage=late, **members) as one, at_work(storage=storage, **members) as two:
            begun = await one.start("helper", {"q": "?"})
            await late.written.wait()
            digest = (await one.execution(begun.id)).approval["digest"]
            decided = asyncio.gather((two if beside else one).approve(begun.id, digest))
            await asyncio.sleep(0.02)
            assert not decided.done()
            late.answers.set()
            await decided
            done = await one.wait(begun.id)
    assert ("Done.", ["a"]) == (done.final_response, ledger.entries)


async def test_who_says_yes_second_is_told_so_at_once(tmp_path):
    """Of two who decide at the same time one is told that he came too late, also while the work goes on."""
    async with (
        connect(f"{tmp_path}/a.db") as storage,
        asyncio.timeout(5),
        at_work(CAREFUL, storage=storage, model=script(TURNS[0], HANG), tools=[Ledger().tool]) as engine,
    ):
        asked = await engine.run("helper", {"q": "?"})
        answers = await asyncio.gather(
            *(engine.approve(asked.id, asked.approval["digest"]) for _ in range(5)), return_exceptions=True
        )
    assert 1 == sum(not isinstance(one, AgentError) for one in answers)
