"""Replay: a way is gone with the rules of the engine, or it is not confirmed."""

from __future__ import annotations

import attrs
import pytest

from circuit_breaker import Workflow, field, flow, states
from circuit_breaker.rules.analysis import Witness
from circuit_breaker.workflow.verification.model import Act
from circuit_breaker.workflow.verification.replay import Brought, Replay

a, b, c, d = states("a", "b", "c", "d")
SCORE = field("score")


@attrs.frozen
class Scored:
    """Typed data."""

    score: int


def step(workflow, name, way="fires", *, fresh=False, **data):
    transition = workflow.named(name)[0]
    act = Act(name, way, transition, automatic=transition.automatic, fresh=fresh)
    return Brought(act, Witness(data=data))


def gone(workflow, *steps, **data):
    """Whether a case can go that way, and where it is then."""
    replay = Replay(workflow)
    return replay.run(Witness(data=data), steps), replay


WORK = Workflow(
    "work",
    flow(a >> b).transition("work").action(lambda token: {}).policy(rules=SCORE >= 8).otherwise(c).on_failure(d),
)


@pytest.mark.parametrize(("way", "score", "state"), [("fires", 9, "b"), ("otherwise", 3, "c"), ("failed", 0, "d")])
def test_an_action_ends_as_the_way_says(way, score, state):
    """With a result that passes or is refused, or not at all."""
    done, replay = gone(WORK, step(WORK, "work", way, fresh=True, score=score))

    assert (True, {state: 1}) == (done, replay.states())


def test_an_end_that_the_result_does_not_lead_to_is_no_way():
    """A result that passes cannot be refused, and the other way round."""
    assert not gone(WORK, step(WORK, "work", "otherwise", fresh=True, score=9))[0]
    assert not gone(WORK, step(WORK, "work", fresh=True, score=3))[0]


def test_what_comes_first_in_the_engine_comes_first():
    """A way that leaves out what happens by itself before is none."""
    both = Workflow("both", flow(a >> b).transition("first"), flow(a >> c).transition("second"))

    assert not gone(both, step(both, "second"))[0]
    assert gone(both, step(both, "first"))[0]


def test_a_case_that_has_ended_goes_no_further():
    """Nothing happens after the end."""
    ended = Workflow("ended", flow(a >> b).transition("end").manual())

    assert not gone(ended, step(ended, "end"), step(ended, "end"))[0]


def test_an_act_without_a_transition_cannot_be_gone():
    """What is only assumed is nothing that happens."""
    assert not gone(WORK, Brought(Act("", "assumes"), Witness()))[0]


def test_a_signal_that_nobody_waits_for_brings_nothing():
    """The way ends where it does not fit; one with data that fit goes on."""
    paid = Workflow("paid", flow(a >> b).transition("pay").on_signal("payment").guard(SCORE > 3))

    assert gone(paid, step(paid, "pay", fresh=True, score=4))[0]
    assert not gone(paid, step(paid, "pay", fresh=True, score=1))[0]


def test_a_refusal_beforehand_is_a_way_where_it_leads_somewhere():
    """The guard says yes and the policy no."""
    ruled = Workflow("ruled", flow(a >> b).transition("go").policy(rules=SCORE >= 8).otherwise(c))

    assert gone(ruled, step(ruled, "go", "otherwise"), score=1)[0]
    assert not gone(ruled, step(ruled, "go"), score=1)[0]
    assert not gone(ruled, step(ruled, "go", "otherwise"), score=9)[0]


def test_data_of_another_kind_begin_no_case():
    """What the class of the data does not allow is no way."""
    typed = Workflow("typed", flow(a >> b).transition("go"), data=Scored)

    assert not gone(typed, step(typed, "go"), score="high")[0]
