"""The fixtures that users get from pytest by having the package installed."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from circuit_breaker import BaseExecutor, Workflow, flow, parameter, states
from circuit_breaker.errors import ActionError
from circuit_breaker.testing import ManualClock

draft, waiting, done = states("draft", "waiting", "done")


@parameter("text", description="What to send")
class Send(BaseExecutor):
    """Sends something over a network that a test does not have."""

    text: str

    async def execute_internal(self, context):
        raise ConnectionError("there is no network")


workflow = Workflow(
    "letter",
    flow(draft >> waiting).transition("send").execute(Send, text="hello", result="sent"),
    flow(waiting >> done).transition("remind").after("2h").execute("reminder"),
)


async def test_a_workflow_is_tested_without_network_and_without_waiting(cb_engine, cb_scripted, cb_clock):
    """What stands in for executors, by class or by name, is in the engine, whose time the test moves."""
    send = cb_scripted(Send, {"id": 7})
    reminder = cb_scripted("reminder")
    async with cb_engine(workflow) as engine:
        case = await engine.run(await engine.start("letter"))
        assert ("waiting", []) == (case.state, reminder.calls())
        await cb_clock.advance("2h")
        case = await engine.run(case)

    assert ("done", 7) == (case.state, case.tokens[0].results["sent"]["id"])
    assert [{"text": "hello"}] == send.asked()
    assert 1 == len(reminder.calls())


async def test_an_engine_takes_executors_of_its_own(cb_engine, cb_scripted):
    """What is given to the engine is added to what the fixture made."""
    cb_scripted(Send, ActionError("busy", code="busy"))
    async with cb_engine(workflow, executors={"reminder": Send}) as engine:
        case = await engine.run(await engine.start("letter"))

    assert {Send, "reminder"} == set(engine.executors)
    assert "draft" == case.state


def test_the_clock_stands_still(cb_clock):
    """The clock of the test is the one that engines go by, and it does not move by itself."""
    assert isinstance(cb_clock, ManualClock)
    assert cb_clock.now() == cb_clock.now()


async def test_a_moment_that_is_past_is_not_waited_for(cb_clock):
    """Who sleeps until now wakes at once; who sleeps until later wakes when the clock is moved there."""
    await cb_clock.sleep_until(cb_clock.now())
    later = cb_clock.now() + timedelta(hours=2)
    async with asyncio.TaskGroup() as group:
        sleeper = group.create_task(cb_clock.sleep_until(later))
        await cb_clock.advance("1h")
        assert not sleeper.done()
        await cb_clock.advance("1h")
