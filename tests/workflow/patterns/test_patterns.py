"""Patterns, shown by what happens when they run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker import Workflow, field, flow, states
from circuit_breaker.errors import Refused, WorkflowInvalid
from circuit_breaker.workflow import dump_workflow, load_workflow
from circuit_breaker.workflow.patterns import (
    branch,
    cancel_region,
    compensation,
    critical_section,
    deferred_choice,
    discriminator,
    instances,
    loop,
    milestone,
    n_of_m,
    or_join,
    parallel,
    retry_path,
    rounds_key,
    sequence,
    sub_workflow,
)
from tests.workflow.running import begin, fire, names, rest

a, b, c, d, e, f, g, h = states("a", "b", "c", "d", "e", "f", "g", "h")


def manual(source: Any, target: Any, name: str) -> Any:
    return flow(source >> target).transition(name).manual()


def test_a_sequence_goes_from_state_to_state() -> None:
    """A sequence passes through its states in order."""
    workflow = Workflow("w", *sequence(a, b, c))
    case = begin(workflow)
    assert ("c", "completed") == (case.state, case.status)
    assert ["a-to-b", "b-to-c"] == names(case)


def test_a_sequence_needs_two_states() -> None:
    """A sequence of one state is refused."""
    with pytest.raises(WorkflowInvalid, match="two states or more"):
        sequence(a)


@given(score=st.one_of(st.none(), st.integers(0, 10)))
def test_a_branch_takes_the_first_way_whose_rule_holds(score: int | None) -> None:
    """D22: exactly one way is taken: the first whose rule holds, or the default, also where the data is missing."""
    workflow = Workflow("w", *branch(a, (field("score") >= 8, b), (field("score") >= 5, c), otherwise=d))
    case = begin(workflow, **({} if score is None else {"score": score}))
    expected = "d" if score is None or score < 5 else "b" if score >= 8 else "c"
    assert (expected, 1) == (case.state, len(names(case)))


def test_ways_to_the_same_state_are_one_transition() -> None:
    """Two rules that lead to the same state are alternatives."""
    workflow = Workflow("w", *branch(a, (field("x") == 1, b), (field("y") == 1, b), otherwise=c))
    assert "b" == begin(workflow, y=1).state
    assert "c" == begin(workflow, z=1).state


def test_a_branch_without_a_default_waits_for_a_rule_to_hold() -> None:
    """Without a default and with no rule that holds, nothing is taken."""
    workflow = Workflow("w", *branch(a, (field("x") == 1, b)))
    assert ("a", "stuck") == ((case := begin(workflow)).state, case.status)


def test_parallel_branches_join_when_all_have_ended() -> None:
    """E9, ZB1: both branches hold a token at once; the join waits for both, and merges their data."""
    workflow = Workflow("w", *parallel(a, (b, c), d, into=e), manual(b, c, "finish"))
    case = begin(workflow, text="x")
    assert ("b", "d") == case.states
    case = fire(workflow, case, "finish", score=3)
    assert ("e", {"text": "x", "score": 3}) == (case.state, case.data)


@given(rounds=st.integers(0, 6), most=st.integers(1, 4))
def test_a_loop_is_entered_while_its_condition_holds_and_no_more_often(rounds: int, most: int) -> None:
    """ZB1: the body is entered as often as the condition asks for, and never more than max_iterations times."""
    key = rounds_key(a)
    condition = field(f"metadata.{key}").missing() | (field(f"metadata.{key}") < field("rounds"))
    body = loop(a, b, b, condition=condition & (field("rounds") > 0), exit_to=c, max_iterations=most)
    case = begin(Workflow("w", *body), rounds=rounds)
    assert ("c", min(rounds, most)) == (case.state, names(case).count("a-again"))


def test_a_loop_without_a_bound_goes_on_until_its_condition_fails() -> None:
    """Without max_iterations only the condition ends a loop."""
    flows = loop(a, b, c, condition=field("more") == True, exit_to=d)  # noqa: E712
    workflow = Workflow("w", *flows, manual(b, c, "work"))
    case = begin(workflow, more=True)
    for _ in range(5):
        case = fire(workflow, case, "work", more=True)
    assert "b" == case.state
    assert "d" == fire(workflow, case, "work", more=False).state


def test_a_loop_that_is_entered_again_counts_anew() -> None:
    """Leaving a loop sets its count to 0, so that an inner loop has its rounds in every round of the outer one."""
    inner = loop(b, c, c, condition=field("go") == True, exit_to=d, max_iterations=2)  # noqa: E712
    workflow = Workflow("w", manual(a, b, "begin"), *inner, manual(d, b, "repeat"))
    case = fire(workflow, begin(workflow, go=True), "begin")
    case = fire(workflow, case, "repeat")
    assert ("d", 4, 0) == (case.state, names(case).count("b-again"), case.token.metadata[rounds_key("b")])


@pytest.mark.parametrize("most", [0, -1, True, 1.5, "3"])
def test_a_bound_of_a_loop_is_a_whole_number(most: Any) -> None:
    """A loop with a senseless bound is refused."""
    with pytest.raises(WorkflowInvalid, match="whole number"):
        loop(a, b, b, condition="x", exit_to=c, max_iterations=most)


@pytest.mark.parametrize(("needed", "order"), [(n, o) for n in (1, 2, 3) for o in ("bcd", "dcb", "cbd")])
def test_a_partial_join_goes_on_once_when_enough_branches_have_ended(needed: int, order: str) -> None:
    """However the branches end, the join fires once, after as many as it needs; the late ones leave no trace."""
    ends = {"b": f, "c": g, "d": h}
    split = flow(a >> (b, c, d)).transition("split")
    work = [manual(begins, ends[begins.name], begins.name) for begins in (b, c, d)]
    workflow = Workflow("w", split, *work, *n_of_m([f, g, h], needed, into=e))
    case = begin(workflow)
    for number, name in enumerate(order, start=1):
        case = fire(workflow, case, name, **{name: number})
        assert (number >= needed) == ("e" in case.states)
    assert ("e", "completed", 1) == (case.state, case.status, names(case).count("e-joins"))
    assert {name: number for number, name in enumerate(order, start=1) if number <= needed} == case.data


def test_a_partial_join_merges_as_it_is_told() -> None:
    """Branches that change the same key are merged by the function that is given."""
    flows = n_of_m([b, c], 2, into=e, merge=lambda tokens: {"votes": [token.data["vote"] for token in tokens]})
    votes = [manual(f, b, "one"), manual(g, c, "two")]
    workflow = Workflow("w", flow(a >> (f, g)).transition("split"), *votes, *flows)
    case = fire(workflow, fire(workflow, begin(workflow), "one", vote="yes"), "two", vote="no")
    assert {"votes": ["yes", "no"]} == case.data


@pytest.mark.parametrize(("ends", "needed"), [([b, c], 0), ([b, c], 3), ([b, b], 1), ([], 0)])
def test_a_partial_join_needs_as_many_branches_as_there_are(ends: list[Any], needed: int) -> None:
    """A number of branches that cannot be is refused."""
    with pytest.raises(WorkflowInvalid, match="cannot wait"):
        n_of_m(ends, needed, into=e)


def test_a_discriminator_goes_on_with_the_first() -> None:
    """The first branch that ends goes on with its data; the second is swallowed, though it changed the same key."""
    work = [manual(b, f, "one"), manual(c, g, "two")]
    workflow = Workflow("w", flow(a >> (b, c)).transition("split"), *work, *discriminator([f, g], into=d))
    case = fire(workflow, begin(workflow), "two", answer=2)
    assert {"d", "b", "d/owed"} == set(case.states)
    case = fire(workflow, case, "one", answer=1)
    assert ("d", {"answer": 2}, "completed") == (case.state, case.data, case.status)


@given(chosen=st.sets(st.sampled_from("bcd")))
def test_an_or_join_waits_for_exactly_the_branches_that_were_chosen(chosen: set[str]) -> None:
    """Any set of branches is taken at once, and the join fires once, when each of them has ended."""
    ways = [(field(state.name) == True, (state, end)) for state, end in ((b, f), (c, g), (d, h))]  # noqa: E712
    work = [manual(state, end, f"do-{state}") for state, end in ((b, f), (c, g), (d, h))]
    workflow = Workflow("w", *or_join(a, *ways, into=e), *work)
    case = begin(workflow, **dict.fromkeys(chosen, True))
    for name in sorted(chosen):
        assert name in case.states
        assert "e" not in case.states
        case = fire(workflow, case, f"do-{name}")
    assert ("e", "completed") == (case.state, case.status)


def test_a_retry_path_tries_again_after_a_while_and_then_gives_up() -> None:
    """A failure leads back to work after the delay, so many times, and then to where it is given up."""
    flows = retry_path(c, b, attempts=2, delay="5m", give_up=d)
    workflow = Workflow("w", flow(a >> b).transition("go"), manual(b, c, "fail"), *flows)
    case = begin(workflow)
    for _ in range(2):
        case = fire(workflow, case, "fail")
        assert "c" == rest(workflow, case, after=timedelta(minutes=4)).state
        case = rest(workflow, case, after=timedelta(minutes=5))
        assert "b" == case.state
    assert "d" == fire(workflow, case, "fail").state


def test_cancelling_a_region_withdraws_its_tokens() -> None:
    """Whatever is in the region is gone when the transition has fired."""
    go_on = [manual(b, e, "finish"), manual(c, d, "more")]
    workflow = Workflow("w", flow(a >> (b, c)).transition("split"), *go_on, *cancel_region(d, f, b, c))
    case = fire(workflow, begin(workflow), "more")
    assert ("f", "completed") == (case.state, case.status)


def test_compensation_undoes_the_last_first() -> None:
    """What was done is undone in reverse, each once, and then the case goes on."""
    steps = [
        flow(a >> (b, f)).transition("book"),
        manual(b, (c, g), "pay"),
        manual(c, d, "fail"),
    ]
    workflow = Workflow("w", *steps, *compensation(d, f, g, into=e))
    case = fire(workflow, begin(workflow), "pay")
    case = fire(workflow, case, "fail")
    assert ["undo-g", "undo-f", "d-is-undone"] == names(case)[-3:]
    assert ("e", "completed") == (case.state, case.status)


def test_compensation_runs_the_action_of_a_mark() -> None:
    """A mark may have an action that undoes it; it is the action of its transition."""

    def refund(token: Any) -> None: ...

    undo, _ = compensation(d, (f, refund), into=e)
    assert ["refund"] == [step.name for step in undo.steps]


def test_instances_run_side_by_side_and_join() -> None:
    """So many tokens go through the same state, each on its own, and join when all have arrived."""
    merged = instances(a, b, c, count=3, into=d, merge=lambda tokens: {"sum": sum(t.data["n"] for t in tokens)})
    workflow = Workflow("w", *merged, manual(b, c, "count"))
    case = begin(workflow)
    for number in (1, 2, 3):
        assert 4 - number == len(case.marking.at("b"))
        case = fire(workflow, case, "count", n=number)
    assert ("d", {"sum": 6}) == (case.state, case.data)


def test_instances_merge_by_themselves_where_they_agree() -> None:
    """Without a function the data of instances is merged as that of any join."""
    workflow = Workflow("w", *instances(a, b, b, count=2, into=c))
    assert ("c", {"x": 1}) == ((case := begin(workflow, x=1)).state, case.data)


def test_only_one_branch_is_inside_of_a_critical_section() -> None:
    """While one branch is inside of its section, the other waits before its own."""
    sections = critical_section([b, d], [c, e])
    leave = [manual(d, f, "leave-d"), manual(e, g, "leave-e")]
    workflow = Workflow("w", flow(a >> (b, c)).transition("split"), *sections, *leave)
    case = begin(workflow)
    assert {"d", "c"} == set(case.states)
    case = fire(workflow, case, "leave-d")
    assert {"f", "e"} == set(case.states)


def test_a_milestone_lets_pass_only_while_it_is_reached() -> None:
    """A transition waits for a token elsewhere, and leaves it there."""
    workflow = Workflow("w", flow(a >> (b, c)).transition("split"), manual(c, d, "reach"), *milestone(b, e, reached=d))
    case = begin(workflow)
    assert {"b", "c"} == set(case.states)
    assert {"e", "d"} == set(fire(workflow, case, "reach").states)


def test_a_deferred_choice_is_decided_by_what_happens_first() -> None:
    """D22: somebody decides which way it goes, and the other ways are closed then."""
    workflow = Workflow("w", *deferred_choice(a, {"approve": b, "reject": c}))
    assert "waiting" == (case := begin(workflow)).status
    assert "c" == fire(workflow, case, "reject").state


def test_a_deferred_choice_may_wait_for_signals_and_for_a_time() -> None:
    """The ways may be signals, and time may decide."""
    workflow = Workflow("w", *deferred_choice(a, {"paid": b}, signals=True, timeout=("1d", c)))
    case = begin(workflow)
    assert "a" == rest(workflow, case, after=timedelta(hours=23)).state
    assert "c" == rest(workflow, case, after=timedelta(days=1)).state
    assert "paid" == workflow.named("paid")[0].signal


def reviewed() -> Workflow:
    """A workflow that is used inside of another: with a rulebook, and every kind of arc."""
    x, y, z, out = states("x", "y", "z", "out")
    return Workflow(
        "reviewed",
        flow(x >> (y, z)).transition("split"),
        manual(y, out, "accept").policy(rules="good").otherwise(z).reads(z),
        manual(z, out, "drop").unless(out).clears(y).guard("good"),
        rules={"good": field("score") >= 5},
    )


def test_a_sub_workflow_runs_inside_of_another() -> None:
    """States and transitions get the prefix, rules are those of the inner rulebook, and its ends lead on."""
    workflow = Workflow("outer", *sub_workflow(reviewed(), prefix="check", source=a, into=b))
    case = begin(workflow, score=3)
    assert {"check/y", "check/z"} == set(case.states)
    with pytest.raises(Refused, match=r"data.score"):
        fire(workflow, case, "check/drop")
    case = fire(workflow, case, "check/drop", score=5)
    assert ("b", "completed") == (case.state, case.status)


def test_a_sub_workflow_keeps_where_refusals_lead() -> None:
    """Read arcs and the way out of a refusal are inside of the part too."""
    flows = sub_workflow(reviewed(), prefix="check", source=a, into=b)
    accept = next(each for each in flows if each.name == "check/accept")
    assert ("check/z", "check/z") == (accept.refused_to, accept.read[0].states[0])


PATTERNS = {
    "branch": branch(a, (field("x") == 1, b), otherwise=c),
    "critical_section": (flow(a >> (b, c)).transition("split"), *critical_section([b, d], [c, e])),
    "discriminator": (flow(a >> (b, c)).transition("split"), *discriminator([b, c], into=d)),
    "loop": loop(a, b, b, condition=field("x") == 1, exit_to=c, max_iterations=3),
    "or_join": or_join(a, (field("x") == 1, b), (field("y") == 1, c), into=d),
    "sub_workflow": sub_workflow(reviewed(), prefix="check", source=a, into=b),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_are_written_and_read(name: str) -> None:
    """Patterns are ordinary flows, so a workflow of them can be written as a document and read back."""
    workflow = Workflow(name, *PATTERNS[name])
    assert workflow.version == load_workflow(dump_workflow(workflow)).version
