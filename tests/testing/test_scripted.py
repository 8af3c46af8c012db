"""Executors that follow a script."""

from __future__ import annotations

import asyncio

import pytest

from circuit_breaker import BaseExecutor, Engine, Workflow, connect, flow, parameter, states
from circuit_breaker.errors import ActionError, ParameterInvalid
from circuit_breaker.executors import StandaloneContext, before_execute
from circuit_breaker.testing import HANG, ScriptExhausted, Turn, scripted


@parameter("text", description="What to rate")
class Rating(BaseExecutor):
    """Rates a text, with something that a test does not have."""

    text: str
    strict: bool = False

    @before_execute
    def connect(self, context):
        raise ConnectionError("there is no network")

    async def execute_internal(self, context):
        raise ConnectionError("there is no network")


def test_it_follows_its_script_and_notes_what_it_was_asked():
    """Each call gets the next outcome, and is kept with its parameters, defaults included."""
    rating = scripted(Rating, {"score": 4}, {"score": 9})

    assert [4, 9] == [rating(text=text).execute_sync()["score"] for text in ("a", "b")]
    assert [{"text": "a", "strict": False}, {"text": "b", "strict": False}] == rating.asked()


def test_it_takes_the_parameters_of_the_real_one():
    """A wrong parameter is refused as the real executor would refuse it, and counts as no call."""
    rating = scripted(Rating, {"score": 4})

    assert Rating.describe() == rating.describe()
    with pytest.raises(ParameterInvalid, match="'text'"):
        rating(text=5).execute_sync()
    assert [] == rating.calls()


def test_a_failure_in_the_script_is_raised():
    """An exception is raised, as an instance or as a class."""
    rating = scripted(Rating, ActionError("busy", code="busy"), always=TimeoutError)

    with pytest.raises(ActionError, match="busy"):
        rating(text="a").execute_sync()
    with pytest.raises(TimeoutError):
        rating(text="a").execute_sync()


def test_a_function_in_the_script_is_asked():
    """A function is given the call, and its answer counts, be it plain or async."""

    async def later(call):
        return {"score": len(call.parameters["text"])}

    rating = scripted(Rating, later, lambda call: ActionError(call.parameters["text"]))

    assert 3 == rating(text="abc").execute_sync()["score"]
    with pytest.raises(ActionError, match="abc"):
        rating(text="abc").execute_sync()


def test_a_call_too_many_is_an_error():
    """When the turns are used up and nothing always holds, the call fails and says what was asked."""
    rating = scripted(Rating, {"score": 4})
    rating(text="a").execute_sync()

    with pytest.raises(ScriptExhausted, match=r"call 2 .* script for 1: .*'b'"):
        rating(text="b").execute_sync()


def test_without_a_script_every_call_completes():
    """An executor without turns completes, with any parameters when it stands for none."""
    anything = scripted(name="anything")

    assert {"status": "completed"} == anything(a=1).execute_sync()
    assert [{"a": 1}] == anything.asked()
    assert "anything" == anything.__name__


async def test_a_turn_waits_and_tells():
    """A turn can take its time, write lines and tell progress before it ends."""
    context = StandaloneContext()
    rating = scripted(Rating, Turn(does={"score": 1}, after=0.01, logs=("one", "two"), progress=(0.5,)))

    assert 1 == (await rating(text="a").bind(context).execute())["score"]
    assert ["one", "two"] == [line.line for line in context.logs]
    assert [0.5] == [report.fraction for report in context.reports]


async def test_it_can_hang():
    """HANG works until it is cancelled."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await scripted(Rating, HANG)(text="a").execute()


async def test_it_takes_the_place_of_a_class_in_an_engine():
    """A workflow that names the real class runs with the scripted one, which knows the case and the attempt."""
    a, b = states("a", "b")
    rating = scripted(Rating, ActionError("busy", code="busy"), {"score": 9})
    workflow = Workflow("rated", flow(a >> b).transition("rate").execute(Rating, text="hi").retry(max_attempts=2))

    async with Engine(workflow, storage=connect("memory://"), executors={Rating: rating}) as engine:
        case = await engine.run(await engine.start("rated", id="r-1"))

    assert ("b", 9) == (case.state, case.data["score"])
    assert [("r-1", "rate", 1), ("r-1", "rate", 2)] == [(c.case, c.transition, c.attempt) for c in rating.calls()]
    assert 1 == len({call.idempotency_key for call in rating.calls()})
