"""Personal data is found behind the escapes of JSON too, wherever JSON stands in a text."""

from __future__ import annotations

import json

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.agents.guardrails import PersonalData
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.tools import tool
from tests.agents.guardrails.test_privacy import watched
from tests.agents.work import call, events_of

GUARD = PersonalData(names=["Ann Smith"])
HIDER = GUARD.hider("e1")
VALUES = {
    "+49 30 901820": "[PHONE]",
    "4111111111111111": "[CREDIT_CARD]",
    "DE89370400440532013000": "[IBAN]",
    "192.168.7.44": "[IP]",
    "Ann Smith": "[NAME]",
    "ann@example.org": "[EMAIL]",
}
SECRETS = ("901820", "41111111", "DE89", "192.168", "Smith", "ann@", "ann\\u0040")
LINES = "\n".join(VALUES)


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("before", ["\n", "\t", "\r\n", "\u00fc\n"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_an_escape_is_a_border(value, before, depth):
    """J6: what stands behind an escaped line break is hidden, also in JSON that is a text in JSON."""
    text = f"see:{before}{value}"
    hidden = f"see:{before}{VALUES[value]}"
    for _ in range(depth):
        text, hidden = json.dumps([text]), json.dumps([hidden])

    assert hidden == HIDER.text(text)
    assert json.loads(hidden) == json.loads(HIDER.json_text(text))


@pytest.mark.parametrize("text", ["ann\\u0040example.org", "4111\\u00201111\\u00201111\\u00201111", "Ann\\u0020Smith"])
def test_an_escaped_character_is_that_character(text):
    """J6: a value of which a character is written as an escape is hidden, and is the same value as without."""
    guard = PersonalData(names=["Ann Smith"], reversible=True)
    plain = json.loads(f'"{text}"')

    assert guard.hider("e1").text(plain) == guard.hider("e1").text(text)
    assert plain == guard.restored("e1", guard.hider("e1").text(text))


@pytest.mark.parametrize("text", [r"C:\new\notes", r"\alpha + \nu", "a\\", r"\ud83d\ude00 and \u00", r"DOMAIN\xavier"])
def test_a_backslash_by_itself_changes_nothing(text):
    """Paths, formulas and half escapes stay as they are."""
    assert text == HIDER.text(text)


def test_what_is_found_with_and_without_escapes_is_hidden_whole():
    """Where a text reads in two ways, all that either way finds is hidden."""
    assert "[EMAIL]" == HIDER.text("ann@example.org")
    assert r"C:\b[EMAIL]" == HIDER.text(r"C:\bob@example.org")
    assert r"see \n[NAME]" == PersonalData(names=["ora", "nora"]).hider("e").text(r"see \nora")


def test_a_key_that_comes_twice_hides_nothing_from_the_hider():
    """J6: of a key that an object has twice, neither value stays."""
    assert '{"to": "x"}' == HIDER.json_text('{"to": "ann@example.org", "to": "x"}')


PIECES = [*VALUES, "\\n", "\\\\n", "\\t", "\\u0040", "\\u00fc", "\\u", "\\", "n", "x", " ", '"', "{", "1", "\u00e4"]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_escapes_in_pieces_are_hidden_like_the_whole(text, sizes):
    """However a stream cuts an escape, what is given out is together what becomes of the whole text."""
    stream, told, at, number = HIDER.stream(), [], 0, 0
    while at < len(text):
        size = sizes[number % len(sizes)]
        told.append(stream.push(text[at : at + size]))
        at, number = at + size, number + 1

    assert HIDER.text(text) == "".join([*told, stream.end()])


@attrs.define
class Card:
    """What a tool gives that is typed."""

    text: str
    number: int = 4111111111111111


@tool
def typed(text: str) -> Card:
    """Gives a typed result."""
    return Card(LINES)


@tool
def fails(text: str) -> str:
    """Fails."""
    raise ValueError(LINES)


@tool
def nested(text: str) -> str:
    """Gives JSON in JSON after words."""
    return f"Result: {json.dumps({'note': json.dumps({'note': LINES})})}"


@tool
def numbered(text: str) -> dict:
    """Gives an object whose key is a number."""
    return {1: LINES}


@pytest.mark.parametrize("made", [typed, fails, nested, numbered], ids=lambda made: made.name)
async def test_no_result_of_a_tool_keeps_what_stands_behind_an_escape(made):
    """J6: typed results, errors, JSON after words and numbers as keys reach neither the storage nor the model."""
    turns = (call(made.name, text=json.dumps([LINES])), "done")
    async with watched(GUARD, *turns, tools=(made,)) as (engine, model, kept):
        execution = await engine.run("helper", {"q": "?"})
        events = await events_of(engine, execution.id)
    (result,) = model.requests[1].messages[-1].tool_results
    everything = [*kept, repr(events), repr([one.messages for one in model.requests])]

    assert "completed" == execution.status
    assert result.is_error == (made is fails)
    assert [] == [secret for secret in SECRETS for place in everything if secret in place]


async def test_arguments_with_a_key_twice_are_not_kept():
    """J6: the arguments that a model writes twice are kept once, and hidden."""
    twice = ToolCall(id="1", name="typed", arguments='{"text": "ann@example.org", "text": "x"}')
    async with watched(GUARD, twice, "done", tools=(typed,)) as (engine, model, kept):
        await engine.run("helper", {"q": "?"})

    assert [] == [place for place in [*kept, repr(model.requests[1].messages)] if "ann@" in place]


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("form", ["{}", "```json\n{}\n```", "Here it is: {}"])
async def test_structured_answers_are_told_and_kept_without_it(value, form):
    """J6: whether an answer is JSON alone, fenced or after words, followers and storage are given placeholders."""
    text = form.replace("{}", json.dumps({"a": f"Here:\n{value}"}).replace("@", "\\u0040"))
    async with watched(GUARD, text, output_schema=SCHEMA) as (engine, _, kept):
        execution = await engine.run("helper", {"q": "?"})
        events = await events_of(engine, execution.id)

    assert {"a": f"Here:\n{VALUES[value]}"} == execution.output
    assert [] == [secret for secret in SECRETS for place in [*kept, repr(events)] if secret in place]


async def test_a_typed_result_stays_json():
    """What a tool gives that is typed is hidden by its values: a number that is a card becomes a text."""
    async with watched(GUARD, call("typed", text="x"), "done", tools=(typed,)) as (_engine, model, _):
        await _engine.run("helper", {"q": "?"})
    (result,) = model.requests[1].messages[-1].tool_results

    assert {"text": "\n".join(VALUES.values()), "number": "[CREDIT_CARD]"} == json.loads(result.content)
