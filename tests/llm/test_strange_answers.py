"""Answers that are JSON of a strange form: whatever a server sends, what comes is an answer or one of our errors."""

from __future__ import annotations

import copy
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_breaker.errors import LLMError
from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.documents import to_document
from circuit_breaker.llm.encoding import encoded
from circuit_breaker.llm.failures import Asked
from circuit_breaker.llm.pricing import cost_of
from circuit_breaker.llm.profile import ModelProfile, Price
from circuit_breaker.llm.providers.answers import misshapen, read_into
from circuit_breaker.llm.usage import Usage
from tests.llm.faces import ChatFace, OllamaFace, ResponsesFace, Said
from tests.llm.vendor_faces import AnthropicFace, GoogleFace

FACES = [ChatFace(), ResponsesFace(), OllamaFace(), AnthropicFace(), GoogleFace()]
ANSWERS = [Said(pieces=("Hel", "lo"), thinking=("hm",)), Said(calls=(("f", {"a": 1}),))]
PRICED = ModelProfile(price=Price(input=Decimal(1), output=Decimal(2)))
STRANGE = [None, True, 0, -1, 12.0, 1.5, 1e308, 10**30, "", "x", "\ud83e", [], {}, [[]], [None], {"a": None}, "text"]


def places(value, place=()):
    """Where something stands in a document."""
    yield place
    for name, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from places(inner, (*place, name))


def changed(document, place, value):
    """The document with another value at a place."""
    if not place:
        return value
    whole = inner = copy.deepcopy(document)
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    return whole


def dialect_of(face):
    return face.provider("http://127.0.0.1:1").dialect(face.model)


def used(assembly):
    """All that is done with an answer later."""
    response = assembly.response()
    assert cost_of(response.usage, PRICED).dollars >= 0
    assert response.usage.total_tokens >= 0
    return encoded(to_document(response.message)), response.id + response.model, hash(response.usage + response.usage)


@settings(max_examples=200)
@given(st.data())
def test_a_whole_answer_of_a_strange_form_is_an_answer_or_an_error(data):
    """One or two members are something else than they should be: counts, texts, lists, names."""
    face, said = data.draw(st.sampled_from(FACES)), data.draw(st.sampled_from(ANSWERS))
    document = json.loads(face.whole(said))
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from(list(places(document))))
        document = changed(document, place, data.draw(st.sampled_from(STRANGE)))
    assembly = Assembly(Asked(provider="p", model="m"), kind="openai")
    try:
        read_into(assembly, document, dialect_of(face))
        used(assembly)
    except LLMError as error:
        refused = str(error)
    else:
        refused = ""
    assert not refused or "provider 'p', model 'm'" in refused


@settings(max_examples=200)
@given(st.data())
def test_an_event_of_a_strange_form_is_part_of_an_answer_or_an_error(data):
    """The same for one event of a stream."""
    face, said = data.draw(st.sampled_from(FACES)), data.draw(st.sampled_from(ANSWERS))
    assembly = Assembly(Asked(provider="p", model="m"), kind="openai")
    reader = dialect_of(face).reader(assembly)
    events = reader.decoder.feed(b"".join(face.events(said))) + reader.decoder.end()
    chosen = data.draw(st.integers(0, len(events) - 1))
    try:
        with misshapen(assembly.asked):
            for number, event in enumerate(events):
                if number == chosen and event.data.startswith(b"{"):
                    document = json.loads(event.data)
                    place = data.draw(st.sampled_from(list(places(document))))
                    document = changed(document, place, data.draw(st.sampled_from(STRANGE)))
                    event = event._replace(data=json.dumps(document).encode())  # noqa: PLW2901
                reader.take(event)
        used(assembly)
    except LLMError as error:
        assembly.fail(error)
        assert assembly.take()


@pytest.mark.parametrize(
    ("told", "counted"),
    [(12, 12), (12.0, 12), (-5, 0), (1.5, 0), (1e308, 0), (10**30, 0), ("7", 0), (True, 0), ([], 0)],
)
def test_only_numbers_of_tokens_count(told, counted):
    """G22: a server that counts less than nothing gives no money back, and fractions break nothing."""
    assert counted == Usage(output_tokens=told).total_tokens
