"""Characters that a server has cut in two come back whole."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import ResponseInvalid
from circuit_breaker.llm.encoding import decoded, decoded_piece
from circuit_breaker.llm.halves import Halves, without_halves
from circuit_breaker.llm.messages import assistant, user
from circuit_breaker.llm.request import ToolDefinition
from circuit_breaker.llm.stream import StreamEnded, ThinkingDelta, ToolCallDelta
from tests.llm.exchanges import sent, text_of, told
from tests.llm.faces import ChatFace
from tests.llm.faulty import Reply, faulty
from tests.llm.provider_contract import ONCE, asks

FACE = ChatFace()
FOX = "\ud83e", "\udd8a"


def event(**delta):
    """An event whose JSON escapes all that is not ASCII, as servers write it that hold text in UTF-16."""
    return b"data: " + json.dumps({"id": "1", "choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n"


def ending():
    return FACE.chunk({}, "stop")


@given(st.text(st.characters(min_codepoint=0x41, max_codepoint=0x1FAFF, exclude_categories=("Cs",))))
def test_any_text_survives_being_cut_into_halves(text):
    """Whatever the characters, their halves give them again."""
    data = text.encode("utf-16-le")
    halves = [data[at : at + 2].decode("utf-16-le", "surrogatepass") for at in range(0, len(data), 2)]
    cut = Halves()

    assert text == "".join(map(cut.joined, halves)) + cut.rest()


@given(st.lists(st.text(st.characters(exclude_categories=())), max_size=5))
def test_what_is_told_can_always_be_written(pieces):
    """Halves without their others never leave."""
    cut = Halves()
    text = "".join([cut.joined(piece) for piece in pieces if piece]) + cut.rest()

    assert text == text.encode().decode()


async def test_an_emoji_cut_between_two_events_is_one():
    """Pains: the halves of an emoji in two deltas of text do not end the stream, and are one character."""
    events = await told([event(content="a" + FOX[0]), event(content=FOX[1] + "b"), ending()])

    assert isinstance(events[-1], StreamEnded)
    assert "a🦊b" == text_of(events) == events[-1].response.content


async def test_thoughts_and_arguments_are_put_together_as_well():
    """A character may be cut in a thought and in the arguments of a call."""
    call = [{"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"a": "' + FOX[0]}}]
    rest = [{"index": 0, "function": {"arguments": FOX[1] + '"}'}}]
    thoughts = [event(reasoning_content=FOX[0]), event(reasoning_content=FOX[1])]
    events = await told([*thoughts, event(tool_calls=call), event(tool_calls=rest), FACE.chunk({}, "tool_calls")])
    response = events[-1].response

    assert ["🦊"] == [one.text for one in events if isinstance(one, ThinkingDelta)]
    assert '{"a": "🦊"}' == response.tool_calls[0].arguments
    assert response.tool_calls[0].arguments == "".join(e.arguments for e in events if isinstance(e, ToolCallDelta))


async def test_a_half_that_stays_alone_is_told_as_unknown():
    """The deltas still add up to the answer when the other half never comes."""
    events = await told([event(content="a" + FOX[0]), ending()])

    assert "a\ufffd" == text_of(events) == events[-1].response.content


async def test_a_half_before_another_part_is_told_with_its_own():
    """What is left of a thought is told before the text begins."""
    events = await told([event(reasoning_content="h" + FOX[0]), event(content="a"), ending()])

    assert (
        "h\ufffd"
        == events[-1].response.message.thinking
        == "".join(one.text for one in events if isinstance(one, ThinkingDelta))
    )


def test_a_whole_document_has_no_halves():
    """Where nothing more comes, a half alone is unknown, in names of members too."""
    assert {"a\ufffd": ["🦊", 1, "\ufffd"]} == decoded(b'{"a\\ud83e": ["\\ud83e\\udd8a", 1, "\\udd8a"]}')
    assert {"a": FOX[0]} == decoded_piece(b'{"a": "\\ud83e"}')
    assert "x" == without_halves("x")


@pytest.mark.parametrize("data", [b'{"a": "\\ud83e"', b'["\\ud83e", NaN]', b"[" * 100_000 + b'"\\ud83e"', b"{"])
def test_what_is_no_json_is_refused_all_the_same(data):
    """Halves excuse nothing else."""
    for read in (decoded, decoded_piece):
        with pytest.raises(ValueError, match=r".+"):
            read(data)


async def test_an_answer_that_is_nested_too_deep_is_an_invalid_one():
    """However a server nests it, also around a half, the error is one of ours and names the provider."""
    for deep in range(300, 1000, 50):
        body = b'{"a":' * deep + b'"\\ud83e"' + b"}" * deep
        async with faulty(Reply(body=body)) as server, FACE.provider(server.url, patience=ONCE) as provider:
            with pytest.raises(ResponseInvalid, match="provider 'openai'"):
                await provider.complete(asks(FACE))


async def test_half_a_character_in_a_request_does_no_harm():
    """Whoever cuts a text between the halves of an emoji gets an answer all the same; two halves are one character."""
    tool = ToolDefinition(name="f", parameters={"type": "object", "properties": {"a" + FOX[0]: {"enum": [FOX[1]]}}})
    messages = user("cut " + FOX[0]), assistant("whole " + "".join(FOX)), user("?")
    seen, _ = await sent(asks(FACE, *messages, tools=(tool,), metadata={"a": "b"}))

    assert ["cut \ufffd", "whole 🦊", "?"] == [message["content"] for message in seen.body["messages"]]
    assert ["a\ufffd"] == list(seen.body["tools"][0]["function"]["parameters"]["properties"])
