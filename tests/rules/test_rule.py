"""Rules: functions, the algebra, verdicts, and the smallest change that would help."""

from __future__ import annotations

import functools

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import ConditionParsingError, RuleInvalid
from circuit_breaker.rules import (
    PLACEHOLDER,
    AllOf,
    FieldCondition,
    Rule,
    RuleContext,
    all_of,
    any_of,
    as_rule,
    cel,
    create_rule,
    field,
    none_of,
    rule,
)
from circuit_breaker.rules.context import Subject
from tests.rules.tokens import Token, json_values

TOKEN = Token(data={"score": 8, "title": "Plan", "tags": ["a"], "half": 0.5})
good, bad, unknown = field("score") >= 8, field("score") > 8, field("nope") > 8


@rule("the score is even")
def even(token):
    return token.data["score"] % 2 == 0


def test_a_function_becomes_a_rule_under_its_own_name():
    """C4: @rule("text") makes a custom rule; the text is its description, the name of the function its name."""
    assert (even.name, even.description, even.rule_type) == ("even", "the score is even", "custom")
    assert even.test(TOKEN)
    assert even(TOKEN)
    assert str(even.judge(TOKEN)) == "✓ even: the score is even"


def test_the_decorator_works_bare_and_with_keywords():
    """C3: a rule has a name, a description, a category and metadata; a docstring describes as well."""

    @rule
    def bare(token):
        """It is bare."""

    @rule(name="other", category="payment", metadata={"a": [1]})
    def named(token):
        return True

    assert (bare.name, bare.description, bare.test(TOKEN)) == ("bare", "It is bare.", False)
    assert (named.name, named.category, named.metadata["a"], named.test(TOKEN)) == ("other", "payment", (1,), True)
    assert rule(lambda token: True).name == ""
    assert rule(good, name="fine", description="it is fine") == good.named("fine", description="it is fine")


def test_the_fields_of_a_rule():
    """C3: name, rule_type, condition, evaluator, description, category and metadata can be read."""
    assert (even.evaluator.__name__, even.condition) == ("even", "")
    assert (good.evaluator, good.condition, good.rule_type) == (None, "data.score >= 8", "simple")
    assert ((good & bad).rule_type, cel("data.a").rule_type) == ("composite", "simple")


@pytest.mark.parametrize(
    ("predicate", "reason"),
    [
        (lambda token: token.data["nope"] > 1, "KeyError: 'nope'"),
        (lambda token: token.data["title"] > 1, "TypeError"),
        (lambda token: 1 / 0, "ZeroDivisionError"),
        (lambda token: token.nope, "AttributeError"),
    ],
)
def test_a_function_that_raises_does_not_pass(predicate, reason):
    """A predicate that raises fails closed with the reason, and so does its negation."""
    made = rule(predicate)
    assert not made.test(TOKEN)
    assert not (~made).test(TOKEN)
    assert made.judge(TOKEN).reason.startswith(reason)


def test_an_awaitable_answer_does_not_pass():
    """What an asynchronous function in disguise returns counts as no answer."""

    class Later:
        def __await__(self):
            yield

    assert "awaitable" in rule(lambda token: Later()).judge(TOKEN).reason


async def _later(token):
    return True


@pytest.mark.parametrize("wrong", [_later, lambda: True, lambda a, b: True, 7, int.__add__])
def test_a_function_that_cannot_be_a_rule_is_refused(wrong):
    """A rule is synchronous and takes one argument; anything else is refused at definition."""
    with pytest.raises(RuleInvalid):
        rule(wrong)


def test_rule_refuses_unknown_keywords():
    """A misspelt keyword of rule() is an error."""
    with pytest.raises(RuleInvalid, match="naem"):
        rule(lambda token: True, naem="x")


def test_a_builtin_without_a_signature_is_taken_as_it_is():
    """Callables that do not tell their parameters are called with the token."""
    assert rule(functools.partial(isinstance, TOKEN)).test(Token)
    assert rule(min, name="x").evaluator is min


def test_an_evaluator_may_ask_for_the_context():
    """C11: a function whose parameter is called context gets a RuleContext with the resource, activity and metadata."""

    def annotated(situation: RuleContext):
        return situation.resource is TOKEN and situation.activity is None and situation.metadata == {}

    assert rule(lambda context: context.resource.data["score"] == 8).test(TOKEN)
    assert rule(annotated).test(TOKEN)


@pytest.mark.parametrize(
    ("made", "passes"),
    [
        (good & even, True),
        (good & bad, False),
        (good | bad, True),
        (bad | unknown, False),
        (~bad, True),
        (~good, False),
        (~~good, True),
        (~unknown, False),
        (~(good & unknown), False),
        (~(bad & unknown), True),
        (~(bad | unknown), False),
        (~(good | unknown), False),
        (all_of(good, even, ~bad), True),
        (any_of(bad, unknown, good), True),
        (any_of(bad, unknown, bad), False),
        (none_of(bad), True),
        (none_of(bad, unknown), False),
        (none_of(bad, field("title") == "x"), True),
        (all_of(good), True),
        (any_of(good), True),
        (all_of(lambda token: True, "data.score > 7"), True),
    ],
    ids=str,
)
def test_the_algebra(made, passes):
    """C5, ZA17: every kind of condition combines by and, or, not; the unknown passes neither way; judge agrees."""
    assert made.test(TOKEN) is passes
    assert made.judge(TOKEN).passed is passes


def test_unnamed_conjunctions_are_one():
    """The rule a & b & c is one combination of three; a named rule stays a part of its own."""
    assert (good, bad, even) == ((good & bad) & even).rules
    named = (good & bad).named("both")
    assert (named, even) == (named & even).rules
    assert ((good | bad) | even).operator == "or"
    assert (named & even).text == "both and even"


def test_composites_tell_their_operator_and_rules():
    """C5: a composite rule has an operator and rules."""
    assert ["and", "or", "not", ""] == [made.operator for made in (good & bad, good | bad, ~good, good)]
    assert (good,) == (~good).rules


def test_names_stand_beside_rules():
    """The name of a rule can stand on either side of an operator, and is looked up later."""
    made = ("even" & good) | "other"
    assert made.names == ("even", "other")
    assert not made.test(TOKEN)
    assert ("other" | good).rules[1] == good


def test_what_is_no_rule_cannot_be_combined():
    """Combining with anything else is an error with a hint."""
    with pytest.raises(RuleInvalid, match="parentheses"):
        good & 8
    with pytest.raises(RuleInvalid):
        all_of()


def test_a_rule_has_no_truth():
    """``a and b`` and ``1 < field < 5`` are errors that name the remedy."""
    with pytest.raises(TypeError, match="between"):
        bool(1 < field("score") < 5)
    with pytest.raises(TypeError, match="instead of 'and'"):
        good and bad  # noqa: B018


def test_names():
    """A rule can be renamed, keeps what is not given, and refuses an empty name."""
    made = good.named("good", description="fine", category="c").named("better")
    assert ("better", "fine", "c", "better") == (made.name, made.description, made.category, str(made))
    assert repr(made) == "<Rule better: data.score >= 8>"
    with pytest.raises(RuleInvalid):
        good.named(" ")


def test_equal_rules_are_equal():
    """Rules are equal when they say the same, with True apart from 1, and hash alike."""
    assert (field("a") == 1) == (field("a") == 1)
    assert (field("a") == 1) != (field("a") == True)  # noqa: E712
    assert hash(good.named("x")) == hash((field("score") >= 8).named("x"))


def test_the_paths_that_are_read():
    """A rule knows the paths that it reads; a function's are not known."""
    made = (good & cel("metadata.a == 1")) | ~(field("title") == field("state"))
    assert {"data.score", "metadata.a", "data.title", "state"} == made.paths
    assert frozenset() == even.paths


def test_a_verdict_is_a_tree():
    """A combination answers with the verdicts of its parts, and tells which of them are to blame."""
    verdict = all_of(even, any_of(bad, unknown), ~good).judge(TOKEN)
    assert ["all", "callable", "any", "not"] == [verdict.kind, *(child.kind for child in verdict.children)]
    assert ["data.score > 8", "data.nope > 8", "data.score >= 8"] == [leaf.text for leaf in verdict.failures()]
    assert verdict.to_document()["children"][1]["known"] is False


def test_expressions_are_rules():
    """ZB2: CEL text is a rule; a missing field makes it false, and its negation too."""
    made = cel("data.score >= 8 && data.title == 'Plan'", name="fine", description="it is fine")
    assert made.test(TOKEN)
    assert (made.name, made.condition) == ("fine", "data.score >= 8 && data.title == 'Plan'")
    assert not (~cel("data.nope > 1")).test(TOKEN)
    assert (~cel("data.score > 9")).judge(TOKEN).passed
    with pytest.raises(ConditionParsingError):
        cel("data.score >=")


@pytest.mark.parametrize(
    "made",
    [
        good,
        field("title") == 'Pl"an',
        field("title").contains("la"),
        field("tags").contains(3),
        field("title").exists(),
        field("title").matches("^P"),
        field("title").starts_with("P") & field("title").ends_with("n"),
        field("score").one_of(1, 8),
        field("score").between(1, 9),
        field("title").length(minimum=2, maximum=4),
        field("title") == field("state"),
        ~(bad | good),
        (good | bad) & good,
        field("items.0.id") == 1,
    ],
    ids=str,
)
def test_a_rule_as_cel_says_the_same(made):
    """C7: the condition of a rule is CEL text under ``data.`` that judges like the rule."""
    assert cel(made.condition).test(TOKEN) is made.test(TOKEN)


def test_what_cel_cannot_say_is_in_words():
    """A condition outside of CEL is told in words."""
    assert field("title").present().condition == "data.title is present"
    assert (good & field("a").missing()).condition == "data.score >= 8 and data.a is missing"
    assert (even & good).condition == "even and data.score >= 8"
    assert (~field("a").is_a("integer")).condition == "not data.a is an integer"
    assert field("a").contains(field("b")).condition == "data.a contains data.b"


@pytest.mark.parametrize(
    ("made", "changes"),
    [
        (field("score") >= 9, [{"data.score": 9}]),
        (field("score") > 8, [{"data.score": 9}, {"data.score": 8.5}]),
        (field("score") < 0.8, [{"data.score": 0.7}, {"data.score": 0.7999999999999999}]),
        (field("title") > "Q", [{"data.title": "Qa"}]),
        (field("title") < "P", [{"data.title": ""}]),
        (field("a.b.c") == 1, [{"data.a.b.c": 1}]),
        (field("title") != "Plan", [{"data.title": PLACEHOLDER}]),
        (field("flag") != True, [{"data.flag": False}]),  # noqa: E712
        (field("score") != 8, [{"data.score": 9}, {"data.score": 8.5}]),
        (field("nope").exists(), [{"data.nope": PLACEHOLDER}]),
        (field("title").missing(), [{"data.title": None}]),
        (field("score").one_of(1, 9), [{"data.score": 9}, {"data.score": 1}]),
        (field("score").between(9, 12), [{"data.score": 9}, {"data.score": 12}]),
        (field("title").starts_with("A "), [{"data.title": "A Plan"}]),
        (field("title").contains("x"), [{"data.title": "Planx"}]),
        (field("tags").contains("x"), [{"data.tags": ["a", "x"]}]),
        (field("title").ends_with("!"), [{"data.title": "Plan!"}]),
        (field("metadata.n") >= field("score"), [{"metadata.n": 8}]),
        (field("score") >= field("nope"), []),
        (field("score") > field("tags"), []),
        (field("score") > 10**400, [{"data.score": 10**400 + 1}]),
        (field("score") > 1.7976931348623157e308, []),
        (field("score").between(9.5, 10**400), [{"data.score": 9.5}, {"data.score": 10**400}]),
        (field("half").one_of(10**400, "x"), [{"data.half": "x"}, {"data.half": 10**400}]),
        (field("score").between(10**400, 10**400 + 1), [{"data.score": 10**400}, {"data.score": 10**400 + 1}]),
        (field("tags.0") == "b", [{"data.tags.0": "b"}]),
        (field("title.0") == "b", []),
        ((field("score") > 8) & (field("score") < 9), [{"data.score": 8.5}]),
        ((field("x") >= 1) & field("x").present() & good, [{"data.x": 1}]),
        (field("x").present() & (field("x") >= 1), [{"data.x": 1}]),
        (
            any_of(all_of(field("a") == 1, field("b") == 2), field("c") == 3),
            [{"data.c": 3}, {"data.a": 1, "data.b": 2}],
        ),
        (~good, [{"data.score": 7}, {"data.score": 7.5}]),
        (~(good | even), []),
        (~field("title").exists(), [{"data.title": None}]),
        (~field("title").matches("P"), []),
        (field("state") == "x", []),
        (field("title").matches("x"), []),
        (field("score") == 1, [{"data.score": 1}]),
        (rule(lambda token: False), []),
        (good, []),
    ],
    ids=str,
)
def test_the_smallest_change(made, changes):
    """A failed rule tells the smallest changes of data that would make it pass; functions have none."""
    assert changes == list(made.remedies(TOKEN))


def test_a_change_of_typed_data():
    """A change goes through typed data, unless its class refuses the value."""

    @attrs.frozen
    class Order:
        amount: int = attrs.field(validator=attrs.validators.lt(10))

    token = Token(data=Order(1))
    assert (field("amount") >= 5).remedies(token) == ({"data.amount": 5},)
    assert (field("amount") >= 50).remedies(token) == ()
    assert (field("other") >= 50).remedies(token) == ()


conditions = st.builds(
    FieldCondition,
    st.sampled_from(["a", "b", "metadata.c"]),
    st.sampled_from(["==", "!=", ">", "<=", ">="]),
    st.integers(0, 9),
)
rules = st.recursive(
    st.builds(Rule, conditions),
    lambda inner: st.one_of(
        st.builds(lambda a, b: a & b, inner, inner),
        st.builds(lambda a, b: a | b, inner, inner),
        inner.map(lambda a: ~a),
    ),
    max_leaves=6,
)


@given(rules, st.dictionaries(st.sampled_from("ab"), json_values), st.dictionaries(st.just("c"), st.integers()))
def test_every_remedy_helps(made, data, metadata):
    """Whatever the rule and token, a remedy makes it pass, judge agrees with test, and not both ways pass."""
    token = Token(data=data, metadata=metadata)
    assert made.judge(token).passed is made.test(token)
    assert not (made.test(token) and (~made).test(token))
    for change in made.remedies(token):
        after = Token(
            data=data | {k[5:]: v for k, v in change.items() if k.startswith("data.")},
            metadata=metadata | {k[9:]: v for k, v in change.items() if k.startswith("metadata.")},
        )
        assert made.test(after)


def test_the_rule_builder_is_immutable_and_conjoins():
    """C6, C8, ZA20: create_rule chains conditions that must all hold; every step is a new builder."""
    start = create_rule("can_process").field_equals("status", "valid")
    made = start.field_exists("customer_id").description("it can").category("orders").build()
    assert made.test(Token(data={"status": "valid", "customer_id": "c"}))
    assert not made.test(Token(data={"status": "valid"}))
    assert not made.test(Token(data={"customer_id": "c"}))
    assert start.build().test(Token(data={"status": "valid"}))
    assert ("can_process", "it can", "orders") == (made.name, made.description, made.category)


def test_the_builder_has_every_step():
    """C6: greater, contains, condition, custom; C7: fields are under data and give a condition string."""
    made = (
        create_rule("r").field_greater_than("score", 5).field_contains("title", "la")
        .field_condition("score", ">=", 8).field_exists("title").custom(even.evaluator).build()
    )  # fmt: skip
    assert made.test(TOKEN)
    assert create_rule("r").field_contains("title", "la").build().condition == 'data.title.contains("la")'
    assert create_rule("r").field_exists("title").build().condition == "data.title != null"


def test_a_builder_without_conditions_builds_nothing():
    """A rule without a condition is refused, and so is an unknown operator, with the nearest."""
    with pytest.raises(RuleInvalid, match="no condition"):
        create_rule("r").build()
    with pytest.raises(RuleInvalid, match="did you mean 'contains'"):
        create_rule("r").field_condition("a", "contain", 1)


def test_the_constructors_of_the_documents():
    """C10, C24: Rule.simple gives a builder; field_exists takes a namespace and a field, field_equals a dotted path."""
    assert Rule.simple("s").field_condition("score", ">", 1).build().test(TOKEN)
    assert Rule.field_exists("data", "title").test(TOKEN)
    token = Token(metadata={"status": "unclassified"})
    assert Rule.field_equals("metadata.status", "unclassified").test(token)


def test_the_tree_can_be_walked():
    """The conditions of a rule are public values: a combination has rules, a condition its path, operator and value."""
    made = good & even
    assert isinstance(made.tree, AllOf)
    leaf = made.tree.rules[0].tree
    assert ("data.score", ">=", 8, "") == (leaf.path, leaf.operator, leaf.value, leaf.other)
    assert FieldCondition("score", ">=", 8) == leaf


def test_as_rule_refuses_what_is_no_rule():
    """A field alone, a class, a number is no rule."""
    for wrong in (field("a"), int, 7, None):
        with pytest.raises(RuleInvalid):
            as_rule(wrong)


def test_a_leaf_has_no_names_to_look_up():
    """Looking up names leaves a condition without names as it is."""
    assert good.resolve({}) is good
    assert good.tree is good.tree.resolved({}, ())


def test_a_step_of_the_builder_can_be_javascript():
    """C6: the builder takes a JavaScript expression beside other conditions."""
    made = create_rule("js").javascript("data.score === 8").field_exists("title").build()
    assert made.test(TOKEN)


def test_a_subject_reads_like_its_token():
    """What custom evaluators are given in place of a token has everything that the token has."""
    subject = Subject(TOKEN, RuleContext(TOKEN))
    assert (TOKEN.id, TOKEN.state, TOKEN.data) == (subject.id, subject.state, subject.data)
    assert (TOKEN.metadata, TOKEN.results) == (subject.metadata, subject.results)


def test_what_is_no_json_is_comparable_to_nothing():
    """A value of typed data that JSON does not know equals nothing and has no order."""
    token = Token(data={"a": {1, 2}, "b": {"c": {1}}})
    assert not ((field("a") == 1) | (field("a") > 1) | field("a").is_a("list")).test(token)
    assert (field("a") == field("a")).test(token)
    assert field("b").missing().remedies(token) == ({"data.b": None},)


@given(rules, st.dictionaries(st.sampled_from("ab"), json_values), st.dictionaries(st.just("c"), st.integers()))
def test_field_conditions_and_cel_agree(made, data, metadata):
    """C7, ZA17: whatever the data, a rule of field conditions and its condition text in CEL give the same answer."""
    token = Token(data=data, metadata=metadata)
    said = cel(made.condition)
    assert made.test(token) is said.test(token)
    assert (~made).test(token) is (~said).test(token)


@pytest.mark.parametrize("answer", ["no", 1, [0], object(), None, (x for x in [True])])
def test_an_answer_that_is_no_boolean_passes_for_neither(answer):
    """Fail closed: what a function returns besides True and False neither holds nor fails, and the reason says so."""
    strange = rule(lambda token: answer)
    assert (False, False) == (strange.test(TOKEN), (~strange).test(TOKEN))
    assert "neither True nor False" in strange.judge(TOKEN).reason
