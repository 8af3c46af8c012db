"""Answers without an end: they are broken off, and what was delivered stays."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from functools import partial

import pytest

from circuit_breaker.errors import RequestRefused, ResponseInvalid, ResponseTooLong
from circuit_breaker.llm import members, session
from circuit_breaker.llm.allowance import MOST_CHARACTERS, most_characters
from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.failures import Asked
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.parts import Image
from circuit_breaker.llm.profile import ModelProfile
from circuit_breaker.llm.providers import OllamaProvider, blocks
from circuit_breaker.llm.providers.anthropic_messages import MessagesDialect
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.session import Connections
from circuit_breaker.llm.sse import ServerEvent
from circuit_breaker.llm.stream import StreamFailed
from tests.llm.exchanges import text_of
from tests.llm.faces import QUICK, ChatFace
from tests.llm.faulty import Reply, faulty
from tests.llm.provider_contract import ONCE, asks, streamed

FACE = ChatFace()
STREAM = {"Content-Type": "text/event-stream"}
CALL = {"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"a": "'}}


def endless(delta):
    """A server that says the same for ever."""
    return Reply(body=FACE.chunk({"role": "assistant"}), headers=STREAM, fault="endless", more=FACE.chunk(delta))


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "x" * 60_000},
        {"reasoning_content": "x" * 60_000},
        {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "x" * 60_000}}]},
    ],
    ids=["text", "thoughts", "arguments"],
)
async def test_a_stream_without_end_is_broken_off(delta):
    """A model that was asked for 10 tokens and never stops: an error of its own class, and the request is ended."""
    async with faulty(endless(delta)) as server, FACE.provider(server.url) as provider:
        events = await asyncio.wait_for(streamed(provider, asks(FACE, max_tokens=10)), 20)
        await asyncio.wait_for(server.seen[0].gone.wait(), 5)

    assert isinstance(events[-1], StreamFailed)
    assert isinstance(events[-1].error, ResponseTooLong)
    assert not events[-1].error.again
    assert "gpt-4o" in str(events[-1].error)


async def test_what_was_delivered_before_stays():
    """The partial answer is what the deltas add up to."""
    async with faulty(endless({"content": "x" * 60_000})) as server, FACE.provider(server.url) as provider:
        events = await streamed(provider, asks(FACE, max_tokens=10))

    assert 4 * 60_000 == len(text_of(events))
    assert text_of(events) == events[-1].partial.content


async def test_bytes_that_say_nothing_are_counted_too():
    """A stream of comments only is no answer either, however long it goes on."""
    reply = Reply(body=b": hello\n\n", headers=STREAM, fault="endless", more=b":" + b" " * 50_000 + b"\n\n")
    shared = Connections(timeouts=QUICK.timeouts, most_streamed=300_000)
    async with faulty(reply) as server, FACE.provider(server.url, connections=shared) as provider:
        (_, failed) = await streamed(provider, asks(FACE))

    assert isinstance(failed.error, ResponseTooLong)
    assert "300000 bytes" in str(failed.error)


async def test_a_whole_answer_is_bounded_as_a_streamed_one():
    """A server that ignores max_tokens by far gives no answer."""
    message = {"role": "assistant", "content": "x" * 300_000}
    body = json.dumps({"id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
    async with faulty(Reply(body=body)) as server, FACE.provider(server.url, patience=ONCE) as provider:
        with pytest.raises(ResponseTooLong):
            await provider.complete(asks(FACE, max_tokens=10))
        assert 300_000 == len((await provider.complete(asks(FACE, max_tokens=10_000))).content)


async def test_a_whole_answer_is_bounded_in_bytes(monkeypatch):
    """However little of it were text, more than so many bytes of one answer are not read."""
    monkeypatch.setattr(session, "MOST", 1000)
    async with faulty(Reply(body=b" " * 2000)) as server, FACE.provider(server.url, patience=ONCE) as provider:
        with pytest.raises(ResponseTooLong, match="gpt-4o"):
            await provider.complete(asks(FACE))


async def test_an_answer_that_is_wrongly_packed_is_told():
    """What says that it is packed and is not, is an invalid answer."""
    reply = Reply(body=b"abcde", headers={"Content-Encoding": "gzip"})
    async with faulty(reply) as server, FACE.provider(server.url, patience=ONCE) as provider:
        with pytest.raises(ResponseInvalid, match="gpt-4o"):
            await provider.complete(asks(FACE))


def test_calls_and_lists_are_charged_as_well():
    """A server cannot fill the memory with calls without arguments, nor with probabilities of tokens."""
    for fill in (
        lambda one, n: one.call("", at=n, id=f"c{n}", name="f"),
        lambda one, _: one.note({"logprobs": {"content": [{"token": "x"}] * 100}, "more": "x" * 100}),
        lambda one, _: one.call({"a": 1}, name="f"),
    ):
        assembly = Assembly(Asked(provider="p"), kind="openai", most=10_000)
        with pytest.raises(ResponseTooLong):
            deque(map(partial(fill, assembly), range(1000)), maxlen=0)


@pytest.mark.parametrize(
    "fill",
    [
        lambda one, n: one.text("x", index=n),
        lambda one, n: (one.thinking("x"), one.text("x")),
        lambda one, n: one.thinking(None, redacted="x" * 100_000),
        lambda one, n: one.thinking("x", signature="x" * 100_000),
        lambda one, n: one.call("", at=0, id="c", name=f"{n}{'x' * 10_000}"),
        lambda one, n: one.text("x", extra={f"k{n}": [[]] * 10_000}),
        lambda one, n: one.call("", at=0, id="c", name="f", extra={f"k{n}": "x" * 100_000}),
        lambda one, n: one.members.keep({f"k{n}": {"a": [["x" * 100]] * 1000}}),
        lambda one, n: one.members.gather({"parts": [["x" * 100_000]]}),
    ],
    ids=["answers", "parts", "redacted", "signatures", "names", "of texts", "of calls", "of all", "pieces"],
)
def test_nothing_that_is_kept_is_without_a_bound(fill):
    """A server cannot fill the memory with many answers, parts, names, signatures or members that we do not know."""
    assembly = Assembly(Asked(provider="p"), kind="openai")
    with pytest.raises(ResponseTooLong):
        deque(map(partial(fill, assembly), range(100_000)), maxlen=0)


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"type": "content_block_start", "content_block": {"type": "text", "text": ""}}, ResponseTooLong),
        ({"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": "x"}}, ResponseTooLong),
        ({"type": "message_delta", "usage": {}}, ValueError),
    ],
    ids=["blocks", "inputs", "counts"],
)
def test_what_a_reader_remembers_is_bounded_as_well(event, error, monkeypatch):
    """Blocks that never end, pieces of what only the vendor can read, and counts of things that nobody knows."""
    monkeypatch.setattr(members, "MOST_BESIDE", 50_000)
    reader = MessagesDialect().reader(Assembly(Asked(provider="p"), kind="anthropic"))
    own = {"type": "content_block_start", "index": 1, "content_block": {"type": "server_tool_use", "id": "s"}}
    reader.take(ServerEvent(json.dumps(own).encode()))

    def nth(number):
        place = {"index": 1 if "delta" in event else number + 2}
        counts = {"usage": {f"n{number}": 1}} if "usage" in event else {}
        return ServerEvent(json.dumps({**event, **place, **counts}).encode())

    with pytest.raises(error):
        deque(map(reader.take, map(nth, range(10_000))), maxlen=0)


def test_what_comes_again_in_every_piece_is_charged_once():
    """Most servers repeat in each piece which system has answered: that makes no answer too long."""
    assembly = Assembly(Asked(provider="p"), kind="openai")
    for _ in range(2):
        assembly.members.keep({"system": "x" * 20_000_000})
    assembly.members.keep({"system": "short"})

    assert {"system": "short"} == assembly.members.kept


def test_many_calls_take_no_longer_each_than_few():
    """A server that makes a great many calls does not hold up the others: each piece finds its call at once."""
    assembly = Assembly(Asked(provider="p"), kind="openai")
    for number in range(20_000):
        assembly.call("{}", at=number, id=f"c{number}", name="f")
    assembly.finish("stop")

    assert 20_000 == len(assembly.response().tool_calls)


def test_the_allowance_follows_what_was_asked_for():
    """It is that of max_tokens, else that of the profile, for each answer; or a great one where nobody knows."""
    request = ChatCompletionRequest(model="m", messages=[user("?")], max_tokens=100_000, n=2)
    plain = ChatCompletionRequest(model="m", messages=[user("?")])

    assert 2 * 32 * 100_000 == most_characters(request, ModelProfile())
    assert 32 * 50_000 == most_characters(plain, ModelProfile(max_output_tokens=50_000))
    assert MOST_CHARACTERS == most_characters(plain, ModelProfile())


def test_it_is_a_kind_of_invalid_response():
    """Whoever catches the one catches the other."""
    assert issubclass(ResponseTooLong, ResponseInvalid)


# images by address


def showing(url, count):
    return ChatCompletionRequest(
        model="llava", messages=[user("?", *[Image(url=f"{url}/{n}.png") for n in range(count)])]
    )


def eyes(server):
    near = Connections(timeouts=QUICK.timeouts, allow=("127.0.0.1",))
    return OllamaProvider(base_url=server.url, connections=near, patience=ONCE)


async def test_too_many_images_by_address_are_refused_before_any_is_fetched():
    """Their number is bounded, for each of them is a call to somebody else."""
    async with faulty(Reply(body=b"x")) as server, eyes(server) as provider:
        with pytest.raises(RequestRefused, match=r"65 images and files are given by address, and at most 64"):
            await provider.complete(showing(server.url, 65))

    assert [] == server.seen


async def test_images_by_address_are_bounded_together(monkeypatch):
    """Not each alone, but all of a request have to fit into memory."""
    monkeypatch.setattr(blocks, "MOST_BYTES", 2500)
    image = Reply(body=b"x" * 1000, headers={"Content-Type": "image/png"})
    async with faulty(image) as server, eyes(server) as provider:
        with pytest.raises(RequestRefused, match=r"more than the 500 bytes that are left .*give fewer or smaller"):
            await provider.complete(showing(server.url, 9))

    assert 3 == len(server.seen)
