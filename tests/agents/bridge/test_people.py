"""Agents whose tools a person approves, at work for a workflow."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.store import execution_put
from circuit_breaker.llm import ToolCall, tool
from tests.agents.bridge.office import Office, keeping, office, reviewer, reviewing, said
from tests.agents.bridge.test_place_agents import classifier, intake, placed, says

CALL = ToolCall(id="1", name="look_up", arguments='{"word": "net"}')


@tool
def look_up(word: str) -> dict[str, Any]:
    """Looks a word up."""
    return {"word": word}


async def waiting(at: Office) -> Any:
    """The execution, once it waits for a person."""
    async with asyncio.timeout(20):
        while True:
            for execution in await at.executions():
                if execution.waiting_for == "approval":
                    return execution
            await asyncio.sleep(0.01)


async def test_a_transition_waits_until_a_person_has_approved():
    """The firing goes on when the call that waits is approved, with the same execution."""
    careful = reviewer(tools=("look_up",), approve=("look_up",))
    async with office(reviewing(), says=[CALL, said()], agents=[careful], tools=[look_up]) as at:
        case = await at.case()
        async with asyncio.TaskGroup() as group:
            run = group.create_task(at.engine.run(case))
            execution = await waiting(at)
            await at.agents.approve(execution.id, execution.approval["digest"], by="ann")
        assert ("reviewed", 1) == (run.result().state, len(await at.executions()))


async def test_a_place_that_waits_for_a_person_keeps_nobody_waiting():
    """settle() returns while an agent waits for an approval; after it the outputs are written."""
    careful = classifier(tools=("look_up",), approve=("look_up",))
    async with office(intake(), says=[CALL, says("news")], agents=[careful], tools=[look_up]) as at:
        async with keeping(at, placed()) as places:
            case = await at.case()
            async with asyncio.timeout(20):
                await places.settle()
            execution = await waiting(at)
            await at.agents.approve(execution.id, execution.approval["digest"], by="ann")
            await at.agents.wait(execution.id)
            await places.settle()
        assert "news" == (await at.engine.get(case)).data["category"]


async def test_everybody_who_waits_is_told_however_many_there_are():
    """A case may wait for more people than a page of executions has; all of them are known, the oldest first."""
    context = {"workflow_context": {"resource_id": "c"}}
    asking = {"agent_id": "a", "agent_version": "1", "waiting_for": "approval", "created_at": datetime.now(UTC)}
    around = ExecutionContext.from_document(context)
    waits = [AgentExecution(id=f"{number:03d}", context=around, **asking) for number in range(101)]
    async with office(intake(), agents=[classifier()]) as at:
        for execution in waits:
            put = execution_put(execution)
            await at.agents.storage.records.put(put.kind, put.id, put.document, keys=put.keys)
        assert waits == await keeping(at, placed()).undecided("c")
