"""What must have a form is judged as it was given, and kept as it is hidden."""

from __future__ import annotations

import json

import pytest

from circuit_breaker.agents.guardrails import Check, PersonalData
from circuit_breaker.llm.tools import ChainableTool, Tool
from circuit_breaker.testing import ScriptedProvider
from tests.agents.guardrails.test_privacy import shown, watched
from tests.agents.work import agent, at_work, call

MAIL = {"type": "object", "properties": {"mail": {"type": "string", "pattern": "@"}}, "required": ["mail"]}
CARD = {"type": "object", "properties": {"card": {"type": "integer"}}, "required": ["card"]}
GUARDS = (PersonalData(), PersonalData(reversible=True), PersonalData(reversible=True, told=True))


@pytest.mark.parametrize("guard", GUARDS)
@pytest.mark.parametrize(
    ("schema", "answer", "beginning"),
    [
        (MAIL, '{"mail": "ann@example.org"}', "[EMAIL"),
        (MAIL, '```json\n{"mail": "ann@example.org"}\n```', "[EMAIL"),
        (CARD, '{"card": 4111111111111111}', "[CREDIT_CARD"),
        (CARD, 'Here: {"card": 4111111111111111}', "[CREDIT_CARD"),
    ],
)
async def test_an_answer_fits_its_form_before_it_is_hidden(guard, schema, answer, beginning):
    """An answer whose values fit the output schema is the output, although a placeholder would not fit."""
    async with watched(guard, answer, tools=(), output_schema=schema) as (engine, model, kept):
        execution = await engine.run("helper", {"q": "?"})
    (value,) = execution.output.values()

    assert ("completed", 1) == (execution.status, len(model.requests))
    assert value.startswith(beginning)
    assert [] == [place for place in kept if "ann@" in place or "41111111" in place]


async def test_a_mask_may_stand_beside_a_placeholder():
    """A check that masks one field of an answer takes no offence at a placeholder in another."""
    schema = {"type": "object", "properties": {**MAIL["properties"], "note": {"type": "string"}}}
    definition = agent(guardrails=("personal_data", "mild"), output_schema=schema)
    guards = {"mild": Check("false", action="mask", fields="note")}
    model = ScriptedProvider('{"mail": "ann@example.org", "note": "rude"}')
    async with at_work(definition, model=model, guardrails=guards) as engine:
        execution = await engine.run("helper", {"q": "?"})

    assert {"mail": "[EMAIL]", "note": "[withheld]"} == execution.output


async def test_a_placeholder_stands_for_its_value_in_a_form():
    """A model that was sent a placeholder answers with it, and the value behind it is judged."""
    guard = PersonalData(reversible=True)
    turn = lambda request: json.dumps({"mail": shown(request)})  # noqa: E731
    async with watched(guard, turn, tools=(), output_schema=MAIL) as (engine, model, _):
        execution = await engine.run("helper", {"q": "I am ann@example.org"})

    assert ("completed", 1) == (execution.status, len(model.requests))
    assert {"mail": "ann@example.org"} == guard.restored(execution.id, dict(execution.output))


async def test_an_answer_that_does_not_fit_is_asked_for_again():
    """What does not fit as it was given is no output, and the model is told without what is personal."""
    turns = ('{"post": "ann@example.org"}', '{"mail": "ann@example.org"}')
    async with watched(PersonalData(), *turns, tools=(), output_schema=MAIL) as (engine, model, kept):
        execution = await engine.run("helper", {"q": "?"})

    assert ({"mail": "[EMAIL]"}, 2) == (execution.output, len(model.requests))
    assert [] == [place for place in [*kept, repr(model.requests[1].messages)] if "ann@" in place]


class Looked(ChainableTool):
    """Looks somebody up, and gives what it says."""

    def __init__(self, given) -> None:
        super().__init__("looked", "Looked", {"who": {"type": "string"}}, output_schema=MAIL)
        self._given = given

    def execute(self, input, context):  # noqa: A002 - as the base class calls it
        return self._given


class Piecewise(Tool):
    """Gives its result in pieces, and says of what form it is."""

    def __init__(self) -> None:
        self.output_schema = {"type": "string", "pattern": "^ann@"}
        super().__init__("looked", "Looked", {"who": {"type": "string"}})

    async def execute(self, who: str):
        yield "ann@exa"
        yield "mple.org"


@pytest.mark.parametrize(
    ("made", "content", "is_error"),
    [
        (Looked({"mail": "ann@example.org"}), '{"mail": "[EMAIL]"}', False),
        (Looked({"mail": "nobody"}), "not as it says", True),
        (Piecewise(), "[EMAIL]", False),
    ],
)
async def test_a_result_fits_its_form_before_it_is_hidden(made, content, is_error):
    """A tool that says of what form its result is is held to it, by the values."""
    async with watched(PersonalData(), call("looked", who="x"), "done", tools=(made,)) as (engine, model, _):
        await engine.run("helper", {"q": "?"})
    (result,) = model.requests[1].messages[-1].tool_results

    assert is_error == result.is_error
    assert content in result.content


async def test_an_answer_that_is_no_json_is_asked_for_again():
    """What is no JSON is no output, with personal data in it or without."""
    turns = ("It is ann@example.org", '{"mail": "ann@example.org"}')
    async with watched(PersonalData(), *turns, tools=(), output_schema=MAIL) as (engine, model, _):
        execution = await engine.run("helper", {"q": "?"})

    assert ({"mail": "[EMAIL]"}, 2) == (execution.output, len(model.requests))
