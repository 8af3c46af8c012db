"""Rules that compete: contradictions, shadows, overlaps and gaps."""

from __future__ import annotations

import pytest

from circuit_breaker.rules import cel, custom, field, numericality
from circuit_breaker.rules.analysis import (
    Domain,
    Gap,
    Overlap,
    Shadow,
    Witness,
    compete,
    contradictory,
    gaps,
    overlapping,
    shadowed,
)

score, kind = field("score"), field("kind")
NUMBER = {"data.score": Domain.of("number")}


def test_guards_that_meet_are_complete_for_numbers():
    """``>= 8`` and ``< 8`` leave only what is no number, which is told apart."""
    found = compete({"approve": score >= 8, "reject": score < 8})

    assert ["kind", "missing"] == sorted(gap.kind for gap in found.gaps)
    assert all(("data.score",) == gap.paths for gap in found.gaps)
    assert found.complete is False
    assert found.complete_when_known


@pytest.mark.parametrize("assumed", [{"domains": NUMBER}, {"given": numericality("score")}], ids=["domain", "given"])
def test_assuming_a_number_closes_the_gap(assumed):
    """With typed data, or behind a validation, guards that meet are complete."""
    found = compete({"approve": score >= 8, "reject": cel("data.score < 8")}, **assumed)

    assert found.complete
    assert ((), (), (), ()) == (found.contradictory, found.shadowed, found.overlapping, found.undecided)


def test_guards_that_do_not_meet_have_a_gap_between():
    """``> 8`` and ``< 8`` leave 8."""
    assert ((Gap("value", Witness({"score": 8}), ("data.score",)),), ()) == gaps(
        {"approve": score > 8, "reject": score < 8}, domains=NUMBER
    )


def test_two_fields_that_may_be_missing_are_two_gaps():
    """Each path that may be missing is named with the data that shows it."""
    found, _ = gaps({"a": (score > 1) & (kind == "x"), "b": (score <= 1) | (kind != "x")})

    assert {"missing"} <= {gap.kind for gap in found}
    assert {"data.score", "data.kind"} == {path for gap in found if gap.kind == "missing" for path in gap.paths}


def test_a_missing_holder_is_a_missing_value():
    """A gap below an object is closed by a value there."""
    author = field("author.name")
    found, _ = gaps({"a": author == "x", "b": author != "x"})

    assert [("missing", ("data.author.name",))] == [(gap.kind, gap.paths) for gap in found]


def test_a_guard_that_never_holds_is_named():
    """A contradiction is named, and casts and has no shadow."""
    guards = {"never": (score > 8) & (score < 8), "always": score.exists() | score.missing()}

    assert (("never",), ()) == contradictory(guards)
    assert ((), ()) == shadowed(guards)
    assert compete(guards).complete


def test_a_guard_in_the_shadow_of_an_earlier_one_is_named():
    """A guard that holds only where an earlier one does never wins."""
    found, _ = shadowed({"high": score > 5, "higher": score > 8, "low": score <= 5})

    assert (Shadow("higher", ("high",)),) == found


def test_guards_can_cast_a_shadow_together():
    """Several earlier guards can cover a later one, and those that are not needed for it are left out."""
    guards = {"other": kind == "x", "high": score > 5, "low": score <= 5, "five": (score > 4) & (score < 6)}

    assert ((Shadow("five", ("high", "low")),), ()) == shadowed(guards)


def test_guards_that_can_hold_at_once_overlap():
    """An overlap has the data for which two guards hold."""
    found, _ = overlapping({"high": score >= 8, "low": score <= 8, "none": score.missing()})

    assert (Overlap("high", "low", Witness({"score": 8})),) == found


def test_a_function_and_its_negation_leave_what_the_function_cannot_judge():
    """The same function is one condition: with its negation it leaves only what it has no answer for."""
    big = custom(lambda token: token.data["score"] > 3)
    found = compete({"big": big, "small": ~big})

    assert ((), ()) == (found.overlapping, found.contradictory)
    assert [Gap("unknown", Witness())] == list(found.gaps)
    assert found.complete_when_known


def test_two_functions_are_not_decided():
    """Of two functions nothing is known, and that is said for each question."""
    found = compete({"a": custom(lambda token: False), "b": custom(lambda token: 1 / 0)}, given=score > 1)

    assert {"contradictory 'a'", "shadowed 'b'", "overlapping 'a' and 'b'"} <= {
        each.question for each in found.undecided
    }
    assert "overlapping 'a' and 'b': not decided, the function '<lambda>'" in str(found.undecided[-1]) or found.gaps


def test_completeness_that_is_not_decided_is_no_answer():
    """Where a gap can neither be shown nor ruled out the guards are not called complete."""
    found = compete(
        {"a": (kind == "x") | custom(lambda token: True), "b": kind != "x"}, domains={"data.kind": Domain.of("text")}
    )

    assert found.complete
    clueless = compete({"a": custom(lambda token: True)})
    assert clueless.complete is None
    assert clueless.complete_when_known is None


def test_values_of_several_kinds_are_compared_by_kind():
    """Two paths that cannot be compared are a gap of their own."""
    one, other = field("a"), field("b")
    found, _ = gaps({"less": one < other, "more": one >= other}, given=one.exists() & other.exists())

    assert [("kind", ("data.a", "data.b"))] == [(gap.kind, gap.paths) for gap in found]
