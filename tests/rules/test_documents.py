"""Rules as documents, rulebooks and policies."""

from __future__ import annotations

import json
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import RuleInvalid, RuleNotFound
from circuit_breaker.rules import (
    COMMON,
    FieldCondition,
    Policy,
    Rule,
    Rulebook,
    all_of,
    any_of,
    as_rule,
    cel,
    field,
    has_confidence,
    javascript,
    meets_quality,
    none_of,
    requires,
    rule,
    rule_from_document,
)
from tests.rules.tokens import Token, json_values

good = field("score") >= 8
TOKEN = Token(data={"score": 9, "title": "Plan"})


@rule("somebody else reviews")
def reviewed_by_someone_else(token):
    return token.data["reviewer"] != token.data["author"]


@pytest.mark.parametrize(
    ("made", "document"),
    [
        (good, {"field": "data.score", "op": ">=", "value": 8}),
        (field("a") > field("b"), {"field": "data.a", "op": ">", "other": "data.b"}),
        (field("a").exists(), {"field": "data.a", "op": "exists"}),
        (field("a") == None, {"field": "data.a", "op": "==", "value": None}),  # noqa: E711
        (field("a").one_of([1], {"b": 2}), {"field": "data.a", "op": "one_of", "value": [[1], {"b": 2}]}),
        (field("a").length(minimum=2), {"field": "data.a", "op": "length", "value": {"minimum": 2}}),
        (cel("data.a > 1"), {"cel": "data.a > 1"}),
        (javascript("data.a > 1"), {"javascript": "data.a > 1"}),
        (as_rule("has_title"), {"rule": "has_title"}),
        (as_rule("title", or_present=True), {"rule": "title", "or_present": True}),
        (~good, {"not": {"field": "data.score", "op": ">=", "value": 8}}),
        (none_of("a", "b"), {"none": [{"rule": "a"}, {"rule": "b"}]}),
        (~any_of("a", "b").named("n"), {"not": {"any": [{"rule": "a"}, {"rule": "b"}], "name": "n"}}),
        (all_of("a"), {"all": [{"rule": "a"}]}),
        (any_of("a"), {"any": [{"rule": "a"}]}),
        (
            rule(good, name="n", description="d", category="c", metadata={"x": [1]}),
            {
                "field": "data.score",
                "op": ">=",
                "value": 8,
                "name": "n",
                "description": "d",
                "category": "c",
                "metadata": {"x": [1]},
            },
        ),
        (
            all_of({"all": ["a"], "any": ["b", "c"], "none": ["d"]}),
            {"all": [{"rule": "a"}, {"any": [{"rule": "b"}, {"rule": "c"}]}, {"not": {"rule": "d"}}]},
        ),
    ],
    ids=str,
)
def test_a_rule_is_a_document_and_back(made, document):
    """Every rule but a function becomes JSON and the same rule again."""
    assert document == made.to_document()
    assert made == rule_from_document(json.loads(json.dumps(document)))


leaves = st.one_of(
    st.builds(lambda value: Rule(FieldCondition("a.b", "==", value)), json_values),
    st.sampled_from([as_rule("named"), cel("data.x > 1"), field("metadata.y").present()]),
    st.builds(good.named, st.text(min_size=1).filter(str.strip)),
)
rules = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: all_of(*parts)),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: any_of(*parts)),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: none_of(*parts)),
        inner.map(lambda part: ~part),
    ),
    max_leaves=8,
)


@given(rules)
def test_every_tree_round_trips(made):
    """Whatever is combined, its document says the same rule."""
    assert made == rule_from_document(json.loads(json.dumps(made.to_document())))


keys = st.sampled_from(
    ["field", "op", "value", "other", "cel", "javascript", "rule", "or_present", "not", "all", "any", "none", "name"]
)
words = st.one_of(json_values, st.sampled_from(["a", "data.a", "==", "matches", "length", "1 +", "true"]))
wild = st.recursive(
    words,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=8,
)


@given(st.dictionaries(keys, wild, max_size=4))
def test_any_document_is_a_rule_or_refused(document):
    """Whatever stands in a document, it is a rule that can judge, or RuleInvalid: nothing else is raised."""
    try:
        made = rule_from_document(document)
    except RuleInvalid:
        return
    assert made.judge(TOKEN).passed is made.test(TOKEN)
    assert made == rule_from_document(made.to_document())


def test_a_named_function_is_written_by_its_name():
    """A function is found again by its name in a rulebook; one without a name cannot be written."""
    made = reviewed_by_someone_else & good
    document = made.to_document()
    assert {"rule": "reviewed_by_someone_else"} == document["all"][0]
    assert made == rule_from_document(document).resolve(Rulebook(reviewed_by_someone_else))
    with pytest.raises(RuleInvalid, match="rulebook"):
        rule(lambda token: True).to_document()


def test_a_text_is_a_name_or_an_expression():
    """ZA17: a text that looks like a name is one; anything else is CEL; both become the one kind of rule."""
    assert ("has-title",) == as_rule("has-title").names
    assert as_rule("data.score > 1").test(TOKEN)
    assert as_rule("true").test(TOKEN)
    assert as_rule(["data.score > 1", "data.score < 1"]).test(TOKEN) is False
    assert as_rule(["data.score > 1"]) == cel("data.score > 1")


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"name": "x"},
        {"al": []},
        {"all": []},
        {"all": [], "any": []},
        {"field": "a", "op": "=="} | {"vale": 1},
        {"field": "a"},
        {"field": "a", "op": "~~", "value": 1},
        {"field": "a b", "op": "exists"},
        {"cel": "1 +"},
        {"cel": 7},
        {"cel": "true", "all": []},
        {"not": 7},
        {"all": [7]},
        {"rule": "a", "name": 7},
        {"rule": "a", "metadata": "x"},
        {"rule": 7},
        {"rule": "a", "or_present": "yes"},
        [],
        7,
        None,
    ],
    ids=str,
)
def test_a_wrong_document_is_refused(document):
    """What says no rule is refused with the key that is wrong."""
    with pytest.raises(RuleInvalid):
        rule_from_document(document)


def test_a_wrong_key_is_named_with_the_nearest():
    """The faults of a document name the key and the right one."""
    with pytest.raises(RuleInvalid, match="did you mean 'all'"):
        rule_from_document({"al": ["x"]})
    with pytest.raises(RuleInvalid, match="did you mean 'value'"):
        rule_from_document({"field": "a", "op": "==", "vale": 1})
    with pytest.raises(RuleInvalid, match="add one of"):
        rule_from_document({"name": "x"})


def test_a_document_nested_too_deep_is_refused():
    """Rules are at most 64 deep."""
    document = {"rule": "a"}
    for _ in range(70):
        document = {"not": document}
    with pytest.raises(RuleInvalid, match="deeper than 64"):
        rule_from_document(document)


def test_a_single_rule_may_stand_without_a_list():
    """``{"any": "a"}`` is ``{"any": ["a"]}``."""
    assert any_of("a") == rule_from_document({"any": "a"})


def test_names_are_looked_up():
    """Names inside a rule are resolved by a rulebook; unknown ones are all reported, with the nearest known."""
    made = all_of("good", {"none": ["bad"]})
    found = made.resolve(Rulebook(good=good, bad=field("score") < 3))
    assert (found.names, found.test(TOKEN)) == ((), True)
    with pytest.raises(RuleInvalid, match="did you mean 'good'") as caught:
        all_of("goood", "nope").resolve(Rulebook(good=good))
    assert len(caught.value.faults) == 2


def test_a_name_without_a_rulebook_fails_closed():
    """An unresolved name passes neither way, and says why."""
    made = all_of("good", good)
    assert not made.test(TOKEN)
    assert not (~as_rule("good")).test(TOKEN)
    assert "no rulebook" in made.judge(TOKEN).children[0].reason
    assert ("good",) == made.resolve(Rulebook(), strict=False).names


def test_what_is_said_at_the_place_of_use_wins():
    """A description beside a name replaces that of the rule that is looked up."""
    made = rule_from_document({"rule": "good", "description": "here"}).resolve(Rulebook(good=good))
    assert ("good", "here") == (made.name, made.description)


def test_a_rulebook_is_a_mapping():
    """Rules are found by name; an unknown name is an error with the nearest."""
    book = Rulebook(reviewed_by_someone_else, good=good, also=lambda token: True, text="data.score > 3")
    assert ["reviewed_by_someone_else", "good", "also", "text"] == list(book)
    assert (book["good"].name, len(book), "good" in book, book.get("x")) == ("good", 4, True, None)
    assert repr(book) == "Rulebook(reviewed_by_someone_else, good, also, text)"
    with pytest.raises(RuleNotFound, match="did you mean 'good'"):
        book.find("god")
    with pytest.raises(LookupError):
        book["god"]


def test_rules_of_a_rulebook_use_each_other():
    """A rule may be made of others of its rulebook, in any order; not of itself."""
    book = Rulebook(both=all_of("good", "titled"), titled=field("title").present(), good=good)
    assert book["both"].test(TOKEN)
    with pytest.raises(RuleInvalid, match="a -> b -> a"):
        Rulebook(a=all_of("b"), b=all_of("a"))


def test_rulebooks_merge():
    """``|`` merges; the same rule twice is fine, different ones of one name are a fault; names then meet."""
    one, two = Rulebook(all_of("good").named("x")), Rulebook(good=good)
    assert not one["x"].test(TOKEN)
    assert (one | two | two)["x"].test(TOKEN)
    assert hash(one | two) == hash(two | one)
    with pytest.raises(RuleInvalid, match="twice"):
        two | Rulebook(good=field("score") > 1)
    assert [] == list(two.without("good"))


def test_a_rule_in_a_rulebook_needs_a_name():
    """All faults of a rulebook are reported together."""
    with pytest.raises(RuleInvalid) as caught:
        Rulebook(good, good, field("x") == 1)
    assert len(caught.value.faults) == 3


def test_a_rulebook_of_a_namespace():
    """C20, C22: rules declared in a module or class are gathered, with their names and descriptions."""

    class ExecutorRules:
        meets_quality_threshold = rule(meets_quality(0.8), description="Data meets minimum quality requirements")
        high_confidence = has_confidence(0.9)
        has_processed_data = requires("processed_output")
        has_analysis_results = requires("analysis_results")
        _hidden = good

        @staticmethod
        @rule("Processing step encountered an error")
        def processing_error(token):
            return token.data["status"] == "error"

    book = Rulebook.of(ExecutorRules)
    names = [
        "meets_quality_threshold",
        "high_confidence",
        "has_processed_data",
        "has_analysis_results",
        "processing_error",
    ]
    assert names == list(book)
    assert book["high_confidence"].test(Token(data={"confidence_score": 0.9}))
    assert not book["has_processed_data"].test(Token(data={"processed_output": []}))
    assert book["processing_error"].test(Token(data={"status": "error"}))


def test_a_rulebook_of_anything_that_holds_rules():
    """Modules, mappings, lists, rulebooks and nothing at all make a rulebook; a number does not."""
    module = types.ModuleType("rules_of_mine")
    module.good = good
    book = Rulebook.of(module, None, [reviewed_by_someone_else, {"a": "b"}], COMMON)
    assert {"good", "reviewed_by_someone_else", "a", "has_title"} <= set(book)
    with pytest.raises(RuleInvalid):
        Rulebook.of(7)


def test_a_rulebook_is_a_document():
    """Every rule of a rulebook but functions is written by name, and read back the same."""
    book = Rulebook(reviewed_by_someone_else, good=good)
    assert {"good"} == set(book.to_document())
    assert Rulebook.of(COMMON.to_document()) == COMMON


def test_a_policy_has_two_namespaces():
    """C23: validations (all of the fields present) and rules (all and any), each judged in its own moment."""
    policy = Policy(
        validations={"all": ["input_file"]},
        rules={"all": ["good"], "any": ["high_priority", "critical_priority"]},
    ).resolve(COMMON | Rulebook(good=good))
    token = Token(data={"input_file": "data.json", "score": 9, "priority": 6})
    assert policy.before.test(token)
    assert policy.after.test(token)
    assert not policy.before.test(TOKEN)
    assert not policy.after.test(TOKEN)


def test_validations_read_names_of_rules_first():
    """C23: a text in the validations is a rule where the rulebook has one of that name, otherwise a field."""
    policy = Policy(validations=["has_title", "title", "metadata.source", field("x")])
    assert ("has_title", "title") == policy.names
    texts = ["has_title", "data.title is present", "metadata.source is present", "data.x is present"]
    assert texts == [str(part) for part in policy.resolve(COMMON).before.rules]


def test_an_empty_policy_asks_for_nothing():
    """Nothing, an empty list and empty groups leave no rule."""
    for empty in (None, [], {}, {"all": [], "any": []}):
        policy = Policy(validations=empty, rules=empty)
        assert (None, None, {}) == (policy.before, policy.after, policy.to_document())
    assert Policy().resolve(COMMON) == Policy()


def test_a_policy_takes_a_rule_as_it_is():
    """A rule, the name of one, and a text of CEL are policies of one."""
    assert Policy(rules=good).after == good
    assert Policy(rules="good").names == ("good",)
    assert Policy(validations="data.score > 1 && true").before.test(TOKEN)
    with pytest.raises(RuleInvalid, match="good"):
        Policy(rules="good").resolve(COMMON)


def test_a_policy_round_trips():
    """A policy is a document and back, resolved or not."""
    policy = Policy(validations=["title", good], rules={"any": ["a", "b"]})
    assert policy == Policy.from_document(json.loads(json.dumps(policy.to_document())))
    for wrong in ({"rulez": []}, 7):
        with pytest.raises(RuleInvalid):
            Policy.from_document(wrong)
