"""Conditions and durations as tools write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.rules import cel
from circuit_breaker.workflow.bpmn.conditions import as_cel
from circuit_breaker.workflow.bpmn.durations import interval_of, seconds_of
from tests.rules.tokens import Token

DATA = {"amount": 50, "vip": True, "kind": "a b", "list": [], "deep": {"x": 2.5}, "two words": 1, "debt": -3}


@pytest.mark.parametrize(
    "text",
    [
        "${amount > 10 && vip}", "#{amount >= 50}", "= amount = 50 and not(amount < 10)", "amount in [1..50]",
        "amount in (1..51)", 'kind in ("x", "a b")', "amount between 1 and 60",
        "${kind eq 'a b' and amount ne 3}", "${empty list}", "deep.x < 3", "two words = 1", "debt == -3",
        "${!(amount lt 10) || nothing}", "(vip or amount > 99) and vip", "vip", "bpmn:getDataObject('vip')",
        "amount gt 1 and amount le 50 and amount ge 50", "amount != null", 'kind in ["a b"]',
    ],
)  # fmt: skip
def test_what_tools_write_is_understood(text) -> None:
    """JUEL and FEEL comparisons, ranges, lists and words; each of these is true of the data."""
    translated = as_cel(text)
    assert translated is not None
    assert cel(translated)(Token(data=DATA))


@pytest.mark.parametrize(
    "text",
    [
        "", "${}", "${bean.call(x)}", "x(1)", "1", "'a'", "null", "-x > 1", "a >", "(a", "a)", "a in", "a in (1",
        "a == == b",        "a between 1", "and a", "not", "(a > 1) > 2", "a ? b : c", "if a then b",
        "a + 1 > 2", "x" * 3000, "(" * 50 + "a",
        "!" * 50 + "a", "'a\\' || true", "a > 1; b",
    ],
)  # fmt: skip
def test_what_goes_beyond_has_no_translation(text) -> None:
    """Calls, arithmetic, scripts, and what is torn, long or deep."""
    assert as_cel(text) is None


@given(st.text(st.sampled_from("ab1 .()[]<>=!&|'\"$#{}-,\n") | st.characters(), max_size=40))
def test_any_text_is_translated_or_not(text) -> None:
    """Nothing is raised, whatever is written."""
    assert isinstance(as_cel(text), str | None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT1H30M", 5400), ("P1DT1S", 86401), ("P2W", 1209600), ("PT0.5S", 0.5), (" PT5M ", 300), ("PT1,5S", 1.5),
        ("P1M", None), ("P1Y", None), ("P", None), ("PT", None), ("1h", None), ("", None), ("P1DT", None),
        ("P" + "1" * 50, None),
               ("-PT5M", None), ("${x}", None),
    ],
)  # fmt: skip
def test_durations_are_iso_8601(text, seconds) -> None:
    """Weeks to seconds; months and years have no fixed length."""
    assert seconds == seconds_of(text)


def test_only_endless_cycles_are_intervals() -> None:
    """A cycle that ends is none."""
    assert [600.0, 600.0, None, None] == [interval_of(text) for text in ("R/PT10M", "R-1/PT10M", "R3/PT10M", "PT10M")]
