"""The engine of agents: what it takes, carries out, finds again, and ends."""

from __future__ import annotations

import asyncio
import inspect
import time

import attrs
import pytest

from circuit_breaker.agents import AgentInput, AgentLimits, AgentRetry
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.errors import (
    AgentError,
    AgentExecutionNotFound,
    AgentForbidden,
    AgentInvalid,
    AgentNotFound,
    DataInvalid,
    LimitReached,
    ParameterInvalid,
    RateLimitExceeded,
)
from circuit_breaker.executors.models.settings import ModelSettings
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.tools import tool
from circuit_breaker.llm.tools.base import ChainableTool
from circuit_breaker.llm.tools.context import ToolContext
from circuit_breaker.llm.tools.toolset import Toolset
from circuit_breaker.llm.usage import Usage
from circuit_breaker.storage import connect
from circuit_breaker.testing.clock import ManualClock
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.models import ScriptedProvider
from circuit_breaker.testing.script import HANG
from tests.agents.work import (
    Breaking,
    Dialogue,
    Ledger,
    Wrapped,
    agent,
    at_work,
    call,
    events_of,
    live,
    rest,
    script,
    told,
)

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


async def test_an_agent_works_alone():
    """P1, P12: an execution needs no workflow; its answer, usage, model and time are on its record."""
    async with at_work(agent(), model=script("It is three.")) as engine:
        done = await engine.run("helper", {"q": "1 + 2?"}, context={"user_context": {"user_id": "ann"}})

        assert ("completed", "It is three.", {"text": "It is three."}) == (
            done.status,
            done.final_response,
            done.output,
        )
        assert ("m", "scripted", "stop") == (done.model, done.provider, done.finish_reason)
        assert done.usage["total_tokens"] > 0
        assert done.seconds >= 0
        assert done == await engine.execution(done.id)


async def test_an_output_schema_makes_the_answer_a_value():
    """ZB11: an answer that does not fit is mended, a bounded number of times, and is then the output."""
    async with at_work(agent(output_schema=SCHEMA), model=script("three", '{"n": 3}')) as engine:
        done = await engine.run("helper", {"q": "1 + 2?"})
        assert ("completed", {"n": 3}) == (done.status, done.output)


async def test_an_output_that_never_fits_is_an_error():
    """ZB11: when it was mended often enough, the execution has failed, and says what was wrong."""
    limits = AgentLimits(repairs=1)
    async with at_work(agent(output_schema=SCHEMA, limits=limits), model=script(always="three")) as engine:
        done = await engine.run("helper", {"q": "1 + 2?"})
        assert ("failed", "invalid_response") == (done.status, done.error["code"])
        assert done.usage["total_tokens"] > 0


async def test_executions_are_found_by_any_key_of_their_context():
    """P8, ZA29: executions are listed by whatever is in their context, the token's id among it."""
    async with at_work(agent(), model=script(always="Yes.")) as engine:
        one = await engine.run("helper", {"q": "?"}, context={"workflow_context": {"token_id": "t1"}})
        await engine.run("helper", {"q": "?"}, context={"workflow_context": {"token_id": "t2"}})

        assert [one] == await engine.executions(context={"workflow_context.token_id": "t1"})
        assert [one] == await engine.executions(agent="helper", status="completed", limit=1)
        assert [] == await engine.executions(status="failed")


@pytest.mark.parametrize("address", ["memory://", "{}/a.db"])
async def test_a_key_gives_the_same_execution(address, tmp_path):
    """The same key asked for many times at once, and later, is one execution; of another agent it is refused."""
    async with (
        connect(address.format(tmp_path)) as storage,
        at_work(agent(), agent("other"), storage=storage, model=script("Once.")) as engine,
    ):
        begun = await asyncio.gather(*(engine.start("helper", {"q": "?"}, key="k") for _ in range(20)))
        await engine.wait(begun[0].id)

        assert 1 == len({one.id for one in begun})
        assert "Once." == (await engine.run("helper", {"q": "?"}, key="k")).final_response
        with pytest.raises(DataInvalid, match="agent 'helper'"):
            await engine.start("other", {"q": "?"}, key="k")


class Unhurried(Wrapped):
    """A storage that lets others go first, wherever something is read or written."""

    def __init__(self, storage) -> None:
        super().__init__(storage)
        self.records = self
        self.put, self.find, self.delete = storage.records.put, storage.records.find, storage.records.delete

    async def get(self, *which):
        await asyncio.sleep(0)
        return await self._storage.records.get(*which)

    async def append(self, *which, **what):
        await asyncio.sleep(0.01)
        await super().append(*which, **what)


async def test_a_key_is_of_whoever_is_first():
    """However slow a storage is, those who ask at the same time with one key get the execution of the first."""
    async with (
        connect("memory://") as storage,
        asyncio.timeout(5),
        at_work(agent(), storage=Unhurried(storage), model=script("Once.")) as engine,
    ):
        begun = await asyncio.gather(*(engine.start("helper", {"q": "?"}, key="k") for _ in range(5)))
        done = await engine.wait(begun[0].id)
        assert [done] == await engine.executions()
    assert {done.id} == {one.id for one in begun}


async def test_a_key_is_of_no_use_where_nobody_works():
    """An engine that is not open says so, with a key as without one."""
    async with connect("memory://") as storage:
        async with at_work(agent(), storage=storage, model=script()) as engine:
            pass
        with pytest.raises(AgentError, match="not open"):
            await engine.start("helper", {"q": "?"}, key="k")


async def test_what_is_refused_keeps_no_key():
    """A key under which nothing could begin is as free as before, whoever asks with it next."""
    async with at_work(agent(), agent("other"), model=script("Once.")) as engine:
        with pytest.raises(AgentNotFound):
            await engine.start("helpre", {"q": "?"}, key="k")
        with pytest.raises(ParameterInvalid):
            await engine.start("helper", {"Q": 1}, key="k")
        assert [] == await engine.storage.records.find("agent_key")
        assert "other" == (await engine.run("other", {"q": "?"}, key="k")).agent_id


async def test_a_key_whose_record_is_broken_begins_nothing_anew():
    """A record of an execution that cannot be read is an error, and not an execution that is not there."""
    async with at_work(agent(), model=script("Once.")) as engine:
        done = await engine.run("helper", {"q": "?"}, key="k")
        await engine.storage.records.put("agent_execution", done.id, {"id": done.id})
        with pytest.raises(KeyError):
            await engine.start("helper", {"q": "?"}, key="k")


async def test_what_cannot_begin_is_refused_whole():
    """Unknown agent, missing and unknown input, wrong override, wrong time: one error each, and nothing is kept."""
    definition = agent(inputs={"q": AgentInput(schema={"type": "string"})})
    async with at_work(definition, model=script()) as engine:
        with pytest.raises(AgentNotFound, match="known: helper"):
            await engine.start("helpre", {})
        with pytest.raises(ParameterInvalid) as wrong:
            await engine.start("helper", {"Q": 1})
        assert ["input.q", "input.Q"] == [fault.place for fault in wrong.value.faults]
        with pytest.raises(AgentInvalid, match="temprature"):
            await engine.start("helper", {"q": "?"}, overrides={"temprature": 1})
        for no_time in (-1, "soon"):
            with pytest.raises(DataInvalid, match="timeout"):
                await engine.start("helper", {"q": "?"}, timeout=no_time)
        with pytest.raises(DataInvalid, match="no mapping"):
            await engine.start("helper", {"q": "?"}, overrides="gpt-4o")
        with pytest.raises(DataInvalid, match=r"context\.user"):
            await engine.start("helper", {"q": "?"}, context={"user": {}})
        assert [] == await engine.executions()
        with pytest.raises(AgentExecutionNotFound):
            await engine.wait("nothing")


async def test_an_agent_that_names_what_nobody_gave_is_refused():
    """Unknown tools, providers and guardrails are faults of the definition, all told together."""
    wrong = agent(tools=("nothing",), llm_provider="nobody", guardrails=("none",))
    async with at_work(model=script()) as engine:
        with pytest.raises(AgentInvalid) as told_so:
            await engine.register(wrong)
        assert {"tools[0]", "llm_provider", "guardrails"} == {fault.place for fault in told_so.value.faults}
        assert [] == await engine.definitions()


async def test_an_execution_keeps_its_version():
    """An execution that has begun goes on with the agent as it was, whatever becomes of it."""
    async with at_work(agent(), model=script(ModelTurn(says="Slow.", after=0.05))) as engine:
        begun = await engine.start("helper", {"q": "?"})
        changed = await engine.register(agent(description="another"))
        assert await engine.remove("helper")

        done = await engine.wait(begun.id)
        assert done.agent_version == begun.agent_version != changed.version
        assert begun.agent_version == (await engine.definition("helper", begun.agent_version)).version


async def test_what_a_tool_does_wrong_is_told_to_the_model():
    """A tool that fails, gives what it does not promise, or is not there ends no execution."""

    @tool
    def bad(n: int) -> int:
        """Fails."""
        raise ValueError("no")

    calls = [call("bad", 1, n=1), call("bad", 2, n="x"), call("none", 3)]
    async with at_work(agent(tools=("bad",)), model=script(*calls, "I gave up."), tools=[bad]) as engine:
        done = await engine.run("helper", {"q": "?"})
        results = [event for event in await events_of(engine, done.id) if type(event).__name__ == "ToolResultEvent"]

    assert "completed" == done.status
    assert [True, True, True] == [event.is_error for event in results]


async def test_a_flood_of_a_tool_is_bounded():
    """I15: a tool that reports without end and gives far too much fills neither the memory nor the stream."""

    @tool
    def flood(context: ToolContext) -> str:
        """Floods."""
        for number in range(5000):
            context.progress("x" * 100, number / 5000)
        return "y" * 3_000_000

    async with at_work(agent(tools=("flood",)), model=script(call("flood"), "Wet."), tools=[flood]) as engine:
        done = await engine.run("helper", {"q": "?"})
        results = [event for event in await events_of(engine, done.id) if type(event).__name__ == "ToolResultEvent"]

    assert "completed" == done.status
    assert 1001 == len(results)
    assert results[-2].truncated
    assert len(results[-1].result) <= 64 * 1024


async def test_a_model_that_goes_in_circles_is_stopped():
    """A model that makes the same call again and again is told so, and then stopped."""
    ledger = Ledger()
    model = script(always=call("enter", text="a"))
    async with at_work(agent(tools=("enter",)), model=model, tools=[ledger.tool]) as engine:
        done = await engine.run("helper", {"q": "?"})
    assert ("failed", "agent_stopped", "repeated_calls") == (done.status, done.error["code"], done.finish_reason)
    assert "made the same call of a tool again and again (repeated_calls)" in done.error["message"]
    assert len(ledger.entries) < 5


@pytest.mark.parametrize("turn", [HANG, ModelTurn(says="so slow", between=10.0)], ids=["silent", "slow"])
async def test_a_provider_that_hangs_is_stopped_in_time(turn):
    """An execution that takes too long is timed out, and the call upstream is ended within 200 ms."""
    model = script(turn)
    async with at_work(agent(limits=AgentLimits(timeout=0.1)), model=model) as engine:
        begun = time.monotonic()
        done = await engine.run("helper", {"q": "?"})

        assert time.monotonic() - begun < 0.3
        assert ("timed_out", "agent_timeout") == (done.status, done.error["code"])
        assert "timed_out" == told(await events_of(engine, done.id))[-1]


async def test_a_timeout_of_one_execution_takes_the_place_of_the_agents():
    """P5: the operator's time holds where neither the agent nor the caller names one."""
    config = AgentEngineConfig(execution_timeout=0.05)
    async with at_work(agent(limits=AgentLimits(timeout=None)), model=script(always=HANG), config=config) as engine:
        assert "timed_out" == (await engine.run("helper", {"q": "?"})).status
        assert "0.01 seconds" in (await engine.run("helper", {"q": "?"}, timeout=0.01)).error["message"]


async def test_any_error_ends_one_execution_and_no_other():
    """Whatever a model raises is the end of its execution, with one last event; the engine goes on."""
    model = script(ZeroDivisionError("oops"), "Well.")
    async with at_work(agent(), model=model) as engine:
        failed = await engine.run("helper", {"q": "?"})
        well = await engine.run("helper", {"q": "?"})

        assert ("failed", "agent_failed", "completed") == (failed.status, failed.error["code"], well.status)
        assert ["ExecutionStart", "calling_model", "failed"] == told(await events_of(engine, failed.id))


# Cancellation


async def test_a_running_execution_is_cancelled_and_its_call_ended():
    """I16: cancelled by somebody, an execution ends at once, says by whom and why, and the stream upstream is left."""
    model = script(ModelTurn(says="on and on and on", between=0.02))
    async with at_work(agent(), model=model) as engine:
        begun = await engine.start("helper", {"q": "?"})
        async with engine.events.subscribe(begun.id) as following:
            async for event in following:
                if type(event).__name__ == "ContentChunk":
                    break
        assert await engine.cancel(begun.id, by="ann", reason="enough")

        done = await engine.execution(begun.id)
        assert ("cancelled", "cancelled by ann: enough") == (done.status, done.error["message"])
        assert 1 == model.stopped
        assert not await engine.cancel(begun.id)


async def test_a_queued_execution_is_cancelled():
    """What waits for its turn can be cancelled, and its turn goes to the next."""
    config = AgentEngineConfig(max_concurrent_executions=1)
    async with at_work(agent(), model=script(ModelTurn(says="Slow.", after=0.05), "Next."), config=config) as engine:
        first, second, third = [await engine.start("helper", {"q": "?"}) for _ in range(3)]
        assert ["running", "pending", "pending"] == [first.status, second.status, third.status]

        assert await engine.cancel(second.id)

        assert ["completed", "cancelled", "completed"] == [
            (await engine.wait(one.id)).status for one in (first, second, third)
        ]
        assert ["ExecutionStart", "cancelled"] == told(await events_of(engine, second.id))


async def test_a_retrying_execution_is_cancelled():
    """The pause before another attempt can be cut short."""
    limits = AgentLimits(retry=AgentRetry(max_attempts=3, backoff_seconds=60))
    failing = script(always=RateLimitExceeded("slow down", provider="scripted"))
    async with at_work(agent(limits=limits), model=failing) as engine:
        begun = await engine.start("helper", {"q": "?"})
        async with engine.events.subscribe(begun.id) as following:
            async for event in following:
                if told([event]) == ["retrying"]:
                    break
        assert "retry" == (await engine.execution(begun.id)).waiting_for
        assert await engine.cancel(begun.id)
        assert "cancelled" == told(await events_of(engine, begun.id))[-1]


@pytest.mark.parametrize("turns", range(0, 40, 2))
async def test_there_is_one_end_whenever_it_is_cancelled(turns):
    """Cancelled after any number of turns of the event loop, an execution has one end, and the record agrees."""
    ledger = Ledger()
    model = script(call("enter", text="a"), "All is well.")
    async with at_work(agent(tools=("enter",)), model=model, tools=[ledger.tool]) as engine:
        begun = await engine.start("helper", {"q": "?"})
        for _ in range(turns):
            await asyncio.sleep(0)
        results = await asyncio.gather(*(engine.cancel(begun.id, by="x") for _ in range(3)))

        done, events = await engine.wait(begun.id), await events_of(engine, begun.id)
        assert 1 == sum(type(event).__name__ in ("ExecutionComplete", "ErrorEvent") for event in events)
        assert done.events == len(events)
        assert results == [done.status == "cancelled"] * 3


async def test_leaving_the_engine_cancels_nothing():
    """An engine that is closed leaves its executions to the next one, which goes on with them."""
    async with connect("memory://") as storage:
        async with at_work(agent(), storage=storage, model=script(HANG)) as engine:
            begun = await engine.start("helper", {"q": "?"})
            await asyncio.sleep(0.01)
        assert "running" == (await engine.store.execution(begun.id)).status
        async with at_work(storage=storage, model=script("Here I am.")) as engine:
            done = await engine.wait(begun.id)
            assert "Here I am." == done.final_response
            assert "resumed" in told(await events_of(engine, begun.id))


async def test_a_storage_that_recovers_lets_the_execution_go_on():
    """While nothing can be written an execution stands still; the same engine takes it up when there is room again."""
    config = AgentEngineConfig(cleanup_interval=0.02, poll=0.01)
    async with connect("memory://") as storage:
        full = Breaking(storage, 3, after=False)
        async with at_work(agent(), storage=full, model=script("Lost.", "Found."), config=config) as engine:
            begun = await engine.start("helper", {"q": "?"})
            await rest(engine, begun.id)
            full.writes = -1_000_000

            assert (await engine.wait(begun.id)).status == "completed"
            assert await live(engine, begun.id) == await engine.events.read(begun.id)


# Who may, how many, how deep


async def test_only_those_who_are_allowed_may_follow_and_cancel():
    """I20, I16: the operator says who may follow, cancel and approve."""

    def allowed(by, deed, execution):
        return by == execution.context.get("user_context.user_id")

    async with at_work(agent(), model=script(HANG), allowed=allowed) as engine:
        begun = await engine.start("helper", {"q": "?"}, context={"user_context": {"user_id": "ann"}})
        with pytest.raises(AgentForbidden, match="'bob' may not cancel"):
            await engine.cancel(begun.id, by="bob")
        with pytest.raises(AgentForbidden, match="may not follow"):
            async with engine.events.subscribe(begun.id, by="bob"):
                pass
        with pytest.raises(AgentForbidden):
            await engine.events.read(begun.id)
        assert await engine.cancel(begun.id, by="ann")


async def test_too_many_wait():
    """P5, P11: fifty run at once unless the operator says otherwise, and one more than may wait is refused."""
    assert 50 == AgentEngineConfig().max_concurrent_executions
    config = AgentEngineConfig(max_concurrent_executions=1, max_waiting=1)
    async with at_work(agent(), model=script(always=HANG), config=config) as engine:
        for _ in range(2):
            await engine.start("helper", {"q": "?"})
        with pytest.raises(LimitReached, match="wait for their turn"):
            await engine.start("helper", {"q": "?"})
        assert 2 == len(await engine.executions())


def asking(engines: list):
    """A tool that has the same agent work on the next question."""

    @tool
    async def ask(parent: str) -> str:
        """Asks another one."""
        engine = engines[0]
        execution = await engine.execution(parent)
        child = await engine.run("helper", {"q": "deeper"}, parent=execution, key=f"child of {parent}")
        return child.status

    return ask


async def test_executions_that_want_others_cannot_lock_each_other():
    """An execution that waits for another one has a place already; with one place in all they still come to an end."""
    engines: list = []

    def model(request):
        if request.messages[-1].role == "tool":
            return f"The other one has {request.messages[-1].tool_results[0].content}."
        return call("ask", parent=engines[1]) if request.messages[-1].content == "top" else "Deep."

    config = AgentEngineConfig(max_concurrent_executions=1)
    async with at_work(
        agent(tools=("ask",)), model=script(always=model), tools=[asking(engines)], config=config
    ) as engine:
        begun = await engine.start("helper", {"q": "top"}, key="top")
        engines += [engine, begun.id]
        done = await engine.wait(begun.id)

        (child,) = await engine.executions(parent=begun.id)
        assert ("completed", "completed", 1) == (done.status, child.status, child.depth)
        with pytest.raises(LimitReached, match="want one another"):
            await engine.start("helper", {"q": "x"}, parent=attrs.evolve(child, depth=4))


async def test_a_child_spends_from_the_purse_of_its_parent():
    """Budgets hold over an execution and all that it wants: when they are used up together, both are stopped."""
    async with at_work(
        agent("parent", limits=AgentLimits(tokens=60)), agent("child"), model=script(always="one two three four five")
    ) as engine:
        parent = await engine.run("parent", {"q": "?"})
        spent = parent.usage["total_tokens"]
        statuses = []
        for _ in range(10):
            child = await engine.run("child", {"q": "?"}, parent=parent)
            spent += child.usage.get("total_tokens", 0)
            statuses.append((child.status, child.error.get("code")))

        assert ("completed", None) == statuses[0]
        assert ("failed", "budget_exceeded") == statuses[-1]
        assert spent < 60 + 40


async def test_an_engine_that_is_not_open_says_so():
    """Outside of its block an engine takes no work."""
    async with connect("memory://") as storage:
        engine = AgentEngine(storage, providers=[script()])
        await engine.register(agent())
        with pytest.raises(AgentError, match="async with"):
            await engine.start("helper", {"q": "?"})
        assert [] == await engine.executions()


async def test_what_was_kept_long_enough_is_removed():
    """I19, ZB9: executions and their events are kept until their retention ends, and then found by their day."""
    clock = ManualClock()
    config = AgentEngineConfig(retention=86_400)
    async with at_work(agent(), model=script(always="Yes."), clock=clock, config=config) as engine:
        old = await engine.run("helper", {"q": "?"}, key="k")
        await clock.advance("20h")
        new = await engine.run("helper", {"q": "?"})
        assert 0 == await engine.clean_up()
        await clock.advance("5h")

        assert 1 == await engine.clean_up()
        assert [new.id] == [one.id for one in await engine.executions()]
        assert [] == await engine.storage.streams.read(f"agent:{old.id}")
        assert old.id != (await engine.run("helper", {"q": "?"}, key="k")).id
        await clock.advance("72h")
        assert 2 == await engine.clean_up()
        assert [] == await engine.storage.records.find("agent_day")


async def test_an_output_that_is_no_json_is_an_error_of_its_execution():
    """Whatever cannot be kept as the end is an end with an error, and not tried again and again."""

    class Forgetful:
        async def enters(self, execution):
            return True

        async def recall(self, definition, execution, summarize=None):
            return []

        async def remember(self, execution, messages, conceal):
            raise ZeroDivisionError("no memory")

    async with at_work(agent(), model=script("Yes."), memory=Forgetful()) as engine:
        conversation = await engine.conversations.create("helper")
        done = await engine.run("helper", {"q": "?"}, conversation=conversation.id)
        assert ("failed", "ZeroDivisionError: no memory") == (done.status, done.error["message"])
        assert done.usage["total_tokens"] > 0


async def test_a_router_answers_for_the_tenant():
    """P1: where there is a router it is asked, for the tenant of the context, with the provider before the model."""
    asked = []

    class Router:
        def chat_completion(self, request, *, tenant, key):
            raise NotImplementedError

        def stream(self, request, *, tenant, key):
            asked.append((request.model, tenant))
            return model.stream(request)

    model = script(always="Routed.")
    async with connect("memory://") as storage, AgentEngine(storage, router=Router()) as engine:
        await engine.register(agent())
        await engine.register(agent("any", llm_provider="", llm_config={"model": "cb:smart"}))
        for name in ("helper", "any"):
            done = await engine.run(name, {"q": "?"}, context={"tenant_id": "acme"})
            assert "Routed." == done.final_response
    assert [("scripted/m", "acme"), ("cb:smart", "acme")] == asked


async def test_a_provider_that_is_gone_is_an_error():
    """An agent whose provider nobody gives any more fails, and says which one is missing."""
    async with connect("memory://") as storage:
        async with at_work(agent(), storage=storage, model=script()):
            pass
        async with at_work(storage=storage, model=script(name="another")) as engine:
            done = await engine.run("helper", {"q": "?"})
    assert "failed" == done.status
    assert "no provider 'scripted'" in done.error["message"]


async def test_overrides_and_the_model_of_an_execution():
    """O2: members of ``llm_config`` can be another for one execution, the model as well."""
    model = script(always="Yes.")
    async with at_work(agent(llm_config={"model": "m", "temperature": 0.1}), model=model) as engine:
        await engine.run("helper", {"q": "?"}, overrides={"model": "n", "temperature": 0.9})
        await engine.run("helper", {"q": "?"})
        with pytest.raises(AgentInvalid, match="model"):
            await engine.start("helper", {"q": "?"}, overrides={"model": ""})
    assert [("n", 0.9), ("m", 0.1)] == [(one.model, one.temperature) for one in model.requests]


async def test_more_tools_are_given_when_it_runs():
    """An operator can give an execution tools of its own, and does so again when it goes on after a crash."""
    ledger, given = Ledger(), []

    async def tools_for(definition, execution):
        given.append(execution.id)
        return Toolset().add_tools([ledger.tool])

    model = script(always=Dialogue(call("enter", text="a"), [HANG, "Done."]))
    async with connect("memory://") as storage:
        async with at_work(agent(), storage=storage, model=model, tools_for=tools_for) as engine:
            begun = await engine.start("helper", {"q": "?"})
            while len(model.requests) < 2:  # noqa: ASYNC110 - the model cannot ring
                await asyncio.sleep(0)
        async with at_work(storage=storage, model=model, tools_for=tools_for) as engine:
            assert "completed" == (await engine.wait(begun.id)).status
    assert ([begun.id] * 2, ["a"]) == (given, ledger.entries)


@pytest.mark.parametrize(
    "wrong", [{"max_waiting": 0}, {"poll": 0.0}, {"stream_buffer_size": True}, {"execution_timeout": float("inf")}]
)
def test_a_wrong_setting_is_refused(wrong):
    """P5: what is no number of executions or seconds is refused by its name."""
    with pytest.raises(AgentInvalid, match=next(iter(wrong))):
        AgentEngineConfig(**wrong)


async def test_an_execution_whose_agent_is_lost_can_be_cancelled():
    """Where even the version of its agent is gone, an execution is left alone by recovery, and ends when cancelled."""
    async with connect("memory://") as storage:
        async with at_work(agent(), storage=storage, model=script(HANG)) as engine:
            begun = await engine.start("helper", {"q": "?"})
        await storage.records.delete("agent_version", f"helper/{begun.agent_version}")
        async with at_work(storage=storage, model=script()) as engine:
            assert [] == await engine.recover()
            assert await engine.cancel(begun.id)
            with pytest.raises(AgentNotFound, match="of version"):
                await engine.definition("helper", begun.agent_version)


async def test_a_child_goes_on_in_the_purse_of_its_parent_after_a_crash():
    """What children have taken counts against their parent also when its process has changed."""

    @tool
    async def wait() -> str:
        """Waits until all children are over."""
        begun.set()
        await over.wait()
        return "over"

    begun, over = asyncio.Event(), asyncio.Event()
    parent_ = agent("parent", limits=AgentLimits(tokens=80), tools=("wait",))
    first = script(ModelTurn(calls=(("wait", {}),), usage=Usage(input_tokens=10, output_tokens=10)))
    async with connect("memory://") as storage:
        async with at_work(parent_, agent("child"), storage=storage, model=first, tools=[wait]) as engine:
            parent = await engine.start("parent", {"q": "?"})
            await begun.wait()
        model = script(always="one two three four five six seven eight nine ten")
        async with at_work(storage=storage, model=model, tools=[wait]) as engine:
            statuses = []
            for _ in range(6):
                child = await engine.run("child", {"q": "?"}, parent=parent)
                statuses.append(child.status)
            assert ["completed", "failed"] == sorted(set(statuses))
        over.set()
        async with at_work(storage=storage, model=script(always="late"), tools=[wait]) as engine:
            done = await engine.wait(parent.id)
            assert ("failed", "budget_exceeded") == (done.status, done.error["code"])


async def test_an_execution_of_nobody_is_taken_up_when_asked_for():
    """An engine that takes up nothing by itself takes up one execution that it is told to, and only one left behind."""
    quiet = AgentEngineConfig(recover=False)
    async with connect("memory://") as storage:
        async with at_work(agent(), storage=storage, model=script(HANG, HANG)) as engine:
            one, other = [await engine.start("helper", {"q": "?"}) for _ in range(2)]
        async with at_work(storage=storage, model=script("Here."), config=quiet) as engine:
            assert await engine.resume(one.id)
            assert "completed" == (await engine.wait(one.id)).status
            assert not await engine.resume(one.id)
            assert "running" == (await engine.execution(other.id)).status


async def test_a_tool_may_give_what_no_file_can_hold():
    """Half a character in what a tool or a call says is kept and told like any other text."""

    @tool
    def half(text: str) -> str:
        """Gives half a character."""
        return "\ud83d" + text

    broken = ToolCall(id="1", name="half", arguments='{"text": "\\ud83e"}')
    async with at_work(agent(tools=("half",)), model=script(broken, "Well."), tools=[half]) as engine:
        done = await engine.run("helper", {"q": "?"})
        assert "completed" == done.status, done.error
        assert await live(engine, done.id) == await engine.events.read(done.id)


async def test_arguments_that_are_no_json_are_told_as_text():
    """A call whose arguments cannot be read is told with their text, and its result is an error."""
    broken = ToolCall(id="1", name="enter", arguments='{"text": ')
    async with at_work(agent(tools=("enter",)), model=script(broken, "Sorry."), tools=[Ledger().tool]) as engine:
        done = await engine.run("helper", {"q": "?"})
        (called,) = [one for one in await events_of(engine, done.id) if type(one).__name__ == "ToolCallEvent"]
    assert ("completed", {"text": '{"text": '}) == (done.status, called.arguments)


async def test_what_waits_for_its_turn_is_taken_up_in_turn():
    """Executions that are taken up wait for their turn like all others, and come to their end one after the other."""
    config = AgentEngineConfig(max_concurrent_executions=1)
    async with connect("memory://") as storage:
        async with at_work(agent(), storage=storage, model=script(always=HANG)) as engine:
            ids = [(await engine.start("helper", {"q": "?"})).id for _ in range(4)]
        async with at_work(storage=storage, model=script(always="Yes."), config=config) as engine:
            assert ["completed"] * 4 == [(await engine.wait(one)).status for one in ids]


async def test_a_tool_that_hangs_or_lies_is_told_to_the_model():
    """A tool that never ends is stopped after its time, one that gives what it does not promise is refused."""

    @tool(timeout=0.02)
    async def hang() -> str:
        """Hangs."""
        await asyncio.sleep(60)
        return "never"

    class Liar(ChainableTool):
        async def execute(self, given, context):
            return {"n": "none"}

    lie, tools = Liar("lie", "Promises a number.", {"type": "object"}, SCHEMA), ("hang", "lie")
    async with at_work(agent(tools=tools), model=script(*map(call, tools), "Well."), tools=[hang, lie]) as engine:
        done = await engine.run("helper", {"q": "?"})
        results = [one for one in await events_of(engine, done.id) if type(one).__name__ == "ToolResultEvent"]
    assert ("completed", [True, True]) == (done.status, [one.is_error for one in results])
    assert ["0.02 seconds" in results[0].result, "not as it says" in results[1].result] == [True, True]


async def test_a_cancelled_tool_ends_with_its_execution():
    """A tool that is at work when its execution is cancelled is cancelled too."""
    ended = asyncio.Event()

    @tool
    async def long() -> str:
        """Takes long."""
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return "late"

    async with at_work(agent(tools=("long",)), model=script(call("long")), tools=[long]) as engine:
        begun = await engine.start("helper", {"q": "?"})
        async with engine.events.subscribe(begun.id) as following:
            async for event in following:
                if type(event).__name__ == "ToolCallEvent":
                    break
        assert await engine.cancel(begun.id)
        assert ended.is_set()


async def test_definitions_are_kept_found_listed_and_removed():
    """P6: store, get, list and remove, which says whether there was one."""
    async with at_work(agent("one", tags=("a",)), agent("two"), model=script()) as engine:
        assert "one" == (await engine.definition("one")).id
        assert ["one", "two"] == [each.id for each in await engine.definitions()]
        assert ["one"] == [each.id for each in await engine.definitions(tag="a")]
        assert (True, False) == (await engine.remove("one"), await engine.remove("one"))
        assert ["two"] == [each.id for each in await engine.definitions()]


async def test_an_execution_goes_to_the_provider_of_its_agent():
    """P10: each execution is carried out by its own agent, with the provider that this one names."""
    left, right = (ScriptedProvider(f"I am {name}.", name=name) for name in ("left", "right"))
    definitions = [agent(name, llm_provider=name) for name in ("left", "right")]
    async with connect("memory://") as storage, AgentEngine(storage, providers=[left, right]) as engine:
        for definition in definitions:
            await engine.register(definition)
        done = await asyncio.gather(*(engine.run(name, {"q": "?"}) for name in ("right", "left")))
    assert ["I am right.", "I am left."] == [one.final_response for one in done]


async def test_a_context_that_names_a_workflow_needs_none():
    """P4: the engine takes a context as it is given, and asks no workflow and no rules about it."""
    around = {"workflow_context": {"resource_id": "r", "state_id": "nowhere"}, "custom_context": {"n": 1}}
    async with at_work(agent(), model=script("Yes.")) as engine:
        done = await engine.run("helper", {"q": "?"}, context=around)
    assert ("completed", "nowhere", 1) == (
        done.status,
        done.get_context_value("workflow_context.state_id"),
        done.get_context_value("custom_context.n"),
    )
    assert not {"engine", "rules", "workflows"} & set(inspect.signature(AgentEngine).parameters)


async def test_whose_an_execution_is_stands_in_its_context():
    """M9: one definition works for several tenants; each execution says for which, and is found by it."""
    async with at_work(agent(), model=script(always="Yes.")) as engine:
        done = [await engine.run("helper", {"q": "?"}, context={"tenant_id": name}) for name in ("acme", "other")]
        assert [done[0]] == await engine.executions(context={"tenant_id": "acme"})


@pytest.mark.parametrize("beside", [{"providers": [ScriptedProvider()]}, {"tools": [int]}, {"router": object()}])
def test_settings_are_all_of_it(beside):
    """What is given beside settings would be left out: it is refused."""
    with pytest.raises(DataInvalid, match="give these in it alone"):
        AgentEngine(connect("memory://"), settings=ModelSettings(), **beside)
