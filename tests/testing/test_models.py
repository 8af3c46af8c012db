"""Models that follow a script."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import ConnectionFailed, ModelNotFound, RateLimitExceeded
from circuit_breaker.llm.messages import assistant, user
from circuit_breaker.llm.parts import Text, Thinking, ToolCall
from circuit_breaker.llm.profile import ModelProfile, Price
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.stream import (
    StreamEnded,
    StreamFailed,
    StreamStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnded,
)
from circuit_breaker.llm.usage import Usage
from circuit_breaker.testing import HANG, MockLLMProvider, ModelTurn, ScriptedProvider, ScriptExhausted


def asking(text="hello", **options):
    return ChatCompletionRequest(model="m", messages=[user(text)], **options)


async def streamed(provider, request):
    async with provider.stream(request) as events:
        return [event async for event in events]


async def test_it_follows_its_script_and_notes_what_it_was_asked():
    """Each request gets the next turn, and is kept."""
    async with ScriptedProvider("one", always="more") as model:
        answers = [(await model.complete(asking(text))).content for text in ("a", "b", "c")]

    assert ["one", "more", "more"] == answers
    assert ["a", "b", "c"] == [request.messages[0].content for request in model.requests]


async def test_an_answer_costs_what_the_profile_says():
    """With a price budgets can be tested: whole and in pieces an answer is charged, but for a response of one's own."""
    price = Price(input=Decimal(1_000_000), output=Decimal(2_000_000))
    turn = ModelTurn(says="Yes.", usage=Usage(input_tokens=1, output_tokens=3))
    model = ScriptedProvider(always=turn, profile=ModelProfile(price=price))
    whole, pieces = await model.complete(asking()), await streamed(model, asking())

    assert Decimal(7) == whole.cost.dollars == pieces[-1].response.cost.dollars
    own = await ScriptedProvider(ModelTurn(says="Yes.")).complete(asking())
    assert own is await ScriptedProvider(own, profile=ModelProfile(price=price)).complete(asking())
    assert own.cost.dollars is None


async def test_mock_answers_after_a_delay():
    """G29: built from a list of responses; each comes after 100 ms unless told otherwise."""
    started = time.monotonic()
    assert "one" == (await MockLLMProvider.with_responses(["one", "two"]).complete(asking())).content
    assert 0.1 <= time.monotonic() - started < 0.5

    quick = MockLLMProvider.with_responses(["one", ModelTurn(says="two")], delay=0)
    assert ["one", "two"] == [(await quick.complete(asking())).content for _ in range(2)]


async def test_a_turn_can_be_many_things():
    """Texts, calls, parts, messages, responses and functions of the request."""
    whole = await ScriptedProvider("whole").complete(asking())
    model = ScriptedProvider(
        ToolCall(id="1", name="t"),
        ["a", ToolCall(id="2", name="u")],
        assistant("said"),
        whole,
        lambda request: request.messages[0].content.upper(),
        ModelTurn(calls=(("t", {"n": 1}), ("t", '{"n": 2}')), thinks="hm"),
    )
    answers = [await model.complete(asking()) for _ in range(6)]

    assert ["", "a", "said", "whole", "HELLO", ""] == [answer.content for answer in answers]
    assert ["tool_calls", "tool_calls", "stop"] == [answer.finish_reason for answer in answers[:3]]
    assert whole is answers[3]
    assert ["call_6_0", "call_6_1"] == [call.id for call in answers[5].tool_calls]
    assert ['{"n": 1}', '{"n": 2}'] == [call.arguments for call in answers[5].tool_calls]
    assert "hm" == answers[5].message.thinking


async def test_failures_of_the_script_are_raised():
    """Before a stream begins as well as for a whole answer."""
    model = ScriptedProvider(RateLimitExceeded("busy", retry_after=2.0), always=ModelTurn(says=ConnectionFailed))

    with pytest.raises(RateLimitExceeded, match="busy"):
        await model.complete(asking())
    with pytest.raises(ConnectionFailed):
        await streamed(model, asking())


async def test_a_call_too_many_is_an_error():
    """When the turns are used up the request is told."""
    model = ScriptedProvider("one")
    await model.complete(asking())
    with pytest.raises(ScriptExhausted, match=r"request 2 .* script for 1: 'again'"):
        await model.complete(asking("again"))


async def test_a_model_can_hang():
    """A turn that never ends is ended by the caller's timeout."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await ScriptedProvider(HANG).complete(asking())


texts = st.text(max_size=30)
parts = st.one_of(
    st.builds(Text, texts),
    st.builds(Thinking, text=texts),
    st.builds(ToolCall, id=st.uuids().map(str), name=st.just("t"), arguments=texts),
)


@given(st.lists(parts, max_size=5), st.integers(1, 10))
def test_the_pieces_add_up_to_the_whole(said, size):
    """A stream begins, gives pieces that are never empty, and ends with what they add up to."""
    events = asyncio.run(streamed(ScriptedProvider(ModelTurn(says=said, pieces=size)), asking()))
    whole = events[-1].response

    assert isinstance(events[0], StreamStarted)
    assert isinstance(events[-1], StreamEnded)
    assert whole.content == "".join(event.text for event in events if isinstance(event, TextDelta))
    assert whole.message.thinking == "".join(event.text for event in events if isinstance(event, ThinkingDelta))
    assert all(event.text for event in events if isinstance(event, TextDelta | ThinkingDelta))
    assert [(call.id, call.arguments) for call in whole.tool_calls] == [
        (event.id, event.arguments) for event in events if isinstance(event, ToolCallEnded)
    ]


async def test_calls_come_in_pieces_with_their_number():
    """The deltas of a call have its number, id and name, and add up to its arguments."""
    model = ScriptedProvider(ModelTurn(calls=(("t", {"n": 12345678}), ("u", {})), pieces=4))
    deltas = [event for event in await streamed(model, asking()) if isinstance(event, ToolCallDelta)]

    assert {(0, "call_1_0", "t"), (1, "call_1_1", "u")} == {(each.call, each.id, each.name) for each in deltas}
    assert '{"n": 12345678}' == "".join(each.arguments for each in deltas if each.call == 0)


async def test_a_stream_can_break_off():
    """What was delivered is told with the failure; a whole answer fails as a whole."""
    thought = ModelTurn(thinks="hmmm", says="abcdef", calls=(("t", {}),), pieces=3, breaks_after=3)
    model = ScriptedProvider(thought, ModelTurn(says="x", breaks_after=9), always=thought)
    events = await streamed(model, asking())

    assert isinstance(events[-1], StreamFailed)
    assert isinstance(events[-1].error, ConnectionFailed)
    assert ("hmmm", "abc") == (events[-1].partial.message.thinking, events[-1].partial.content)
    assert isinstance((await streamed(model, asking()))[-1], StreamFailed)
    with pytest.raises(ConnectionFailed, match="as the script says"):
        await model.complete(asking())


async def test_a_partial_answer_keeps_complete_calls():
    """A call that was complete before the break is in the partial answer."""
    error = RateLimitExceeded("slow")
    model = ScriptedProvider(ModelTurn(calls=(("t", {}), ("u", {})), says="ab", pieces=1, breaks_after=7, error=error))
    failed = (await streamed(model, asking()))[-1]

    assert error is failed.error
    assert ["t"] == [call.name for call in failed.partial.tool_calls]
    assert "ab" == failed.partial.content


async def test_a_stream_that_is_left_early_is_counted():
    """A test can see that nobody went on reading, which would have cost money."""
    model = ScriptedProvider(ModelTurn(says="abcdef", pieces=1, between=0.001), always="x")
    async with model.stream(asking()) as events:
        await anext(events)
    await streamed(model, asking())

    assert 1 == model.stopped


async def test_usage_is_counted_or_given():
    """Without an answer of the script the tokens are estimated."""
    counted = (await ScriptedProvider("hello").complete(asking())).usage
    given = (await ScriptedProvider(ModelTurn(says="x", usage=Usage(input_tokens=7))).complete(asking())).usage

    assert counted.estimated
    assert min(counted.input_tokens, counted.output_tokens) > 0
    assert Usage(input_tokens=7) == given


async def test_it_serves_the_models_it_is_told():
    """An unknown model is refused with the nearest name; health and profile are as told."""
    profile = ModelProfile(context_tokens=99)
    model = ScriptedProvider("x", models=["good-model"], profile=profile, healthy=False)

    with pytest.raises(ModelNotFound, match="there is no model 'm'"):
        await model.complete(asking())
    assert ("good-model",) == await model.models()
    assert "unhealthy" == (await model.health()).status
    assert (profile, True) == (model.profile("m"), ScriptedProvider().profile("m").can("tools", "images"))


async def test_texts_that_share_words_have_similar_vectors():
    """Vectors are made without a model, always the same, and of length 1."""
    one, like, other = (await ScriptedProvider().embed(["red fox", "red dog", "blue sky"], model="m")).vectors

    def product(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True))

    assert product(one, like) > product(one, other)
    assert 1.0 == pytest.approx(product(one, one))
