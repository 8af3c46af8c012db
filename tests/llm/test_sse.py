"""Server-sent events and lines of JSON are read as the standards have them, however the bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.llm.sse import EventDecoder, LineDecoder, ServerEvent, StreamTooLong

ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])
LINES = st.one_of(
    st.sampled_from([b"", b"data", b"data:", b"data: ", b":", b": ping", b"id: 1", b"id", b"id: a\0b", b"retry: 5"]),
    st.sampled_from([b"event: x", b"event:", b"event", b"DATA: no", b"unknown: y", "data: ünï 🦊".encode()]),
    st.binary(max_size=8).map(lambda some: b"data:" + some.replace(b"\r", b"").replace(b"\n", b"")),
)


def cut(data, places):
    """The bytes in pieces."""
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(bounds)]


def read(decoder, pieces):
    found = [event for piece in pieces for event in decoder.feed(piece)]
    return found, decoder.end()


def naive(data):
    """Events by the standard's own steps, on all of the bytes at once; and what its last step would drop."""
    text = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found, lines, name, last = [], [], "", ""
    *whole, rest = text.split(b"\n")

    def take(line):
        nonlocal name, last
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            lines.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
        elif field == b"id" and b"\0" not in value:
            last = value.decode("utf-8", "replace")

    def dispatch(to):
        nonlocal name
        if lines:
            to.append(ServerEvent(b"\n".join(lines), name or "message", last))
            lines.clear()
        name = ""

    for line in whole:
        take(line) if line else dispatch(found)
    late = []
    if rest:
        take(rest)
    dispatch(late)
    return found, late


@given(st.lists(st.tuples(LINES, ENDS)), st.booleans(), st.booleans(), st.lists(st.integers(0, 10_000)))
def test_events_are_those_of_the_standard_under_any_cut(lines, bom, open_ended, places):
    """A naive reading of all bytes at once gives the same events as any pieces of them."""
    data = (b"\xef\xbb\xbf" if bom else b"") + b"".join(line + end for line, end in lines)
    data += b"data: last" if open_ended else b""
    # A lone CR at the very end may be half of a CRLF; here it is a whole one.
    assert naive(data) == read(EventDecoder(), cut(data, places))


@given(st.lists(st.binary(max_size=12)), st.lists(st.integers(0, 10_000)))
def test_lines_are_found_under_any_cut(lines, places):
    """Lines end in LF; those that hold nothing are left out."""
    data = b"\n".join(lines)
    found, late = read(LineDecoder(), cut(data, places))

    assert [ServerEvent(line) for line in data.split(b"\n") if line.strip()] == [*found, *late]


@pytest.mark.parametrize("decoder", [EventDecoder(100), LineDecoder(100)])
def test_a_line_without_an_end_is_bounded(decoder):
    """A server that never ends its line is refused before the memory is full."""
    for _ in range(100):
        decoder.feed(b"x")
    with pytest.raises(StreamTooLong):
        decoder.feed(b"x")


def test_a_long_line_in_one_piece_is_refused():
    """The limit holds for a line that comes whole."""
    with pytest.raises(StreamTooLong):
        EventDecoder(100).feed(b"data: " + b"x" * 200 + b"\n\n")


def test_an_event_of_many_lines_is_bounded():
    """The limit holds for an event too."""
    with pytest.raises(StreamTooLong, match="event"):
        EventDecoder(100).feed(b"data: 0123456789\n" * 20)


def test_many_short_events_are_not_long():
    """A large piece of short events is none too long."""
    assert 50 == len(EventDecoder(100).feed(b"data: x\n\n" * 50))
