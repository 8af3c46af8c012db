"""Where steps may write on a token."""

from __future__ import annotations

import pytest

from circuit_breaker import Change, Engine, Workflow, connect, flow, states
from circuit_breaker.errors import OutcomeInvalid
from circuit_breaker.workflow.agent_step import PART, TURN, agent_step
from circuit_breaker.workflow.outlets import EVERYTHING, check_kept, outlets_of
from circuit_breaker.workflow.steps import Call, Execution

a, b = states("a", "b")


@pytest.mark.parametrize(
    ("step", "outlets"),
    [
        (Call(print, "print"), EVERYTHING),
        (Execution("x", {}), ("data",)),
        (Execution("x", {}, "l.m"), ("results.`l.m`",)),
        (agent_step("clerk"), ("data",)),
        (agent_step("clerk", result="says"), ("results.says",)),
        (agent_step("clerk", required=False), ("data", "metadata.agent_failures")),
        (agent_step("clerk", output_mapping={"metadata.by": "agent_id"}), ("metadata.by",)),
        (Execution(PART, {}, "draft"), ("results.draft", "metadata.failure")),
        (Execution(TURN, {}), EVERYTHING),
    ],
)
def test_where_a_step_may_write(step, outlets):
    """A function may write everywhere, an executor where its outcome is kept, an agent where its mapping leads."""
    assert outlets == outlets_of(step)


@pytest.mark.parametrize(
    ("step", "change", "sets"),
    [
        (Execution("x", {}, "l"), Change(data={"k": 1}), "data.k"),
        (Execution("x", {}, "l"), Change(results={"m": 1}), "results.m"),
        (Execution("x", {}), Change(metadata={"k": 1}, results={"l": 1}), "metadata.k, results.l"),
    ],
)
def test_an_executor_writes_only_where_its_outcome_is_kept(step, change, sets):
    """A Change that sets anything else is refused, and every key of it is named."""
    with pytest.raises(OutcomeInvalid, match=f"sets {sets}, but"):
        check_kept(step, change)


@pytest.mark.parametrize(
    ("step", "change"),
    [
        (Execution("x", {}, "l"), Change(results={"l": 1})),
        (Execution("x", {}), Change(data={"k": 1})),
        (agent_step("clerk"), Change(metadata={"k": 1})),
    ],
)
def test_a_change_of_what_the_outcome_is_kept_in_is_fine(step, change):
    """So is whatever an agent answers."""
    check_kept(step, change)


class Writes:
    """An executor that changes data, though its outcome is to be kept apart."""

    async def execute(self):
        return Change(data={"k": 1})


async def test_an_outcome_that_would_be_kept_elsewhere_fails_the_action():
    """Nothing of it is kept, and the case tells why."""
    workflow = Workflow("w", flow(a >> b).transition("go").execute(Writes, result="l"))
    async with Engine(workflow, storage=connect("memory://")) as engine:
        case = await engine.run(await engine.start("w"))

    assert ("failed", {}) == (case.status, case.data)
    assert "sets data.k" in case.blocked[0].reason
