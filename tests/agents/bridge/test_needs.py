"""What cases still look at is kept, however short the retention of executions is."""

from __future__ import annotations

import asyncio

import attrs

from circuit_breaker import connect
from circuit_breaker.agents.bridge.case_client import CaseClient
from circuit_breaker.agents.bridge.composition import AgentComposer, Budget, chain
from circuit_breaker.agents.bridge.visits import Visit, Visits
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.llm import ToolCall, tool
from circuit_breaker.testing import ManualClock, ScriptedProvider
from tests.agents.bridge.office import keeping, office, reviewing, said
from tests.agents.bridge.test_place_agents import at_intake, placed, says
from tests.agents.bridge.test_taking_up import left_behind
from tests.agents.composition.crew import agent

SHORT = AgentEngineConfig(retention=60)


@tool
async def pay(amount: int) -> str:
    """Pays."""
    return f"paid {amount}"


def turn(request):
    if request.messages[0].content == "b" and not request.messages[-1].tool_results:
        return ToolCall(id="1", name="pay", arguments='{"amount": 1}')
    return "Done."


async def test_what_a_composition_took_counts_until_it_is_over():
    """I19: a budget over a whole is kept while it waits for a person for longer than executions are."""
    clock, journal = ManualClock(), connect("memory://")
    agents = AgentEngine(journal, providers=[ScriptedProvider(always=turn)], tools=[pay], config=SHORT, clock=clock)
    async with AgentComposer(agents, journal) as composer, agents:
        for definition in (agent("a"), agent("b", tools=("pay",), approve=("pay",)), agent("c")):
            await agents.register(definition)
        done = await composer.run(chain("a", "b", "c", budget=Budget(executions=2)))
        [asking] = done.waiting
        await clock.advance("50h")
        assert 0 == await agents.clean_up()

        await agents.approve(asking.id, asking.approval["digest"], by="ann")
        done = await composer.go_on(done.case)
        assert (False, ["a", "b"]) == (done.completed, sorted(done.outputs))
        await composer.engine.cancel(done.case)
        await clock.advance("50h")
        assert 2 == await agents.clean_up()


async def test_an_answer_that_its_transition_has_not_taken_yet_stays(tmp_path):
    """I19: agents work on while the workflow is down; when that comes back, nothing is asked again."""
    url, config = f"sqlite:///{tmp_path}/work.db", AgentEngineConfig(retention=0.001)
    case_id = await left_behind(url)
    async with office(url=url, says=[said()], config=config) as at:
        [execution] = await at.executions()
        assert "completed" == (await at.agents.wait(execution.id)).status
        await asyncio.sleep(0.01)
        assert 0 == await at.agents.clean_up()
    async with office(reviewing(), url=url, config=config) as at:
        await at.engine.recover()
        assert ("reviewed", []) == ((await at.engine.get(case_id)).state, at.model.requests)
        await asyncio.sleep(0.01)
        assert 1 == await at.agents.clean_up()


async def test_an_answer_that_a_place_agent_has_not_written_yet_stays():
    """I19: the execution of a visit that goes on is found again; that of one that is over is nobody's."""
    async with at_intake(says("news")) as at, keeping(at, placed()) as places:
        case = await at.case()
        await places.settle()
        [visit], [execution] = await places.visits.listed(), await at.executions()
        client = CaseClient(at.engine.storage)
        assert not await client.needs(execution)
        kept = await places.visits.put(attrs.evolve(visit, status="running"))
        assert kept is not None
        assert await client.needs(execution)
        assert not await client.needs(attrs.evolve(execution, key=f"place:{visit.id}:7.1"))
        await at.engine.cancel(case)
        assert not await client.needs(execution)


async def test_what_is_known_of_cases_is_bounded():
    """A client reads a case again when it has changed, and forgets what it knows of very many."""
    async with at_intake() as at:
        client = CaseClient(at.engine.storage)
        visits = Visits(at.engine.storage)
        for number in range(120):
            case = await at.case()
            where = {"place_agent": "p", "case": case.id, "token": case.token.id, "place": "pending", "event": 1}
            await visits.put(Visit(id=f"v{number}", **where, entered=case.token.entered, status="running"))
            context = {"workflow_context": {"resource_id": case.id}, "custom_context": {"visit": f"v{number}"}}
            around = ExecutionContext.from_document(context)
            members = {"agent_version": "1", "created_at": case.started_at, "key": f"place:v{number}:0.1"}
            execution = AgentExecution(id="e", agent_id="a", context=around, **members)
            assert (await client.unwanted(execution), await client.needs(execution)) == ("", True)
        await at.engine.cancel(case)
        assert f"case '{case.id}' was cancelled" == await client.unwanted(execution)
        assert len(client._known) <= 100
