"""Calls of tools survive what vendors do to their numbers, ids and names."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.failures import Asked
from circuit_breaker.llm.stream import ToolCallDelta, ToolCallEnded

TWO = [("f", '{"a": 1}'), ("g", '{"b": {"c": [2]}}')]


def assembled(pieces):
    """The calls that come of pieces: names and arguments."""
    assembly = Assembly(Asked(provider="p", model="m"), kind="openai")
    for piece in pieces:
        assembly.call(**piece)
    assembly.finish("tool_calls", "tool_calls")
    response = assembly.response()
    deltas = [event for event in assembly.events if isinstance(event, ToolCallDelta)]
    for number, call in enumerate(response.tool_calls):
        own = [delta for delta in deltas if delta.call == number]
        assert call.arguments == "".join(delta.arguments for delta in own)
        assert {(call.id, call.name)} == {(delta.id, delta.name) for delta in own}
    ended = [event for event in assembly.events if isinstance(event, ToolCallEnded)]
    assert len(response.tool_calls) == len(ended) == len({call.id for call in response.tool_calls})
    return [(call.name, call.arguments) for call in response.tool_calls]


def pieces_of(text, size=3):
    return [text[at : at + size] for at in range(0, len(text), size)]


def usual(calls, **changes):
    """Pieces as OpenAI sends them: id and name in the first of each call."""
    for number, (name, text) in enumerate(calls):
        yield {"at": number, "id": f"call_{number}", "name": name, "arguments": ""} | changes
        for piece in pieces_of(text):
            yield {"at": number, "arguments": piece} | {key: changes[key] for key in changes if key == "at"}


def repeated(calls, **changes):
    """Pieces that say id and name again and again, as llama-cpp-python does."""
    for number, (name, text) in enumerate(calls):
        for piece in pieces_of(text):
            yield {"at": number, "id": f"call_{number}", "name": name, "arguments": piece} | changes


def at_once(calls, **changes):
    """Whole calls in one piece each."""
    for number, (name, text) in enumerate(calls):
        yield {"at": number, "id": f"call_{number}", "name": name, "arguments": text} | changes


@pytest.mark.parametrize("style", [usual, repeated, at_once])
@pytest.mark.parametrize(
    "changes",
    [{}, {"at": None}, {"at": 0}, {"id": None}, {"id": "same"}, {"id": "", "at": None}],
    ids=["right", "no numbers", "always 0", "no ids", "one id for all", "neither"],
)
def test_two_calls_stay_two(style, changes):
    """Pains 32, 33: wrong or missing numbers and ids lose no piece of the arguments and make no call too many."""
    assert TWO == assembled(style(TWO, **changes))


def test_numbers_may_begin_at_one():
    """Pains 33: the vendor's numbers are its own affair; ours begin at 0."""
    shifted = ({**piece, "at": piece["at"] + 1} for piece in usual(TWO))

    assert TWO == assembled(shifted)


def test_calls_of_one_tool_always_numbered_0_are_told_apart():
    """Whole calls of the same tool, each in one piece with the number 0, are calls of their own."""
    calls = [("f", '{"a": 1}'), ("f", '{"a": 2}'), ("f", "{}")]

    assert calls == assembled(at_once(calls, at=0))
    assert calls == assembled(at_once(calls, at=0, id=None))


def test_a_new_id_in_every_piece_is_no_new_call():
    """Some servers make up an id for every piece; those without a name continue the call."""
    pieces = [{"at": 0, "id": f"x{n}", "name": "f" if n == 0 else None, "arguments": p} for n, p in
              enumerate(["", '{"a"', ": 1}"])]  # fmt: skip

    assert [("f", '{"a": 1}')] == assembled(pieces)


def test_a_wrong_number_in_the_middle_continues_the_last_call():
    """A piece with nothing but an unknown number belongs to the call that is being written."""
    pieces = [{"at": 0, "id": "a", "name": "f", "arguments": '{"a"'}, {"at": 7, "arguments": ": 1}"}]

    assert [("f", '{"a": 1}')] == assembled(pieces)


def test_a_name_may_come_late():
    """What came before the name is told with it."""
    pieces = [{"at": 0, "id": "a", "arguments": '{"a"'}, {"at": 0, "name": "f", "arguments": ": 1}"}]

    assert [("f", '{"a": 1}')] == assembled(pieces)


def test_no_arguments_are_an_empty_object():
    """A call without arguments has those of an empty object."""
    assert [("f", "{}")] == assembled([{"at": 0, "id": "a", "name": "f", "arguments": None}])


def test_arguments_may_come_as_an_object():
    """Ollama sends objects where others send text."""
    assert [("f", '{"a":1}')] == assembled([{"name": "f", "arguments": {"a": 1}}])


@given(
    st.lists(st.tuples(st.sampled_from("fgh"), st.dictionaries(st.text(max_size=3), st.text(max_size=6))), max_size=4),
    st.randoms(),
)
def test_calls_that_come_interleaved_are_put_together(calls, chance):
    """Pieces of several calls in any order that keeps each call's own give the calls."""
    told = [(name, json.dumps(arguments)) for name, arguments in calls]
    queues = [list(usual([one])) for one in told]
    for number, queue in enumerate(queues):
        for piece in queue:
            piece["at"] = number
        queue[0]["id"] = f"call_{number}"
    pieces = [queue.pop(0) for queue in queues]
    while rest := [queue for queue in queues if queue]:
        pieces.append(chance.choice(rest).pop(0))

    if told:
        assert told == assembled(pieces)
