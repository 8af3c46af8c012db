"""The conditions that are asked for again and again, the common rules, and JavaScript."""

from __future__ import annotations

import importlib
import sys

import attrs
import pytest

from circuit_breaker.errors import ConditionParsingError, ExtraMissing, RuleInvalid
from circuit_breaker.rules import (
    COMMON,
    custom,
    depends_on,
    different_values,
    field,
    has_confidence,
    has_error,
    javascript,
    json_schema,
    length,
    matches,
    meets_quality,
    none_of,
    numericality,
    one_of,
    presence,
    requires,
    rule,
    rule_from_document,
)
from tests.rules.tokens import Token

TOKEN = Token(
    data={"score": 8, "ratio": 0.5, "title": "Plan", "author": "ann", "reviewer": "bob", "tags": [], "n": 7.0}
)


@pytest.mark.parametrize(
    ("made", "passes"),
    [
        (presence("title"), True),
        (presence("title", "tags"), False),
        (presence(field("metadata.x")), False),
        (different_values("author", "reviewer"), True),
        (different_values("author", "author"), False),
        (different_values("author", "reviewer", "title"), True),
        (different_values("author", "approver"), False),
        (matches("title", "^Pl"), True),
        (one_of("title", "Plan", "Draft"), True),
        (one_of("title", ["Plan", "Draft"]), True),
        (one_of("title", "Draft"), False),
        (length("title", minimum=3, maximum=5), True),
        (length("tags", exactly=1), False),
        (numericality("score"), True),
        (numericality("title"), False),
        (numericality("ratio", only_integer=True), False),
        (numericality("n", only_integer=True), True),
        (numericality("score", greater_than=7, less_than=9, other_than=3), True),
        (numericality("score", greater_than_or_equal_to=9), False),
        (numericality("score", less_than_or_equal_to=8, equal_to=8), True),
        (json_schema({"type": "object", "required": ["title"]}), True),
        (json_schema({"type": "string"}, "title"), True),
        (json_schema({"maximum": 5}, "score"), False),
        (json_schema({"type": "string"}, "nope"), False),
        (depends_on("nope", "other"), True),
        (depends_on("title", "author"), True),
        (depends_on("title", "nope"), False),
        (depends_on("title", field("score") > 9), False),
        (custom(lambda token: token.data["score"] == 8), True),
    ],
    ids=str,
)
def test_condition_factories(made, passes):
    """Presence, differing values, patterns, choices, lengths, numbers, schemas and functions are rules."""
    assert made.test(TOKEN) is passes
    assert made.judge(TOKEN).passed is passes
    if made.evaluator is None:
        assert made == rule_from_document(made.to_document())


@pytest.mark.parametrize(
    "wrong",
    [
        presence,
        lambda: different_values("a"),
        lambda: depends_on("a"),
        lambda: numericality("a", above=3),
        lambda: numericality("a", less_than="3"),
        lambda: numericality("a", less_than=True),
        lambda: json_schema(7),
        lambda: json_schema({"type": "nothing"}),
        lambda: json_schema({"$ref": "http://127.0.0.1:9/x.json"}),
        lambda: json_schema({"$ref": "file:///etc/hostname"}),
        lambda: json_schema({"pattern": "(?=a)"}),
    ],
)
def test_wrong_conditions_are_refused(wrong):
    """Missing names, unknown bounds, schemas that are wrong or lead outside are refused at definition."""
    with pytest.raises(RuleInvalid):
        wrong()


def test_a_misfit_is_told_with_its_place():
    """The verdict of a schema names the first fault and where it is, also in typed data."""

    @attrs.frozen
    class Order:
        lines: tuple[int, ...]

    made = json_schema({"properties": {"lines": {"items": {"type": "integer"}}}, "type": "object"})
    assert 'lines.1: "x" is not of type "integer"' == made.judge(Token(data=Order((1, "x")))).reason
    assert made.test(Token(data=Order((1, 2))))
    assert '"x" is not of type "object"' == made.judge(Token(data="x")).reason


def test_patterns_of_schemas_are_linear():
    """A catastrophic pattern in a schema is judged at once."""
    made = json_schema({"pattern": "^(a+)+$"}, "text")
    assert not made.test(Token(data={"text": "a" * 5000 + "!"}))


def test_reusable_conditions():
    """C21: meets_quality, has_confidence, requires and has_error make rules over the data."""
    token = Token(data={"quality_score": 0.8, "confidence_score": 0.9, "status": "error", "out": "x"})
    assert all(made.test(token) for made in (meets_quality(0.8), has_confidence(0.9), has_error(), requires("out")))
    assert not any(made.test(token) for made in (meets_quality(0.9), has_confidence(1), requires("nope")))


def test_custom_takes_a_name():
    """A function given as a condition may have a name and a description."""
    made = custom(lambda token: False, name="never", description="it never holds")
    assert ("never", "it never holds") == (made.name, made.description)


COMMON_CASES = {
    "has_content": ({"content": "x"}, {"content": ""}),
    "has_title": ({"title": "x"}, {}),
    "has_description": ({"description": "x"}, {"description": None}),
    "has_reviewer": ({"reviewer": "ann"}, {}),
    "has_approver": ({"approver": "ann"}, {}),
    "status_approved": ({"status": "approved"}, {"status": "pending"}),
    "status_rejected": ({"status": "rejected"}, {}),
    "status_pending": ({"status": "pending"}, {"status": "approved"}),
    "high_priority": ({"priority": 6}, {"priority": 5}),
    "critical_priority": ({"priority": 9}, {"priority": 8}),
    "emergency_flag": ({"emergency": True}, {"emergency": 1}),
    "tests_passed": ({"tests_status": "passed"}, {"tests_status": "failed"}),
    "tests_failed": ({"tests_status": "failed"}, {}),
    "security_approved": ({"security_status": "approved"}, {"security_status": "flagged"}),
    "security_flagged": ({"security_status": "flagged"}, {}),
    "has_assignee": ({"assignee": "ann"}, {}),
    "has_creator": ({"creator": "ann"}, {}),
    "admin_override": ({"admin_override": True}, {"admin_override": False}),
}


@pytest.mark.parametrize("name", COMMON_CASES)
def test_common_rules(name):
    """C1: each of the 18 common rules passes on what it names, and is a plain no otherwise, so it can be negated."""
    yes, no = COMMON_CASES[name]
    assert set(COMMON_CASES) == set(COMMON)
    assert COMMON[name].test(Token(data=yes))
    assert not COMMON[name].test(Token(data=no))
    assert (~COMMON[name]).test(Token(data=no))
    assert COMMON[name].description


def test_people_are_found_in_the_metadata_too():
    """A reviewer may be named in the data or in the metadata."""
    assert COMMON["has_reviewer"].test(Token(metadata={"reviewer": "ann"}))


def test_what_is_missing_is_no_emergency():
    """A group of common rules under "none" passes where their fields are missing."""
    assert none_of("emergency_flag", "admin_override").resolve(COMMON).test(Token())


def test_the_rules_of_the_order_example():
    """C19: inventory_available over all items, payment_verified over the payment's status, with their categories."""

    @rule("Validates inventory availability", category="inventory")
    def inventory_available(token):
        return all(item["quantity"] > 0 for item in token.data["items"])

    payment = rule(field("payment_status") == "verified", name="payment_verified", category="payment")
    token = Token(data={"payment_status": "verified", "items": [{"quantity": 5}, {"quantity": 3}]})
    assert (inventory_available & payment).test(token)
    assert not inventory_available.test(Token(data={"items": [{"quantity": 0}]}))


def test_javascript_rules():
    """C4, ZA18: JavaScript judges data, metadata, results and state in a real engine."""
    made = javascript("data.score >= 8 && state === 'draft' && metadata.x === undefined && !results.y", name="js")
    assert made.test(TOKEN)
    assert made.judge(TOKEN).passed
    assert (made.rule_type, made.name, (~made).test(TOKEN)) == ("javascript", "js", False)
    assert (~javascript("data.score > 8")).test(TOKEN)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("data.a.b > 1", "cannot read property"),
        ("data.score", "no boolean but a number"),
        ("data.title", "no boolean but a text"),
        ("data.nope", "no boolean but null or undefined"),
        ("[1]", "no boolean but an object"),
        ("1n", "quickjs"),
        ("require('fs')", "ReferenceError"),
        ("fetch('http://x')", "ReferenceError"),
        ("(() => { while (true) {} })()", "it took"),
        ("'x'.repeat(2 ** 29).length > 1", "memory"),
        ("(function f() { return f() + 1 })() > 1", "stack"),
        ("(() => { throw new Error('no') })()", "Error: no"),
    ],
)
def test_javascript_fails_closed(source, reason):
    """ZA18: what throws, hangs, fills memory, reaches for the host or is no boolean passes neither way."""
    made = javascript(source)
    verdict = made.judge(TOKEN)
    assert (False, False) == (verdict.passed, verdict.known)
    assert reason in verdict.reason


def test_javascript_that_fails_passes_neither_way():
    """An error in a script makes the rule false, and its negation too."""
    made = javascript("data.a.b > 1")
    assert not made.test(TOKEN)
    assert not (~made).test(TOKEN)


def test_javascript_keeps_nothing():
    """ZA18: every evaluation has a fresh context."""
    made = javascript("(globalThis.seen = (globalThis.seen || 0) + 1) === 1")
    assert [True, True] == [made.test(TOKEN), made.test(TOKEN)]


def test_javascript_sees_json_only():
    """Typed data arrives by its fields; what is no JSON makes the rule fail with the reason."""

    @attrs.frozen
    class Order:
        amount: int

    assert javascript("data.amount === 5").test(Token(data=Order(5)))
    assert "no JSON" in javascript("true").judge(Token(data={"a": object()})).reason


@pytest.mark.parametrize("source", ["data.a >", "var x = 1", "1); (2", "1) || (true", "", " ", "x" * 10_001, 7])
def test_javascript_is_checked_at_definition(source):
    """What is not one expression is refused where it is written."""
    with pytest.raises(RuleInvalid):
        javascript(source)


def test_a_javascript_fault_is_a_parsing_error():
    """A syntax error is a ConditionParsingError with the message of the engine."""
    with pytest.raises(ConditionParsingError, match="SyntaxError"):
        javascript("data.a >")


def test_javascript_is_an_extra(monkeypatch):
    """Without the engine a JavaScript rule says how to install it."""
    monkeypatch.setitem(sys.modules, "quickjs", None)
    with pytest.raises(ExtraMissing, match=r"\[javascript\]"):
        javascript("true")


def test_a_script_that_outlasts_the_clock_is_given_up(monkeypatch):
    """The watchdog gives up on the wall clock where the engine's own limit does not come."""
    module = importlib.import_module("circuit_breaker.rules.javascript")
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    monkeypatch.setattr(module, "PROCESSOR_SECONDS", 0.3)
    assert "longer than" in javascript("(() => { while (true) {} })()").judge(TOKEN).reason
