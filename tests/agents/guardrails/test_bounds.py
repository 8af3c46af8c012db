"""Bounds narrow what an execution may take."""

from __future__ import annotations

import pytest

from circuit_breaker.agents import AgentLimits
from circuit_breaker.agents.guardrails import Bounds
from circuit_breaker.errors import AgentInvalid, DefinitionError
from circuit_breaker.testing import ScriptedProvider
from tests.agents.work import Ledger, agent, at_work, call


async def run(bounds, *turns, deep=0, **limits):
    """How an execution ends under bounds, inside of so many others."""
    ledger = Ledger()
    definition = agent(guardrails=("bounds",), tools=("enter",), limits=AgentLimits(**limits))
    given = {"model": ScriptedProvider(*turns), "tools": [ledger.tool], "guardrails": {"bounds": bounds}}
    async with at_work(definition, **given) as engine:
        parent = None
        for _ in range(deep):
            parent = await engine.run("helper", {"q": "x"}, parent=parent)
        return await engine.run("helper", {"q": "x"}, parent=parent), ledger


@pytest.mark.parametrize(
    ("bounds", "limits", "reason"),
    [
        (Bounds(iterations=1), {"iterations": 5}, "max_iterations"),
        (Bounds(iterations=5), {"iterations": 1}, "max_iterations"),
        (Bounds(tokens=5), {}, "max_tokens"),
    ],
)
async def test_the_narrower_limit_holds(bounds, limits, reason):
    """Neither the definition nor the guardrail can widen what the other allows."""
    execution, _ = await run(bounds, call("enter", text="a"), "never asked", **limits)

    assert ("failed", "agent_stopped") == (execution.status, execution.error["code"])
    assert reason in execution.error["message"]


async def test_an_unknown_price_is_not_paid():
    """With a bound of dollars a model whose price nobody knows is not asked."""
    execution, _ = await run(Bounds(dollars="0.01"), "never asked")

    assert ("failed", "budget_exceeded") == (execution.status, execution.error["code"])


async def test_an_execution_that_is_too_deep_fails():
    """Executions may want one another as deep as the bounds say, although the definition allows more."""
    fine, _ = await run(Bounds(depth=2), "one", "two", deep=1)
    deep, _ = await run(Bounds(depth=2), "one", "two", deep=2)

    assert "completed" == fine.status
    assert ("failed", "guardrail_violated") == (deep.status, deep.error["code"])
    assert "guardrail 'bounds': it is inside of 2 others" in deep.error["message"]


def test_bounds_that_make_no_sense_are_refused():
    """A depth or a number of tokens that is none is a fault."""
    with pytest.raises(AgentInvalid, match="depth"):
        Bounds(depth=0)
    with pytest.raises(DefinitionError, match="tokens"):
        Bounds(tokens=-1)
