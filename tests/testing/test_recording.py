"""Exchanges recorded and given again."""

from __future__ import annotations

import json

import attrs
import pytest

from circuit_breaker.errors import DocumentInvalid, RateLimitExceeded
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.profile import ModelProfile
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.stream import TextDelta
from circuit_breaker.testing import ModelTurn, NotRecorded, Recorder, Replayer, ScriptedProvider, ScriptExhausted

REQUEST = ChatCompletionRequest(model="m", messages=[user("hello")])
BUSY = RateLimitExceeded("busy", retry_after=2.0)


async def streamed(provider, request):
    async with provider.stream(request) as events:
        return [event async for event in events]


async def everything(provider):
    """What a provider gives to one of each request."""
    found = [await provider.complete(REQUEST), await streamed(provider, REQUEST)]
    for failing in (provider.complete(REQUEST), streamed(provider, REQUEST)):
        with pytest.raises(RateLimitExceeded) as busy:
            await failing
        found.append(busy.value.to_document())
    return [*found, await provider.embed(["a"], model="e"), await provider.models()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "recordings" / "chat.json"


async def test_what_was_recorded_is_given_again(path):
    """Answers, streams, failures, vectors and models come back as they were, in the order of the recording."""
    script = ("hi", ModelTurn(calls=(("t", {"n": 1}),), thinks="hm"), BUSY, BUSY)
    async with Recorder(ScriptedProvider(*script, models=["m", "e"]), path) as recorder:
        recorded = await everything(recorder)
    async with Replayer(path) as replayer:
        assert recorded == await everything(replayer)

    assert 0 == replayer.unused


async def test_secrets_are_not_written(path):
    """What the user calls a secret, what looks like a key, and members with such a name are taken out of the file."""
    request = ChatCompletionRequest(
        model="m", messages=[user("hush, sk-abcdefghijklmnopqrst")], extra={"api_key": "plain", "max_tokens": 3}
    )
    async with Recorder(ScriptedProvider("the key is hush"), path, secrets=["hush"]) as recorder:
        assert "the key is hush" == (await recorder.complete(request)).content
    text = path.read_text()

    assert not any(secret in text for secret in ("hush", "sk-abc", "plain"))
    assert 3 == json.loads(text)["exchanges"][0]["request"]["extra"]["max_tokens"]
    assert "the key is ***" == (await Replayer(path, secrets=["hush"]).complete(request)).content


async def test_what_was_not_recorded_is_told_with_the_nearest(path):
    """The message names the first difference from the nearest recorded request."""
    async with Recorder(ScriptedProvider(always="x"), path) as recorder:
        await recorder.complete(attrs.evolve(REQUEST, model="other", temperature=1.0, messages=[user("a"), user("b")]))
        await recorder.complete(REQUEST)
    replayer = Replayer(path)

    for asked, difference in (
        (
            attrs.evolve(REQUEST, messages=[user("hullo")]),
            r'messages\[0\]\.parts\[0\]\.text: "hullo" in place of "hello"',
        ),
        (attrs.evolve(REQUEST, seed=7), "seed: 7 in place of nothing"),
        (attrs.evolve(REQUEST, messages=[user("hello"), user("x" * 500)]), "messages: 2 in place of 1"),
    ):
        with pytest.raises(NotRecorded, match=difference):
            await replayer.complete(asked)
    assert 2 == replayer.unused


async def test_each_exchange_is_given_once(path):
    """A request that is made more often than it was recorded is not in the recording."""
    async with Recorder(ScriptedProvider("x"), path) as recorder:
        await recorder.complete(REQUEST)
    replayer = Replayer(path)
    await replayer.complete(REQUEST)

    with pytest.raises(NotRecorded, match="no exchange of kind 'complete'"):
        await replayer.complete(REQUEST)
    with pytest.raises(NotRecorded, match="kind 'models'"):
        await replayer.models()


async def test_a_stream_that_was_left_early_is_given_as_far_as_it_came(path):
    """The events that were seen are recorded."""
    model = ScriptedProvider(ModelTurn(says="abcdef", pieces=1))
    async with Recorder(model, path) as recorder, recorder.stream(REQUEST) as events:
        first = [await anext(events), await anext(events)]

    assert first == await streamed(Replayer(path), REQUEST)


async def test_a_block_that_fails_writes_nothing(path):
    """A recording is whole, or it is not there."""
    recorder = Recorder(ScriptedProvider("x"), path)
    with pytest.raises(ScriptExhausted):
        async with recorder:
            await everything(recorder)
    assert not path.exists()


async def test_a_recording_that_cannot_be_written_leaves_nothing(path):
    """When the file cannot be put in its place, no half of it stays."""
    path.mkdir(parents=True)
    with pytest.raises(OSError, match=r"chat\.json"):
        async with Recorder(ScriptedProvider("x"), path) as recorder:
            await recorder.complete(REQUEST)
    assert [path] == list(path.parent.iterdir())


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"version": 2}', '{"version": 1}', '{"version": 1, "exchanges": [{"kind": "sing"}]}',
     '{"version": 1, "exchanges": [{"sort": "complete"}]}'],
)  # fmt: skip
def test_a_file_that_is_no_recording_is_refused(path, content):
    """The message names the file."""
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(DocumentInvalid, match=r"chat\.json"):
        Replayer(path)


async def test_both_know_what_the_provider_knows(path):
    """Health and profiles are the provider's while recording, and as told when replaying."""
    profile = ModelProfile(context_tokens=9)
    async with Recorder(ScriptedProvider(ToolCall(id="1", name="t"), profile=profile), path) as recorder:
        assert (profile, "healthy") == (recorder.profile("m"), (await recorder.health()).status)
        assert ("scripted", "scripted") == (recorder.name, recorder.kind)
    replayer = Replayer(path, name="again", profile=profile)

    assert (profile, "healthy", "again") == (replayer.profile("m"), (await replayer.health()).status, replayer.name)


async def test_a_secret_in_pieces_is_not_written(path):
    """A secret that is spread over several pieces of a stream is found, and the stream can still be replayed."""
    says = "the key is sk-abcdefghijklmnopqrst and hush."
    async with Recorder(ScriptedProvider(ModelTurn(says=says, pieces=3)), path, secrets=["hush"]) as recorder:
        await streamed(recorder, REQUEST)
    async with Replayer(path) as replayer:
        events = await streamed(replayer, REQUEST)
    joined = "".join(event.text for event in events if isinstance(event, TextDelta))

    assert joined.startswith("the key is ")
    assert "abcdefghijklmnopqrst" not in joined
    assert "hush" not in joined
