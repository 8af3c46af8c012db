"""Verdicts as values, as text and as documents."""

from __future__ import annotations

from circuit_breaker.rules import MISSING, all_of, field
from tests.rules.tokens import Token

TOKEN = Token(data={"score": 7, "long": "x" * 200})


def test_a_verdict_is_true_when_it_passed():
    """A verdict counts as its answer; MISSING counts as nothing and names itself."""
    assert (field("score") == 7).judge(TOKEN)
    assert not (field("score") == 8).judge(TOKEN)
    assert ("missing", False) == (repr(MISSING), bool(MISSING))


def test_a_verdict_as_text():
    """Each line says whether it passed, and a failed one why: seen, reason, wanted; long values are cut."""
    rule = all_of(field("score") >= 8, field("nope") > 1, field("long") == "x").named(
        "ready", description="it is ready"
    )
    lines = str(rule.judge(TOKEN)).splitlines()
    assert "✗ ready: it is ready" == lines[0]
    assert "  ✗ data.score >= 8 — saw 7, wanted >= 8" == lines[1]
    assert "  ✗ data.nope > 1 — missing, wanted > 1" == lines[2]
    assert lines[3].startswith('  ✗ data.long == "x" — saw \'xxx')
    assert len(lines[3]) < 120


def test_a_verdict_as_a_document():
    """A document has what is there; a missing value and an unknown answer are told apart from null and no."""
    document = (field("nope") > 1).judge(TOKEN).to_document()
    expected = {"passed": False, "text": "data.nope > 1", "kind": "field", "path": "data.nope", "wanted": "> 1"}
    assert expected | {"reason": "missing", "seen": {"missing": True}, "known": False} == document
    assert "known" not in (field("score") == 7).judge(TOKEN).to_document()


def test_leaves_and_failures():
    """Leaves come from left to right; failures are those that explain the answer, none where it passed."""
    verdict = (~(field("score") == 7) & (field("score") > 1)).judge(TOKEN)
    assert ["data.score == 7", "data.score > 1"] == [leaf.text for leaf in verdict.leaves()]
    assert ["data.score == 7"] == [leaf.text for leaf in verdict.failures()]
    assert [] == list((field("score") == 7).judge(TOKEN).failures())
