"""Knowledge: nothing is taken for known of data that a firing has changed, or that was never true of one token."""

from __future__ import annotations

import attrs
import pytest

from circuit_breaker import BaseExecutor, Workflow, field, flow, states
from circuit_breaker.rules import all_of, any_of
from circuit_breaker.workflow.merging import LAST, Collect
from circuit_breaker.workflow.verification.knowledge import Knowledge

a, b, c, d, e, f, g, h, z = states("a", "b", "c", "d", "e", "f", "g", "h", "z")
COUNT, X, P = field("metadata.n"), field("results.x"), field("results.p")
EITHER = any_of(field("results.l") == 0, field("results.r") == 0)
FORK = flow(a >> (b, c)).transition("fork")
ZERO = flow(z >> a).transition("zero").restarts("n")


class Working(BaseExecutor):
    """An executor that is never run."""

    async def execute_internal(self, context):
        return {}


def named(name, path, result):
    return flow(path).transition(name).execute(Working, result=result)


def proved(*flows, **options):
    found = Workflow("w", *flows, **options).verify()
    return found.verdict, found.findings[0].code if found.errors else ""


@pytest.mark.parametrize(("key", "verdict"), [("r", ("not decided", "gap")), ("l", ("sound", ""))])
def test_a_rule_on_two_paths_may_hold_of_each_branch_and_not_of_both_together(key, verdict):
    """Where the branches change different keys that it reads; of one key the joined token has what one of them has."""
    known = (
        named("first", a >> d, "l"),
        named("begin", d >> e, "r").policy(rules=EITHER).otherwise(d),
        flow(e >> (b, c)).transition("fork"),
    )
    left = named("left", b >> f, "l").policy(rules=EITHER).otherwise(b)
    right = named("right", c >> g, key).policy(rules=EITHER).otherwise(c) if key == "r" else flow(c >> g)
    right = right if key == "r" else right.transition("right")
    end = (flow((f, g) >> h).transition("join"), flow(h >> z).transition("go").guard(EITHER))
    assert verdict == proved(*known, left, right, *end)


def test_a_failure_is_there_after_it_has_been_written():
    """What was known of an earlier one, or of none, is no longer so."""
    failure = field("metadata.failure")
    found = proved(
        flow(a >> b).transition("clean").guard(failure.missing()),
        flow(a >> e).transition("dirty").guard(failure.exists()),
        flow(b >> e).transition("do").action(lambda token: {}).on_failure(d),
        flow(d >> e).transition("go").guard(failure.missing()),
    )
    assert ("not sound", "gap") == found


@pytest.mark.parametrize("made", [flow(a >> b).action(lambda token: {}), flow(a >> b).execute(Working, result="l")])
def test_what_a_policy_said_is_over_when_the_firing_counts(made):
    """The policy judges before the counter goes up."""
    do = made.transition("do").policy(rules=COUNT == 0).otherwise(z).counts("n")
    found = proved(ZERO, do, flow(b >> c).transition("go").guard(COUNT == 0))
    assert ("not sound", "gap") == found


def test_what_a_guard_said_of_what_a_person_brought_is_over_when_the_firing_counts():
    rule = all_of(field("ok") == True, COUNT == 0)  # noqa: E712 - a rule
    do = flow(a >> b).transition("do").manual().guard(rule).counts("n")
    assert ("not sound", "gap") == proved(ZERO, do, flow(b >> c).transition("go").guard(rule), initial="z")


def test_what_a_guard_said_is_over_when_the_action_writes():
    """The action comes after it, and may change what the person brought."""
    rule = field("x") == 1
    do = flow(a >> b).transition("do").manual().guard(rule).action(lambda token: {"x": 2})
    assert "gap" == proved(do, flow(b >> c).transition("go").guard(rule))[1]


@pytest.mark.parametrize(("rule", "verdict"), [(X < 5, "not sound"), (X >= 5, "not decided")])
def test_of_several_tokens_in_one_state_any_can_be_the_last(rule, verdict):
    """What is known is what is known of all of them."""
    found = proved(
        FORK,
        named("low", b >> d, "x").policy(rules=X < 5).otherwise(b),
        named("high", c >> d, "x").policy(rules=X >= 5).otherwise(c),
        flow(d * 2 >> e).transition("join").merge(LAST),
        flow(e >> f).transition("go").guard(rule),
    )
    assert (verdict, "gap") == found


@pytest.mark.parametrize("merge", [lambda tokens: {"x": 2}, Collect("x")])
def test_a_function_that_merges_may_change_what_both_branches_know(merge):
    """So the rules of the join can hold that held in none of them."""
    rule = field("x") == 1
    found = Workflow(
        "w",
        flow(z >> a).transition("one").guard(rule),
        flow(z >> g).transition("other").guard(~rule),
        FORK,
        flow((b, c) >> d).transition("join").merge(merge).guard(~rule),
        initial="z",
    ).verify()
    assert "dead-transition" not in found.codes


def test_what_never_can_be_true_of_results_or_the_state_is_found():
    """At the start there are no results, and nothing ever brings these; a state is what it is."""
    missing = flow(a >> c).transition("y").guard(P.missing())
    assert "dead-transition" == proved(flow(a >> b).transition("x").guard(P.exists()), missing)[1]
    assert "gap" == proved(flow(a >> b).transition("x").guard(field("state") == "b"))[1]
    written = (named("x", a >> b, "p"), flow(b >> d).transition("z").guard(P.missing()))
    assert ("sound", "") == proved(*written, flow(b >> c).transition("y").guard(P.exists()))


@attrs.frozen
class Inner:
    q: int = 0


@attrs.frozen
class Outer:
    inner: Inner | None = None


def test_what_is_below_an_optional_object_is_missing_only_with_it():
    """The case that gets stuck is one whose object is None: with an object its fields are there."""
    where = field("inner.q")
    ways = (flow(a >> b).transition("p").guard(where > 1), flow(a >> c).transition("q").guard(where <= 1))
    found = Workflow("w", *ways, data=Outer).verify()
    assert ("not sound", {"inner": None}) == (found.verdict, found.findings[0].counterexample.data)

    whole = flow(a >> d).transition("none").guard(field("inner").is_a("null"))
    assert "sound" == Workflow("w", whole, *ways, data=Outer).verify().verdict


@pytest.mark.parametrize("merge", [LAST, Collect("all")])
def test_what_is_known_of_the_last_token_stays_known(merge):
    """What is collected is added to one list, and nothing else is changed."""
    score = field("score")
    high = (
        flow(a >> z).transition("low").guard(score <= 8),
        flow(a >> e).transition("high").guard(score > 8),
        flow(e >> (b, c)).transition("fork"),
        flow((b, c) >> d).transition("join").merge(merge),
    )
    go = flow(d >> f).transition("go")

    assert ("sound", "") == proved(*high, go.guard(score > 8), initial="a")
    assert "gap" == proved(*high, go.guard((score > 8) & (field("all") == 1)), initial="a")[1]


def test_what_is_known_of_the_list_that_is_added_to_is_not_known_any_more():
    """Even what every one of the tokens had."""
    none = field("all").missing()
    known = (
        flow(a >> z).transition("some").guard(~none),
        flow(a >> e).transition("none").guard(none),
        flow(e >> (b, c)).transition("fork"),
        flow((b, c) >> d).transition("join").merge(Collect("all")),
    )

    assert "gap" == proved(*known, flow(d >> f).transition("go").guard(none), initial="a")[1]


def test_a_counter_is_followed_without_a_rule_for_every_number():
    """Only the numbers that it comes to are asked of."""
    made = Knowledge(
        Workflow("w", flow(a >> b).transition("zero").restarts("n"), flow(b >> c).transition("one").counts("n"))
    )
    zero, one = made.workflow.transitions
    before = len(made.decisions.rules)

    assert (frozenset(), before) == (made.after(frozenset(), one, ()), len(made.decisions.rules))
    assert 1 == len(made.after(made.after(frozenset(), zero, ()), one, ()))
