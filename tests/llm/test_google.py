"""What only Google has: its addresses, parts, signatures, schemas, events and errors."""

from __future__ import annotations

import json

import attrs
import pytest

from circuit_breaker.errors import (
    AuthenticationFailed,
    ContentFiltered,
    ModelNotFound,
    ProviderOverloaded,
    QuotaExhausted,
    RateLimitExceeded,
    RequestRefused,
    ResponseInvalid,
)
from circuit_breaker.llm.adapting import adapted
from circuit_breaker.llm.arguments import arguments_of
from circuit_breaker.llm.messages import assistant, system, tool_result, user
from circuit_breaker.llm.parts import File, Image, Text, Thinking, ToolCall
from circuit_breaker.llm.profiles import Profiles
from circuit_breaker.llm.providers.google_contents import ContentsDialect, resource
from circuit_breaker.llm.request import ChatCompletionRequest, ResponseFormat, ToolDefinition
from circuit_breaker.llm.session import Connections
from circuit_breaker.llm.stream import StreamEnded, StreamFailed, TextDelta
from tests.llm.faces import KEY, Said, dumped
from tests.llm.faulty import Reply, faulty
from tests.llm.provider_contract import FORM, ONCE, WEATHER, asks, streamed
from tests.llm.vendor_faces import GoogleFace

FACE = GoogleFace()
CALL = ToolCall(id="a", name="weather.now", arguments='{"city": "Rom"}')
SIGNED = attrs.evolve(CALL, extra={"functionCallId": "fc1", "thoughtSignature": "c2ln"})


def sent(*messages, model="gemini-2.5-flash", **options):
    """The document that goes out, and what is lost on the way."""
    request = ChatCompletionRequest(model=model, messages=messages or (user("?"),), **options)
    draft = adapted(request, Profiles.of_family("google").of(model), kind="google")
    body = ContentsDialect().body(draft)
    return body, [(loss.what, loss.how) for loss in draft.losses]


async def answered(document, *, status=200, **options):
    """The response to a document, and what was asked."""
    body = document if isinstance(document, bytes) else dumped(document)
    async with (
        faulty(Reply(status=status, body=body)) as server,
        FACE.provider(server.url, patience=ONCE, **options) as provider,
    ):
        return await provider.complete(asks(FACE)), server.seen[0]


async def told(body, **reply):
    """The events of a stream of these bytes."""
    answer = Reply(body=body, headers={"Content-Type": FACE.stream_type}, **reply)
    async with faulty(answer) as server, FACE.provider(server.url, patience=ONCE) as provider:
        return await streamed(provider, asks(FACE))


def document(*parts, reason="STOP", **candidate):
    """A whole answer of these parts."""
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, "finishReason": reason, **candidate}]}


# the request


@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_the_key_is_in_a_header_and_never_in_the_address(version):
    """Pains 62: addresses end in logs. Both versions of the interface are spoken."""
    _, asking = await answered(FACE.whole(Said()), version=version)

    assert KEY == asking.headers["x-goog-api-key"]
    assert f"POST /{version}/models/gemini-2.5-flash:generateContent" == asking.line
    reply = Reply(body=b"".join(FACE.events(Said())), headers={"Content-Type": FACE.stream_type})
    async with faulty(reply) as server, FACE.provider(server.url, version=version) as provider:
        await streamed(provider, asks(FACE))
    assert f"POST /{version}/models/gemini-2.5-flash:streamGenerateContent?alt=sse" == server.seen[0].line
    assert KEY not in server.seen[0].line


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gemini-pro", "models/gemini-pro"),
        ("models/gemini-pro", "models/gemini-pro"),
        ("tunedModels/mine", "tunedModels/mine"),
        ("x?key=y#z", "models/x%3Fkey%3Dy%23z"),
        ("../../files/x", "..%2F..%2Ffiles/x"),
    ],
)
def test_the_name_of_a_model_stays_a_name_in_the_address(model, expected):
    """A name from outside leads to no other address."""
    assert expected == resource(model)


def test_how_to_answer_is_the_generation_config():
    """Each member by the vendor's name; what the user gives in those names stands beside it, pushing nothing out."""
    body, losses = sent(
        temperature=0.5, max_tokens=9, top_p=0.9, top_k=3, stop="END", seed=7, n=2,
        extra={"generationConfig": {"topK": 4, "mediaResolution": "LOW", "maxOutputTokens": 99}, "contents": [],
            "safetySettings": [{"category": "x"}], "cachedContent": "c"},
    )  # fmt: skip

    assert {
        "temperature": 0.5, "maxOutputTokens": 9, "topP": 0.9, "topK": 3, "mediaResolution": "LOW",
        "stopSequences": ("END",), "seed": 7,
        "candidateCount": 2,
    } == body["generationConfig"]  # fmt: skip
    assert ([{"category": "x"}], "c") == (body["safetySettings"], body["cachedContent"])
    assert [] == losses


def test_a_conversation_is_made_of_contents():
    """Instructions apart, results as objects under their names, ids where the vendor gave them, signatures back."""
    other = ToolCall(id="b", name="other")
    body, _ = sent(
        system("Be brief."),
        user("?"),
        assistant(Thinking(text="hm", provider="google"), Text("I look.", {"thoughtSignature": "dA=="}), SIGNED, other),
        tool_result(SIGNED, '{"sky": "grey"}'),
        tool_result(other, "no such city", is_error=True),
        assistant(Thinking(signature="ZQ==", provider="google"), "Hm."),
        user("And?"),
    )

    assert {"parts": [{"text": "Be brief."}]} == body["systemInstruction"]
    assert ["user", "model", "user", "model", "user"] == [content["role"] for content in body["contents"]]
    assert [
        {"text": "hm", "thought": True},
        {"text": "I look.", "thoughtSignature": "dA=="},
        {
            "functionCall": {"name": "weather_now", "args": {"city": "Rom"}, "id": "fc1"},
            "thoughtSignature": "c2ln",
        },
        {"functionCall": {"name": "other", "args": {}}},
    ] == body["contents"][1]["parts"]
    assert [
        {"functionResponse": {"name": "weather_now", "response": {"sky": "grey"}, "id": "fc1"}},
        {"functionResponse": {"name": "other", "response": {"error": "no such city"}}},
    ] == body["contents"][2]["parts"]
    assert {"text": "", "thoughtSignature": "ZQ=="} == body["contents"][3]["parts"][0]


def test_calls_of_other_vendors_get_a_stand_in_for_the_signature_where_one_is_wanted():
    """Newer models refuse a call without a signature: the first of several has one."""
    messages = (user("?"), assistant(CALL, ToolCall(id="b", name="other")))
    newer, _ = sent(*messages, model="gemini-3-pro-preview")
    older, _ = sent(*messages)

    assert [True, False] == ["thoughtSignature" in part for part in newer["contents"][1]["parts"]]
    assert [False, False] == ["thoughtSignature" in part for part in older["contents"][1]["parts"]]
    signed, _ = sent(user("?"), assistant(SIGNED), model="gemini-3-pro-preview")
    assert "c2ln" == signed["contents"][1]["parts"][0]["thoughtSignature"]


def test_images_and_files_are_parts():
    """By their bytes, by an address that holds these, or where Google keeps them."""
    note = File(url="data:text/plain,Hi!")
    own = File(file_id="files/1"), Image(url="gs://b/a.png")
    body, _ = sent(user(Image(data="aW1n"), File(data="cGRm"), *own, note))

    assert [
        {"inlineData": {"mimeType": "image/png", "data": "aW1n"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "cGRm"}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "files/1"}},
        {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/a.png"}},
        {"inlineData": {"mimeType": "text/plain", "data": "SGkh"}},
    ] == body["contents"][0]["parts"]


async def test_images_elsewhere_are_fetched_if_their_address_is_public():
    """Google looks at none but its own; an address of this network that comes with a request is refused."""
    picture = Reply(body=b"img", headers={"Content-Type": "image/webp"})
    async with faulty(picture, Reply(body=FACE.whole(Said()))) as server:
        own, near = Image(url="gs://b/a.png"), Image(url="data:image/png;base64,aW1n")
        request = asks(FACE, user("?", Image(url=f"{server.url}/a.webp"), own, near), system("A"))
        async with FACE.provider(server.url, connections=Connections(allow=("127.0.0.1",))) as provider:
            await provider.complete(request)
        async with FACE.provider(server.url, patience=ONCE) as provider:
            with pytest.raises(RequestRefused):
                await provider.complete(request)

    part = server.seen[1].body["contents"][0]["parts"][1]
    assert {"inlineData": {"mimeType": "image/webp", "data": "aW1n"}} == part
    assert 2 == len(server.seen)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", None),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ("weather.now", {"mode": "ANY", "allowedFunctionNames": ["weather_now"]}),
    ],
)
def test_which_tool_is_called(choice, expected):
    """What the request wants of tools, in the vendor's words."""
    body, _ = sent(tools=(WEATHER,), tool_choice=choice)

    assert expected == body.get("toolConfig", {}).get("functionCallingConfig")


def test_tools_are_declared_in_the_vendors_dialect():
    """Pains 43: no word that it refuses; JSON Schema where its dialect cannot carry it; own tools beside them."""
    loose = {"type": "object", "properties": {"tags": {"type": "object", "additionalProperties": {"type": "string"}}}}
    tools = (WEATHER, ToolDefinition(name="none"), ToolDefinition(name="map", description="Maps.", parameters=loose))
    body, losses = sent(tools=tools, extra={"tools": [{"googleSearch": {}}]})

    declared, search = body["tools"]
    assert {"googleSearch": {}} == search
    weather, none, maps = declared["functionDeclarations"]
    assert {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]} == weather["parameters"]
    assert {"name": "none", "description": "none"} == none
    assert loose == maps["parametersJsonSchema"]
    assert [("tools.map", "checked")] == losses


def test_a_form_is_asked_for_by_members():
    """ZB11: JSON by its type, and a schema in the vendor's dialect, or as JSON Schema where that cannot carry it."""
    tree = {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#"}}}}
    config = sent(response_format=FORM)[0]["generationConfig"]
    recursive, losses = sent(response_format=ResponseFormat(kind="json_schema", schema=tree))

    assert "application/json" == config["responseMimeType"]
    assert ["score", "why"] == list(config["responseSchema"]["properties"])
    assert {"kids"} == set(recursive["generationConfig"]["responseJsonSchema"]["properties"])
    assert [("response_format.schema", "checked")] == losses
    plain = sent(response_format=ResponseFormat(kind="json_object"))[0]["generationConfig"]
    assert {"responseMimeType": "application/json"} == plain


def test_older_models_do_not_take_tools_and_a_form_together():
    """They are told in words what is wanted, and the answer is checked."""
    body, losses = sent(response_format=FORM, tools=(WEATHER,))
    newer, _ = sent(response_format=FORM, tools=(WEATHER,), model="gemini-3-pro-preview")

    assert "JSON Schema" in body["systemInstruction"]["parts"][0]["text"]
    assert "generationConfig" not in body
    assert ("response_format", "checked") in losses
    assert "responseSchema" in newer["generationConfig"]


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        ("gemini-2.5-flash", "low", {"thinkingBudget": 1024, "includeThoughts": True}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0, "includeThoughts": False}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128, "includeThoughts": True}),
        ("gemini-3-pro-preview", "high", {"thinkingLevel": "high", "includeThoughts": True}),
        ("gemini-3-pro-preview", "none", {"thinkingLevel": "low", "includeThoughts": True}),
        ("gemini-3-pro-preview", "medium", {"thinkingLevel": "high", "includeThoughts": True}),
        ("gemini-3-flash-preview", "medium", {"thinkingLevel": "medium", "includeThoughts": True}),
    ],
)
def test_how_much_to_think(model, effort, expected):
    """ZB4: a number of tokens, or a level, as the profile has it."""
    body, _ = sent(model=model, reasoning_effort=effort)

    assert expected == body["generationConfig"]["thinkingConfig"]


def test_the_oldest_models_are_told_everything_by_the_user():
    """G16: gemini-pro takes no instructions, and no form."""
    body, losses = sent(
        system("Be brief."), user("?"), model="gemini-pro", response_format=FORM, reasoning_effort="low"
    )

    assert "systemInstruction" not in body
    assert "Be brief." in body["contents"][0]["parts"][0]["text"]
    assert {"response_format", "messages", "reasoning_effort"} <= {what for what, _ in losses}


# the answer


async def test_calls_come_whole_and_several_at_once():
    """Also without ids, with the same id twice, or without arguments: each is a call of its own."""
    calls = [
        {"functionCall": {"name": "a", "args": {"n": 1}}},
        {"functionCall": {"name": "a", "args": {"n": 1}}},
        {"functionCall": {"name": "a"}},
        {"functionCall": {"name": "b", "id": "x", "args": {}}, "thoughtSignature": "c2ln"},
        {"functionCall": {"name": "b", "id": "x", "args": {}}},
    ]
    whole, _ = await answered(document(*calls))
    stream = [b"data: " + dumped(document(*part, reason=reason)) + b"\r\n\r\n" for part, reason in
              ((calls[:2], None), (calls[2:], "STOP"))]  # fmt: skip
    *_, last = await told(b"".join(stream), cuts=3)

    for response in (whole, last.response):
        assert ["a", "a", "a", "b", "b"] == [call.name for call in response.tool_calls]
        assert [{"n": 1}, {"n": 1}, {}, {}, {}] == [arguments_of(call) for call in response.tool_calls]
        assert 5 == len({call.id for call in response.tool_calls})
        assert "tool_calls" == response.finish_reason
        assert {"functionCallId": "x", "thoughtSignature": "c2ln"} == response.tool_calls[3].extra


async def test_signatures_are_kept_where_they_came():
    """On a thought, a text, a call, or alone behind a text: they return unchanged."""
    parts = [
        {"text": "hm", "thought": True, "thoughtSignature": "YQ=="},
        {"text": "Yes.", "thoughtSignature": "Yg=="},
        {"functionCall": {"name": "a", "args": {}}, "thoughtSignature": "Yw=="},
        {"text": "", "thoughtSignature": "ZA=="},
    ]
    response, _ = await answered(document(*parts[:2], parts[3]))
    again = sent(user("?"), response.message, user("!"))[0]["contents"][1]["parts"]
    called, _ = await answered(document(*parts[:3]))

    assert [*parts[:2], parts[3]] == again
    assert parts[:3] == sent(user("?"), called.message)[0]["contents"][1]["parts"]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("RECITATION", "content_filter"),
        ("BLOCKLIST", "content_filter"), ("PROHIBITED_CONTENT", "content_filter"), ("SPII", "content_filter"),
        ("OTHER", "other"), ("NEW_REASON", "other"),
    ],
)  # fmt: skip
async def test_why_it_ended(reason, expected):
    """G22: an answer that was filtered has ended, and is no error; it need not have any content."""
    response, _ = await answered({"candidates": [{"finishReason": reason, "safetyRatings": [], "a": 1, "b": 2}]})

    assert (expected, reason) == (response.finish_reason, response.choices[0].raw_finish_reason)
    assert "" == response.content
    assert 1 == response.extra["a"]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("MALFORMED_FUNCTION_CALL", ResponseInvalid), ("MISSING_THOUGHT_SIGNATURE", RequestRefused)],
)
async def test_a_model_that_failed_to_answer_is_an_error(reason, expected):
    """These reasons are no end of an answer."""
    with pytest.raises(expected, match=f"{reason} because"):
        await answered(document({"text": "a"}, reason=reason, finishMessage="because"))


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_that_is_refused_is_an_error(stream):
    """A blocked prompt has no answer at all."""
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}}
    if stream:
        error = (await told(b"data: " + dumped(blocked) + b"\r\n\r\n"))[-1].error
    else:
        with pytest.raises(ContentFiltered, match="SAFETY") as caught:
            await answered(blocked)
        error = caught.value

    assert isinstance(error, ContentFiltered)


async def test_thoughts_count_as_output():
    """G23: the vendor tells them beside the answer; those of the cache are among the input; the last count holds."""
    *_, last = await told(b"".join(FACE.events(Said())))

    usage = last.response.usage
    assert (11, 7, 2, 3) == (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens, usage.cached_tokens)


async def test_parts_that_we_do_not_know_are_told():
    """Code that ran at the vendor's, or an image that the model made, is kept for whoever asks."""
    code = {"executableCode": {"language": "PYTHON", "code": "1"}}
    response, _ = await answered(document({"text": "a"}, code))

    assert [code] == response.extra["parts"]
    assert "a" == response.content


async def test_several_answers_are_told_apart():
    """G19: each candidate is an answer of its own."""
    two = document({"text": "a"}, index=0)
    two["candidates"] += document({"text": "b"}, index=1, reason="MAX_TOKENS")["candidates"]
    response, _ = await answered(two)

    assert ["a", "b"] == [choice.message.content for choice in response.choices]
    assert ["stop", "length"] == [choice.finish_reason for choice in response.choices]


async def test_a_stream_may_come_as_one_array():
    """A server that does not know of events sends all of them in one array."""
    events = [json.loads(event.removeprefix(b"data: ")) for event in FACE.events(Said())]
    async with faulty(Reply(body=dumped(events))) as server, FACE.provider(server.url) as provider:
        told_ = await streamed(provider, asks(FACE))

    assert isinstance(told_[-1], StreamEnded)
    assert Said().text == "".join(event.text for event in told_ if isinstance(event, TextDelta))


@pytest.mark.parametrize("cuts", [0, 1, 7])
@pytest.mark.parametrize("indent", [None, 2])
async def test_a_bare_error_in_the_middle_is_found(cuts, indent):
    """The vendor writes it without any prefix, in one line or in several."""
    error = {"error": {"code": 503, "message": "It is too much.", "status": "UNAVAILABLE"}}
    body = FACE.events(Said())[0] + json.dumps(error, indent=indent).encode() + b"\n"
    last = (await told(body, cuts=cuts))[-1]

    assert isinstance(last, StreamFailed)
    assert isinstance(last.error, ProviderOverloaded)
    assert "It is too much." in str(last.error)
    assert "Hel" == last.partial.content


async def test_long_lines_of_an_error_without_an_end_are_bounded():
    """Lines that could each be its last are not read again and again with all that stood before."""
    last = (await told(b'{"error": [{}' + (b"\n," + b"[]," * 20_000 + b"{}") * 20))[-1]

    assert isinstance(last.error, ResponseInvalid)
    assert "262144 bytes" in str(last.error)


async def test_an_error_without_an_end_is_bounded():
    """A server that opens a brace and never closes it is left."""
    *_, last = await told(b"{\n" * 2000)

    assert isinstance(last.error, ResponseInvalid)


# errors


@pytest.mark.parametrize(
    ("status", "details", "expected"),
    [
        (400, [{"@type": "x/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}], AuthenticationFailed),
        (429, [], RateLimitExceeded),
        (429, [{"@type": "x/google.rpc.QuotaFailure", "violations": [{"quotaId": "RequestsPerDay"}]}], QuotaExhausted),
        (404, [], ModelNotFound),
        (503, [], ProviderOverloaded),
    ],
)
async def test_what_is_wrong_is_an_error_of_its_own(status, details, expected):
    """G12: the details say more than the number."""
    with pytest.raises(expected):
        await answered(FACE.error(status, "no", details), status=status)


async def test_how_long_to_wait_stands_in_the_details():
    """B16: the vendor sends no header for it. An array of one error is taken too."""
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "30.5s"}, "x"]
    for body in (FACE.error(429, "slow", details), b"[" + FACE.error(429, "slow", details) + b"]"):
        with pytest.raises(RateLimitExceeded) as caught:
            await answered(body, status=429)

        assert 30.5 == caught.value.retry_after


@pytest.mark.parametrize("body", [b'{"error": "upstream"}', b"[]", b'{"error": 7}'])
async def test_errors_of_another_form_are_told_by_their_status(body):
    """Not everything in between speaks as the vendor does."""
    with pytest.raises(ProviderOverloaded):
        await answered(body, status=503)


# the rest


async def test_tokens_are_counted_by_the_vendor():
    """G23: the whole request is counted, and nothing is answered."""
    async with faulty(Reply(body=b'{"totalTokens": 42}')) as server, FACE.provider(server.url) as provider:
        assert 42 == await provider.count_tokens(asks(FACE))

    assert "models/gemini-2.5-flash" == server.seen[0].body["generateContentRequest"]["model"]


async def test_models_are_listed_page_by_page():
    """G6: as many requests as there are pages."""
    pages = [
        Reply(body=dumped({"models": [{"name": "models/b"}], "nextPageToken": "t/1"})),
        Reply(body=dumped({"models": [{"name": "models/a"}]})),
    ]
    async with faulty(*pages) as server, FACE.provider(server.url) as provider:
        assert ("a", "b") == await provider.models()

    assert "pageToken=t" in server.seen[1].line


async def test_many_texts_become_vectors_in_several_requests():
    """The vendor takes a hundred at once; too few vectors are no answer."""

    def vectors(asking):
        return Reply(body=FACE.vectors([[1.0]] * len(asking.body["requests"]), 2))

    async with faulty(vectors) as server, FACE.provider(server.url, patience=ONCE) as provider:
        found = await provider.embed(["a"] * 150, model="gemini-embedding-001")
    async with faulty(Reply(body=FACE.vectors([], 0))) as other, FACE.provider(other.url, patience=ONCE) as provider:
        with pytest.raises(ResponseInvalid):
            await provider.embed(["a"], model="gemini-embedding-001")

    assert (150, 4) == (len(found.vectors), found.usage.input_tokens)
    assert [100, 50] == [len(asking.body["requests"]) for asking in server.seen]
