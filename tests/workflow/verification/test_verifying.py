"""What is proved of workflows: data, order, actions, people, time, nets, limits and properties."""

from __future__ import annotations

from typing import Literal

import attrs
import pytest

from circuit_breaker import State, Workflow, cel, field, flow, rule, states
from circuit_breaker.cli.definitions import module_of
from circuit_breaker.errors import DefinitionError
from circuit_breaker.net.structure import Arc, Net, NetTransition
from circuit_breaker.workflow.patterns.catalogue import PATTERNS
from circuit_breaker.workflow.verification import (
    always_followed_by,
    at_most,
    mutually_exclusive,
    never,
    property_from,
    unfolding,
    verify_net,
)

a, b, c, d, e = states("a", "b", "c", "d", "e")
SCORE = field("score")


def codes(workflow, *properties, **options):
    return workflow.verify(*properties, **options).codes


def reviewed(*guards):
    """Two ways out of a state, with these guards."""
    return Workflow(
        "reviewed",
        flow(a >> b).transition("approve").guard(guards[0]),
        flow(a >> c).transition("reject").guard(guards[1]),
    )


MERGING = {3, 7, 13, 25, 30, 31, 32, 33, 37, 38, 41}
"""The patterns in which people bring data to branches that are then joined."""


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda p: p.code)
def test_the_patterns_are_sound(pattern):
    """Every pattern of the catalogue is proved sound; recursion, which has no bound, is told to have none."""
    found = pattern.workflow().verify(limit=20_000, mend=False)
    verdicts = {22: "not sound"} | dict.fromkeys(MERGING, "sound if")

    assert verdicts.get(pattern.number, "sound") == found.verdict
    assert all(finding.code == "unbounded" for finding in found.errors)
    assert all("no two branches set the same key differently" in condition for condition in found.conditions)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("article", "article"), ("data_pipeline", "data_pipeline"), ("document_review", "document_review"),
        ("order_processing", "order_processing"), ("parallel_review", "parallel_review"), ("support", "support"),
        ("custom_executor", "shouting"), ("order_lines", "order_lines"), ("trading_decision", "trading"),
        ("editorial_desk", "desk"), ("functions_order_chain", "order"),
    ],
)  # fmt: skip
def test_the_examples_are_sound(file, name):
    """The shipped examples are proved sound."""
    expected = "sound if" if file == "article" else "sound"  # two branches of it bring data

    assert expected == getattr(module_of(f"examples/{file}.py"), name).verify().verdict


def test_guards_that_meet_leave_no_gap():
    """``>= 8`` and ``< 8`` are complete for numbers; where there is none, that is a finding of its own."""
    assert ("gap-unknown",) == codes(reviewed(SCORE >= 8, SCORE < 8))
    assert "gap" in codes(reviewed(SCORE > 8, SCORE < 8))


def test_typed_data_are_an_assumption():
    """With a class of data a missing field is no gap; an optional one is, for certain."""

    @attrs.frozen
    class Scored:
        score: int
        kind: Literal["book", "film"] = "book"

    @attrs.frozen
    class Perhaps:
        score: int | None = None

    flows = reviewed(SCORE >= 8, SCORE < 8).flows
    kinds = reviewed(field("kind") == "book", field("kind") == "film").flows

    assert () == codes(Workflow("typed", *flows, data=Scored))
    assert () == codes(Workflow("kinds", *kinds, data=Scored))
    optional = Workflow("optional", *flows, data=Perhaps).verify()
    assert ("not sound", "gap-unknown") == (optional.verdict, optional.findings[0].code)


def test_a_way_with_typed_data_has_all_of_them():
    """What the class of the data asks for is filled in, so that the way can be gone."""

    @attrs.frozen
    class Film:
        title: str
        score: int
        kind: Literal["short", "long"]
        tags: list[str]

    gap = Workflow("typed", *reviewed(SCORE > 8, SCORE < 8).flows, data=Film).verify().errors[0]

    assert ("gap", True, {"score": 8}) == (gap.code, gap.certain, gap.counterexample.data)


def test_an_action_that_is_refused_or_fails_leads_elsewhere():
    """Each end of an action is a way of its own, with the result that leads there."""
    ends = Workflow(
        "ends",
        flow(a >> b).transition("work").action(lambda token: {}).policy(rules=SCORE >= 8).otherwise(c).on_failure(d),
        flow(a >> e).transition("hand").on_signal("go").action(lambda token: {}).policy(rules=SCORE >= 3),
    )
    refused, failed, hand = (ends.verify(never(state)).errors[0].counterexample for state in (c, d, e))

    assert ("otherwise", {"score": 7}) == (refused.steps[0].way, refused.steps[0].data)
    assert ("failed", None) == (failed.steps[0].way, failed.steps[0].data)
    assert hand.steps[0].data == {"score": 3}
    assert all(example.confirmed for example in (refused, failed, hand))


def test_validations_are_an_assumption():
    """Data that fail a validation are refused at once; whatever passes must get on."""
    checked = Workflow("checked", flow(a >> b).transition("go").policy(validations=field("title").exists()))

    assert checked.verify().sound
    repaired = Workflow("repaired", *checked.flows, flow(a >> c).transition("add").guard(~field("title").exists()))
    assert () == codes(repaired)


def test_what_was_decided_stays_decided():
    """A choice on unchanged data is not made otherwise later, so that no way is told which no data go."""
    same = Workflow(
        "same",
        flow(a >> b).transition("high").guard(SCORE >= 8),
        flow(a >> c).transition("low").guard(SCORE < 8),
        flow(b >> d).transition("still_high").guard(SCORE > 7),
        flow(c >> d).transition("still_low").guard(SCORE <= 8),
    )

    assert ("gap-unknown",) == codes(same)
    other = Workflow("other", *same.flows[:2], same.flows[2].action(lambda token: {}), same.flows[3])
    assert ("gap-unknown",) == codes(other)


def test_branches_see_the_same_data():
    """Two branches that begin with the same data choose alike."""
    split = Workflow(
        "split",
        flow(a >> (b, c)).transition("split"),
        flow(b >> State("left")).transition("left").guard(SCORE >= 8),
        flow(b >> State("out")).transition("left_out").guard(SCORE < 8),
        flow(c >> State("right")).transition("right").guard(SCORE >= 8),
        flow(c >> State("off")).transition("right_out").guard(SCORE < 8),
        flow((State("left"), State("right")) >> d).transition("join"),
        flow((State("out"), State("off")) >> e).transition("join_outs"),
    )

    assert "sound" == split.verify().verdict


def test_a_function_can_only_be_asked():
    """Where only a function knows, it is not decided; with a way for the rest it is."""

    @rule("lucky")
    def lucky(token):
        return token.data["number"] == 7

    alone = Workflow("alone", flow(a >> b).transition("go").guard(lucky))
    both = Workflow("both", *alone.flows, flow(a >> c).transition("rest").priority(-1))

    assert "not decided" == alone.verify().verdict
    assert "a case gets stuck in 'a' where 'lucky' cannot judge its data" in [f.text for f in alone.verify().warnings]
    assert "perhaps" in alone.verify().not_decided
    assert () == codes(both)


def test_a_result_decides_what_follows():
    """What the rules of a policy say of a result is known afterwards."""
    answered = Workflow(
        "answered",
        flow(a >> b).transition("ask").action(lambda token: {}).policy(rules=SCORE >= 8).otherwise(c),
        flow(b >> d).transition("use").guard(SCORE > 7),
    )

    assert "sound" == answered.verify().verdict


def test_a_failure_is_a_way():
    """Where an action can fail into a state, what follows there counts."""
    failing = Workflow(
        "failing",
        flow(a >> b).transition("work").action(lambda token: {}).on_failure(c),
        flow((c, d) >> e).transition("repair"),
        flow(b >> d).transition("rest").manual(),
    )
    (finding,) = failing.verify().errors

    assert ("starved-join", ("work/failed",)) == (finding.code, finding.counterexample.path)


def test_signals_and_times_may_come():
    """What waits for a signal or a time can happen, with the data that it takes."""
    waiting = Workflow(
        "waiting",
        flow(a >> b).transition("pay").on_signal("payment").guard(SCORE > 3),
        flow(a >> c).transition("expire").after("7d"),
        flow(c >> d).transition("remind").guard(SCORE > 8),
    )
    gap = next(finding for finding in waiting.verify().findings if finding.code == "gap")

    assert gap.certain
    assert ["after 7d"] == [step.by for step in gap.counterexample.steps]
    told = next(f for f in waiting.verify(never(b)).findings if f.code == "violated").counterexample
    assert ("signal 'payment'", {"score": 4}) == (told.steps[0].by, told.steps[0].data)


def test_counters_are_followed():
    """A circle that counts its rounds ends where the rule on the count says so."""
    rounds = field("metadata.rounds")
    loop = Workflow(
        "loop",
        flow(a >> b).transition("begin").restarts("rounds"),
        flow(b >> c).transition("try").counts("rounds"),
        flow(c >> b).transition("again").guard(rounds < 3),
        flow(c >> d).transition("stop").guard(rounds >= 3),
    )

    assert "sound" == loop.verify().verdict
    tries = loop.verify(never(d)).findings[0].counterexample
    assert 3 == [step.transition for step in tries.steps].count("try")


def test_order_decides_as_in_the_engine():
    """Of what happens by itself the first comes first, so that what would have blocked it comes too late."""
    order = [flow(a >> (b, c)).transition("split"), flow(b >> d).transition("first"), flow(c >> e).transition("next")]
    blocked = Workflow("blocked", order[0], order[1], order[2].unless(d))
    free = Workflow("free", order[0], order[2].unless(d), order[1])

    assert "left-behind" in codes(blocked)
    assert () == codes(free)


def test_what_may_not_fire_comes_before_nothing():
    """A join whose rule may say no does not keep what follows in the order from ever firing."""
    joins = flow((b, c) >> d).transition("join").guard(SCORE >= 8)
    rest = [flow(b >> d).transition("left").priority(-1), flow(c >> d).transition("right").priority(-1)]
    either = Workflow("either", flow(a >> (b, c)).transition("split"), joins, *rest)

    assert "shadowed" not in codes(either)
    assert "dead-transition" not in codes(either)


def test_more_tokens_than_one():
    """Weights, arcs that read and arcs that withdraw are as they are in the engine."""
    pairs = Workflow("pairs", flow(a >> b * 3).transition("split"), flow(b * 2 >> c).transition("pair"))
    cleared = Workflow("cleared", *pairs.flows[:1], flow(b * 2 >> c).transition("pair").clears(b))

    assert "starved-join" in codes(pairs)
    assert () == codes(cleared)


def test_a_net_is_proved_too():
    """A net of PNML has no data; its tokens have arrived where nothing leads on."""
    go = NetTransition("go", (Arc("p"),), (Arc("q"), Arc("r")))
    join = NetTransition("join", (Arc("q"), Arc("r"), Arc("s")), (Arc("t"),))
    found = verify_net(Net(("p", "q", "r", "s", "t"), (go, join)), {"p": 1}, name="n")

    assert ("n", "not sound", ("stuck", "dead-transition")) == (found.workflow, found.verdict, found.codes)
    assert "sound" == verify_net(Net(("p", "q", "r"), (go,)), {"p": 1}).verdict


def test_what_has_no_bound_is_told_apart():
    """Tokens that pile up are found whatever the limit; where only the order bounds them, they do not."""
    growing = Workflow("growing", flow(a >> (a, b)).transition("add").manual(), flow(a >> c).transition("end").manual())
    bounded = Workflow("bounded", flow(a >> c).transition("end"), flow(a >> (a, b)).transition("add"))
    found = growing.verify()

    assert (None, "unbounded", 1) == (found.bounds["b"], found.codes[0], found.findings[0].counterexample.repeats)
    assert not found.safe
    assert "unbounded" not in codes(bounded)


def test_a_limit_is_no_answer():
    """Within a limit, or when there is no more time, it is not decided, and said so."""
    flows = [flow(State(f"s{n}") >> State(f"s{n + 1}")).transition(f"t{n}").manual() for n in range(50)]
    long = Workflow("long", *flows, initial="s0")

    assert "not decided within 10 markings" == long.verify(limit=10).not_decided
    assert "not decided" == long.verify(enough=lambda found: found > 5).verdict
    assert long.verify().sound
    assert long.verify().safe


def test_properties():
    """Each property holds, or is told with a shortest way."""
    work = Workflow(
        "work",
        flow(a >> (b, c)).transition("split").manual(),
        flow((b, c) >> d).transition("join").manual(),
        flow(b >> b).transition("again").manual(),
    )

    assert () == codes(work, never(a, d), always_followed_by(a, "join"), at_most(1, b), mutually_exclusive(a, d))
    found = work.verify(never("again"), never(b, c), mutually_exclusive(b, c), at_most(0, d), always_followed_by(b, a))
    paths = [finding.counterexample.path for finding in found.findings]
    split = ("split",)
    assert [("split", "again"), split, split, ("split", "join"), ("split", "join")] == paths


@pytest.mark.parametrize("names", [("never", "pay"), ("pay", "never")])
def test_of_several_transitions_none_may_fire(names):
    """In whatever order they are named."""
    work = Workflow(
        "work",
        flow(a >> b).transition("pay").manual(),
        flow(a >> c).transition("never").guard((field("x") > 2) & (field("x") < 1)).manual(),
    )

    assert "violated" in codes(work, never(*names))


@pytest.mark.parametrize(
    "text", ["never(a, d)", "always_followed_by(a, d)", "mutually_exclusive(a, d)", "at_most(2, a)"]
)
def test_a_property_reads_as_it_is_written(text):
    """The words of a property are read back."""
    assert text == str(property_from(text))


@pytest.mark.parametrize(
    "text", ["never", "never()", "at_most(a, 1)", "sometimes(a)", "always_followed_by(a)", "never(a"]
)
def test_what_says_no_property_is_refused(text):
    """With how to write one."""
    with pytest.raises(DefinitionError, match="says no property"):
        property_from(text)


def test_properties_speak_of_what_there_is():
    """Every name that there is not is told, with what may have been meant."""
    work = Workflow("work", flow(a >> b).transition("go"))

    with pytest.raises(DefinitionError, match=r"(?s)'goo'.*'x'"):
        work.verify(never("goo"), at_most(1, "x"))
    with pytest.raises(DefinitionError, match="names nothing"):
        work.verify(never())


def test_too_many_sorts_of_data_are_not_told_apart(monkeypatch):
    """Where data would be too many, rules may say anything, and that is said."""
    monkeypatch.setattr(unfolding, "MOST_WAYS", 0)
    found = reviewed(cel("data.score >= 8"), SCORE < 8).verify()

    assert any("may say anything" in text for text in found.assumptions)


def joined(*joins):
    return Workflow("joined", flow(a >> (b, c)).transition("split"), *joins)


@pytest.mark.parametrize("low", [SCORE < 8, SCORE <= 8])
def test_joins_that_compete_may_leave_data_over(low):
    """Data that no join lets pass get stuck before them; together with a proposal that was tried."""
    found = joined(
        flow((b, c) >> d).transition("high").guard(SCORE > 8), flow((b, c) >> e).transition("low").guard(low)
    ).verify()

    assert (("gap",) if low.text == "data.score < 8" else ()) == found.codes
    assert all(f.counterexample.data == {"score": 8} and f.certain and f.mend.verified for f in found.findings)


@pytest.mark.parametrize("waits", [lambda join: join, lambda join: join.after(5)])
def test_a_join_that_refuses_gets_stuck(waits):
    """Alone, with a time or without one; a person beside it could help."""
    join = waits(flow((b, c) >> d).transition("high").guard(SCORE > 8))

    assert ("gap",) == joined(join).verify().codes
    assert joined(join, flow((b, c) >> e).transition("low").manual()).verify().sound


def test_a_join_is_asked_what_was_known_before():
    """A split that let only some data pass leaves no others for the join."""
    before = flow(a >> (b, c)).transition("split").guard(SCORE > 8)
    found = Workflow(
        "known", before, flow(a >> e).transition("no").guard(SCORE <= 8),
        flow((b, c) >> d).transition("join").guard(SCORE > 8),
    ).verify()  # fmt: skip

    assert found.sound


def test_what_is_taken_for_granted_is_said():
    """Validations, actions that fail and circles are among what is assumed of every workflow."""
    check = flow(a >> b).transition("check").policy(validations=field("x").exists())
    work = flow(b >> c).transition("work").action(lambda token: {}).policy(rules=SCORE > 8).otherwise(a)
    assumed = " ".join(Workflow("assumed", check, work).verify().assumptions)

    for words in ("validation", "on_failure", "a better answer"):
        assert words in assumed
