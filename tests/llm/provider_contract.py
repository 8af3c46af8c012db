"""What every provider keeps, whatever its wire format, however its bytes are cut, and whatever goes wrong.

A vendor's test module derives a class from :class:`ProviderContract` and gives the fixture ``face``: the vendor as a
fake, as :class:`tests.llm.faces.Face` has it.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import attrs
import pytest

from circuit_breaker.errors import (
    APIError,
    AuthenticationFailed,
    ConnectionFailed,
    ContextTooLong,
    LLMError,
    ModelNotFound,
    ProviderOverloaded,
    RateLimitExceeded,
    RequestRefused,
    ResponseInvalid,
    ResponseTimeout,
)
from circuit_breaker.llm.arguments import arguments_of
from circuit_breaker.llm.messages import assistant, system, tool_result, user
from circuit_breaker.llm.parts import Image, ToolCall
from circuit_breaker.llm.patience import Patience, Retries, Timeouts
from circuit_breaker.llm.profile import ModelProfile
from circuit_breaker.llm.request import ChatCompletionRequest, ResponseFormat, ToolDefinition
from circuit_breaker.llm.session import Connections
from circuit_breaker.llm.stream import (
    StreamEnded,
    StreamFailed,
    StreamStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnded,
)
from tests.llm.faces import KEY, QUICK, Said
from tests.llm.faulty import Reply, faulty

ONCE = attrs.evolve(QUICK, retries=Retries(most=0))
HASTY = Patience(timeouts=Timeouts(connect=5.0, first_byte=5.0, idle=0.1, total=1.0), retries=Retries(most=0))
IMPATIENT = Patience(timeouts=Timeouts(connect=5.0, first_byte=0.1), retries=Retries(most=0))
CUTS = [0, 1, 2, 3, 7, 37, -1, -2]
WEATHER = ToolDefinition(
    name="weather.now", description="Tells the weather.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)  # fmt: skip
FORM = ResponseFormat(
    kind="json_schema",
    schema={
        "type": "object",
        "properties": {"score": {"type": "integer", "maximum": 10}, "why": {"type": "string", "minLength": 2}},
        "required": ["score", "why"],
    },
)
GOOD, BAD = '{"score": 7, "why": "clear"}', '{"score": 70, "why": "clear"}'
CALLS = (("weather_now", {"city": "Köln"}), ("weather_now", {"city": "Rom"}), ("other", {}))
FULL = Said(thinking=("Let me ", "see."), calls=CALLS)


def asks(face, *messages, **options):
    """A request to the vendor's model."""
    return ChatCompletionRequest(model=face.model, messages=messages or (user("Hello?"),), **options)


def with_tools(face, **options):
    other = ToolDefinition(name="other")
    return asks(face, tools=(WEATHER, other), **options)


async def streamed(provider, request):
    """All events of a stream."""
    async with provider.stream(request) as events:
        return [event async for event in events]


def plain(response):
    """The response without what is new each time."""
    numbers = {call.id: f"id-{n}" for n, call in enumerate(response.tool_calls)}

    def renamed(part):
        return attrs.evolve(part, id=numbers[part.id]) if isinstance(part, ToolCall) else part

    def chosen(choice):
        parts = tuple(map(renamed, choice.message.parts))
        return attrs.evolve(choice, message=attrs.evolve(choice.message, parts=parts))

    choices = tuple(map(chosen, response.choices))
    return attrs.evolve(response, choices=choices, id="", created=0, extra={}, request_id=None)


class ProviderContract:
    """Tests that each vendor inherits."""

    # fixtures and small words

    def stream_of(self, face, events, **options):
        headers = {"Content-Type": face.stream_type, "x-request-id": "req-1", **options.pop("headers", {})}
        return Reply(body=b"".join(events), headers=headers, **options)

    # whole answers

    async def test_a_whole_answer_has_text_usage_and_an_end(self, face):
        """B3: an answer comes back in one form: text, tokens counted once, and why it ended."""
        async with faulty(Reply(body=face.whole(Said()))) as server, face.provider(server.url) as provider:
            response = await provider.complete(asks(face))

        assert Said().text == response.content
        assert (11, 7) == (response.usage.input_tokens, response.usage.output_tokens)
        assert "stop" == response.finish_reason
        assert provider.name == response.provider
        assert face.model == response.model
        assert () == response.losses

    async def test_an_answer_that_is_too_long_says_so(self, face):
        """G22: the vendor's word for why it ended is translated."""
        async with faulty(Reply(body=face.whole(Said(length=True)))) as server, face.provider(server.url) as provider:
            response = await provider.complete(asks(face))

        assert "length" == response.finish_reason

    async def test_tools_are_called_in_parallel_by_our_names(self, face):
        """G2: several calls of one answer have ids of their own, whole arguments, and the names that we gave."""
        async with faulty(Reply(body=face.whole(FULL))) as server, face.provider(server.url) as provider:
            response = await provider.complete(with_tools(face))

        assert ["weather.now", "weather.now", "other"] == [call.name for call in response.tool_calls]
        assert 3 == len({call.id for call in response.tool_calls})
        assert "tool_calls" == response.finish_reason
        assert {"city": "Köln"} == arguments_of(response.tool_calls[0])

    async def test_thoughts_are_told_apart_from_the_text(self, face):
        """What the model thought is a part of its own."""
        if not face.thinks:
            return
        async with faulty(Reply(body=face.whole(FULL))) as server, face.provider(server.url) as provider:
            response = await provider.complete(with_tools(face))

        assert "Let me see." == response.message.thinking
        assert Said().text == response.content

    async def test_results_of_tools_go_back(self, face):
        """A conversation with calls and results of tools goes out in the vendor's form."""
        call = ToolCall(id="call_1", name="weather.now", arguments='{"city": "Rom"}')
        messages = (system("Be brief."), user("?"), assistant(call), tool_result(call, "sunny in Rome"), user("And?"))
        async with faulty(Reply(body=face.whole(Said()))) as server, face.provider(server.url) as provider:
            await provider.complete(asks(face, *messages, tools=(WEATHER,)))

        sent = str(server.seen[0].body)
        assert "sunny in Rome" in sent
        assert "Be brief." in sent
        assert "weather.now" not in sent or "ollama" == face.kind

    async def test_images_are_sent(self, face):
        """An image goes along with its bytes."""
        image = Image(data="aW1hZ2U=", media_type="image/png")
        async with faulty(Reply(body=face.whole(Said()))) as server, face.provider(server.url) as provider:
            await provider.complete(asks(face, user("What is it?", image)))

        assert "aW1hZ2U=" in str(server.seen[0].body)

    async def test_how_to_answer_is_sent_or_told_as_lost(self, face):
        """ZA34: stop and seed reach the vendor, or the response says that they did not."""
        async with faulty(Reply(body=face.whole(Said()))) as server, face.provider(server.url) as provider:
            response = await provider.complete(asks(face, stop=("END",), seed=7))

        lost = {loss.what for loss in response.losses if loss.how == "dropped"}
        assert "stop" in lost or ["END"] == face.stop_of(server.seen[0].body)
        assert "seed" in lost or 7 == face.seed_of(server.seen[0].body)

    async def test_what_a_model_does_not_take_is_dropped_and_told(self, face):
        """G21: a parameter that the profile refuses is left out, and the response says so."""
        own = ModelProfile(pattern=face.model, refused={"top_p"}, capabilities={"streaming", "system"})
        async with (
            faulty(Reply(body=face.whole(Said()))) as server,
            face.provider(server.url, profiles=(own,)) as provider,
        ):
            response = await provider.complete(asks(face, top_p=0.5))

        assert "0.5" not in str(server.seen[0].body)
        assert ("top_p", "dropped") in [(loss.what, loss.how) for loss in response.losses]

    async def test_a_vendors_own_members_pass(self, face):
        """ZB5: members that we do not know are passed on as they are."""
        async with faulty(Reply(body=face.whole(Said()))) as server, face.provider(server.url) as provider:
            await provider.complete(asks(face, extra={"service_tier_x": "flex"}))

        assert "flex" == server.seen[0].body["service_tier_x"]

    # streams

    @pytest.mark.parametrize("cuts", CUTS)
    async def test_a_stream_adds_up_to_the_whole_answer(self, face, cuts):
        """The response at the end of a stream is that of a whole answer, however the bytes are cut."""
        said = FULL if face.thinks else attrs.evolve(FULL, thinking=())
        replies = Reply(body=face.whole(said)), self.stream_of(face, face.events(said), cuts=cuts)
        async with faulty(*replies) as server, face.provider(server.url) as provider:
            whole = await provider.complete(with_tools(face))
            *_, last = await streamed(provider, with_tools(face))

        assert isinstance(last, StreamEnded)
        assert plain(whole) == plain(last.response)

    @pytest.mark.parametrize("cuts", [0, 1, -3])
    async def test_deltas_concatenate_to_the_end(self, face, cuts):
        """First a start, then deltas that add up to what the one last event says; usage is in it only."""
        said = FULL if face.thinks else attrs.evolve(FULL, thinking=())
        async with (
            faulty(self.stream_of(face, face.events(said), cuts=cuts)) as server,
            face.provider(server.url) as provider,
        ):
            first, *middle, last = await streamed(provider, with_tools(face))

        assert isinstance(first, StreamStarted)
        assert {TextDelta, ThinkingDelta, ToolCallDelta, ToolCallEnded} >= {type(event) for event in middle}
        assert last.response.content == "".join(e.text for e in middle if isinstance(e, TextDelta))
        assert last.response.message.thinking == "".join(e.text for e in middle if isinstance(e, ThinkingDelta))
        for number, call in enumerate(last.response.tool_calls):
            pieces = [e for e in middle if isinstance(e, ToolCallDelta) and e.call == number]
            assert call.arguments == "".join(piece.arguments for piece in pieces)
            assert {(call.id, call.name)} == {(piece.id, piece.name) for piece in pieces}
        ends = [(e.call, e.id, e.arguments) for e in middle if isinstance(e, ToolCallEnded)]
        assert [(n, c.id, c.arguments) for n, c in enumerate(last.response.tool_calls)] == sorted(ends)
        assert (11, 7) == (last.response.usage.input_tokens, last.response.usage.output_tokens)

    async def test_connections_are_used_again(self, face):
        """G28: two streams and a whole answer in a row need one connection."""
        replies = [self.stream_of(face, face.events(Said()))] * 2 + [Reply(body=face.whole(Said()))]
        async with faulty(*replies) as server, face.provider(server.url) as provider:
            await streamed(provider, asks(face))
            await streamed(provider, asks(face))
            await provider.complete(asks(face))
            ports = len(provider._connections._providers._session.connector._conns)

        assert 1 == ports
        assert 3 == len(server.seen)

    async def test_leaving_a_stream_stops_it_at_the_vendor(self, face):
        """Pains 36: the vendor sees within 200 ms that nobody listens any more."""

        async def leave(provider):
            async with provider.stream(asks(face)) as events:
                await anext(events)
                return time.monotonic()

        some = face.events(Said(pieces=("a",) * 3))[:3]
        assert 0.2 > await seconds_until_gone(face, self.stream_of(face, some, fault="stall"), leave)

    async def test_cancelling_stops_the_request_at_the_vendor(self, face):
        """Pains 36: a cancelled call is gone at the vendor's within 200 ms."""

        async def cancelled(provider):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await provider.complete(asks(face))
            return time.monotonic()

        assert 0.2 > await seconds_until_gone(face, Reply(late=5), cancelled)

    async def test_what_the_caller_raises_passes_through_a_stream(self, face):
        """An error of the caller's own inside of the block is not taken for one of the provider."""
        async with faulty(self.stream_of(face, face.events(Said()))) as server, face.provider(server.url) as provider:
            with pytest.raises(TimeoutError, match="mine"):
                async with provider.stream(asks(face)):
                    raise TimeoutError("mine")

    async def test_an_error_in_the_middle_is_the_last_event(self, face):
        """Pains 35: what was delivered before is told with the error."""
        events = [*face.events(Said(pieces=("Hel", "lo")))[:-1][:3], face.broken("the model fell over")]
        async with faulty(self.stream_of(face, events, cuts=5)) as server, face.provider(server.url) as provider:
            told = await streamed(provider, asks(face))

        failed = told[-1]
        assert isinstance(failed, StreamFailed)
        assert isinstance(failed.error, LLMError)
        assert failed.error.again
        assert "the model fell over" in str(failed.error)
        assert failed.partial.content == "".join(e.text for e in told if isinstance(e, TextDelta))
        assert "error" == failed.partial.finish_reason

    async def test_a_stream_that_ends_too_early_has_failed(self, face):
        """An end of the bytes before the end of the answer is no end of the answer, wherever it comes."""
        whole = face.events(Said())
        for kept in range(len(whole) - 3):
            async with faulty(self.stream_of(face, whole[:kept])) as server, face.provider(server.url) as provider:
                *before, last = await streamed(provider, asks(face))

            assert isinstance(last, StreamFailed)
            assert isinstance(last.error, ResponseInvalid)
            assert last.partial.content == "".join(e.text for e in before if isinstance(e, TextDelta))

    @pytest.mark.parametrize("fault", ["reset", "truncate"])
    async def test_a_connection_that_breaks_in_the_middle_has_failed(self, face, fault):
        """A reset, or an end without the end of the body, is told with what was delivered."""
        some = face.events(Said())[:3]
        async with faulty(self.stream_of(face, some, fault=fault)) as server, face.provider(server.url) as provider:
            *before, last = await streamed(provider, asks(face))

        assert isinstance(last, StreamFailed)
        assert isinstance(last.error, ConnectionFailed)
        assert last.partial.content == "".join(e.text for e in before if isinstance(e, TextDelta))

    async def test_a_stream_that_stalls_times_out(self, face):
        """Nothing for the idle time: the stream has failed."""
        some = face.events(Said())[:3]
        async with (
            faulty(self.stream_of(face, some, fault="stall")) as server,
            face.provider(server.url, patience=HASTY) as provider,
        ):
            last = (await streamed(provider, asks(face)))[-1]

        assert isinstance(last, StreamFailed)
        assert isinstance(last.error, ResponseTimeout)

    async def test_a_whole_answer_that_stalls_times_out(self, face):
        """Nothing for the idle time in the middle of an answer that is not streamed: it has failed, long before the end
        of the time for all of it; one that goes on slowly has not.
        """
        body = face.whole(Said())
        patience = attrs.evolve(HASTY, timeouts=attrs.evolve(HASTY.timeouts, idle=0.2, total=None))
        stalling = Reply(body=body[:20], fault="stall", headers={"Content-Type": "application/json"})
        slow = Reply(body=body, cuts=-(-len(body) // 4), pause=0.08, headers={"Content-Type": "application/json"})
        async with faulty(stalling) as server, face.provider(server.url, patience=patience) as provider:
            with pytest.raises(ResponseTimeout):
                async with asyncio.timeout(5):
                    await provider.complete(asks(face))
        async with faulty(slow) as server, face.provider(server.url, patience=patience) as provider:
            assert (await provider.complete(asks(face))).content

    async def test_a_stream_without_an_end_times_out(self, face):
        """A vendor that goes on for ever is left after the time for all of it."""
        one = face.events(Said())[2]
        async with (
            faulty(self.stream_of(face, [one], fault="endless", more=one)) as server,
            face.provider(server.url, patience=HASTY) as provider,
        ):
            last = (await streamed(provider, asks(face)))[-1]

        assert isinstance(last, StreamFailed)
        assert isinstance(last.error, ResponseTimeout)

    async def test_no_first_byte_times_out_on_entering(self, face):
        """What is wrong before the first byte is raised on entering."""
        async with faulty(Reply(late=5)) as server, face.provider(server.url, patience=IMPATIENT) as provider:
            with pytest.raises(ResponseTimeout):
                await streamed(provider, asks(face))

    @pytest.mark.parametrize("seed", range(40))
    async def test_whatever_is_streamed_ends_in_one_last_event(self, face, seed):
        """Bytes that were changed, left out or said twice give an end or a failure, and no other error."""
        chance = random.Random(seed)  # noqa: S311 - a test that can be repeated
        body = bytearray(b"".join(face.events(FULL)))
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(body))
            match chance.randrange(3):
                case 0:
                    body[at] = chance.randrange(256)
                case 1:
                    del body[at : at + chance.randrange(1, 40)]
                case _:
                    body[at:at] = body[at : at + chance.randrange(1, 40)]
        async with (
            faulty(self.stream_of(face, [bytes(body)], cuts=-seed - 1)) as server,
            face.provider(server.url) as provider,
        ):
            told = await streamed(provider, with_tools(face))

        assert isinstance(told[0], StreamStarted)
        assert isinstance(told[-1], StreamEnded | StreamFailed)
        assert not [event for event in told[1:-1] if isinstance(event, StreamStarted | StreamEnded | StreamFailed)]

    # the form of an answer

    @pytest.mark.parametrize("stream", [False, True])
    async def test_the_form_is_checked_and_the_value_told(self, face, stream):
        """ZB11: an answer of a form is parsed and validated, streamed or whole."""
        said = face.formed(GOOD)
        reply = self.stream_of(face, face.events(said)) if stream else Reply(body=face.whole(said))
        request = asks(face, response_format=FORM)
        async with faulty(reply) as server, face.provider(server.url) as provider:
            response = (await streamed(provider, request))[-1].response if stream else await provider.complete(request)

        assert {"score": 7, "why": "clear"} == response.parsed
        assert GOOD == response.content
        assert "stop" == response.finish_reason

    async def test_an_answer_that_does_not_fit_is_mended(self, face):
        """ZB11: the model is told what is wrong, and the tokens of both answers are counted."""
        replies = [Reply(body=face.whole(face.formed(text))) for text in (BAD, GOOD)]
        async with faulty(*replies) as server, face.provider(server.url) as provider:
            response = await provider.complete(asks(face, response_format=FORM))

        assert 7 == response.parsed["score"]
        assert 22 == response.usage.input_tokens
        assert "score: 70" in str(server.seen[1].body)

    async def test_mending_is_bounded(self, face):
        """ZB11: after two repairs the answer is an error that says what does not fit."""
        async with faulty(Reply(body=face.whole(face.formed(BAD)))) as server, face.provider(server.url) as provider:
            with pytest.raises(ResponseInvalid, match="score: 70"):
                await provider.complete(asks(face, response_format=FORM))

        assert 3 == len(server.seen)

    async def test_a_streamed_answer_that_does_not_fit_has_failed(self, face):
        """What was delivered cannot be mended, so the last event says that it does not fit."""
        events = face.events(face.formed(BAD))
        async with faulty(self.stream_of(face, events)) as server, face.provider(server.url) as provider:
            last = (await streamed(provider, asks(face, response_format=FORM)))[-1]

        assert isinstance(last.error, ResponseInvalid)

    @pytest.mark.parametrize("abilities", [("tools",), ()])
    async def test_a_form_that_a_vendor_has_no_member_for_is_asked_for_otherwise(self, face, abilities):
        """ZB11: by a tool where the model calls tools, else by telling it."""
        own = ModelProfile(pattern=face.model, capabilities={"streaming", "system", *abilities})
        said = Said(pieces=(), calls=(("answer", {"score": 7, "why": "clear"}),)) if abilities else Said(pieces=(GOOD,))
        for reply in (Reply(body=face.whole(said)), self.stream_of(face, face.events(said))):
            async with faulty(reply) as server, face.provider(server.url, profiles=(own,)) as provider:
                request = asks(face, response_format=FORM)
                stream = reply.headers.get("Content-Type") == face.stream_type
                response = (await streamed(provider, request))[-1].response if stream else (
                    await provider.complete(request)
                )  # fmt: skip

            assert {"score": 7, "why": "clear"} == response.parsed
            assert () == response.tool_calls
            assert "stop" == response.finish_reason
            assert "response_format" in [loss.what for loss in response.losses]

    # other endpoints

    async def test_texts_become_vectors(self, face):
        """Embeddings come in the order of the texts."""
        if not face.embeds:
            return
        body = face.vectors([[1.0, 2.0], [3.0, 4.0]], 5)
        async with faulty(Reply(body=body)) as server, face.provider(server.url) as provider:
            found = await provider.embed(["a", "b"], model="m")

        assert ((1.0, 2.0), (3.0, 4.0)) == found.vectors
        assert 5 == found.usage.input_tokens

    async def test_models_are_listed(self, face):
        """G6: the names of the models that the vendor serves."""
        async with faulty(Reply(body=face.listing(["b", "a"]))) as server, face.provider(server.url) as provider:
            assert ("a", "b") == await provider.models()

    @pytest.mark.parametrize(("status", "expected"), [(200, "healthy"), (503, "degraded"), (401, "unhealthy")])
    async def test_health_is_told(self, face, status, expected):
        """G11: healthy, degraded or unhealthy, when, and how long it took; without an error."""
        body = face.listing(["a"]) if status == 200 else face.error(status, f"no {KEY}")
        async with faulty(Reply(status=status, body=body)) as server, face.provider(server.url) as provider:
            health = await provider.health()

        assert expected == health.status
        assert datetime.now(UTC) - health.last_check < timedelta(seconds=10)
        assert health.latency_ms > 0
        assert KEY not in health.message

    async def test_health_of_a_vendor_that_is_down(self, face):
        """G11: nobody there is unhealthy, and no error."""
        async with face.provider(nowhere()) as provider:
            health = await provider.health()

        assert "unhealthy" == health.status

    # faults

    @pytest.mark.parametrize(
        ("status", "expected"),
        [
            (400, RequestRefused),
            (401, AuthenticationFailed),
            (403, AuthenticationFailed),
            (413, ContextTooLong),
            (422, RequestRefused),
            (429, RateLimitExceeded),
            (500, ProviderOverloaded),
            (503, ProviderOverloaded),
            (504, ResponseTimeout),
            (529, ProviderOverloaded),
        ],
    )
    @pytest.mark.parametrize("stream", [False, True])
    async def test_each_status_is_an_error_of_its_own(self, face, status, expected, stream):
        """G12: the class says what happened; the message says who was asked, and what to do; never the key."""
        body = face.error(status, f"bad request with {KEY}")
        reply = Reply(status=status, body=body, headers={"x-request-id": "req-9"})
        async with faulty(reply) as server, face.provider(server.url, patience=ONCE) as provider:
            with pytest.raises(expected) as caught:
                await (streamed(provider, asks(face)) if stream else provider.complete(asks(face)))

        error = caught.value
        assert (provider.name, face.model, status) == (error.provider, error.model, error.status)
        assert "req-9" == error.request_id
        assert error.remedy
        assert provider.name in str(error)
        assert "bad request" in str(error)
        assert KEY not in f"{error!r}{error}{error.to_document()}{provider!r}{vars(error)}"

    async def test_a_model_that_there_is_not(self, face):
        """The error says that the model is not there, so that another provider may be asked."""
        status, body = face.unknown_model()
        async with faulty(Reply(status=status, body=body)) as server, face.provider(server.url) as provider:
            with pytest.raises(ModelNotFound):
                await provider.complete(asks(face))

    async def test_a_conversation_that_is_too_long(self, face):
        """The error says that the conversation is too long, and is not tried again."""
        status, body = face.too_long()
        async with faulty(Reply(status=status, body=body)) as server, face.provider(server.url) as provider:
            with pytest.raises(ContextTooLong):
                await provider.complete(asks(face))

        assert 1 == len(server.seen)

    @pytest.mark.parametrize("body", [b"<html><title>Sign in</title></html>", b"{", b"", b'{"a": 1}', b"[]", b"7"])
    async def test_no_answer_is_an_invalid_response(self, face, body):
        """HTML, broken JSON, nothing, or JSON of another form: the error says so."""
        reply = Reply(body=body, headers={"Content-Type": "text/html"} if b"<" in body else {})
        async with faulty(reply) as server, face.provider(server.url, patience=ONCE) as provider:
            with pytest.raises(ResponseInvalid) as caught:
                await provider.complete(asks(face))

        assert caught.value.remedy

    async def test_a_page_in_place_of_a_stream_is_an_invalid_response(self, face):
        """A page of a proxy is told on entering."""
        reply = Reply(body=b"<html><title>Sign in</title></html>", headers={"Content-Type": "text/html"})
        async with faulty(reply) as server, face.provider(server.url) as provider:
            with pytest.raises(ResponseInvalid, match="Sign in"):
                await streamed(provider, asks(face))

    async def test_a_page_as_an_error_is_told_by_its_status(self, face):
        """A page of a proxy that says 502 is an overloaded provider."""
        reply = Reply(status=502, body=b"<html><title>Bad gateway</title></html>")
        async with faulty(reply) as server, face.provider(server.url, patience=ONCE) as provider:
            with pytest.raises(ProviderOverloaded, match="Bad gateway"):
                await provider.complete(asks(face))

    async def test_nobody_there_is_a_failed_connection(self, face):
        """Connection refused: the error names the address and not the key."""
        async with face.provider(nowhere(), patience=ONCE) as provider:
            with pytest.raises(ConnectionFailed) as caught:
                await provider.complete(asks(face))

        assert KEY not in str(caught.value)

    @pytest.mark.parametrize("fault", ["reset", "truncate"])
    async def test_a_whole_answer_that_breaks_off_is_a_failed_connection(self, face, fault):
        """Half an answer is none."""
        reply = Reply(body=face.whole(Said())[:20], fault=fault)
        async with faulty(reply) as server, face.provider(server.url, patience=ONCE) as provider:
            with pytest.raises(ConnectionFailed):
                await provider.complete(asks(face))

    async def test_a_redirect_is_refused(self, face):
        """A vendor that redirects is not followed, for the request and the key are for it alone."""
        async with (
            faulty(Reply(status=307, headers={"Location": "http://127.0.0.1:1/"})) as server,
            face.provider(server.url, patience=ONCE) as provider,
        ):
            with pytest.raises(APIError, match="redirects are not followed"):
                await provider.complete(asks(face))

        assert 1 == len(server.seen)

    async def test_a_wrong_request_is_not_sent(self, face):
        """Everything that is wrong is told at once, and nothing is asked."""
        async with faulty(Reply()) as server, face.provider(server.url) as provider:
            with pytest.raises(RequestRefused) as caught:
                await provider.complete(asks(face, temperature=9.0, tool_choice="missing"))

        assert "temperature" in str(caught.value)
        assert "missing" in str(caught.value)
        assert [] == server.seen

    async def test_a_provider_that_is_not_open_says_so(self, face):
        """Using it outside of its block is a fault of the program."""
        with pytest.raises(RuntimeError, match="async with"):
            await face.provider("http://127.0.0.1:1").complete(asks(face))

    # asking again

    async def test_an_overloaded_vendor_is_asked_again(self, face):
        """B16: up to three more times, with a pause."""
        down = Reply(status=503, body=face.error(503, "busy"))
        async with (
            faulty(down, down, down, Reply(body=face.whole(Said()))) as server,
            face.provider(server.url) as provider,
        ):
            response = await provider.complete(asks(face))

        assert Said().text == response.content
        assert 4 == len(server.seen)

    async def test_the_last_error_names_its_attempt(self, face):
        """B16: after the last attempt the error is raised, and says which attempt it was."""
        async with (
            faulty(Reply(status=503, body=face.error(503, "busy"))) as server,
            face.provider(server.url) as provider,
        ):
            with pytest.raises(ProviderOverloaded) as caught:
                await provider.complete(asks(face))

        assert 4 == caught.value.attempt == len(server.seen)

    async def test_what_the_vendor_wants_one_to_wait_is_kept(self, face):
        """B16: Retry-After in seconds, fractions, milliseconds or as a date; told with the error."""
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
        for headers, least, most in [
            ({"Retry-After": "7"}, 7, 7),
            ({"Retry-After": "1.5"}, 1.5, 1.5),
            ({"retry-after-ms": "250"}, 0.25, 0.25),
            ({"Retry-After": date}, 25, 31),
            ({"Retry-After": "soon"}, None, None),
        ]:
            reply = Reply(status=429, body=face.error(429, "slow down"), headers=headers)
            async with faulty(reply) as server, face.provider(server.url, patience=ONCE) as provider:
                with pytest.raises(RateLimitExceeded) as caught:
                    await provider.complete(asks(face))

            wanted = caught.value.retry_after
            assert (wanted is None) if least is None else least <= wanted <= most

    async def test_a_wait_that_is_too_long_is_left_to_the_caller(self, face):
        """B16: the error is raised at once if the vendor wants an hour."""
        reply = Reply(status=429, body=face.error(429, "slow down"), headers={"Retry-After": "3600"})
        async with faulty(reply) as server, face.provider(server.url) as provider:
            with pytest.raises(RateLimitExceeded):
                await provider.complete(asks(face))

        assert 1 == len(server.seen)

    async def test_a_key_may_be_a_function(self, face):
        """ZA16: a function gives the key when it is needed, at once or awaited."""

        async def key():
            return "sk-from-a-vault-123456"

        async with faulty(Reply(body=face.whole(Said()))) as server, face.provider(server.url, api_key=key) as provider:
            await provider.complete(asks(face))

        assert any("sk-from-a-vault-123456" in value for value in server.seen[0].headers.values())

    async def test_a_key_that_cannot_be_had_is_told(self, face):
        """ZA16: a function that fails is an error of authentication, without what it said."""

        def key():
            raise RuntimeError("vault says sk-secret")

        async with faulty(Reply()) as server, face.provider(server.url, api_key=key) as provider:
            with pytest.raises(AuthenticationFailed) as caught:
                await provider.complete(asks(face))

        assert "vault says" not in str(caught.value)
        assert [] == server.seen

    async def test_providers_share_connections(self, face):
        """G28: connections that are shared are closed when the last provider leaves."""
        shared = Connections()
        async with faulty(Reply(body=face.whole(Said()))) as server:
            async with face.provider(server.url, connections=shared) as one:
                async with face.provider(server.url, connections=shared) as two:
                    await two.complete(asks(face))
                await one.complete(asks(face))

            with pytest.raises(RuntimeError):
                await one.complete(asks(face))


async def seconds_until_gone(face, reply, leave):
    """How long it takes until the vendor sees that we have left; the best of three, for the machine may be busy."""
    found = []
    async with faulty(reply) as server, face.provider(server.url) as provider:
        for _ in range(3):
            left = await leave(provider)
            await asyncio.wait_for(server.seen[-1].gone.wait(), 5)
            found.append(server.seen[-1].left - left)
    return min(found)


def nowhere():
    """An address of this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
