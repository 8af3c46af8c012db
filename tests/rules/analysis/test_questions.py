"""What rules can let pass, and how they relate to each other."""

from __future__ import annotations

import pytest

from circuit_breaker.errors import RuleInvalid
from circuit_breaker.rules import (
    COMMON,
    all_of,
    cel,
    custom,
    depends_on,
    different_values,
    field,
    json_schema,
    length,
    matches,
    numericality,
    one_of,
    presence,
    rule,
)
from circuit_breaker.rules.analysis import (
    Answer,
    Domain,
    Undecided,
    Witness,
    disjoint,
    equivalent,
    implies,
    satisfiable,
)

score, kind = field("score"), field("kind")


@rule
def lucky(token):
    return token.data["score"] == 7


def test_a_witness_is_data_for_which_the_rule_holds():
    """A rule that can hold has a witness with what it asks for, and nothing else."""
    assert Witness({"kind": "book"}) == satisfiable((score > 8) | (kind == "book"))


held = field("n")
PARTS = [
    (held.length(exactly=1) & field("n.x.z").missing() & field("n.y").exists(), {"n": {"y": 1}}),
    (cel("!('x' in data.n)") & field("n.x.z").missing() & field("n.y").exists(), {"n": {"y": 1}}),
    (held.contains("x") & field("n.x").missing() & field("n.y").exists(), {"n": {"x": None, "y": 1}}),
    (cel("size(data.n) == 2") & field("n.x").missing() & field("n.y").exists(), {"n": {"x": None, "y": 1}}),
    (held.is_a("list") & field("n.0").missing() & field("n.1").exists(), {"n": [None, 1]}),
    (~held.present() & held.is_a("object") & field("n.x.z").missing(), {"n": {}}),
    ((held != {"x": 1}) & field("n.x").exists() & held.length(exactly=1), {"n": {"x": 2}}),
    ((held != {"x": "other"}) & held.contains("x") & held.length(exactly=1), {"n": {"x": 2}}),
    ((held == field("m")) & (field("n.x") == 1), {"n": {"x": 1}, "m": {"x": 1}}),
    ((held == field("m")) & field("n.x.z").missing() & field("m.x").is_a("null"), {"n": {"x": None}, "m": {"x": None}}),
    ((held != field("m")) & (field("n.x") == field("m.x")) & held.length(exactly=2) & field("m").length(exactly=2),
     {"n": {"x": 1, "y": 1}, "m": {"x": 1, "y": 2}}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "data"), PARTS)
def test_what_holds_a_path_may_tell_whether_it_is_there(rule, data):
    """An object with nothing at a path may be without it or hold null: what reads the object tells these apart."""
    assert rule.tree.holds(Witness(data))
    assert rule(satisfiable(rule))


def test_a_field_that_is_always_there_may_be_null():
    """Where an object of typed data has the field anyway, it is missing as null."""
    may = Domain(frozenset({"null", "text", "missing"}), held=True)
    found = satisfiable(field("n.x").missing() & held.is_a("object"), domains={"n.x": may})
    assert Witness({"n": {"x": None}}) == found


def test_what_is_compared_with_a_part_of_itself_is_not_decided():
    """Objects that would have to be in each other without end are not made up."""
    found = satisfiable((held == field("n.x")) & (field("n.x") == 1))
    assert "'data.n' is compared both with something and with a part of it" in found.reason


def test_a_witness_tells_its_parts_as_json():
    """A witness is a document, and reads as one."""
    found = satisfiable(
        (field("metadata.source") == "mail") & (field("results.ocr.pages") > 1) & (field("state") == "a")
    )

    expected = {"data": {}, "metadata": {"source": "mail"}, "results": {"ocr": {"pages": 2}}, "state": "a"}
    assert expected == found.to_document()
    assert 'data {}, metadata {"source": "mail"}, results {"ocr": {"pages": 2}}, state "a"' == str(found)


NEVER = [
    (score > 8) & (score < 8),
    (score > 8) & (score < 9) & score.is_a("integer"),
    (score == 1) & (score != 1.0),
    score.missing() & (score > 1),
    ~score.exists() & ~score.missing(),
    (score > 8) & ~(score > 8),
    kind.one_of("a", "b") & (kind > "b"),
    kind.starts_with("ab") & (kind < "ab"),
    kind.starts_with("ab") & length("kind", maximum=1),
    (kind > "a") & (kind < "a\0"),
    length("kind", minimum=2) & ~presence("kind"),
    length("tags", exactly=1) & field("tags").contains("a") & field("tags").contains("b"),
    one_of("kind", "a", "b") & ~one_of("kind", "b", "a"),
    numericality("score", greater_than=1) & kind.is_a("text") & (score == "x"),
    matches("kind", "^a") & ~matches("kind", "^a"),
    kind.ends_with("ab") & kind.ends_with("cb"),
    kind.ends_with("ab") & ~kind.contains("b"),
    kind.contains("abc") & ~kind.contains("b") & kind.is_a("text"),
    (field("a") < field("b")) & (field("b") < field("a")),
    (field("a") < field("b")) & all_of(*(field(each).is_a("integer") & field(each).between(1.5, 2.5) for each in "ab")),
    (field("author") == {"name": "x"}) & (field("author.name") == "y"),
    field("author").missing() & (field("author.name") == "y"),
    (field("items") == ["x"]) & (field("items.0") != "x"),
    cel("data.score > 8 && data.score < 8"),
    cel("data.score > 1 ? data.score < 0 : data.score > 5"),
    cel("!(data.score > 8)") & (score > 8),
    cel("has(data.score) && !has(data.score)"),
    cel("size(data.kind) < 0"),
    cel("type(data.score) == int && type(data.score) == string"),
    cel("false"),
    cel("data.kind in 5"),
    cel("data.kind.startsWith(5)"),
    cel("5 in data.kind") & kind.is_a("text"),
    cel("'a' in data.tags") & ~field("tags").contains("a") & field("tags").is_a("list"),
    custom(lucky.evaluator) & ~custom(lucky.evaluator),
    json_schema({"type": "string"}, "kind") & ~json_schema({"type": "string"}, "kind"),
    depends_on("paid", "invoice") & presence("paid") & ~presence("invoice"),
    different_values("a", "b", "c") & (field("a") == field("c")),
    COMMON["status_approved"] & COMMON["status_rejected"],
    all_of("nobody"),
]  # fmt: skip


@pytest.mark.parametrize("rule", NEVER, ids=str)
def test_a_contradiction_lets_nothing_pass(rule):
    """It is proved that a rule that contradicts itself never holds."""
    assert satisfiable(rule) is None


SOMETIMES = [
    (score > 8) & (score < 9),
    (score > 0.1) & (score < 0.3) & (score != 0.2),
    (score > 2**60) & score.is_a("integer"),
    (score > 2**63) & (score < 2**64),
    kind.starts_with("ab") & (kind > "ab") & length("kind", exactly=3),
    (kind > "a") & (kind < "b") & length("kind", minimum=5, maximum=5),
    (kind > "a\U0010ffff") & (kind < "b\0") & length("kind", maximum=2),
    matches("kind", r"^[a-z]+@[a-z]+\.(com|org)$"),
    kind.contains("x") & kind.ends_with("y") & ~kind.starts_with("x"),
    length("tags", exactly=3) & field("tags").contains("a") & ~field("tags").contains("b"),
    cel("'a' in data.tags && 'b' in data.tags") & (field("tags") != ["a", "b"]) & length("tags", maximum=2),
    (field("author") != {"name": "x"}) & (field("author.name") == "x"),
    (field("items.0.id") == 3) & (field("items.1.id") == 4) & field("items").is_a("list"),
    (field("a") < field("b")) & (field("b") < field("c")) & (field("a") > 1) & (field("c") < 2),
    (field("a") < field("b")) & field("a").is_a("integer") & ~field("b").is_a("integer") & (field("a") > 2),
    cel("data.score > 1 ? data.kind == 'a' : data.kind == 'b'"),
    cel("!has(data.author.name)") & field("author").exists(),
    cel("data.flag || data.score in [1, 2]"),
    cel("size(data.tags) > 2 && 'a' in data.tags"),
    cel("type(data.score) == double && data.score == 1.0"),
    cel('data["odd key"] == 1'),
    custom(lambda token: token.data == {}),
    json_schema({"type": "string"}, "kind") & (kind == "a"),
    presence("title", "content") & COMMON["has_reviewer"],
    (field("kv.a") == 1) & field("kv").contains("b") & length("kv", minimum=3),
    (field("items.0") == 1) & field("items.name").exists(),
    cel("data.kind in ['a', 'b'] && !(data.kind in ['b', 'c'])"),
    all_of(*(kind.contains(each) for each in "abcde")) & ~kind.contains("f"),
    (field("state") != "draft") & (field("state") != "other"),
]  # fmt: skip


@pytest.mark.parametrize("rule", SOMETIMES, ids=str)
def test_what_can_hold_has_a_witness(rule):
    """A rule that can hold is shown to, by a token that passes it."""
    found = satisfiable(rule)

    assert isinstance(found, Witness)
    assert rule(found)


UNDECIDED = {
    "the function 'lucky' can only be asked": lucky & (score > 8),
    "the JSON schema of 'data.kind' can only be asked": json_schema({"minLength": 99, "type": "string"}, "kind"),
    "'data.score + 1 > 3' can only be asked": cel("data.score + 1 > 3") & cel("data.score * 2 > 100"),
    "'data.a starts with data.b' can only be asked": field("a").starts_with(field("b")) & (field("a") == "zz"),
    "more than 5 items": all_of(*(field("tags").contains(each) for each in "abcdefg")) & ~field("tags").contains("a"),
    "lengths of 'data.tags' from 1000": length("tags", minimum=5000) & field("tags").is_a("list"),
    "of more than 1000 items": (field("items.999999999") == 1) & field("items").is_a("list"),
    "both looked for and read by number": (field("items.0") == 1)
    & field("items").contains(2)
    & field("items").contains(1)
    & (field("items.1") != 2)
    & (field("items.2").missing()),
    "not told apart above 6": (field("kv.a") == 1) & length("kv", minimum=9),
    "more than 4096 combinations": all_of(*(field(f"kv.{each}") == each for each in "abcdefghijkl"))
    & field("kv").missing(),
    "may or may not exist": matches("kind", r"^a{3}$") & matches("kind", r"^b{3}$"),
}


@pytest.mark.parametrize("reason", UNDECIDED)
def test_what_cannot_be_decided_is_said_to_be_so(reason):
    """Where nothing is found and nothing proved there is no answer, and the reason is named."""
    found = satisfiable(UNDECIDED[reason])

    assert isinstance(found, Undecided)
    assert not found
    assert reason in str(found)


def test_work_is_bounded():
    """A search gives up after so many values, and says so."""
    ring = [field(f"f{i}") != field(f"f{i + 1}") for i in range(3)]
    small = {f"data.f{i}": Domain.among(1, 2) for i in range(4)}

    assert isinstance(satisfiable(all_of(*ring), domains=small), Witness)
    assert "more than 2 combinations" in satisfiable(all_of(*ring), domains=small, budget=2).reason


def test_implications_have_counterexamples():
    """C5: a stronger rule implies a weaker one, and not the other way round."""
    assert implies(score > 8, score >= 8)
    assert Answer(False, Witness({"score": 8})) == implies(score >= 8, score > 8)
    assert implies(lucky, score > 8).holds is None


def test_a_negation_differs_from_the_opposite_where_a_value_is_missing():
    """What is not above 8 is at most 8; yet what is not at most 8 may be missing, and passes neither."""
    assert equivalent(~(score > 8), score <= 8)
    assert equivalent(score > 8, ~score.missing() & (score > 8))
    assert not equivalent(score.missing() | (score <= 8), ~(score > 8))


def test_the_same_rule_in_different_words_is_equivalent():
    """C7: a field condition, its CEL text and a helper let the same tokens pass."""
    assert equivalent(score.between(1, 3), cel("data.score >= 1 && 3 >= data.score"))
    assert equivalent(one_of("kind", "a", "b"), (kind == "a") | (kind == "b"))
    assert equivalent(cel("data.a == data.b"), field("a") == field("b"))
    assert equivalent(cel("data.kind.startsWith('a')"), kind.starts_with("a"))
    assert equivalent(lucky, score == 7).holds is None
    assert equivalent(score == 7, (score == 7) & lucky).holds is None


def test_rules_that_cannot_both_hold_are_disjoint():
    """Disjoint rules are told from those that share a token."""
    assert disjoint(kind == "a", kind == "b")
    assert Answer(False, Witness({"score": 9})) == disjoint(score > 8, score > 7)


def test_what_holds_anyway_is_taken_into_account():
    """A validation or a domain rules out what it does not let pass."""
    whole = {"data.score": Domain.of("integer")}

    assert satisfiable(score > 8, given=score < 8) is None
    assert satisfiable((score > 8) & (score < 9), domains=whole) is None
    assert satisfiable(field("author.name") == "x", domains={"data.author": Domain.of("null", "missing")}) is None


def test_a_path_of_a_domain_is_checked():
    """What is no path is refused."""
    with pytest.raises(RuleInvalid, match="no path"):
        satisfiable(score > 8, domains={"a..b": Domain.of("text")})
