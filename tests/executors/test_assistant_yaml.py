"""An assistant and an agent that a definition in YAML names, end to end on a model that follows a script."""

from __future__ import annotations

import json

import pytest

from circuit_breaker import Engine, connect, load_workflow
from circuit_breaker.errors import CircuitBreakerError
from circuit_breaker.executors import AgentExecutor, AssistantExecutor, installed
from circuit_breaker.llm.tools import Toolset, tool
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.models import ScriptedProvider

REVIEW = """
circuit_breaker: 1
name: review
states: [draft, scored, good, poor]
transitions:
- name: score
  from: draft
  to: scored
  steps:
  - execute: assistant
    result: score
    parameters:
      model: gpt-4
      input: {field: data.text}
      system_prompt: You judge texts.
      parameters: {temperature: 0.2}
      tools: [content_analysis]
      output_schema: {type: object, properties: {score: {type: integer}}, required: [score]}
- {name: accept, from: scored, to: good, guard: results.score.parsed.score >= 8}
- {name: reject, from: scored, to: poor, guard: results.score.parsed.score < 8}
"""

REFUND = """
circuit_breaker: 1
name: refund
states: [received, worked, decided, closed]
transitions:
- name: work
  from: received
  to: worked
  steps:
  - execute: agent
    result: agent
    parameters:
      task: {field: data.request}
      tools: [refund]
      approve: [refund]
- {name: decide, from: worked, to: decided, manual: true, guard: results.agent.status == 'approval_needed'}
- {name: close, from: worked, to: closed, guard: results.agent.status == 'completed'}
- name: go_on
  from: decided
  to: worked
  steps:
  - execute: agent
    result: agent
    parameters:
      task: {field: data.request}
      tools: [refund]
      approve: [refund]
      resume: {field: results.agent.approval.document}
      approvals: {field: data.approved}
"""


async def run(text, data, *, reading=None, running=None):
    workflow = load_workflow(text, executors=reading)
    async with Engine(workflow, storage=connect("memory://"), executors=running) as engine:
        return await engine.run(await engine.start(workflow.name, data=data))


@pytest.mark.parametrize("where", ["reading", "running"])
@pytest.mark.parametrize(("score", "state"), [(9, "good"), (3, "poor")])
async def test_an_assistant_is_named_in_yaml(score, state, where):
    """B3, B7: execute: assistant, with all that it needs, in a file; what the name means is said when the file is read,
    or to the engine; rules read what it answered.
    """
    asks = ModelTurn(calls=(("content_analysis", {"text": "Nets are sound."}),))
    model = ScriptedProvider(asks, json.dumps({"score": score}), name="openai")
    meant = {"assistant": AssistantExecutor.under(providers=[model])}
    case = await run(REVIEW, {"text": "Nets are sound."}, **{where: meant})
    asked = model.requests[0]

    assert (state, ["content_analysis"]) == (
        case.state,
        [call["name"] for call in case.token.results["score"]["tool_calls"]],
    )
    assert ("gpt-4", 0.2, "You judge texts.") == (asked.model, asked.temperature, asked.messages[0].content)


async def test_without_an_operator_nobody_answers():
    """B7: the name alone gives the executor that everybody has, which asks nobody: the case says what to do."""
    case = await run(REVIEW, {"text": "x"}, reading=installed())

    assert "draft" == case.state
    assert ".under(providers=" in str(case.history[-1])


async def test_an_agent_named_in_yaml_waits_for_a_person():
    """B8, K11: an approval through a file: the person answers with the digest of what was shown."""
    refunded = []

    @tool
    def refund(order: str) -> str:
        """Pays money back."""
        refunded.append(order)
        return "done"

    wanted = ModelTurn(calls=(("refund", {"order": "A-7"}),))
    model = ScriptedProvider(wanted, "It was refunded.", name="openai")
    agent = AgentExecutor.under(providers=[model], tools=Toolset(refund))
    async with Engine(load_workflow(REFUND), storage=connect("memory://"), executors={"agent": agent}) as engine:
        waiting = await engine.run(await engine.start("refund", data={"request": "Refund A-7."}))
        assert ("worked", "waiting", []) == (waiting.state, waiting.status, refunded)
        said = {"approved": waiting.token.results["agent"]["approval"]["digest"]}
        case = await engine.run(await engine.fire(waiting, "decide", by="ann", data=said))

    assert ("closed", ["A-7"]) == (case.state, refunded)


def test_a_parameter_that_is_not_there_is_found_when_the_file_is_read():
    """B7: a misspelt parameter of an assistant is told with its place, before anything runs."""
    with pytest.raises(CircuitBreakerError, match="inputs") as wrong:
        load_workflow(REVIEW.replace("      input:", "      inputs:"), executors=installed())

    assert "did you mean 'input'" in str(wrong.value)
