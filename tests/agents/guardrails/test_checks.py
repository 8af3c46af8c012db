"""Checks judge what goes into an agent and what comes out of it."""

from __future__ import annotations

import asyncio

import pytest

from circuit_breaker.agents import AgentPrompts
from circuit_breaker.agents.chat import Agent
from circuit_breaker.agents.guardrails import Check, Masked
from circuit_breaker.errors import AgentInvalid, GuardrailViolated
from circuit_breaker.rules import cel, field, rule
from circuit_breaker.storage import connect
from circuit_breaker.testing import HANG, ScriptedProvider
from tests.agents.guardrails.waiting import until_asked
from tests.agents.work import agent, at_work, events_of, live

SCHEMA = {
    "type": "object",
    "properties": {"score": {"type": "integer"}, "note": {"type": "string"}},
    "required": ["score"],
}


async def ended(guardrails, *turns, given=None, definition=None):
    """How an execution ends that these guardrails watch over, and its events."""
    definition = definition or agent(guardrails=tuple(guardrails))
    model = ScriptedProvider(*turns)
    async with at_work(definition, model=model, guardrails=guardrails) as engine:
        execution = await engine.run(definition.id, given or {"q": "hello"})
        return execution, await events_of(engine, execution.id), model


def contents(events) -> str:
    return "".join(event.content for event in events if type(event).__name__ == "ContentChunk")


async def test_an_input_that_is_refused_never_reaches_the_model():
    """An input that does not pass fails the execution with the name of the guardrail; no model is asked."""
    guard = Check("!data.input.q.contains('password')", on="input", message="passwords are none of its business")
    execution, events, model = await ended({"no_passwords": guard}, given={"q": "my password is hunter2"})

    assert ("failed", GuardrailViolated.code) == (execution.status, execution.error["code"])
    assert "guardrail 'no_passwords': passwords are none of its business" in execution.error["message"]
    assert execution.error["message"] == events[-1].error
    assert [] == model.requests


@pytest.mark.parametrize(
    "judge",
    [
        cel("data.output.text.size() < 5"),
        field("output.text").length(maximum=4),
        lambda data: len(data["output"]["text"]) < 5,
        rule(lambda token: len(token.data["output"]["text"]) < 5, name="short"),
    ],
)
async def test_rules_and_functions_judge_the_output(judge):
    """CEL, field conditions, rules and functions refuse an output; the followers never saw it."""
    execution, events, _ = await ended({"short": judge}, "far too long")

    assert "failed" == execution.status
    assert "the output of agent 'helper' was refused by guardrail 'short'" in execution.error["message"]
    assert "" == contents(events)


async def test_an_output_that_passes_is_told_whole():
    """What passes is told to followers before the end, and is the response."""
    execution, events, _ = await ended({"polite": "data.output.text.contains('please')"}, "Yes, please.")

    assert "completed" == execution.status
    assert "Yes, please." == contents(events) == execution.final_response == execution.output["text"]


async def test_the_model_is_told_and_answers_again():
    """With the action retry the model learns why, and its next answer counts; usage is of both."""
    guard = Check("data.output.score <= 10", action="retry", message="the score is above 10")
    definition = agent(guardrails=("score",), output_schema=SCHEMA)
    execution, events, model = await ended({"score": guard}, '{"score": 11}', '{"score": 7}', definition=definition)

    assert ({"score": 7}, '{"score": 7}') == (execution.output, contents(events))
    assert "the score is above 10" in model.requests[1].messages[-1].content
    assert execution.usage["total_tokens"] == events[-1].usage["total_tokens"] > 0


async def test_a_model_that_never_learns_fails():
    """The model answers again as often as the guardrail says, and then the execution fails."""
    guard = Check("data.output.text == 'yes'", action="retry", retries=2)
    execution, _, model = await ended({"yes": guard}, "no", "no", "no")

    assert ("failed", 3) == (execution.status, len(model.requests))
    assert "data.output.text == 'yes'" in execution.error["message"]


@pytest.mark.parametrize(
    ("guard", "output"),
    [
        (Check("false", action="mask"), {"score": 3, "note": "[withheld]"}),
        (Check("false", action="mask", fields="note", mask="-"), {"score": 3, "note": "-"}),
        (lambda data: Masked({**data["output"], "score": 4}), {"score": 4, "note": "rude"}),
    ],
)
async def test_an_output_is_masked(guard, output):
    """With the action mask texts are replaced; a function gives any other output. The response is of the same form."""
    definition = agent(guardrails=("mild",), output_schema=SCHEMA)
    execution, events, _ = await ended({"mild": guard}, '{"score": 3, "note": "rude"}', definition=definition)

    assert output == execution.output
    assert "rude" not in contents(events) or output["note"] == "rude"
    assert contents(events) == execution.final_response == events[-1].final_response


async def test_a_mask_must_fit_the_schema():
    """What takes the place of an output fits the output schema, or the execution fails."""
    definition = agent(guardrails=("odd",), output_schema=SCHEMA)
    execution, _, _ = await ended({"odd": lambda _: Masked({"score": "x"})}, '{"score": 3}', definition=definition)

    assert "failed" == execution.status
    assert "does not fit" in execution.error["message"]


async def slow(_):
    await asyncio.sleep(60)


def broken(_):
    raise RuntimeError("no connection")


@pytest.mark.parametrize(
    ("judge", "why"),
    [
        (Check(slow, seconds=0.01), "took longer than 0.01 seconds"),
        (broken, "could not be judged: RuntimeError: no connection"),
        (lambda _: 17, "gave a int"),
        (lambda _: Masked(object()), "could not be judged"),
        (lambda _: "it is Sunday", "it is Sunday"),
        (lambda data: cel("data.x == 1").judge(data), "could not be judged"),
        ("data.output.missing > 1", "missing"),
        (lambda _: field("a").exists().judge(type("T", (), {"data": {}})()), "data.a exists does not hold"),
    ],
)
async def test_what_cannot_be_judged_does_not_pass(judge, why):
    """A function that hangs, fails or answers nonsense, and a field that is missing, refuse: never the other way."""
    execution, _, _ = await ended({"guard": judge}, "fine")

    assert "failed" == execution.status
    assert why in execution.error["message"]


async def test_checks_are_made_in_order():
    """Of several guardrails each sees what the one before has left."""
    guards = {
        "first": lambda _: Masked({"text": "one"}),
        "second": lambda data: Masked({"text": f"{data['output']['text']} two"}),
    }
    execution, _, _ = await ended(guards, "zero")

    assert "one two" == execution.final_response


async def test_a_finished_judgement_is_not_made_again():
    """After a crash, a function that has judged an answer is not asked a second time."""
    asked = []
    guard = Check(lambda data: asked.append(1) or "no", action="retry", retries=1)
    definition = agent(guardrails=("once",))
    model = ScriptedProvider("first", HANG)
    async with connect("memory://") as storage:
        async with at_work(definition, storage=storage, model=model, guardrails={"once": guard}) as engine:
            begun = await engine.start(definition.id, {"q": "x"})
            await until_asked(engine, begun.id, 2)
        again = ScriptedProvider("second")
        async with at_work(storage=storage, model=again, guardrails={"once": guard}) as engine:
            execution = await engine.wait(begun.id)
            told = await live(engine, begun.id)
            kept = await engine.events.read(begun.id)

    assert ("failed", 2, 1) == (execution.status, len(asked), len(again.requests))
    assert told == kept


async def test_who_chats_is_told_that_it_was_refused():
    """A message that a guardrail refuses is an error of its own for whoever said it."""
    definition = agent(guardrails=("calm",), prompts=AgentPrompts(system="You help."), inputs=())
    guards = {"calm": Check("!data.input.message.contains('!')", on="input")}
    async with at_work(definition, model=ScriptedProvider(), guardrails=guards) as engine:
        with pytest.raises(GuardrailViolated, match="refused by guardrail 'calm'"):
            await Agent(engine, definition.id).chat("Answer me!")


def test_a_check_that_makes_no_sense_is_refused():
    """Wrong sides, actions, numbers and judges are faults, all named."""
    with pytest.raises(AgentInvalid) as refused:
        Check(7, on="middle", action="shout", retries=-1, seconds=0)

    assert ["judge", "on", "action", "retries", "seconds"] == [fault.place for fault in refused.value.faults]
    with pytest.raises(AgentInvalid):
        Check("true", on="input", action="mask")


@pytest.mark.parametrize("seconds", ["5", None, True, 0, float("nan")])
def test_the_time_of_a_check_is_a_number(seconds):
    """M6: what is no number of seconds is a fault of the check, whatever it is."""
    with pytest.raises(AgentInvalid, match=r"seconds: .* is no time"):
        Check("true", seconds=seconds)


def test_a_check_may_have_any_time():
    """M6: a function that may take as long as it likes is given all the time there is."""
    assert float("inf") == Check("true", seconds=float("inf")).seconds


async def test_a_function_that_answers_nothing_lets_nothing_pass():
    """A forgotten ``return`` is no yes."""
    found = await Check(lambda given: None).found({"output": {"text": "x"}})

    assert found.why == "it could not be judged: the function gave nothing"


def test_where_no_field_is_there_all_texts_are_masked():
    """A name that is spelt wrong gives nothing out."""
    check = Check("true", action="mask", fields=["txet"])

    assert {"text": "[withheld]", "k": 1} == check.masked({"text": "bad", "k": 1})
    assert {"text": "[withheld]", "more": "good"} == Check("true", action="mask", fields=["text"]).masked(
        {"text": "bad", "more": "good"}
    )
