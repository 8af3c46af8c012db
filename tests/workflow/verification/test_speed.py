"""What a proof costs grows with the workflow, whatever its guards compare; and what is too much is said to be so."""

from __future__ import annotations

import cProfile
import pstats

import pytest

from circuit_breaker import State, Workflow, field, flow
from circuit_breaker.rules import all_of, cel, rule
from circuit_breaker.rules.analysis import Undecided
from circuit_breaker.workflow.verification import decisions, unfolding
from circuit_breaker.workflow.verification.abstraction import model_of
from circuit_breaker.workflow.verification.decisions import Answers, Decisions

OUT = State("out")


def row(guards, *, ends=True):
    """States in a row, each left by a rule or, where it fails, by its contrary: to the end, or on as well."""
    flows = []
    for number, guard in enumerate(guards):
        here, there = State(f"s{number}"), State(f"s{number + 1}")
        flows.append(flow(here >> there).transition(f"up{number}").guard(guard))
        flows.append(flow(here >> (OUT if ends else there)).transition(f"low{number}").guard(~guard))
    return Workflow("row", *flows)


def calls(workflow):
    """How many functions a proof calls, which is the same on every machine; and the proof."""
    profile = cProfile.Profile()
    found = profile.runcall(workflow.verify, mend=False)
    return pstats.Stats(profile).total_calls, found


SHAPES = {
    "thresholds": lambda number: field("score") >= number,
    "below a key": lambda number: field("review.score") >= number,
    "texts": lambda number: field("kind") != f"v{number}",
    "three fields": lambda number: cel(f"data.a >= {number} && data.b < {1000 - number} && data.c != 'x{number}'"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_many_rules_about_the_same_data_cost_little_more_than_a_few(shape):
    """A row of four times as many choices about the same fields takes at most ten times as much work."""
    calls(row([SHAPES[shape](number) for number in range(2)]))
    few, _ = calls(row([SHAPES[shape](number) for number in range(20)]))
    many, found = calls(row([SHAPES[shape](number) for number in range(80)]))

    assert found.sound
    assert 242 == found.markings
    assert many < 10 * few


def test_what_is_known_on_the_way_is_used_far_on():
    """After 60 choices it is still known what the first one has shown, so that the last one has one way out."""
    flows = row([field("score") >= number for number in range(60)]).flows
    last = flow(State("s60") >> State("never")).transition("odd").guard(field("score") < 30)

    found = Workflow("row", *flows, last, flow(State("s60") >> OUT).transition("even")).verify(mend=False)
    assert "never" not in found.bounds
    assert 1 == found.bounds["s60"]


def test_too_many_sorts_of_data_to_follow_are_not_decided():
    """Where choices about several fields cannot all be remembered each state is judged by itself, and that is said."""
    found = row([field("abc"[number % 3]) >= number * 37 % 101 for number in range(100)], ends=False).verify()

    assert "not decided" == found.verdict
    assert "too many sorts of data" in found.not_decided
    assert any("forgotten when a token moves" in text for text in found.assumptions)


def test_what_is_wrong_in_one_state_is_found_where_too_much_is_to_be_remembered(monkeypatch):
    """A gap is proved, with its data, also where what is known of data is forgotten on the way."""
    monkeypatch.setattr(unfolding, "MOST_WAYS", 60)
    guards = [field("abc"[number % 3]) >= number * 7 % 20 for number in range(20)]
    flows = [*row(guards, ends=False).flows, flow(State("s20") >> OUT).transition("done").guard(field("d") > 1)]

    found = Workflow("row", *flows).verify()
    assert "not sound" == found.verdict
    assert ["gap"] == [each.code for each in found.errors]
    assert found.errors[0].counterexample.confirmed


def test_a_limit_of_time_ends_the_look_at_data():
    """Where there is no time left to tell sorts of data apart they are not, and it is not decided."""
    model = model_of(row([field("score") >= 3]), enough=lambda _: True)

    assert not any(spot.facts for spot in model.spots.values())
    assert "too many sorts" in model.doubt


def test_rules_that_only_the_plain_way_decides_have_a_limit_of_work(monkeypatch):
    """Where rules that compare fields with each other take too long each state is judged by itself."""
    monkeypatch.setattr(decisions, "MOST_WORK", 50)
    monkeypatch.setattr(decisions, "MOST_WORK_EACH", 0)
    found = row([all_of(field("a") > field("b"), field("c") > number) for number in range(12)]).verify()

    assert "not decided" == found.verdict


def test_questions_of_both_ways_are_put_together():
    """What depends on the plain way and what does not are answered apart, and one token answers both."""
    known = Decisions(Answers())
    crossing, quick = field("a") > field("b"), field("c") >= 5

    found = known.solved([(crossing, 1), (quick, 1)])
    assert crossing(found)
    assert quick(found)
    assert known.solved([(crossing, 1), (~crossing, 1), (quick, 1)]) is None
    assert known.solved([(crossing, 1), (quick, 1), (~quick, 1)]) is None


def test_what_can_only_be_asked_is_not_decided():
    """A function may say anything, whatever else is wanted; what else is impossible stays so."""
    known = Decisions(Answers())
    asked = rule("asked")(lambda token: token.data["x"] == 1)

    assert isinstance(known.solved([(asked, 1), (field("c") >= 5, 1)]), Undecided)
    assert known.solved([(asked, 1), (field("c") >= 5, 1), (field("c") < 5, 1)]) is None


def test_few_mends_of_a_large_workflow_are_tried():
    """Proposals are told for the first findings, but only as many are tried as there is time for."""
    found = row([field("score") > number for number in range(2)]).verify()
    gaps = Workflow(
        "gaps",
        *(flow(State(f"s{n}") >> State(f"s{n + 1}")).transition(f"t{n}").guard(field(f"f{n}") > 1) for n in range(80)),
    ).verify()

    assert found.sound
    tried = [each.mend.verified for each in gaps.errors if each.mend is not None]
    assert 12 == len(tried)
    assert 0 < sum(tried) < 12
