"""Output that comes in pieces: lines without secrets, kept within a limit, read as what was asked for."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import OutputInvalid, OutputTooLarge
from circuit_breaker.executors.output import LONGEST_LINE, Lines, Output, Tail, read_output
from circuit_breaker.executors.secrets import Redaction

SECRET = "s3cr€t-value"  # noqa: S105 - the secret of these tests
REDACTION = Redaction.of([SECRET])
texts = st.text(alphabet=st.sampled_from("ab€😀\r\n *"), max_size=60)
cuts = st.lists(st.integers(0, 400), max_size=12)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data, cut anywhere."""
    ends = [*sorted(cut for cut in cuts if cut < len(data)), len(data)]
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def lines_of(data: bytes, cuts: list[int], redaction: Redaction = REDACTION) -> list[str]:
    lines = Lines(redaction)
    found = [line for piece in pieces(data, cuts) for line in lines.feed(piece)]
    return [*found, *lines.close()]


def output(form="auto", limit=1000, redaction=REDACTION):
    told: list[str] = []
    return Output("stdout", told.append, redaction=redaction, form=form, limit=limit), told


@given(text=texts, cuts=cuts)
def test_lines_do_not_depend_on_where_the_bytes_are_cut(text, cuts):
    """However the bytes come, also in the middle of a character, the lines are those of the whole text."""
    whole = [line.removesuffix("\r") for line in text.split("\n")]

    assert (whole if text.split("\n")[-1] else whole[:-1]) == lines_of(text.encode(), cuts)


@given(before=texts, after=texts, cuts=cuts)
def test_a_secret_is_taken_out_wherever_it_is_cut(before, after, cuts):
    """A secret that arrives in several pieces is in no line."""
    text = f"{before}{SECRET}{after}"

    assert SECRET not in "\n".join(lines_of(text.encode(), cuts))


@given(filler=st.integers(0, 3), start=st.integers(0, 40), size=st.integers(64, 9000))
def test_a_secret_in_an_endless_line_is_taken_out(filler, start, size):
    """Without an end of line, pieces are passed on; no secret is split between two of them, however many there are."""
    text = "x" * (LONGEST_LINE - 20 + start) + (SECRET + "x" * filler) * 3000
    shown = lines_of(text.encode(), list(range(0, len(text.encode()), size)))

    assert len(shown) > 1
    assert max(map(len, shown)) <= LONGEST_LINE + 2 * len(SECRET)
    assert SECRET not in "".join(shown)
    assert text.replace(SECRET, "***") == "".join(shown)


def test_bytes_that_are_no_text_become_replacement_characters():
    """What is no UTF-8, also at the very end, is shown and hides nothing else."""
    assert ["a\ufffdb", "c\ufffd"] == lines_of(b"a\xffb\nc\xe2\x82", [1, 2])


@given(lines=st.lists(st.text(alphabet="abc", max_size=9), max_size=40), limit=st.integers(1, 60))
def test_a_tail_is_the_end_of_the_text(lines, limit):
    """A tail keeps the last characters, whatever the lines."""
    tail = Tail(limit)
    for line in lines:
        tail.add(line)

    assert "\n".join(lines)[-limit:] == str(tail)


@given(data=st.binary(max_size=300), cuts=cuts, limit=st.integers(1, 300))
def test_the_limit_is_exact(data, cuts, limit):
    """As much as the limit is kept, and one byte more is refused, in whatever pieces it comes."""
    kept, _ = output("base64", limit, Redaction())

    if len(data) <= limit:
        for piece in pieces(data, cuts):
            kept.feed(piece)
        assert base64.b64encode(data).decode() == kept.value()
        assert kept.empty == (not data)
    else:
        with pytest.raises(OutputTooLarge, match=f"stdout is longer than {limit} bytes"):
            [kept.feed(piece) for piece in pieces(data, cuts)]


def test_what_is_not_kept_has_no_limit():
    """With 'none', lines are told and the tail is there, and nothing else is kept."""
    kept, told = output("none", 1)
    kept.feed(b"one\ntwo\nthr")
    kept.close()

    assert ["one", "two", "thr"] == told
    assert "one\ntwo\nthr" == str(kept.tail)
    assert kept.value() is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    )
)
def test_json_is_read_back(value):
    """What a program prints as JSON is that value, asked for or found out."""
    data = json.dumps(value).encode()

    assert value == read_output(data, "json", name="stdout") == read_output(data, "auto", name="stdout")


@pytest.mark.parametrize("escape", ["\\u0073", "s"])
def test_a_secret_is_taken_out_of_json_however_it_is_escaped(escape):
    """JSON is read first and cleaned then, so that no spelling of a secret gets through, in texts, keys or numbers."""
    data = f'{{"{escape}3cret!": ["{escape}3cret!", 12345678, true, null]}}'.encode()
    value = read_output(data, "auto", name="stdout", redaction=Redaction.of(["s3cret!", "12345678"]))

    assert {"***": ["***", "***", True, None]} == value


def test_a_secret_is_taken_out_of_every_form():
    """Text, bytes and what an error shows are clean."""
    assert "a *** b" == read_output(f"a {SECRET} b\r\n".encode(), "text", name="x", redaction=REDACTION)
    assert b"a ***" == base64.b64decode(read_output(f"a {SECRET}".encode(), "base64", name="x", redaction=REDACTION))
    with pytest.raises(OutputInvalid) as error:
        read_output(f"{SECRET} is no JSON".encode(), "json", name="stdout", redaction=REDACTION)
    assert "s3cr" not in str(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize("data", [b"{", b"", b"nan", b"[1] x", b"\xff", b"[" * 5000])
def test_what_is_no_json_is_told(data):
    """Where JSON was asked for, an error says what came instead and what to do; otherwise it is text or an error."""
    with pytest.raises(OutputInvalid, match="stdout is no JSON"):
        read_output(data, "json", name="stdout")


def test_what_is_no_text_is_told():
    """Binary output is an error that names the byte, unless base64 was asked for."""
    with pytest.raises(OutputInvalid, match="stdout is no UTF-8 text: byte 2 is 0xff"):
        read_output(b"ab\xff", "auto", name="stdout")
    assert "abc" == read_output(b"abc\n", "auto", name="stdout")
