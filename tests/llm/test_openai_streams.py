"""Streams of OpenAI, and of servers that imitate it badly."""

from __future__ import annotations

import json

from circuit_breaker.errors import (
    ResponseInvalid,
)
from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.failures import Asked
from circuit_breaker.llm.providers.openai_chat import ChatDialect
from circuit_breaker.llm.request import ToolDefinition
from circuit_breaker.llm.sse import EventDecoder
from circuit_breaker.llm.stream import StreamEnded, StreamFailed
from tests.llm.exchanges import text_of, told
from tests.llm.faces import ChatFace, ResponsesFace, Said, dumped
from tests.llm.faulty import Reply, faulty
from tests.llm.provider_contract import asks, streamed

FACE = ChatFace()
RESPONSES = ResponsesFace()


async def test_comments_and_returns_do_not_matter():
    """Keep-alive comments, CR and CRLF, and a mark at the beginning are no part of the answer."""
    events = [b": ping\n\n", *FACE.events(Said())]
    for end in (b"\r", b"\r\n"):
        body = b"\xef\xbb\xbf" + b"".join(events).replace(b"\n", end)
        assert Said().text == text_of(await told([body], cuts=1))


async def test_an_answer_may_end_without_done():
    """An end of the bytes after the reason is an end."""
    assert isinstance((await told(FACE.events(Said())[:-1]))[-1], StreamEnded)


async def test_done_without_a_reason_is_a_stop():
    """A server that never says why it ended has stopped."""
    *before, _, _, done = FACE.events(Said())
    last = (await told([*before, done]))[-1]

    assert "stop" == last.response.finish_reason


async def test_nothing_but_done_has_failed():
    """A stream that holds no answer is none."""
    last = (await told([FACE.chunk({}, choices=[]), b"data: [DONE]\n\n"]))[-1]

    assert isinstance(last, StreamFailed)
    assert isinstance(last.error, ResponseInvalid)


async def test_usage_is_counted_once():
    """Pains 34: usage that comes twice, or in every chunk, is that of the last."""
    usage = [{"prompt_tokens": n, "completion_tokens": n} for n in (1, 2, 3)]
    events = [FACE.chunk({"content": "a"}, usage=one) for one in usage]
    done = FACE.chunk({}, "stop", usage={"prompt_tokens": 5, "completion_tokens": 6})
    last = (await told([*events, done, done]))[-1]

    assert (5, 6) == (last.response.usage.input_tokens, last.response.usage.output_tokens)


async def test_missing_usage_is_estimated():
    """A vendor that says nothing of tokens is not taken to have used none."""
    last = (await told([FACE.chunk({"content": "word " * 100}), FACE.chunk({}, "stop")]))[-1]

    assert last.response.usage.estimated
    assert 50 < last.response.usage.output_tokens < 200


async def test_a_last_delta_repeats_nothing():
    """Pains 34: null content, no delta at all and empty choices add nothing."""
    events = [
        FACE.chunk({"role": "assistant", "content": None}),
        FACE.chunk({"content": "a"}),
        FACE.chunk(None),
        FACE.chunk({"content": ""}, "stop"),
        FACE.chunk({}, choices=[]),
        FACE.chunk({}, choices=None),
    ]

    assert "a" == text_of(await told(events))


async def test_several_answers_are_kept_apart():
    """Deltas of two answers come in any order; each answer is whole."""

    def choice(index, delta, reason=None):
        return FACE.chunk({}, choices=[{"index": index, "delta": delta, "finish_reason": reason}])

    events = [choice(0, {"content": "a"}), choice(1, {"content": "x"}), choice(1, {"content": "y"}, "stop"),
              choice(0, {"content": "b"}, "length")]  # fmt: skip
    last = (await told(events, request=asks(FACE, n=2)))[-1]

    assert ["ab", "xy"] == [one.message.content for one in last.response.choices]
    assert ["length", "stop"] == [one.finish_reason for one in last.response.choices]


async def test_a_whole_answer_in_place_of_a_stream_is_streamed():
    """A server that cannot stream gives the same events at once."""
    events = await told([FACE.whole(Said())], cuts=0)
    async with faulty(Reply(body=FACE.whole(Said()))) as server, FACE.provider(server.url) as provider:
        events = await streamed(provider, asks(FACE))

    assert Said().text == text_of(events)
    assert isinstance(events[-1], StreamEnded)


async def test_members_that_we_do_not_know_come_back():
    """ZB5: what the vendor says beyond what we know is kept."""
    body = json.loads(FACE.whole(Said())) | {"service_tier": "flex"}
    async with faulty(Reply(body=dumped(body))) as server, FACE.provider(server.url) as provider:
        response = await provider.complete(asks(FACE))

    assert {"service_tier": "flex"} == response.extra


async def test_content_in_parts_and_old_calls_are_understood():
    """Some servers give the content in parts; old ones call functions."""
    function = {"name": "f", "arguments": '{"a": 1}'}
    message = {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "function_call": function}
    body = {"choices": [{"message": message, "finish_reason": "function_call"}]}
    async with faulty(Reply(body=dumped(body))) as server, FACE.provider(server.url) as provider:
        response = await provider.complete(asks(FACE, tools=(ToolDefinition(name="f"),)))

    assert ("ab", ["f"]) == (response.content, [call.name for call in response.tool_calls])
    assert response.id.startswith("cb-")


async def test_a_connection_that_breaks_after_the_end_does_no_harm():
    """The answer is complete when it has said why it ended."""
    events = FACE.events(Said())[:-1]
    last = (await told(events, fault="reset"))[-1]

    assert isinstance(last, StreamEnded)
    assert Said().text == last.response.content


async def test_a_line_that_never_ends_is_an_invalid_response(monkeypatch):
    """A server that sends a line without an end is left."""
    monkeypatch.setattr("circuit_breaker.llm.providers.openai_chat.EventDecoder", lambda: EventDecoder(1000))
    last = (await told([FACE.chunk({"content": "a"}), b"data: " + b"x" * 2000]))[-1]

    assert isinstance(last, StreamFailed)
    assert isinstance(last.error, ResponseInvalid)
    assert "longer than 1000 bytes" in str(last.error)


async def test_a_call_without_a_name_is_an_invalid_response():
    """Nobody knows what to call."""
    events = [FACE.chunk({"tool_calls": [{"index": 0, "id": "x", "function": {"arguments": "{}"}}]}),
              FACE.chunk({}, "tool_calls")]  # fmt: skip
    last = (await told(events))[-1]

    assert isinstance(last, StreamFailed)
    assert "without a name" in str(last.error)


def test_a_chunk_is_one_event():
    """Each of a thousand chunks gives its own event, though they come in one piece."""
    reader = ChatDialect().reader(Assembly(Asked(provider="p", model="m"), kind="openai"))
    given = [reader.take(event) for event in reader.decoder.feed(FACE.chunk({"content": "word "}) * 1000)]

    assert 1000 == len(given)
