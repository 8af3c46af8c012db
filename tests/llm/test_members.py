"""What vendors tell beyond what we know: it is kept, and told on."""

from __future__ import annotations

import json

import pytest

from circuit_breaker.llm.chunks import ChunkWriter, chunk_document
from circuit_breaker.llm.compatible import request_document, response_document, response_from
from circuit_breaker.llm.compatible_requests import request_from
from circuit_breaker.llm.documents import from_document, to_document
from circuit_breaker.llm.members import beyond, gather
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.providers import AnthropicProvider, GoogleProvider, OpenAIProvider
from circuit_breaker.llm.request import ChatCompletionRequest, ResponseFormat
from circuit_breaker.llm.response import ChatCompletionResponse
from tests.llm.exchanges import sent, told
from tests.llm.faces import ChatFace, ResponsesFace, Said, dumped
from tests.llm.faulty import Reply, faulty
from tests.llm.provider_contract import asks
from tests.llm.test_client_documents import sent as written
from tests.llm.vendor_faces import AnthropicFace, GoogleFace

FACE = ChatFace()
LIKELY = {"content": [{"token": "x", "logprob": -1}]}
NOTES = [{"type": "url_citation", "url": "u"}]


def answer(**more):
    """A whole answer with members of its choice."""
    document = json.loads(FACE.whole(Said()))
    document["choices"][0] |= more
    document["choices"][0]["message"] |= {"annotations": NOTES, "audio": None}
    return document


async def answered(document, face=FACE):
    async with faulty(Reply(body=dumped(document))) as server, face.provider(server.url) as provider:
        return await provider.complete(asks(face))


async def test_probabilities_and_notes_are_kept_and_told_on():
    """ZB5: logprobs and annotations come back in the documents of the compatible face, where OpenAI has them."""
    response = await answered(answer(logprobs=LIKELY))
    (choice,) = response_document(response)["choices"]

    assert {"logprobs": LIKELY, "message": {"annotations": NOTES}} == response.choices[0].extra
    assert (LIKELY, NOTES) == (choice["logprobs"], choice["message"]["annotations"])
    assert response.choices == response_from(response_document(response)).choices


async def test_those_of_a_stream_add_up():
    """Lists that come in pieces are one, and the last chunk of the compatible face has them."""

    def chunk(token, **delta):
        choice = {"index": 0, "delta": delta, "logprobs": {"content": [token]}, "finish_reason": None}
        return FACE.chunk({}, choices=[choice])

    events = await told([chunk("a", content="a"), chunk("b", content="b", annotations=NOTES), FACE.chunk({}, "stop")])
    writer = ChunkWriter()
    chunks = [chunk_document(one) for event in events for one in writer.chunks(event)]

    assert {"logprobs": {"content": ["a", "b"]}, "message": {"annotations": NOTES}} == events[-1].response.choices[
        0
    ].extra
    assert [{"content": ["a", "b"]}] == [c["logprobs"] for one in chunks for c in one["choices"] if c["logprobs"]]


async def test_a_response_with_them_can_be_written_down():
    """ZB5: nothing of it is lost in a document."""
    response = await answered(answer(logprobs=LIKELY))

    assert response == from_document(json.loads(json.dumps(to_document(response))), ChatCompletionResponse)


async def test_counts_that_we_do_not_know_are_kept():
    """G22: tokens of other kinds are told beside those that we know; what counts nothing is left out."""
    document = answer()
    document["usage"]["completion_tokens_details"] |= {"accepted_prediction_tokens": 7, "audio_tokens": 0}
    response = await answered(document)
    usage = response_document(response)["usage"]

    assert {"usage": {"completion_tokens_details": {"accepted_prediction_tokens": 7}}} == response.extra
    assert {"accepted_prediction_tokens": 7, "reasoning_tokens": 2} == usage["completion_tokens_details"]


@pytest.mark.parametrize(
    ("face", "place", "more"),
    [
        (ResponsesFace(), "usage", {"output_tokens_details": {"other_tokens": 4}}),
        (AnthropicFace(), "usage", {"server_tool_use": {"web_search_requests": 2}}),
        (GoogleFace(), "usageMetadata", {"promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 5}]}),
    ],
    ids=["responses", "anthropic", "google"],
)
async def test_every_vendor_may_count_more(face, place, more):
    """G22: what is counted beside the tokens is in the response, whoever counts it."""
    document = json.loads(face.whole(Said()))
    document[place] |= more

    assert more == (await answered(document, face)).extra["usage"]


def test_members_are_put_together():
    """Lists go on, objects are put together, nothing hides nothing, and nobody else's list is changed."""
    kept, first = {}, [1]
    for more in ({"a": first, "b": {"c": [1]}, "d": 1}, {"a": [2], "b": {"c": [2]}, "d": None}, {"a": "x"}):
        gather(kept, more)

    assert {"a": "x", "b": {"c": [1, 2]}, "d": 1} == kept
    assert [1] == first


def test_what_is_known_is_not_told_twice():
    """A known object keeps what is not known of it."""
    assert {"c": {"e": 2}, "f": 3} == beyond({"a": None, "c": {"d": None}}, {"a": 1, "c": {"d": 1, "e": 2}, "f": 3})
    assert {} == beyond({"c": {"d": None}}, {"c": {"d": 1}, "g": 0})


async def test_the_description_of_a_form_is_kept():
    """ZB11: what the answer is for reaches every vendor: by a member of its own, or in the schema."""
    form = {"name": "x", "schema": {"type": "object"}, "strict": False, "description": "A verdict."}
    document = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "?"}],
        "response_format": {"type": "json_schema", "json_schema": form},
    }
    request = request_from(document)
    seen, _ = await sent(asks(FACE, response_format=request.response_format), said=Said(pieces=("{}",)))

    assert document == request_document(request)
    assert "A verdict." == seen.body["response_format"]["json_schema"]["description"]


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        (OpenAIProvider(api_key="k"), "gpt-5"),
        (OpenAIProvider(api_key="k"), "gpt-3.5-turbo"),
        (AnthropicProvider(api_key="k"), "claude-opus-5"),
        (GoogleProvider(api_key="k"), "gemini-2.5-pro"),
    ],
)
def test_other_vendors_are_told_it_in_the_schema(provider, model):
    """ZB11: also where the form is asked for by a tool."""
    form = ResponseFormat(kind="json_schema", schema={"type": "object", "properties": {}}, description="A verdict.")
    body, _ = written(provider, ChatCompletionRequest(model=model, messages=[user("?")], response_format=form))

    assert "A verdict." in str(body)
