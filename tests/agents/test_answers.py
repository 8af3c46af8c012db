"""Answers of models that break off or cannot be used, and what followers see of them."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from circuit_breaker.agents import AgentLimits
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.limits import AgentRetry
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.profile import ModelProfile, Price
from circuit_breaker.llm.usage import Usage
from circuit_breaker.testing.model_turns import ModelTurn
from tests.agents.work import Dialogue, Ledger, agent, at_work, events_of, script

UNNAMEABLE = ToolCall(id="1", name="x\ud800", arguments="{}")


@pytest.mark.parametrize("attempts", [1, 2])
async def test_a_tool_of_no_name_is_an_invalid_answer(attempts):
    """I1: half a character in the name of a tool ends the execution once; who tries again asks the model anew."""
    retry = AgentRetry(max_attempts=attempts, backoff_seconds=0.001, retry_on_errors=("invalid_response",))
    model = script(UNNAMEABLE, always="done")
    often = AgentEngineConfig(cleanup_interval=0.01)
    async with at_work(agent(limits=AgentLimits(retry=retry)), model=model, config=often) as engine:
        done = await engine.run("helper", {"q": "?"})

    assert attempts == len(model.requests)
    if attempts == 1:
        assert ("failed", "invalid_response") == (done.status, done.error["code"])
        assert "no Unicode text" in done.error["message"]
    else:
        assert ("completed", "done") == (done.status, done.final_response)
    assert done.usage["total_tokens"] > 0


@pytest.mark.parametrize("lost", [Usage(), Usage(input_tokens=7, output_tokens=3)])
async def test_the_meter_does_not_fall_when_work_is_gone_through_again(lost):
    """J7: after an answer that broke off, what finished calls took is not told a second time."""
    took = Usage(input_tokens=20, output_tokens=9)
    first, second = (attrs.evolve(ModelTurn(calls=(("enter", {"text": text}),)), usage=took) for text in "ab")
    broken = ModelTurn(says="one two three four", breaks_after=1, usage=lost)
    model = script(
        always=Dialogue(first, second, [broken, ModelTurn(says="done", usage=took)]),
        profile=ModelProfile(price=Price(input=Decimal(3), output=Decimal(7))),
    )
    retry = AgentRetry(max_attempts=3, backoff_seconds=0.001)
    async with at_work(
        agent(tools=("enter",), limits=AgentLimits(retry=retry)), model=model, tools=[Ledger().tool]
    ) as engine:
        done = await engine.run("helper", {"q": "?"})
        told = [event for event in await events_of(engine, done.id) if type(event).__name__ == "UsageUpdate"]

    totals = [event.usage["total_tokens"] for event in told]
    assert totals == sorted(totals)
    assert totals[:2] == [29, 58]
    assert totals[-1] == done.usage["total_tokens"]
    assert len(told) == len({(event.usage["total_tokens"], event.dollars, event.unpriced_calls) for event in told})
