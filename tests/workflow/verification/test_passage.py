"""Passage: a way is told with the data that it needs, from where they were brought to where they matter."""

from __future__ import annotations

import attrs
import pytest

from circuit_breaker import BaseExecutor, Workflow, field, flow, states
from circuit_breaker.workflow.merging import LAST
from circuit_breaker.workflow.verification.passage import Epoch

a, b, c, d, e, f, g, z = states("a", "b", "c", "d", "e", "f", "g", "z")
X, P, AMOUNT = field("results.x"), field("results.p"), field("amount")


class Working(BaseExecutor):
    """An executor that is never run."""

    async def execute_internal(self, context):
        return {}


@attrs.frozen
class Order:
    """Typed data."""

    amount: int


def demand(rule):
    return rule, 1


def gap(*flows, **options):
    """The first gap that is found."""
    found = Workflow("w", *flows, **options).verify(mend=False)
    return next(each for each in found.findings if each.code == "gap")


@pytest.mark.parametrize("kind", [Order, None])
def test_what_an_action_leaves_as_it_was_the_case_begins_with(kind):
    """It keeps a result, and so a rule on the data after it is a rule on the data before it."""
    work = flow(a >> b).transition("work").execute(Working, result="r")
    found = gap(work, flow(b >> c).transition("go").guard(AMOUNT < 10), data=kind)

    assert (True, {"amount": 10}) == (found.certain, found.counterexample.data)


def test_what_a_firing_counts_is_told_with_what_was_brought_before_it():
    """The counter goes up after the answer, which is as it was."""
    work = flow(a >> b).transition("work").execute(Working, result="x").counts("n")
    found = gap(work, flow(b >> c).transition("go").guard(X < 10))

    assert (True, {"results": {"x": 10}}) == (found.certain, found.counterexample.steps[0].data)


def test_what_one_branch_brought_is_asked_of_that_branch():
    """The other one has it as it was before the split, where it was something else."""
    small = flow(a >> (b, c)).transition("small").guard(AMOUNT < 10)
    found = gap(
        small,
        flow(a >> z).transition("large").guard(AMOUNT >= 10),
        flow(b >> d).transition("raised").manual().policy(validations=AMOUNT >= 20),
        flow(c >> e).transition("waits"),
        flow((d, e) >> f).transition("join"),
        flow(f >> g).transition("go").guard(AMOUNT < 20),
    )

    told = {step.transition: step.data for step in found.counterexample.steps}
    assert found.certain
    assert (True, True) == (found.counterexample.data["amount"] < 10, told["raised"]["amount"] >= 20)


def test_of_the_last_token_alone_it_is_asked_what_the_last_one_has():
    """Its answer is kept, and that of the other is lost."""
    found = gap(
        flow(a >> (b, c)).transition("split"),
        flow(b >> d).transition("left").execute(Working, result="x"),
        flow(c >> e).transition("right").execute(Working, result="x"),
        flow((d, e) >> f).transition("join").merge(LAST),
        flow(f >> g).transition("go").guard(X < 10),
    )

    told = {step.transition: step.data for step in found.counterexample.steps}
    assert (True, {"results": {"x": 10}}, None) == (found.certain, told["right"], told["left"])


def test_a_case_begins_without_results():
    """Where a rule on one is looked at before anything wrote it, that is not told of the start."""
    found = Workflow(
        "w",
        flow(a >> (b, c)).transition("split"),
        flow(b >> d).transition("low").execute(Working, result="x").policy(rules=X < 5).otherwise(b),
        flow(c >> d).transition("high").execute(Working, result="x").policy(rules=X >= 5).otherwise(c),
        flow(d >> e).transition("low-ends").guard(X < 5).manual(),
        flow(d >> e).transition("high-ends").guard(X >= 5).manual(),
    ).verify(mend=False)

    twice = next(each for each in found.findings if each.code == "runs-twice")
    assert (True, {}) == (twice.certain, twice.counterexample.data)


def test_a_demand_goes_back_to_the_change_that_it_is_about():
    """A long way is no matter, and what stands before the change is not asked."""
    first = Epoch()
    changed = here = Epoch(before=(first,), changed=("data.x",))
    for _ in range(5_000):
        here = Epoch(before=(here,), changed=("metadata.n",))
    here.ask(demand(field("x") > 1))

    assert (1, 0) == (len(changed.demands), len(first.demands))


def test_a_demand_on_what_several_branches_changed_is_asked_of_none():
    """It cannot be told which of them it was."""
    fork = Epoch()
    one, other = (Epoch(before=(fork,), changed=(path,)) for path in ("data.x", "data.y"))
    joined = Epoch.joined([one, other])
    for rule in (field("x") > field("y"), field("x") > 1, field("z") > 1):
        joined.ask(demand(rule))

    assert (3, 2, 1, 1) == tuple(len(each.demands) for each in (joined, one, other, fork))


@pytest.mark.parametrize("asked", [P >= 1, P < 1])
def test_a_way_that_cannot_be_gone_says_nothing_of_the_others(asked):
    """Where the nearest way to a join cannot be gone at all, what its rules leave over is told all the same."""
    found = Workflow(
        "w",
        flow(a >> z).transition("first").execute(Working, result="p"),
        flow(z >> (b, c)).transition("split"),
        flow(b >> d).transition("large").execute(Working, result="q").policy(rules=asked).otherwise(f),
        flow(f >> d).transition("aside"),
        flow(c >> e).transition("low").guard(P < 1),
        flow(c >> e).transition("high").guard(P >= 1),
        flow((d, e) >> g).transition("join").guard(AMOUNT == 2),
    ).verify(mend=False)

    assert ("gap", "join") in [(each.code, each.about) for each in found.findings]
