"""Agents on transitions: what they are given, where their answers go, and what becomes of failures."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from circuit_breaker import Workflow, field, flow, template
from circuit_breaker.agents.events import decode
from circuit_breaker.engine.bus import Progress
from circuit_breaker.errors import (
    ActionError,
    ActionTimeout,
    AgentForbidden,
    DocumentInvalid,
    OutcomeInvalid,
    ParameterInvalid,
    RateLimitExceeded,
    WorkflowInvalid,
)
from circuit_breaker.testing import HANG, ModelTurn
from circuit_breaker.workflow.documents import dump_workflow, load_workflow
from circuit_breaker.workflow.events import StepFinished, TransitionFired
from circuit_breaker.workflow.outlets import AGENT_FAILURES
from tests.agents.bridge.office import INPUTS, OUTPUTS, Office, office, reviewed, reviewer, reviewing, said, submitted


async def test_the_example_of_the_documents_works():
    """N2 N4 N6: inputs come from data and metadata, outputs go to data and metadata, and the token moves."""
    workflow = reviewing(
        timeout=300,
        retry={"max_attempts": 3, "backoff_seconds": 10, "retry_on_errors": ["timeout", "rate_limit"]},
    )
    async with office(workflow, says=[said()]) as at:
        case = await at.run("A text.", priority="high")
        [execution] = await at.executions()
    assert "reviewed" == case.state
    assert {"content": "A text.", "review_result": "good", "review_score": 0.9} == case.data
    assert {"document_content": "A text.", "document_type": "blog"} == execution.input


async def test_who_answered_and_when_are_outputs():
    """N7: agent_id, timestamp and execution_id are sources of outputs beside the fields of the answer."""
    outputs = {"metadata.by": "agent_id", "metadata.at": "timestamp", "data.review.of": "execution_id"}
    async with office(reviewing(output_mapping=outputs), says=[said()]) as at:
        case = await at.run()
        [execution] = await at.executions()
    assert "content-reviewer" == case.metadata["by"]
    assert execution.ended_at.isoformat() == case.metadata["at"]
    assert execution.id == case.data["review"]["of"]


async def test_the_context_says_where_the_agent_works():
    """N8 P8 Q2 ZA29: the context names the case, the token, the state and the transition, and finds the execution."""
    async with office(reviewing(), says=[said()]) as at:
        case = await at.run(user_id="ann", tenant_id="acme")
        by_token = await at.agents.executions(context={"workflow_context.token_id": case.token.id})
    [execution] = by_token
    place = execution.context.workflow_context
    assert (case.id, "submitted", "ai_review") == (place["resource_id"], place["state_id"], place["transition_id"])
    assert ("acme", "ann") == (execution.context.tenant_id, execution.context.user_context["user_id"])


async def test_without_a_mapping_the_answer_is_the_outcome():
    """Without an output mapping all fields of the answer are added to the data."""
    async with office(reviewing(output_mapping=None), says=[said()]) as at:
        assert "good" == (await at.run()).data["assessment"]


async def test_rules_judge_the_answer():
    """With result= a policy sees the answer before the token moves, and may refuse it."""
    asked = (
        flow(submitted >> reviewed)
        .transition("ai_review")
        .policy(rules=field("results.review.output.assessment") == "good")
    )
    workflow = Workflow("w", asked.agent("content-reviewer", input_mapping=INPUTS, output_mapping={}, result="review"))
    async with office(workflow, says=[said(assessment="bad"), said()]) as at:
        assert "submitted" == (await at.run()).state
        accepted = await at.run()
    assert ("reviewed", "content-reviewer") == (accepted.state, accepted.token.results["review"]["agent_id"])


async def test_the_history_names_the_execution():
    """The journal of the case says which execution worked for it."""
    async with office(reviewing(), says=[said()]) as at:
        case = await at.run()
        [execution] = await at.executions()
        steps = [event for event in await at.engine.history(case) if isinstance(event, StepFinished)]
    assert [execution.id] == [event.outcome["execution_id"] for event in steps]


async def test_followers_of_the_case_hear_the_agent():
    """N4: what the agent says and does is told to whoever follows the case."""
    async with office(reviewing(), says=[said()]) as at:
        with at.engine.subscribe(types=(Progress,)) as events:
            await at.run()
            events.close()
            told = [notice async for notice in events]
    assert "".join(each.message for each in told if each.stream == "agent") == said()


async def test_followers_of_the_case_hear_what_a_person_must_decide():
    """K9: the call that needs a yes, and the execution that asks, are told to whoever follows the case."""
    careful = reviewer(tools=("calculator",), approve=("calculator",))
    calls = (("calculator", {"expression": "6 * 7"}),)
    async with office(reviewing(), says=[ModelTurn(calls=calls), said()], agents=[careful]) as at:
        with at.engine.subscribe(types=(Progress,)) as events:
            async with asyncio.TaskGroup() as group:
                group.create_task(at.engine.run(await at.case()))
                told = await anext(each.message async for each in events if "approval" in each.message)
                [waits] = await at.executions()
                await at.agents.approve(waits.id, False)
    assert f"approval needed for calculator: `agents.approve('{waits.id}', ...)`" == told


async def test_a_failure_of_a_required_agent_fails_the_transition():
    """N5: the token stays, and the error says which execution failed and why."""
    async with office(reviewing(), says=[RateLimitExceeded("slow down", provider="p")] * 9) as at:
        case = await at.case()
        with pytest.raises(ActionError, match="content-reviewer") as caught:
            await at.engine.fire(case, "ai_review")
        assert "submitted" == (await at.engine.get(case)).state
    assert "rate_limit_exceeded" == caught.value.code


async def test_an_agent_that_is_not_required_may_fail():
    """N5 ZB7: the transition goes on without the output, and the event and the metadata tell of the failure."""
    async with office(reviewing(required=False), says=["no JSON"] * 20) as at:
        case = await at.run()
        [execution] = await at.executions()
        [fired] = [event for event in await at.engine.history(case) if isinstance(event, TransitionFired)]
    told = case.metadata[AGENT_FAILURES]["content-reviewer"]
    assert ("reviewed", {"content": "A text."}) == (case.state, case.data)
    assert execution.id == told["execution_id"] == fired.metadata[AGENT_FAILURES]["content-reviewer"]["execution_id"]
    assert told["error"]["code"]


async def test_an_answer_without_the_wanted_field_is_a_failure():
    """An output mapping that names what the answer has not is one clear error."""
    outputs = {"data.x": "asessment"}
    async with office(reviewing(output_mapping=outputs), says=[said()]) as at:
        with pytest.raises(OutcomeInvalid, match="did you mean 'assessment'"):
            await at.engine.fire(await at.case(), "ai_review")


async def test_a_missing_input_is_told_and_nothing_is_asked():
    """An input that the token has not is named with its path there, and the model is not called."""
    async with office(reviewing(input_mapping={"document_content": "data.content", "document_type": "data.no"})) as at:
        with pytest.raises(ParameterInvalid, match=r"document_type: is missing; it comes from 'data.no' of"):
            await at.engine.fire(await at.case(), "ai_review")
        assert [] == at.model.requests


async def test_a_failed_agent_is_asked_again():
    """N3: as often as the retries of the step allow, each time as an execution of its own."""
    retry = {"max_attempts": 2, "backoff_seconds": 0, "retry_on_errors": ["rate_limit"]}
    broken = [RateLimitExceeded("slow down", provider="p", retry_after=0.0)]
    async with office(reviewing(retry=retry), says=[*broken * 4, said()]) as at:
        case = await at.run()
        executions = await at.executions()
    assert "reviewed" == case.state
    assert "completed" == executions[-1].status


async def test_only_the_named_failures_are_tried_again():
    """N3: a failure that is not among retry_on_errors ends the step."""
    retry = {"max_attempts": 3, "backoff_seconds": 0, "retry_on_errors": ["timeout"]}
    async with office(reviewing(retry=retry), says=["no JSON"] * 20) as at:
        await at.run()
        assert 1 == len(await at.executions())


async def test_an_agent_that_takes_too_long_is_stopped():
    """N2: timeout= ends the execution and the call of the model, and the step fails with a timeout."""
    async with office(reviewing(timeout=0.05), says=[HANG]) as at:
        with pytest.raises(ActionError) as caught:
            await at.engine.fire(await at.case(), "ai_review")
        [execution] = await at.executions()
    assert ("agent_timeout", "timed_out") == (caught.value.code, execution.status)


async def test_the_timeout_of_the_transition_stops_the_execution():
    """A transition that runs out of time cancels what it waited for."""
    async with office(reviewing(timeout_of_transition=0.1), says=[HANG]) as at:
        with pytest.raises(ActionTimeout):
            await at.engine.fire(await at.case(), "ai_review")
        [execution] = await at.executions()
    assert "cancelled" == execution.status


async def running(at: Office) -> Any:
    """The execution, once the model is asked."""
    async with asyncio.timeout(20):
        while not at.model.requests:  # noqa: ASYNC110 - the model tells nobody
            await asyncio.sleep(0.005)
    [execution] = await at.executions()
    return execution


async def test_cancelling_the_case_cancels_the_execution():
    """When the case is cancelled, nobody goes on asking the model."""
    async with office(reviewing(), says=[HANG]) as at, asyncio.TaskGroup() as group:
        case = await at.case()
        task = group.create_task(at.engine.run(case))
        execution = await running(at)
        await at.engine.cancel(case, reason="not wanted")
        await task
        assert "cancelled" == (await at.agents.execution(execution.id)).status


async def test_an_agent_that_does_not_allow_the_workflow_is_refused():
    """W5: allowed_workflows of the agent holds when it is asked, and nothing is asked of a model."""
    forbidding = reviewer(allowed_workflows=("another",))
    async with office(reviewing(required=False), agents=[forbidding]) as at:
        with pytest.raises(AgentForbidden, match="workflow 'w' may not use agent 'content-reviewer'"):
            await at.engine.fire(await at.case(), "ai_review")
        assert [] == at.model.requests


async def test_a_workflow_can_list_its_agents():
    """W5: a workflow that lists its agents uses no other."""
    async with office(reviewing(metadata={"agents": ["somebody-else"]})) as at:
        with pytest.raises(AgentForbidden, match="does not list it"):
            await at.engine.fire(await at.case(), "ai_review")


async def test_an_unknown_agent_is_a_failure_of_the_transition():
    """An agent that nobody has registered is named."""
    async with office(reviewing(), agents=[]) as at:
        with pytest.raises(ActionError, match="there is no agent 'content-reviewer'"):
            await at.engine.fire(await at.case(), "ai_review")


async def test_two_agents_on_one_transition_work_one_after_the_other():
    """The second is given what the first has put on the token."""
    second = {
        "input_mapping": {"document_content": "data.review_result", "document_type": template("{metadata.type}!")}
    }
    twice = reviewing().flows[0].agent("content-reviewer", **second, output_mapping={"data.second": "assessment"})
    async with office(Workflow("w", twice), says=[said(), said(assessment="better")]) as at:
        case = await at.run()
        inputs = [dict(execution.input) for execution in await at.executions()]
    assert ("good", "better") == (case.data["review_result"], case.data["second"])
    assert {"document_content": "good", "document_type": "blog!"} in inputs


def test_a_definition_goes_to_yaml_and_back():
    """N1: the step is written as an agent with its mappings, and read back as the same definition."""
    retry = {"max_attempts": 3, "backoff_seconds": 10, "retry_on_errors": ["timeout"]}
    workflow = reviewing(timeout="5m", retry=retry, required=False, llm_config={"temperature": 0.1}, result="review")
    text = dump_workflow(workflow)
    assert "- agent: content-reviewer" in text
    assert workflow.version == load_workflow(text).version


def test_every_fault_of_a_step_is_named():
    """What is wrong with an agent on a transition is told at once, each with its place."""
    with pytest.raises(WorkflowInvalid) as caught:
        flow(submitted >> reviewed).agent(
            "not an id",
            input_mapping={"x": "a..b"},
            output_mapping={"state": "a", "data.x": "b", "data.x.y": 3},
            timeout=0,
            retry={"most": 1},
            required="yes",
        )
    places = {fault.place for fault in caught.value.faults}
    wanted = {
        "agent",
        "input_mapping.x",
        "output_mapping.state",
        "output_mapping.data.x.y",
        "timeout",
        "retry",
        "required",
    }
    assert wanted == places


def test_faults_in_yaml_have_lines():
    """The same faults in a document stand where they are."""
    text = dump_workflow(reviewing()).replace("data.review_score", "results.score")
    with pytest.raises(DocumentInvalid, match=r"line \d+.*output_mapping.results.score: no output can go there"):
        load_workflow(text)


def test_outputs_must_be_names():
    """A mapping that is none is refused."""
    with pytest.raises(WorkflowInvalid, match="no mapping of names"):
        flow(submitted >> reviewed).agent("a", output_mapping=[1])
    with pytest.raises(WorkflowInvalid, match="output_mapping: '' is no name") as wrong:
        flow(submitted >> reviewed).agent("a", output_mapping={"data.x": "b", "": "c", 3: "d"})
    assert 2 == len(wrong.value.faults)
    assert OUTPUTS == reviewing().flows[0].steps[0].parameters["outputs"]


async def test_from_the_definition_to_every_follower():
    """P13: a stored definition, a transition that runs it, a provider that streams, and all who follow get the same."""
    async with office(reviewing(), says=[said()]) as at:
        await at.run()
        [execution] = await at.executions()
        heard = []
        for _ in range(2):
            async with at.agents.events.subscribe(execution.id) as events:
                heard.append([event async for event in events])
        assert heard[0] == heard[1] == [decode(one) for one in await at.agents.events.read(execution.id)]
    assert (execution.id, "completed") == (heard[0][-1].execution_id, execution.status)
