"""What nobody wants any more does not go on: not after a restart, not elsewhere, and not with a person's yes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from circuit_breaker import Case, Engine, Workflow, connect, flow, states
from circuit_breaker.agents import AgentDefinition
from circuit_breaker.agents.bridge import CaseTools
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.errors import ActionError, ActionWithdrawn, AgentError
from circuit_breaker.llm import ToolCall, tool
from circuit_breaker.testing import HANG
from circuit_breaker.workflow.patterns import cancel_activity
from tests.agents.bridge.office import INPUTS, Office, keeping, office, reviewed, reviewer, reviewing, said, submitted
from tests.agents.bridge.test_people import waiting
from tests.agents.bridge.test_place_agents import asked, classifier, intake, placed

QUICK = AgentEngineConfig(poll=0.01, cleanup_interval=0.02)
CALL = ToolCall(id="1", name="pay", arguments='{"amount": 3}')


class Till:
    """A tool with an effect, and how often it was called."""

    def __init__(self) -> None:
        self.paid: list[int] = []

    @property
    def tool(self) -> Any:
        @tool
        def pay(amount: int) -> str:
            """Pays."""
            self.paid.append(amount)
            return "paid"

        return pay


def careful(**changes: Any) -> AgentDefinition:
    return reviewer(tools=("pay",), approve=("pay",), **changes)


@asynccontextmanager
async def at_desk(url: str, till: Till, *turns: Any, **options: Any) -> AsyncIterator[Office]:
    async with office(reviewing(), says=turns, agents=[careful()], tools=[till.tool], url=url, **options) as at:
        yield at


@asynccontextmanager
async def under_way(at: Office, case: Case) -> AsyncIterator[asyncio.Task[None]]:
    """A task that runs the case, stopped at the end as a process is."""

    async def run() -> None:
        with suppress(ActionWithdrawn, ActionError):
            await at.engine.run(case)

    async with asyncio.TaskGroup() as group:
        running = group.create_task(run())
        yield running
        running.cancel()


async def left_waiting(url: str, till: Till) -> tuple[Case, AgentExecution]:
    """A case whose agent waits for a yes, when its process has ended."""
    async with at_desk(url, till, CALL) as at:
        case = await at.case()
        async with under_way(at, case):
            return case, await waiting(at)


async def cancelled_elsewhere(url: str, case: Case) -> None:
    """Cancels the case in a process that has no agents."""
    async with Engine(reviewing(), storage=connect(url)) as other:
        await other.cancel(case.id)


async def ended(at: Office, execution_id: str) -> AgentExecution:
    async with asyncio.timeout(10):
        while not (found := await at.agents.execution(execution_id)).ended:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    return found


async def test_a_yes_for_a_cancelled_case_is_refused(tmp_path):
    """ZB10: the case was cancelled while no agents were at work; whoever says yes is told."""
    till, url = Till(), f"sqlite:///{tmp_path}/work.db"
    case, execution = await left_waiting(url, till)
    await cancelled_elsewhere(url, case)
    async with at_desk(url, till, said()) as at:
        with pytest.raises(AgentError, match=f"case '{case.id}' was cancelled"):
            await at.agents.approve(execution.id, execution.approval["digest"], by="ann")
        after = await ended(at, execution.id)
    assert ("cancelled", []) == (after.status, till.paid)
    assert f"case '{case.id}' was cancelled" in after.error["message"]


async def test_what_waits_for_a_yes_ends_after_its_case(tmp_path):
    """ZB10: nobody needs to say no: what waits in a process that looks after agents is cancelled before long."""
    till, url = Till(), f"sqlite:///{tmp_path}/work.db"
    case, execution = await left_waiting(url, till)
    await cancelled_elsewhere(url, case)
    async with at_desk(url, till, config=QUICK) as at:
        assert "cancelled" == (await ended(at, execution.id)).status
    assert [] == till.paid


async def test_what_a_process_left_behind_for_a_cancelled_case_is_not_taken_up(tmp_path):
    """ZB10: after a restart the model is not asked again for a case that was cancelled meanwhile."""
    till, url = Till(), f"sqlite:///{tmp_path}/work.db"
    async with at_desk(url, till, HANG) as at:
        case = await at.case()
        async with under_way(at, case):
            await asked(at)
    await cancelled_elsewhere(url, case)
    async with at_desk(url, till, said()) as at:
        [execution] = await at.executions()
        assert ("cancelled", []) == ((await ended(at, execution.id)).status, at.model.requests)


async def test_what_was_taken_up_ends_when_its_case_is_cancelled(tmp_path):
    """ZB10: the agents are at work again, and nobody has the case go on: cancelling it ends the call of the model."""
    till, url = Till(), f"sqlite:///{tmp_path}/work.db"
    async with at_desk(url, till, HANG) as at:
        case = await at.case()
        async with under_way(at, case):
            await asked(at)
    async with at_desk(url, till, HANG, config=QUICK) as at:
        await asked(at)
        await at.engine.cancel(case.id)
        [execution] = await at.executions()
        assert "cancelled" == (await ended(at, execution.id)).status


@pytest.mark.parametrize("turn", [HANG, CALL], ids=["asks a model", "waits for a yes"])
async def test_a_case_that_is_cancelled_elsewhere_ends_what_it_waits_for(turn, tmp_path):
    """ZB10: the process that has the transition hears of it soon, however seldom it cleans up."""
    till, url = Till(), f"sqlite:///{tmp_path}/work.db"
    async with at_desk(url, till, turn, config=AgentEngineConfig(poll=0.01)) as at:
        case = await at.case()
        async with under_way(at, case) as run:
            execution = await waiting(at) if turn is CALL else (await asked(at), *await at.executions())[1]
            await cancelled_elsewhere(url, case)
            assert "cancelled" == (await ended(at, execution.id)).status
            async with asyncio.timeout(10):
                await asyncio.wait({run})
    assert [] == till.paid


async def test_a_transition_whose_token_was_taken_away_wants_nothing_any_more(tmp_path):
    """ZB10: the case goes on without the transition; what its agent waits for is over too."""
    till, url = Till(), f"sqlite:///{tmp_path}/work.db"
    begun, over, given_up = states("begun", "over", "given up")
    review = flow(begun >> over).transition("ai_review").agent("content-reviewer", input_mapping=INPUTS)
    around = cancel_activity(submitted, (begun, over), into=reviewed, cancelled=given_up, name="give-up")
    members = {"agents": [careful()], "tools": [till.tool], "url": url}
    async with office(Workflow("w", *around, review), says=[CALL], **members) as at:
        case = await at.case()
        async with under_way(at, case):
            execution = await waiting(at)
    async with office(Workflow("w", *around, review), **members) as at:
        await at.engine.fire(case.id, "give-up", by="ann")
        with pytest.raises(AgentError, match=r"transition 'ai_review' .* does not want it any more"):
            await at.agents.approve(execution.id, execution.approval["digest"])
        assert "given up" == (await at.engine.get(case.id)).state
    assert [] == till.paid


async def test_a_yes_for_a_case_that_goes_on_counts(tmp_path):
    """ZB10: after a restart, with nobody who has the case go on, the transition still wants its answer."""
    till, url = Till(), f"sqlite:///{tmp_path}/work.db"
    case, execution = await left_waiting(url, till)
    async with at_desk(url, till, said(), config=QUICK) as at:
        await asyncio.sleep(0.1)
        await at.agents.approve(execution.id, execution.approval["digest"], by="ann")
        assert ("completed", [3]) == ((await ended(at, execution.id)).status, till.paid)
        await at.engine.recover()
        assert "reviewed" == (await at.engine.get(case.id)).state


@pytest.mark.parametrize("how", ["cancel", "archive"])
async def test_a_place_agent_does_not_wait_for_a_yes_about_a_token_that_has_left(how):
    """ZB10: the visit says why nothing came of it, nobody is asked any more, and the tool is not called."""
    till = Till()
    clerk = classifier(tools=("pay",), approve=("pay",))
    options: Any = {"agents": [clerk], "tools": [till.tool], "config": QUICK}
    async with office(intake(), says=[CALL], **options) as at, keeping(at, placed()) as places:
        case = await at.case()
        execution = await waiting(at)
        await (at.engine.cancel(case) if how == "cancel" else at.engine.fire(case, how, by="ann"))
        assert "cancelled" == (await ended(at, execution.id)).status
        await places.settle()
        [visit] = await places.visits.listed()
        assert ("discarded", []) == (visit.status, await places.undecided(case.id))
    why = f"case '{case.id}' was cancelled" if how == "cancel" else "the token had left 'pending'"
    assert why in visit.reason
    assert [] == till.paid


async def test_a_place_agent_that_has_moved_its_token_itself_goes_on():
    """ZB10: what an agent does after it has fired a transition by its own tools is wanted as before."""
    till = Till()
    clerk = classifier(tools=("pay",), approve=("pay",), output_schema=None)
    move = ToolCall(id="0", name="archive", arguments="{}")
    async with office(intake(), says=[move, CALL, "Done."], agents=[clerk], tools=[till.tool], config=QUICK) as at:
        at.agents.give_tools(CaseTools(at.engine))
        async with keeping(at, placed(output_mapping={})) as places:
            await at.case()
            execution = await waiting(at)
            await asyncio.sleep(0.1)
            await at.agents.approve(execution.id, execution.approval["digest"], by="ann")
            assert ("completed", [3]) == ((await ended(at, execution.id)).status, till.paid)
            await places.settle()
            [visit] = await places.visits.listed()
    assert "completed" == visit.status


@pytest.mark.parametrize("key", ["", "{case}:summary", "{case}:ai_review:1", "{case}/1.1"])
async def test_what_works_for_no_case_is_nobodys_business(key):
    """Executions that somebody has begun by himself are not stopped, whatever they say of a case."""
    till = Till()
    async with office(reviewing(), says=[CALL, said()], agents=[careful()], tools=[till.tool], config=QUICK) as at:
        case = await at.case()
        await at.engine.cancel(case)
        given = {"document_content": "A text.", "document_type": "blog"}
        around = {"workflow_context": {"resource_id": case.id, "transition_id": "ai_review"}}
        begun = await at.agents.run("content-reviewer", given, context=around, key=key.format(case=case.id))
        await asyncio.sleep(0.1)
        await at.agents.approve(begun.id, begun.approval["digest"])
        assert ("completed", [3]) == ((await at.agents.wait(begun.id)).status, till.paid)
