"""Fields: what they read, how they compare, and what they say when they do not pass."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import DataInvalid, RuleInvalid
from circuit_breaker.rules import MISSING, FieldCondition, RuleOperator, field, template
from tests.rules.tokens import Token, json_values

TOKEN = Token(
    data={
        "score": 8,
        "title": "Plan",
        "tags": ["a", "b"],
        "items": [{"id": 7}],
        "empty": "",
        "null": None,
        "yes": True,
        "huge": 10**400,
    },
    metadata={"source": {"name": "mail"}},
    results={"clarity": {"score": 70}},
    state="draft",
)


@attrs.frozen
class Order:
    amount: int
    lines: tuple[str, ...] = ()
    note: str = "x"

    @property
    def secret(self) -> str:
        return "hidden"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("score", 8),
        ("data.score", 8),
        ("metadata.source.name", "mail"),
        ("results.clarity.score", 70),
        ("state", "draft"),
        ("items.0.id", 7),
        ("items.1.id", MISSING),
        ("items.x", MISSING),
        ("title.0", MISSING),
        ("nothing.at.all", MISSING),
        ("null", None),
        ("results", {"clarity": {"score": 70}}),
    ],
)
def test_reading_a_path(path, value):
    """A path leads through namespaces, objects and lists, and to MISSING where nothing is."""
    assert field(path).read(TOKEN) == value


def test_typed_data_shows_declared_fields_only():
    """A step into typed data reads attrs fields; properties and methods are not there."""
    token = Token(data=Order(5, ("x",)))
    assert field("amount").read(token) == 5
    assert field("lines.0").read(token) == "x"
    assert field("secret").read(token) is MISSING
    assert ((field("amount") >= 5) & (field("note") == "x")).test(token)


@pytest.mark.parametrize("path", ["", "a..b", "a b", ".a", "a.", "state.x", "x" * 301, "a{b}", 7, None])
def test_what_is_no_path_is_refused(path):
    """A text that is no path is refused where it is written."""
    with pytest.raises(RuleInvalid):
        field(path)


def test_a_field_of_a_field_is_refused():
    """field() takes a path, not a field."""
    with pytest.raises(RuleInvalid, match="field already"):
        field(field("a"))


@pytest.mark.parametrize(
    ("rule", "passes"),
    [
        (field("score") == 8, True),
        (field("score") == 8.0, True),
        (field("score") == "8", False),
        (field("score") != 9, True),
        (field("score") > 7.5, True),
        (field("score") > 8, False),
        (field("score") < 9, True),
        (field("score") < 8, False),
        (field("score") >= 8, True),
        (field("score") <= 7, False),
        (field("title") == "Plan", True),
        (field("title") > "Pl", True),
        (field("yes") == True, True),  # noqa: E712
        (field("yes") == 1, False),
        (field("yes") != 1, True),
        (field("yes") >= 1, False),
        (field("null") == None, True),  # noqa: E711
        (field("tags") == ["a", "b"], True),
        (field("items.0") == {"id": 7}, True),
        (field("items.0") == {"id": True}, False),
        (field("score") > field("items.0.id"), True),
        (field("score") == field("nope"), False),
        (field("title") < field("score"), False),
        (field("tags") < field("items"), False),
        (field("title").starts_with(field("title")), True),
        (field("title").exists(), True),
        (field("null").exists(), False),
        (field("null").missing(), True),
        (field("nope").missing(), True),
        (field("empty").exists(), True),
        (field("empty").present(), False),
        (field("yes").present(), True),
        (field("null").present(), False),
        (field("title").contains("la"), True),
        (field("tags").contains("a"), True),
        (field("tags").contains("z"), False),
        (field("items.0").contains("id"), True),
        (field("score").contains("8"), False),
        (field("title").starts_with("Pl"), True),
        (field("title").ends_with("an"), True),
        (field("score").ends_with("8"), False),
        (field("title").matches("^P.a"), True),
        (field("score").matches("8"), False),
        (field("score").one_of(1, 8), True),
        (field("score").one_of("8"), False),
        (field("score").between(8, 9), True),
        (field("score").between(9, 10), False),
        (field("title").between("A", "Z"), True),
        (field("title").between(1, 2), False),
        (field("title").length(minimum=4, maximum=4), True),
        (field("tags").length(exactly=3), False),
        (field("score").length(minimum=1), False),
        (field("score").is_a("number"), True),
        (field("score").is_a("integer"), True),
        (field("yes").is_a("number"), False),
        (field("huge").is_a("integer"), True),
        (field("null").is_a("null"), True),
        (field("tags").is_a("list"), True),
        (field("state") == "draft", True),
    ],
    ids=str,
)
def test_comparing(rule, passes):
    """C9: every operator follows JSON: booleans are no numbers, only like things order; test and judge agree."""
    assert rule.test(TOKEN) is passes
    assert rule.judge(TOKEN).passed is passes


def test_the_nine_operators_of_the_documents_exist():
    """C9: RuleOperator has the nine operators with their symbols."""
    names = "EQUALS NOT_EQUALS GREATER_THAN LESS_THAN GREATER_THAN_OR_EQUAL LESS_THAN_OR_EQUAL"
    names += " CONTAINS STARTS_WITH ENDS_WITH"
    symbols = ["==", "!=", ">", "<", ">=", "<=", "contains", "starts_with", "ends_with"]
    assert symbols == [RuleOperator[name].value for name in names.split()]
    assert RuleOperator.of("startsWith") is RuleOperator.STARTS_WITH


@pytest.mark.parametrize("rule", [field("nope") >= 1, field("nope") == 1, field("nope") != 1], ids=str)
def test_a_missing_value_passes_neither_a_comparison_nor_its_negation(rule):
    """ZB2: a missing field makes a condition false with the reason "missing", never an error; so does its negation."""
    verdict = rule.judge(TOKEN)
    assert (False, "missing", False) == (verdict.passed, verdict.reason, verdict.known)
    assert not (~rule).test(TOKEN)
    assert [verdict] == list((~rule).judge(TOKEN).failures())


def test_what_cannot_be_compared_says_so():
    """Ordering a text against a number fails with the reason "not comparable", and so does its negation."""
    rule = field("title") > 3
    assert rule.judge(TOKEN).reason == "not comparable"
    assert not (~rule).test(TOKEN)
    assert (field("score") >= field("nope")).judge(TOKEN).reason == "data.nope is missing"


def test_a_verdict_names_what_was_seen_and_what_was_wanted():
    """A failed condition shows its path, the value seen, and what would have passed, also of another field."""
    verdict = (field("score") >= 9).judge(TOKEN)
    assert ("data.score", 8, ">= 9", "data.score >= 9") == (verdict.path, verdict.seen, verdict.wanted, verdict.text)
    assert (field("items.0.id") > field("score")).judge(TOKEN).wanted == "> data.score (8)"
    assert (field("nope").present()).judge(TOKEN).wanted == "a value that is not empty"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: field("a") > True,
        lambda: field("a") > None,
        lambda: field("a") >= [1],
        lambda: field("a") == object(),
        lambda: field("a") == {1: 2},
        lambda: FieldCondition("a", "==", float("nan")),
        lambda: field("a").one_of(),
        lambda: field("a").between(5, 1),
        lambda: field("a").between(1, "z"),
        lambda: FieldCondition("a", "between", 3),
        lambda: field("a").length(),
        lambda: field("a").length(minimum=-1),
        lambda: field("a").length(minimum=5, maximum=2),
        lambda: field("a").starts_with(3),
        lambda: field("a").matches("(unclosed"),
        lambda: field("a").is_a("thing"),
        lambda: field("a").fits(7),
        lambda: FieldCondition("a", "exists", 3),
        lambda: FieldCondition("a", "==" * 2, 3),
        lambda: FieldCondition("a", "matches", other="b"),
        lambda: FieldCondition("a", "==", 3, "b"),
    ],
)
def test_wrong_constants_are_refused_at_definition(wrong):
    """A constant that could never be compared is refused where it is written."""
    with pytest.raises(RuleInvalid):
        wrong()


def test_a_constant_nested_too_deep_is_refused():
    """Constants are at most 64 deep."""
    deep = []
    for _ in range(70):
        deep = [deep]
    with pytest.raises(RuleInvalid):
        field("a") == deep  # noqa: B015


def test_a_field_has_no_truth_and_hashes_by_its_path():
    """A field in an ``if`` is an error with a hint; fields of one path have one hash."""
    with pytest.raises(TypeError, match=r"\.exists\(\)"):
        bool(field("a"))
    assert hash(field("a")) == hash(field("data.a"))
    assert {"data.a"} == field("a").paths
    assert repr(field("a")) == "field('data.a')"


@given(json_values)
def test_equality_is_that_of_json(value):
    """Any JSON value equals itself and nothing of another kind."""
    token = Token(data={"value": value})
    assert (field("value") == value).test(token)
    assert not (field("value") == [value, value]).test(token)
    assert (field("value").one_of(value)).test(token)


@given(json_values, st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=3)))
def test_the_fast_path_answers_like_the_slow_one(value, wanted):
    """What holds under ``data`` holds one level down, where no comparison is specialised."""
    token = Token(data={"a": value, "deep": {"a": value}})
    for symbol in ("==", "!=", ">", "<", ">=", "<="):
        fast, slow = FieldCondition("a", symbol, wanted), FieldCondition("deep.a", symbol, wanted)
        assert slow.holds(token) is fast.holds(token)
        assert slow.fails(token) is fast.fails(token)
        assert fast.judge(token).passed is fast.holds(token)


def test_rendering_a_template():
    """A template writes texts as they are, other values as JSON, and braces doubled as braces."""
    made = template("{title}: {data.tags} {{x}} {results.clarity.score}")
    assert made.render(TOKEN) == 'Plan: ["a", "b"] {x} 70'
    assert {"data.title", "data.tags", "results.clarity.score"} == made.paths
    assert str(made) == made.text


def test_a_template_has_defaults():
    """A default stands for what is missing or null; an empty one is allowed."""
    assert template("{nope|some} {null|none}{nope|}").render(TOKEN) == "some none"
    assert template("{null}").render(TOKEN) == "null"


def test_a_missing_value_in_a_template_is_named():
    """Rendering without a needed value is an error that names the template and the path."""
    with pytest.raises(DataInvalid, match=r"'Dear \{nope\}' needs 'data.nope'"):
        template("Dear {nope}").render(TOKEN)


def test_a_template_cannot_write_what_is_no_json():
    """Typed data is written by its fields; what JSON cannot say is an error that names the path."""
    assert template("{data}").render(Token(data=Order(5))) == '{"amount": 5, "lines": [], "note": "x"}'
    with pytest.raises(DataInvalid, match=r"data\.thing"):
        template("{thing}").render(Token(data={"thing": object()}))


@pytest.mark.parametrize(("text", "faults"), [("{a", 1), ("a}", 1), ("{} and {a b}", 2), ("{a{b}}", 2)])
def test_a_wrong_template_is_refused_with_all_its_faults(text, faults):
    """Unbalanced braces and odd paths are faults of the definition, reported together."""
    with pytest.raises(RuleInvalid) as caught:
        template(text)
    assert faults == len(caught.value.faults)


def test_a_template_is_a_text():
    """Anything but text is refused."""
    with pytest.raises(RuleInvalid):
        template(3)
