"""Calls of tools survive what vendors do to their numbers, ids and names."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.failures import Asked
from circuit_breaker.llm.names import Names
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


def offered(*names, pieces):
    """The calls of an answer of a model that was told of these tools, and the names in the deltas."""
    assembly = Assembly(Asked(provider="p", model="m"), kind="openai", names=Names(names))
    for piece in pieces:
        assembly.call(**piece)
    assembly.finish("tool_calls", "tool_calls")
    calls = [(call.name, call.arguments) for call in assembly.response().tool_calls]
    return calls, {event.name for event in assembly.events if isinstance(event, ToolCallDelta)}


@pytest.mark.parametrize("rest", ["weather", "get_weather"], ids=["the rest", "all of it"])
def test_a_name_in_two_pieces_is_one_call(rest):
    """Pains: a name that is cut, or grows from piece to piece, is no second call."""
    pieces = [{"at": 0, "id": "a", "name": "get_"}, {"at": 0, "name": rest}, {"at": 0, "arguments": '{"x": 1}'}]

    assert [("get_weather", '{"x": 1}')] == assembled(pieces)


def test_a_cut_name_is_known_by_the_tools_where_there_are_no_ids():
    """Without ids a name goes on if that gives a tool which the model was told of; else another call begins."""
    pieces = [{"at": 0, "name": "get_"}, {"at": 0, "name": "weather"}, {"at": 0, "arguments": "{}"}]

    assert ([("get_weather", "{}")], {"get_weather"}) == offered("get_weather", pieces=pieces)
    assert [("get_", "{}"), ("weather", "{}")] == offered("get", pieces=pieces)[0]


def test_tools_that_take_nothing_are_called_one_after_the_other():
    """Names of tools that are known whole begin a call each, although nothing else comes."""
    pieces = [{"at": 0, "name": "now"}, {"at": 0, "name": "here"}]

    assert [("now", "{}"), ("here", "{}")] == offered("now", "here", pieces=pieces)[0]


@given(
    st.recursive(
        st.integers() | st.text(st.sampled_from('a{}[],:"\\ '), max_size=4),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("a{", max_size=2), inner, max_size=3),
    ).map(lambda value: json.dumps({"a": value})),
    st.lists(st.integers(1, 30), min_size=1, max_size=8),
)
def test_arguments_that_are_repeated_from_the_beginning_are_not_doubled(text, places):
    """Pains: each delta holds all of the arguments so far, with id and name; they are those of the last."""
    ends = sorted({min(place, len(text)) for place in places} | {len(text)})
    pieces = [{"at": 0, "id": "a", "name": "f", "arguments": text[:end]} for end in ends]

    assert [("f", text)] == assembled(pieces)


@pytest.mark.parametrize("known", ['{"a"', '{"a": 1', '{"a": [1]', '{"a": {"b": 2}', '{"a": "x"', "{"])
def test_repeated_arguments_are_known_without_a_name(known):
    """What has no place in JSON after what has come is a repetition."""
    whole = '{"a": [1]}' if "[" in known else f"{known}{'' if len(known) > 1 else chr(34) + 'a' + chr(34)}"
    pieces = [{"at": 0, "id": "a", "name": "f", "arguments": known}, {"at": 0, "arguments": whole}]

    assert [("f", whole)] == assembled(pieces)


@pytest.mark.parametrize("known", ['{"a": ', '{"a": [', '{"a": [{}, ', '{"a": "', '{"a": "\\"'])
def test_objects_within_objects_are_no_repetition(known):
    """An object may begin again where JSON has a place for it, and within a text."""
    pieces = [{"at": 0, "id": "a", "name": "f", "arguments": known}, {"at": 0, "arguments": known}]

    assert [("f", known * 2)] == assembled(pieces)


def test_an_empty_object_may_stand_for_arguments_that_come():
    """Pains: a placeholder is not put before the arguments; where nothing comes it is all there is."""
    first = {"at": 0, "id": "a", "name": "f", "arguments": "{}"}

    assert [("f", '{"a": 1}')] == assembled([first, {"at": 0, "arguments": '{"a": 1}'}])
    assert [("f", '{"a": 1}')] == assembled([first, first | {"arguments": '{"a": 1}'}])
    assert [("f", "{}")] == assembled([first])


def test_the_same_call_told_twice_is_one():
    """With its id, a whole call that comes again is the same one; without, the model calls twice."""
    whole = {"at": 0, "id": "a", "name": "f", "arguments": '{"a": 1}'}

    assert [("f", '{"a": 1}')] == assembled([whole, whole])
    assert 2 * [("f", '{"a": 1}')] == assembled([whole | {"id": None}] * 2)
