"""States, the paths between them, durations, and the steps of a flow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker import RetryPolicy, State, Workflow, field, flow, states
from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.rules import as_rule
from circuit_breaker.workflow.flow import Flow
from circuit_breaker.workflow.timing import After, Automatic, Every, Manual, OnSignal, seconds
from tests.workflow.running import START, begin, fire, rest

a, b, c, d = states("a", "b", "c", "d")


def test_a_state_is_equal_to_its_name() -> None:
    """A state can be compared with the name of where a case is, and used as a key beside it."""
    assert a == "a"
    assert State("a") == a
    assert a != b
    assert a != 1
    assert {a: 1}["a"] == 1
    assert str(a) == "a"


def test_the_first_state_is_initial() -> None:
    """D17: a case starts in the first state that is listed, unless another one is named."""
    assert [True, False] == [state.initial for state in states("a", "b")]
    assert [False, True] == [state.initial for state in states("a", State("b"), initial="b")]


def test_a_state_is_changed_into_a_new_one() -> None:
    """Messages, time stamps and finality give a new state."""
    changed = a.says("Write!").stamps("begun_at").ends()
    assert ("Write!", "begun_at", True) == (changed.message, changed.timestamp, changed.final)
    assert ("", "", None) == (a.message, a.timestamp, a.final)


@pytest.mark.parametrize("name", ["", " a", "a ", "1a", "a\n", "a" * 101, "a'b", None, 3])
def test_a_name_that_breaks_things_is_refused(name: Any) -> None:
    """Names that no picture or address could carry are refused, with what is allowed."""
    with pytest.raises(WorkflowInvalid, match="is no name for a state"):
        State(name)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (states, "at least one name"),
        (lambda: states("a", "b", "a"), "has 'a' twice"),
        (lambda: states("a", initial="b"), "none of the states"),
        (lambda: a * 0, "whole number from 1"),
        (lambda: a * True, "whole number from 1"),
        (lambda: a >> 3, "3 is no state"),
        (lambda: a >> [], r"\[\] is no state"),
        (lambda: () >> a, r"\(\) is no state"),
        (lambda: a >> b >> c, "a path has two ends, and a >> b goes on"),
        (lambda: a >> (b >> c), "a path has two ends"),
        (lambda: (a >> b) & c, "a path has two ends"),
        (lambda: a >> (b | c), "leads to all of its targets"),
        (lambda: flow(a), "needs a path"),
        (lambda: flow("a >> b"), "needs a path"),
    ],
)
def test_a_wrong_path_is_refused(make: Callable[[], Any], message: str) -> None:
    """Chains, weights below one, choices among targets, and what is no state: each is refused with a hint."""
    with pytest.raises(WorkflowInvalid, match=message):
        make()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (a >> b, "a >> b"),
        ((a, b) >> c, "(a, b) >> c"),
        ((a & b) >> c, "(a, b) >> c"),
        (a >> (b, c), "a >> (b, c)"),
        ((a, b) >> (c & d), "(a, b) >> (c, d)"),
        ((a | b | c) >> d, "a | b | c >> d"),
        ((a & b | c) >> d, "(a, b) | c >> d"),
        (a * 2 >> 3 * b, "a * 2 >> b * 3"),
        ((a * 2 | b) >> c, "a * 2 | b >> c"),
        ((a * 2 & b) >> c, "(a * 2, b) >> c"),
        (a * 2 >> (b * 2), "a * 2 >> b * 2"),
        ((a, b) >> (c * 2), "(a, b) >> c * 2"),
        (a >> (), "a >> ()"),
        ([a, b] >> c, "(a, b) >> c"),
    ],
)
def test_paths_are_drawn_with_arrows(path: Any, text: str) -> None:
    """D16, E9: arrows join, split, choose among sources, weigh, and lead to nowhere."""
    assert text == str(path)


def test_weights_of_a_state_that_comes_twice_are_added() -> None:
    """A state that stands twice on one side of a path gives or takes that many tokens."""
    workflow = Workflow("w", flow(a >> (b, b * 2)).transition("split"), flow(b * 3 >> c).transition("join"))
    assert (3, "c") == (workflow.named("join")[0].net.takes[0].weight, begin(workflow).state)


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (90, 90.0),
        (0.5, 0.5),
        (timedelta(minutes=2), 120.0),
        ("1h 30m", 5400.0),
        ("250ms", 0.25),
        ("1w, 2d", 777600.0),
        ("1.5s", 1.5),
    ],
)
def test_durations_are_read(duration: Any, expected: float) -> None:
    """Seconds, timedeltas, and texts with units."""
    assert expected == seconds(duration)


@given(st.integers(0, 36_000), st.sampled_from([("s", 1), ("m", 60), ("h", 3600), ("d", 86400)]))
def test_a_duration_is_its_number_times_its_unit(number: int, unit: tuple[str, int]) -> None:
    """Any whole number of a unit is read as that many seconds."""
    assert number * unit[1] == seconds(f"{number} {unit[0]}")


@pytest.mark.parametrize(
    "duration", [-1, float("inf"), float("nan"), "", "soon", "1h later", "5", True, None, timedelta(-1)]
)
def test_what_is_no_duration_is_refused(duration: Any) -> None:
    """A duration is between zero and for ever."""
    with pytest.raises(WorkflowInvalid):
        seconds(duration, what="delay")


def test_the_wait_between_attempts_grows_to_its_limit() -> None:
    """Each wait is the one before times the multiplier, and never above the longest."""
    policy = RetryPolicy(max_attempts=5, backoff_seconds=2, multiplier=3, max_backoff=30)
    assert [2, 6, 18, 30, 30] == [policy.wait(failures) for failures in range(1, 6)]
    assert 30 == policy.wait(10**6)


def test_a_retry_policy_knows_what_is_worth_another_attempt() -> None:
    """Attempts end at the most, and where the error is of another kind than those that are named."""
    policy = RetryPolicy(max_attempts=2, retry_on="timeout")
    assert [True, False, False] == [policy.again("timeout", 1), policy.again("timeout", 2), policy.again("other", 1)]
    assert RetryPolicy().again("anything", 1)


def act(token: Any) -> None: ...


class Runner:
    async def execute(self) -> None: ...


def step(name: str, *arguments: Any, **options: Any) -> Callable[[Flow], Flow]:
    return lambda each: getattr(each, name)(*arguments, **options)


@pytest.mark.parametrize(
    ("change", "attribute", "expected"),
    [
        (step("transition", "go"), "name", "go"),
        (step("guard", field("x") > 1), "condition", field("x") > 1),
        (step("manual"), "trigger", Manual()),
        (step("automatic"), "trigger", Automatic()),
        (step("on_signal", "paid", transient=True), "trigger", OnSignal("paid", transient=True)),
        (step("after", "1m"), "trigger", After(60)),
        (step("every", timedelta(seconds=5)), "trigger", Every(5)),
        (step("timeout", "10s"), "limit", 10.0),
        (step("retry", 5), "retrying", RetryPolicy(max_attempts=5)),
        (step("retry", RetryPolicy(multiplier=1)), "retrying", RetryPolicy(multiplier=1)),
        (step("retry", max_attempts=2), "retrying", RetryPolicy(max_attempts=2)),
        (step("priority", 3), "rank", 3),
        (step("otherwise", c), "refused_to", c),
        (step("on_failure", d), "failed_to", d),
        (step("effect", "at_most_once"), "effected", "at_most_once"),
        (step("roles", "boss"), "allowed", ("boss",)),
        (step("describe", "text"), "description", "text"),
        (step("merge", act), "merging", act),
    ],
)
def test_a_step_that_is_given_twice_is_refused(change: Any, attribute: str, expected: Any) -> None:
    """D16: every step gives a new flow and leaves the old one; a step with one value cannot be given again."""
    before = flow(a >> b)
    after = change(before)
    assert expected == getattr(after, attribute)
    assert getattr(before, attribute) is None
    with pytest.raises(WorkflowInvalid, match="is given twice"):
        change(after)


def test_steps_that_add_up_can_be_given_again() -> None:
    """D16: actions, executors, arcs, counts and metadata add up, in order."""
    made = flow(a >> b).action(act).execute(Runner, x=1).execute("Later", result="r").reads(c).reads(d * 2).unless(c)
    made = made.clears(c).clears(d).counts("n").counts("m").restarts("k").metadata(x=1).metadata(y=2)
    assert ["act", "Runner", "Later"] == [each.name for each in made.steps]
    assert {"c": 1, "d": 2} == {arc.place: arc.weight for arc in made.arcs(made.read)}
    assert (("n", "m"), ("k",), {"x": 1, "y": 2}) == (made.counted, made.restarted, made.facts)
    assert [c, d] == list(made.cleared)


def test_an_action_is_a_decorator_too() -> None:
    """D16: the decorated name is the finished flow, and the action is called by its name."""

    @flow(a >> b).transition("go").action(name="works")
    def finished(token: Any) -> dict[str, Any]:
        return {}

    assert ("go", "works") == (finished.name, finished.steps[0].name)


def test_a_lambda_is_called_action() -> None:
    """An action without a name of its own has one to be shown by."""
    assert "action" == flow(a >> b).action(lambda token: None).steps[0].name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (step("action", 3), "3 is no action"),
        (step("action", Runner), r"\.action\(Runner\) is given an executor"),
        (step("execute", Runner()), "is no executor"),
        (step("execute", int), "is no executor"),
        (step("retry", 3, jitter=1), "a policy or settings, not both"),
        (step("retry", attempts=1), r"no setting 'attempts' \(did you mean 'max_attempts'"),
        (step("retry", 0), "max_attempts"),
        (step("retry", "3"), "max_attempts='3' is no whole number"),
        (step("retry", True), "max_attempts=True is no whole number"),
        (step("retry", multiplier=0.5), "multiplier=0.5 is no number from 1"),
        (step("retry", retry_on=[3]), "retry_on=3 is no code of an error"),
        (step("retry", jiter=1, max_backoff="x"), r"(?s)wrong settings.*'jiter'.*'max_backoff': backoff 'x'"),
        (step("timeout", 0), "leaves no time"),
        (step("priority", "1"), "is no whole number"),
        (step("describe", 3), "is no text"),
        (step("merge", "x"), "is no function"),
        (step("correlate", "x"), "is no field"),
        (step("counts", 3), "3 is no key of the metadata"),
        (step("effect", "twice"), "no effect 'twice'"),
        (step("roles"), "at least one role"),
        (step("otherwise", "b"), "'b' is no state"),
        (step("clears", "b"), "'b' is no state"),
        (step("on_signal", ""), "no name for a signal"),
        (step("transition", "x\ny"), "no name for a transition"),
    ],
)
def test_a_wrong_step_is_refused(change: Any, message: str) -> None:
    """What a step cannot take is refused where it is written."""
    with pytest.raises(WorkflowInvalid, match=message):
        change(flow(a >> b))


def test_a_flow_knows_every_rule_it_is_judged_by() -> None:
    """D18: guard, validations, rules and the rule of a repetition, as they were written."""
    made = (
        flow(a >> b)
        .guard("x")
        .policy(validations="y", rules={"any": ["z"]})
        .action(act)
        .effect("at_most_once", again_if="w")
    )
    assert {("x",), ("y",), ("z",), ("w",)} == {each.names for each in made.rules}
    assert () == flow(a >> b).rules
    assert as_rule("x") == flow(a >> b).guard("x").condition


def test_a_policy_may_have_any_alone_and_a_flow_no_action() -> None:
    """D18, D22: `any` alone is a policy, and a flow without an action only moves the token."""
    rules = {"any": [field("x") == 1, field("y") == 1]}
    workflow = Workflow("w", flow(a >> b).transition("go").policy(rules=rules))
    assert ["a", "b"] == [begin(workflow, y=y).state for y in (0, 1)]


def test_alternatives_are_one_transition() -> None:
    """D14, E9: a transition with several sources is possible from each, and has one name."""
    start = flow(a >> b).transition("start").manual()
    workflow = Workflow("w", start, flow((a | b) >> c).transition("cancel").manual())
    assert ["cancel[a]", "cancel[b]"] == [each.id for each in workflow.named("cancel")]
    assert "c" == fire(workflow, begin(workflow), "cancel").state
    assert "c" == fire(workflow, fire(workflow, begin(workflow), "start"), "cancel").state


def test_alternatives_of_different_weight_are_told_apart() -> None:
    """Sources with other weights are other alternatives."""
    split = flow(a >> (b, b)).transition("split")
    workflow = Workflow(
        "w", split, flow((b | b * 2 | (b & c)) >> d).transition("go").manual(), flow(b >> c).transition("x").manual()
    )
    assert ["go[b]", "go[b*2]", "go[b+c]"] == [each.id for each in workflow.named("go")]


def test_counts_are_kept_in_the_metadata() -> None:
    """Each firing adds one, and a restart sets the count to 0."""
    go = flow(a >> b).transition("go").manual().counts("n")
    back = flow(b >> a).transition("back").manual()
    stop = flow(b >> c).transition("stop").manual().restarts("n")
    workflow = Workflow("w", go, back, stop)
    case = begin(workflow)
    for name, expected in [("go", 1), ("back", 1), ("go", 2), ("stop", 0)]:
        case = fire(workflow, case, name)
        assert expected == case.token.metadata["n"]


def test_the_time_of_entering_is_recorded() -> None:
    """D17: a state with a time stamp writes the time into the metadata, also when a case starts in it."""
    first, last = states(State("first", timestamp="begun_at"), State("last", timestamp="ended_at"))
    workflow = Workflow("w", flow(first >> last).transition("go").after("1m"))
    case = rest(workflow, begin(workflow), after=timedelta(minutes=1))
    expected = {"begun_at": START.isoformat(), "ended_at": (START + timedelta(minutes=1)).isoformat()}
    assert expected == case.token.metadata


def test_what_leads_nowhere_leaves_no_trace() -> None:
    """Tokens that go to nowhere are gone, whatever they disagree on."""
    split = flow(a >> (b, c, d)).transition("split")
    change = flow(b >> b).transition("change").manual()
    workflow = Workflow("w", split, change, flow((b & c) >> ()).transition("end").manual())
    case = fire(workflow, begin(workflow, x=1), "change", x=2)
    case = fire(workflow, case, "end")
    assert (("d",), {"x": 1}) == (case.states, case.data)
