"""What is said beside the verdict: which way is shown, what runs twice, what no case comes to, and what was tried."""

from __future__ import annotations

import attrs
import pytest

from circuit_breaker import State, Workflow, field, flow, states
from circuit_breaker.net.structure import Arc, Net, NetTransition
from circuit_breaker.workflow.verification import checking, verify_net
from circuit_breaker.workflow.verification.counterexample import Telling

a, b, c, d, e, end = states("a", "b", "c", "d", "e", "end")
SMALL = field("x") < 3


def twice_paid(*flows, initial="a"):
    """Two branches from ``a`` that come to ``pay`` without a join, and what else there is."""
    pay = State("pay")
    return Workflow(
        "twice",
        *flows,
        flow(a >> (b & c)).transition("split"),
        flow(b >> pay).transition("one"),
        flow(c >> pay).transition("other"),
        flow(pay >> State("paid")).transition("pays"),
        initial=initial,
    )


def doubled(workflow):
    """The states of which it is said that two tokens can be there."""
    return [each.about for each in workflow.verify(mend=False).findings if each.code == "runs-twice"]


def test_the_way_that_is_shown_is_one_that_data_can_go(monkeypatch):
    """Where no way to a failure is confirmed, one that could be real is told before one that no data go."""
    told = Telling.told

    def doubtful(self, labels, *expected):
        example, _ = told(self, labels, *expected)
        return attrs.evolve(example, confirmed=False), [step.transition for step in example.steps] != ["first"]

    monkeypatch.setattr(Telling, "told", doubtful)
    trap = Workflow(
        "trap",
        flow(a >> b).transition("first").manual(),
        flow(a >> c).transition("second").manual(),
        flow(c >> (b & end)).transition("third").manual(),
        flow(a >> end).transition("ends").manual(),
        final=[end],
    )  # fmt: skip
    found = next(each for each in trap.verify(mend=False).findings if each.code == "trap")
    assert (False, ("second", "third")) == (found.certain, found.counterexample.path)


@pytest.mark.parametrize("way", ["otherwise", "on_failure"])
def test_where_a_refusal_or_failure_leads_a_case_may_come_if_its_transition_may_fire(way):
    """Of a transition that is only there for what rules cannot judge the other ways out count, too."""
    last = flow(a >> d).transition("unjudged").action(lambda token: {}).policy(rules=field("y") > 1)
    last = last.otherwise(e) if way == "otherwise" else last.on_failure(e)
    workflow = Workflow(
        "spare",
        flow(a >> b).transition("low").guard(SMALL),
        flow(a >> c).transition("high").guard(~SMALL),
        last.guard(field("z") > 1),
        flow(e >> end).transition("e-ends"),
        flow(d >> end).transition("d-ends"),
    )  # fmt: skip
    assert [] == [each.about for each in workflow.verify(mend=False).findings if each.code == "never-entered"]


@pytest.mark.parametrize(
    "others",
    [
        (flow(State("zero") >> (e * 2)).transition("more"), flow((e * 2) >> a).transition("together")),
        (
            flow(State("zero") >> (d * 2)).transition("more"),
            flow(d >> e).transition("on"),
            flow((e * 2) >> a).transition("together"),
        ),
    ],
    ids=["at once", "after a step"],
)
def test_what_runs_twice_is_told_also_where_several_tokens_are_asked_for_elsewhere(others):
    """Where two tokens are asked for, and up to where they are joined, nothing is said; elsewhere it is."""
    assert ["pay"] == doubled(twice_paid(*others, initial="zero"))


def test_what_is_only_there_for_what_should_not_be_asks_for_nothing():
    """A transition that is spare takes several tokens of one state, so that one there is none too many; no more."""
    spare = flow((State("paid") * 2) >> State("paid")).transition("merges").metadata(spare=True)
    assert ["pay"] == doubled(twice_paid(spare))


def test_branches_that_end_in_a_join_of_several_tokens_of_one_state_are_meant_to():
    """What comes between a split and a join of two tokens of one state is taken twice because somebody wanted it."""
    workflow = Workflow(
        "meant",
        flow(a >> (b & c)).transition("split"),
        flow(b >> d).transition("one"),
        flow(c >> d).transition("other"),
        flow(d >> e).transition("checks"),
        flow((e * 2) >> end).transition("join"),
    )
    assert [] == doubled(workflow)


def test_of_four_tokens_two_are_left_of_each_two_that_are_joined():
    """Where more tokens are made than are joined at once those that are left are meant, too."""
    workflow = Workflow(
        "four",
        flow(a >> (b * 4)).transition("deals"),
        flow((b * 2) >> c).transition("pairs"),
        flow(c >> d).transition("on"),
        final=[d],
    )
    assert [] == doubled(workflow)


@pytest.mark.parametrize(("first_only", "told"), [(True, []), (False, ["pay"])])
def test_what_lets_only_the_first_on_is_meant_to_hold_the_others(first_only, told):
    """Two tokens run nothing twice where each of them waits for something else before it goes on."""
    pay, paid, checked = states("pay", "paid", "checked")
    pays = flow(pay >> paid).transition("pays")
    workflow = Workflow(
        "first",
        flow(a >> (b & c)).transition("split"),
        flow(b >> pay).transition("one"),
        flow(c >> pay).transition("other"),
        pays.unless(paid) if first_only else pays,
        flow((pay & paid) >> checked).transition("swallows").priority(1),
        final=[checked],
    )
    assert told == doubled(workflow)


def test_of_a_net_places_with_weighted_arcs_are_left_out():
    """In a net of which one arc has a weight other places are told of which tokens are there twice."""
    net = Net(
        tuple("izabpo"),
        (
            NetTransition("t", (Arc("i"),), (Arc("z", 2),)),
            NetTransition("u", (Arc("z", 2),), (Arc("a"), Arc("b"))),
            NetTransition("v", (Arc("a"),), (Arc("p"),)),
            NetTransition("w", (Arc("b"),), (Arc("p"),)),
            NetTransition("x", (Arc("p"),), (Arc("o"),)),
        ),
    )
    found = verify_net(net, {"i": 1})
    assert ["p"] == [each.about for each in found.findings if each.code == "runs-twice"]


def test_a_mend_is_not_said_to_help_where_not_everything_was_looked_at(monkeypatch):
    """That a finding is not met again proves nothing where the search ended before; even if another finding is."""
    workflow = Workflow(
        "two",
        flow(a >> b).transition("small").guard(SMALL),
        flow(a >> c).transition("large").guard(field("x") > 3),
        flow(b >> d).transition("yes").guard(field("y") < 3),
        flow(b >> e).transition("no").guard(field("y") > 3),
    )
    monkeypatch.setattr(checking, "_MENDING", 10)
    assert {False} == {each.mend.verified for each in workflow.verify().findings if each.code == "gap"}
    monkeypatch.undo()
    assert {True} == {each.mend.verified for each in workflow.verify().findings if each.code == "gap"}
