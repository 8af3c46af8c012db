"""CloudEvents as HTTP messages, compared with the kit of the project that defines them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import attrs
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_binary, from_structured, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as Theirs
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.executors.cloudevents import CloudEvent, binary, read_event, structured

MODES = [binary, structured]

texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"], exclude_characters='"'), min_size=1, max_size=20
)
names = st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True).filter(
    lambda name: (
        name not in ("id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "specversion")
    )
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), values, min_size=1, max_size=3)
moments = st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29), timezones=st.just(UTC))  # noqa: DTZ001
zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))])


@st.composite
def events(draw, data=values, *, timed=False):
    kinds = {"subject": texts, "dataschema": texts, "time": st.builds(lambda m, z: m.astimezone(z), moments, zones)}
    optional = {name: draw(kind) for name, kind in kinds.items() if (timed and name == "time") or draw(st.booleans())}
    required = {name: draw(texts) for name in ("id", "source", "type")}
    return CloudEvent(
        **required, **optional, data=draw(data), extensions=draw(st.dictionaries(names, texts, max_size=2))
    )


def theirs(event):
    return Theirs({**event.attributes(), "time": event.time}, event.data)


@pytest.mark.parametrize("mode", MODES)
@given(event=events())
def test_an_event_comes_back(mode, event):
    """What is written in either mode is read as the same event; only its media type is spelled out."""
    headers, body = mode(event)
    found = read_event(headers, body)

    assert event == attrs.evolve(found, datacontenttype=None)
    assert all(value.isascii() and value.isprintable() for value in headers.values())


@pytest.mark.oracle
@pytest.mark.parametrize(("mode", "read"), [(binary, from_binary), (structured, from_structured)])
@given(event=events(objects, timed=True))
def test_their_kit_reads_what_is_written(mode, read, event):
    """The kit of the CloudEvents project, which gives an event without a time one, reads our messages as they are."""
    found = read(HTTPMessage(*mode(event)), JSONFormat())

    expected = {**event.attributes(), "time": event.time}
    assert expected == {name: value for name, value in found.get_attributes().items() if name != "datacontenttype"}
    assert event.data == found.get_data()


@pytest.mark.oracle
@pytest.mark.parametrize("write", [to_binary, to_structured])
@given(event=events(objects, timed=True))
def test_what_their_kit_writes_is_read(write, event):
    """Messages of the kit of the CloudEvents project are read as the same event."""
    message = write(theirs(event), JSONFormat())

    assert event == read_event(message.headers, message.body)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("kind", "data"),
    [("text/plain", "grün"), ("image/png", b"\xff\x00"), ("application/json", "a"), ("application/vnd.x+json", [1])],
)
def test_data_has_a_media_type(mode, kind, data):
    """Text, bytes and JSON come back as what their media type says."""
    event = CloudEvent(id="1", source="/a", type="t", data=data, datacontenttype=kind)

    assert event == read_event(*mode(event))


def test_the_example_of_the_specification():
    """Attributes are percent-encoded headers as section 3.1.3.2 of the HTTP binding has them."""
    event = CloudEvent(
        id="1", source="/a b", type="t", extensions={"comment": 'Euro € 😀 "100%"', "flag": True, "size": 5}
    )
    headers, body = binary(event)

    assert "Euro%20%E2%82%AC%20%F0%9F%98%80%20%22100%25%22" == headers["ce-comment"]
    assert ("/a%20b", "true", "5", b"") == (headers["ce-source"], headers["ce-flag"], headers["ce-size"], body)
    assert "content-type" not in headers


@pytest.mark.parametrize(("header", "value"), [('"a \\"b\\" %C3%BC"', 'a "b" ü'), ("%41", "A"), ('"', '"')])
def test_headers_may_be_quoted(header, value):
    """A header in quotes, as some senders write it, loses them."""
    found = read_event({"CE-SpecVersion": "1.0", "ce-id": "1", "ce-source": "/", "Ce-Type": "t", "ce-x": header}, b"")

    assert value == found.extensions["x"]


def test_an_ordinary_message_is_no_event():
    """A message without the marks of an event carries none."""
    assert read_event({"content-type": "application/json"}, b"{}") is None


EVENT = {"specversion": "1.0", "id": "1", "source": "/", "type": "t"}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "no JSON object"),
        ({**EVENT, "specversion": "0.3"}, "version '0.3'"),
        ({"id": "1"}, "version None"),
        ({"specversion": "1.0"}, "'id' is missing, 'source' is missing, 'type' is missing"),
        ({**EVENT, "Bad": "x"}, "'Bad' is no name"),
        ({**EVENT, "x": {}}, "'x' is a dict"),
        ({**EVENT, "x": ""}, "'x' is empty"),
        ({**EVENT, "time": "soon"}, "isoformat"),
        ({**EVENT, "time": "2026-01-01T00:00:00"}, "no time zone"),
        ({**EVENT, "data": 1, "data_base64": "AA=="}, "beside 'data'"),
        ({**EVENT, "data_base64": "#"}, "padding|base64"),
        ({**EVENT, "subject": 5}, None),
    ],
)
def test_a_wrong_event_says_what_is_wrong(document, reason):
    """A document that is no event of version 1.0 is a ValueError with the reason."""
    message = ({"content-type": "application/cloudevents+json"}, json.dumps(document).encode())
    if reason is None:
        assert read_event(*message) is not None
    else:
        with pytest.raises(ValueError, match=reason):
            read_event(*message)


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        ({"content-type": "application/cloudevents-batch+json"}, b"[]", "cannot be read"),
        ({"content-type": "application/cloudevents+avro"}, b"", "cannot be read"),
        ({"content-type": "application/cloudevents+json"}, b"{", "no JSON"),
        ({f"ce-{name}": value for name, value in EVENT.items()}, b"{", "no JSON"),
        ({**{f"ce-{name}": value for name, value in EVENT.items()}, "ce-x": "%ff"}, b"", "decode"),
    ],
)
def test_a_message_that_cannot_be_read_says_why(headers, body, reason):
    """A format that is not known, and data that is not what it says, are a ValueError."""
    with pytest.raises(ValueError, match=reason):
        read_event(headers, body)


@pytest.mark.parametrize("mode", MODES)
def test_data_must_fit_its_media_type(mode):
    """A JSON value cannot be written as an image."""
    with pytest.raises(ValueError, match="a dict, and no image/png"):
        mode(CloudEvent(id="1", source="/", type="t", data={}, datacontenttype="image/png"))
