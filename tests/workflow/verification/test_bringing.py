"""What rules ask of people, signals and actions together with what is there, and what nobody can put right."""

import random

import pytest

from circuit_breaker import BaseExecutor, Workflow, field, flow, states
from circuit_breaker.rules import all_of, any_of, cel, rule
from circuit_breaker.rules.analysis import Witness
from tests.sampling import share

z, a, b, c, d, e, f = states("z", "a", "b", "c", "d", "e", "f")
X, Y, R = field("x"), field("y"), field("results.r")
BROUGHT = "what the rules of 'm' ask can be brought, whatever else the token has"
NUMBERS = (-9, 0, 1, 1.5, 2, 2.5, 3, 3.5, 4, 9)


class Asking(BaseExecutor):
    """An executor that is never run."""

    async def execute_internal(self, context):
        return {}


def answered(*flows, initial="z") -> Workflow:
    """A token with a result, and what follows."""
    return Workflow("w", flow(z >> a).transition("q").execute(Asking, result="r"), *flows, initial=initial)


def by_person(rules) -> Workflow:
    return answered(flow(a >> b).transition("m").manual().guard(rules))


def by_answer(rules) -> Workflow:
    """An action that is done again and again until its answer is good enough."""
    begin = flow(z >> a).transition("q").execute(Asking, result="y")
    again = flow(a >> b).transition("m").execute(Asking, result="r").policy(rules=rules).otherwise(a)
    return Workflow("w", begin, again, initial="z")


CONTRADICTING = [
    all_of(X > R, X < 3),
    cel("data.x > results.r && data.x < 3"),
    cel("results.r > 3 ? false : data.x > 1"),
    cel("(data.x > 1) == (results.r > 3) && data.x > 1"),
    all_of(any_of(X < 0, R < 3), any_of(X > 1, R < 2)),
    any_of(R > 3, all_of(X > 1, X < 0)),
    all_of(X >= R, X <= field("results.s")),
    rule(lambda token: token.results["r"] > 3),
    X < R,
]


@pytest.mark.parametrize("rules", CONTRADICTING)
@pytest.mark.parametrize(
    "make", [by_person, lambda rules: answered(flow(a >> b).transition("m").on_signal("s").guard(rules))]
)
def test_what_is_brought_may_have_to_fit_what_is_there(make, rules):
    """Where it is not certain that anything fits, the proof depends on it."""
    found = make(rules).verify()
    assert found.verdict != "sound"
    assert found.conditions in ((BROUGHT,), ())


@pytest.mark.parametrize(
    "rules", [X > 3, all_of(X > 3, Y < 2), X == R, R != X, R <= X, ~(R > X), cel("data.x == results.r")]
)
def test_what_can_always_be_brought_needs_no_condition(rules):
    """Data alone, and one comparison with something else."""
    assert ("sound", ()) == (by_person(rules).verify().verdict, by_person(rules).verify().conditions)


def test_a_rule_that_another_way_stands_beside_holds_nothing_up():
    """Whoever cannot approve may decline; but not where that leads back."""
    approve, decline = flow(a >> b).transition("m").manual().guard(all_of(X > R, X < 3)), flow(a >> c).transition("n")
    assert "sound" == answered(approve, decline.manual()).verify().verdict
    back = flow(c >> a).transition("back").manual()
    assert (BROUGHT,) == answered(approve, decline.manual(), back, flow(b >> d).transition("end")).verify().conditions


def test_what_a_policy_refuses_may_lead_back_for_ever():
    """Before an action as well as without one; not where it leads on."""
    made = flow(a >> b).transition("m").manual().policy(rules=all_of(X > 1, R > 3))
    on = flow(c >> b).transition("on")
    assert "sound" != answered(made.otherwise(a)).verify().verdict
    assert "sound" == answered(made.otherwise(c), on).verify().verdict
    guarded = flow(a >> b).transition("m").manual().policy(rules=X > 1).guard(all_of(X > R, X < 3)).otherwise(c)
    assert (BROUGHT,) == answered(guarded, on).verify().conditions


def test_what_is_brought_is_judged_before_an_action_and_after_it():
    """Where the one refuses what the other lets pass, nothing can be brought."""
    made = flow(a >> b).transition("m").manual().guard(X == 2).execute(Asking, result="o")
    assert "dead-transition" in answered(made.policy(rules=X != 2)).verify().codes
    assert "sound" == answered(made.policy(rules=all_of(X > 1, field("results.o") > 1))).verify().verdict
    changed = flow(a >> b).transition("m").manual().guard(X == 2).action(lambda token: {})
    assert (BROUGHT,) == answered(changed.policy(rules=X != 2)).verify().conditions


def test_a_join_by_somebody_asks_as_well():
    """Of what the branches bring together with what comes with it."""
    branch = flow(z >> (a, c)).transition("s"), flow(a >> d).transition("q").execute(Asking, result="r")
    join = flow((d, c) >> f).transition("m").manual().guard(cel("data.x > results.r && data.x < 3"))
    assert (BROUGHT,) == Workflow("w", *branch, join, initial="z").verify().conditions


def test_no_answer_can_be_good_enough_for_what_does_not_change():
    """An action that is done again until its policy says yes may never be done."""
    rules = cel("results.r > data.x && results.r < 3")
    found = Workflow("w", flow(a >> b).transition("m").execute(Asking, result="r").policy(rules=rules).otherwise(a))
    assert (BROUGHT,) == found.verify().conditions


@pytest.mark.parametrize(
    "waits", [lambda made: made.manual(), lambda made: made.on_signal("s"), lambda made: made.every(10)]
)
def test_what_an_action_that_waits_cannot_change_keeps_it_from_ever_firing(waits):
    """Its policy asks it of what was there before; then nobody gets on, however often it is done again."""
    made = waits(flow(a >> b).transition("m")).execute(Asking, result="o").policy(rules=R > 8)
    assert "sound" not in answered(made).verify().verdict
    free = waits(flow(a >> b).transition("m")).execute(Asking, result="o").policy(rules=field("results.o") > 8)
    assert "sound" == answered(free).verify().verdict


def test_what_an_action_of_a_join_cannot_change_keeps_it_from_ever_firing():
    """Also where somebody does it again and again."""
    branch = flow(z >> (a, c)).transition("s"), flow(a >> d).transition("q").execute(Asking, result="r")
    join = flow((d, c) >> f).transition("m").manual().execute(Asking, result="o").policy(rules=R > 8)
    assert "sound" not in Workflow("w", *branch, join, initial="z").verify().verdict


def test_nobody_sends_results_and_puts_them_right():
    """A validation of data is told to whoever sends them; one of what an action answered is not."""
    valid = flow(a >> b).transition("m").policy(validations=R > 3)
    found = answered(valid).verify()
    assert ("not sound", "gap") == (found.verdict, found.codes[0])
    assert "sound" == answered(flow(a >> b).transition("m").policy(validations=X > 3)).verify().verdict


def made(chance: random.Random, depth: int = 2):
    """A random rule on what is brought, and on what is there."""
    if depth and chance.random() < 0.6:
        parts = [made(chance, depth - 1) for _ in range(2)]
        joined = chance.choice((all_of, any_of))(*parts)
        return ~joined if chance.random() < 0.2 else joined
    one, other = chance.sample((X, field("results.r"), field("results.y")), 2)
    value = other if chance.random() < 0.3 else chance.randint(1, 3)
    return chance.choice((one > value, one >= value, one < value, one <= value, one == value, one != value))


def reachable(rules, brought) -> bool:
    """Whether for all that can be there something brought makes the rules hold."""
    others = "xy" if brought == "r" else "ry"
    return all(
        any(rules.test(token({brought: own, others[0]: one, others[1]: two})) for own in (*NUMBERS, -99, 99))
        for one in NUMBERS
        for two in NUMBERS
    )


def token(values) -> Witness:
    return Witness(data={"x": values["x"]}, results={"r": values["r"], "y": values["y"]})


@pytest.mark.parametrize("seed", range(share(1_200)))
def test_what_is_proved_without_a_condition_can_be_brought(seed):
    """By trying what people and actions can bring, for everything that can be there."""
    rules = made(random.Random(seed))  # noqa: S311 - no secret
    person = Workflow(
        "w", flow(z >> c).transition("p").execute(Asking, result="y"),
        flow(c >> a).transition("q").execute(Asking, result="r"), flow(a >> b).transition("m").manual().guard(rules),
        initial="z",
    )  # fmt: skip
    for workflow, brought in ((person, "x"), (by_answer(rules), "r")):
        if workflow.verify(mend=False).verdict == "sound":
            assert reachable(rules, brought), (str(rules), brought)
