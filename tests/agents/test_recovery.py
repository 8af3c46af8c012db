"""What engines take up of those that are gone, what they leave to others, and what is known of it until then."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from circuit_breaker.agents import AgentLimits, AgentRetry
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.guardrails import Bounds
from circuit_breaker.errors import AgentInvalid, ContentFiltered
from circuit_breaker.llm import LLMRouter
from circuit_breaker.llm.profile import ModelProfile, Price
from circuit_breaker.llm.tools import tool
from circuit_breaker.llm.usage import Usage
from circuit_breaker.storage import connect
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.models import ScriptedProvider
from circuit_breaker.testing.script import HANG
from tests.agents.work import agent, at_work, call, events_of, script, told

OFTEN = AgentEngineConfig(poll=0.01, cleanup_interval=0.01)
UNTIL_ASKED = AgentEngineConfig(recover=False)
STOCK = ModelTurn(calls=(("stock", {}),), usage=Usage(input_tokens=30, output_tokens=20))
STOCK_OF_NOTHING = ModelTurn(calls=(("stock", {"of": "nothing"}),), usage=Usage(input_tokens=30, output_tokens=20))
COUNTING = {"told_last": "UsageUpdate"}
PRICED = ModelProfile(price=Price(input=Decimal(1), output=Decimal(1)))


@tool
async def stock() -> int:
    """Counts for ever."""
    return await asyncio.Event().wait()


@tool(name="stock")
def counted() -> int:
    """Counts what there is."""
    return 3


async def left_behind(storage, *definitions, model=None, tools=(), told_last="calling_model", times=1) -> str:
    """An execution whose engine has ended when this was told so often."""
    async with at_work(*definitions, storage=storage, model=model or script(HANG), tools=tools) as engine:
        begun = await engine.start(definitions[0].id, {"q": "?"})
        while told(await events_of(engine, begun.id)).count(told_last) < times:  # noqa: ASYNC110 - it is its events that tell
            await asyncio.sleep(0.001)
    return begun.id


def other(name: str) -> ScriptedProvider:
    """A model of another provider."""
    return ScriptedProvider(name=name, always="Done.")


LACKING = {
    "a tool": (agent(tools=("stock",)), script(always="Done."), "tools[0]: there is no tool 'stock'"),
    "its provider": (agent(), other("beta"), "llm_provider: there is no provider 'scripted'"),
    "a provider of its model": (agent(llm_provider=""), None, "llm_provider: there is no provider"),
}


@pytest.mark.parametrize(("definition", "model", "missing"), LACKING.values(), ids=LACKING)
async def test_what_an_engine_lacks_something_for_is_left_to_another(definition, model, missing):
    """An execution whose tool or provider is not here stays as it stands until an engine comes that has it."""
    async with connect("memory://") as storage:
        left = await left_behind(storage, definition, tools=[stock])
        before = await storage.records.get("agent_execution", left)
        with capture_logs() as logs:
            async with at_work(storage=storage, model=model, config=OFTEN) as engine:
                await asyncio.sleep(0.1)
                assert [] == await engine.recover()
        assert before == await storage.records.get("agent_execution", left)
        [noted] = [each for each in logs if "taken up" in each["event"]]
        assert missing in noted["error"]

        async with at_work(storage=storage, model=script(always="Done."), tools=[counted]) as engine:
            assert "completed" == (await engine.wait(left)).status


async def test_an_engine_that_is_asked_says_what_it_lacks():
    """Asked to go on with an execution, an engine names all that it needs and has not; cancelling needs none of it."""
    async with connect("memory://") as storage:
        left = await left_behind(storage, agent(tools=("stock",)), tools=[stock])
        async with at_work(storage=storage, model=other("beta"), config=UNTIL_ASKED) as engine:
            with pytest.raises(AgentInvalid, match=r"(?s)'helper' lacks here.*'stock'.*'scripted'"):
                await engine.resume(left)
            assert await engine.cancel(left)
            assert "cancelled" == (await engine.execution(left)).status


async def test_what_names_a_guardrail_that_is_not_here_can_be_cancelled():
    """An engine that lacks a guardrail of an execution does not go on with it, and cancels it all the same."""
    async with connect("memory://") as storage:
        guarded = agent(guardrails=("small",))
        async with at_work(agent(), storage=storage, model=script(HANG), guardrails={"small": Bounds()}) as engine:
            await engine.register(guarded)
            left = (await engine.start("helper", {"q": "?"})).id
            await asyncio.sleep(0.01)
        async with at_work(storage=storage, model=script(always="Done."), config=UNTIL_ASKED) as engine:
            with pytest.raises(AgentInvalid, match="no guardrail 'small'"):
                await engine.resume(left)
            assert await engine.cancel(left, reason="enough")
            assert ("cancelled", "cancelled: enough") == (
                (done := await engine.execution(left)).status,
                done.error["message"],
            )


async def test_a_decision_is_not_taken_where_it_cannot_be_carried_out():
    """An engine without the tool refuses a yes, which then can be given where the tool is."""
    async with connect("memory://") as storage:
        definition = agent(tools=("stock",), approve=("stock",))
        model = script(call("stock"), always="Done.")
        async with at_work(definition, storage=storage, model=model, tools=[counted]) as engine:
            waits = await engine.run("helper", {"q": "?"})
        async with at_work(storage=storage, model=script(always="Done.")) as engine:
            with pytest.raises(AgentInvalid, match="no tool 'stock'"):
                await engine.approve(waits.id, waits.approval["digest"])
        async with at_work(storage=storage, model=script(always="Done."), tools=[counted]) as engine:
            await engine.approve(waits.id, waits.approval["digest"])
            assert "completed" == (await engine.wait(waits.id)).status


@pytest.mark.parametrize(("name", "goes_on"), [("scripted", True), ("beta", False)])
async def test_a_router_knows_whether_somebody_serves_the_model(name, goes_on):
    """With a router an execution goes on where that knows the provider, and is left alone where it does not."""
    async with connect("memory://") as storage, LLMRouter() as router:
        await router.add_provider(name, other(name))
        left = await left_behind(storage, agent())
        async with AgentEngine(storage, router=router) as engine:
            done = await (engine.wait(left) if goes_on else engine.execution(left))
    assert ("completed" if goes_on else "running") == done.status


async def test_a_router_that_explains_nothing_is_asked():
    """A router of somebody else that cannot say whom it would ask gets the execution."""

    class Plain:
        chat_completion = print

        def stream(self, request, **options):
            return script(always="Done.").stream(request)

    async with connect("memory://") as storage:
        left = await left_behind(storage, agent())
        async with AgentEngine(storage, router=Plain()) as engine:
            assert "completed" == (await engine.wait(left)).status


async def test_an_interrupted_execution_shows_what_its_finished_calls_took():
    """K9: until somebody takes it up, the usage and cost of an execution are those of its finished steps."""
    async with connect("memory://") as storage:
        model = script(STOCK, profile=PRICED)
        left = await left_behind(storage, agent(tools=("stock",)), model=model, tools=[stock], **COUNTING)
        async with at_work(storage=storage, config=UNTIL_ASKED) as engine:
            [listed], [each] = await engine.executions(), [one async for one in engine.store.every(agent="helper")]
            for found in (await engine.execution(left), listed, each):
                assert ("running", 50, Decimal("0.00005")) == (found.status, found.usage["total_tokens"], found.dollars)


async def test_what_is_looked_at_often_is_what_the_record_says():
    """Looked at often, executions are found as they were written, by the same keys, and no finished step is read."""
    async with connect("memory://") as storage:
        left = await left_behind(storage, agent(tools=("stock",)), model=script(STOCK), tools=[stock], **COUNTING)
        async with at_work(storage=storage, config=UNTIL_ASKED) as engine:
            [found] = [one async for one in engine.store.each(agent="helper", status="running")]
            assert [] == [one async for one in engine.store.each(agent="helper", conversation="c")]
            assert found == await engine.store.written(left) != await engine.execution(left)


async def test_what_rounds_before_took_counts_as_well():
    """What an interrupted execution has taken is all that it took, also before it began from the start."""
    again = AgentLimits(retry=AgentRetry(max_attempts=2, backoff_seconds=0, retry_on_errors=("content_filtered",)))
    model = script(STOCK_OF_NOTHING, ContentFiltered("no"), STOCK)
    async with connect("memory://") as storage:
        definition = agent(tools=("stock",), limits=again)
        left = await left_behind(storage, definition, model=model, tools=[stock], **COUNTING, times=2)
        async with at_work(storage=storage, config=UNTIL_ASKED) as engine:
            found = await engine.execution(left)
    assert (2, 100, 2) == (found.round, found.usage["total_tokens"], found.unpriced_calls)
