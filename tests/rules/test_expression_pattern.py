"""Patterns: they find what RE2 finds, in linear time, and refuse what cannot be found so."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from circuit_breaker.errors import ConditionParsingError
from circuit_breaker.rules.expression import compile_pattern
from circuit_breaker.rules.expression.budget import Exhausted

PIECES = (
    r"a b k s A K _ 1 é ſ - . ^ $ \b \B \d \D \w \W \s \S \A \z ( (?: (?i) (?i: (?m) (?s) (?-i) (?U) (?P<n> "
    r"(?<n> ) | * + ? *? ?? {2} {1,3} {0} {2,} {,2} {3 [ab] [^a] [a-c] [^\d] [\w-] []a] [[:alpha:]] "
    r"[[:^digit:]x] [a-] [-a] [k-s] [^\W] [a \x41 \x{e9} \101 \07 \n \t \. \- \_ \Qa.b\E \Q \E ] } \ [\b] [z-a] "
    r"[[:no:]] (?= \1 (?z) \x{110000} \x4 (?P<1> \8 "
).split()
patterns = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
texts = st.text(st.sampled_from("abkKsSſA_1é.\n -[]{}x3,\x07K"), max_size=8)
EXAMPLES = int(os.environ.get("CB_ORACLE_EXAMPLES", "800"))


@settings(max_examples=EXAMPLES)
@given(patterns, st.lists(texts, min_size=1, max_size=6))
@example(r"(?i)\W", ["k", "K"])
@example(r"\Qa.b\E?", ["a", "a.b"])
def test_a_pattern_finds_what_re2_finds(pattern: str, samples: list[str]):
    """Any pattern is read or refused as by RE2, and found in the same texts."""
    if os.environ.get("CB_REQUIRE_SERVICES") != "1":
        pytest.importorskip("re2", reason="the oracle needs: pip install google-re2")
    import re2  # noqa: PLC0415  # an oracle that may be absent

    options = re2.Options()
    options.log_errors = False
    try:
        theirs = re2.compile(pattern, options)
    except re2.error:
        with pytest.raises(ConditionParsingError):
            compile_pattern(pattern)
        return
    ours = compile_pattern(pattern)
    for text in samples:
        assert bool(theirs.search(text)) is ours.search(text), (pattern, text)


safe = st.lists(
    st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "a*", "b+", "a?", "(a|b)", "(ab)*", "^", r"\b", "a{2}", "b{1,2}"])
)


@given(safe.map("".join), st.text("ab \n", max_size=10))
def test_a_pattern_finds_what_python_finds(pattern: str, text: str):
    """Where Python's syntax means the same, so does ours."""
    assert bool(re.search(pattern, text)) is compile_pattern(pattern).search(text)


@pytest.mark.parametrize(
    ("message", "position", "pattern"),
    [
        ("look-around is not supported", 1, "a(?=b)"),
        ("look-around is not supported", 0, "(?<!b)"),
        ("back references are not supported", 3, r"(a)\1"),
        ("Unicode properties are not supported", 0, r"\pL"),
        ("nothing to repeat before '\\*'", 0, "*a"),
        ("nothing to repeat before '{'", 0, "{2}"),
        ("a repetition of a repetition", 3, "a**"),
        ("counts backwards", 1, "a{3,2}"),
        ("more than 1000 repetitions", 1, "a{1001}"),
        ("more than 1000 repetitions", 1, "a{99999999999}"),
        ("the group has no '\\)'", 0, "(a"),
        ("unexpected '\\)'", 1, "a)"),
        ("the set has no '\\]'", 0, "[a"),
        ("unknown set '\\[:letter:\\]'", 1, "[[:letter:]]"),
        ("the named set has no", 3, "[[:alpha"),
        ("the range counts backwards", 1, "[b-a]"),
        ("unknown flag 'q'", 0, "(?q)"),
        ("is no name for a group", 0, "(?P<a-b>a)"),
        ("unknown escape", 0, r"\y"),
        ("is no code of a character", 0, r"\x{110000}"),
        ("ends too early", 1, "\\"),
        ("groups nested deeper than 64", 64, "(" * 100),
        ("the limit is 1,000", 1000, "a" * 2000),
        ("more than 2,000 instructions", 0, "(a{100}){100}"),
        ("more than 2,000 instructions", 0, "((({1000}){1000}){1000})".replace("{", "(?:){", 1)),
    ],
)
def test_what_is_not_supported_is_refused_with_its_position(message: str, position: int, pattern: str):
    """What no engine finds in linear time, and what is wrong, is refused before any text is seen."""
    with pytest.raises(ConditionParsingError, match=message) as caught:
        compile_pattern(pattern)
    assert position == pytest.approx(caught.value.position, abs=2)


@pytest.mark.parametrize("pattern", ["(a+)+$", "^(a|a)*$", "(a*)*b", "(.*a){12}b", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_no_pattern_takes_exponential_time(pattern: str):
    """Patterns that hang a backtracking engine answer at once on a long hostile text."""
    assert compile_pattern(pattern).search("a" * 20_000 + "!") is False


def test_a_search_that_takes_too_many_steps_is_given_up():
    """A pattern whose automaton explodes on the text spends the budget instead of memory."""
    text = "".join(f"{number:b}" for number in range(20_000)).replace("0", "a").replace("1", "b")
    with pytest.raises(Exhausted):
        compile_pattern("(a|b)*a(a|b|c){40}d").search(text)


def test_what_was_learnt_from_many_texts_is_forgotten_at_some_point():
    """A pattern keeps a bounded number of states, and answers the same afterwards."""
    pattern = compile_pattern("a[ab]{14}$")
    samples = [f"{number:016b}".replace("0", "a").replace("1", "b") * 2 for number in range(0, 60_000, 97)]
    expected = [bool(re.search("a[ab]{14}$", text)) for text in samples]
    assert expected == [pattern.search(text) for text in samples]


def test_in_many_lines_each_has_a_start_and_an_end():
    """(?m) lets ^ and $ hold at every line; without it they hold at the ends of the text alone."""
    assert [True, False] == [compile_pattern(f"{flags}^b$").search("a\nb\nc") for flags in ("(?m)", "")]
    assert not compile_pattern("(?m)^a.b$").search("a\nb")
    assert compile_pattern("(?s)^a.b$").search("a\nb")


def test_ignoring_case_knows_more_letters_than_ascii():
    """(?i) folds as Unicode does: sigma has three forms, the sharp s two, and k is also the Kelvin sign."""
    assert compile_pattern("(?i)^σßk$").search("ς\N{LATIN CAPITAL LETTER SHARP S}\N{KELVIN SIGN}")
    assert compile_pattern("(?i)[à-ý]").search("É")
    assert not compile_pattern("(?i)é").search("e")
    assert "Pattern('a+')" == repr(compile_pattern("a+"))
