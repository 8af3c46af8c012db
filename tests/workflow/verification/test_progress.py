"""Actions take time: what changes while one is in progress is proved as well."""

from itertools import pairwise

import attrs
import jsonschema_rs
import pytest

from circuit_breaker import BaseExecutor, State, Workflow, field, flow, states
from circuit_breaker.workflow.merging import LAST
from circuit_breaker.workflow.patterns import cancelling_discriminator
from circuit_breaker.workflow.verification import at_most, verification_schema
from tests.workflow.explain.test_schema import strict

z, a, b, c, d, e, r, ok, bad, end = states("z", "a", "b", "c", "d", "e", "r", "ok", "bad", "end")


class Slow(BaseExecutor):
    """An executor that is never run."""

    async def execute_internal(self, context):
        return {}


def acting(path, name):
    return flow(path).transition(name).execute(Slow, result="x")


def stuck(found) -> set[str]:
    """The states in which a case is shown to get stuck."""
    return {" + ".join(sorted(each.counterexample.states)) for each in found.errors if each.certain}


def during(*flows) -> Workflow:
    """A token in 'a' of which the action reads or asks something, and one in 'r' that somebody can move to 'c'."""
    split, move = flow(z >> (a, r)).transition("s"), flow(r >> c).transition("t2").manual()
    return Workflow("during", split, move, *flows, flow((b, c) >> end).transition("j"), initial="z")


def test_what_an_action_read_may_be_gone_before_its_end():
    """It began while it was there; then it withdraws what came later."""
    after = flow((a, c) >> end).transition("k").priority(5)
    found = during(acting(a >> b, "t1").reads(r).clears(c), after).verify(mend=False)

    assert ("not sound", {"b"}) == (found.verdict, stuck(found))
    shown = next(each for each in found.errors if each.certain).counterexample
    assert ["fires", "begins", "fires", "fires"] == [step.way for step in shown.steps]
    assert shown.path == ("s", "t2", "t1")
    assert "t1 begins" in str(shown)
    jsonschema_rs.validator_for(strict(verification_schema())).validate(found.to_document())


@pytest.mark.parametrize("needs", ["reads", "unless"])
def test_what_an_action_needed_to_begin_it_need_not_have_at_its_end(needs):
    """Neither what it read, nor that a state was empty."""
    action = acting(a >> b, "t1")
    action = action.reads(r) if needs == "reads" else action.unless(c)
    moved = flow(c >> d).transition("t3").unless(b).priority(5)
    moved = moved if needs == "reads" else moved.reads(a)
    found = during(action, moved, flow((a, d) >> end).transition("k").priority(6)).verify(mend=False)

    assert ("not sound", {"b + d"}) == (found.verdict, stuck(found))


def between(*, spare: bool) -> Workflow:
    """An action that can end while another one is followed by steps that take no time."""
    steps = states(*(f"d{number}" for number in range(4)))
    return Workflow(
        "between",
        flow(z >> (a, b)).transition("s"),
        *(flow(one >> other).transition(f"{one}-on") for one, other in pairwise(steps)),
        flow(steps[-1] >> e).transition("u"),
        flow(c >> ok).transition("w").unless(*steps),
        flow((ok, e) >> end).transition("j"),
        acting(b >> steps[0], "t2"),
        acting(a >> c, "t1"),
        flow((c, steps[-1]) >> bad).transition("v").priority(5).metadata(spare=spare),
        flow((bad, z) >> end).transition("leave").metadata(spare=True),
        initial="z",
    )


@pytest.mark.parametrize("spare", [False, True])
def test_an_action_can_end_between_two_steps(spare):
    """What takes no time comes before what begins later, and not before the end of what has begun."""
    found = between(spare=spare).verify(mend=False)

    assert ("not sound", {"bad"}) == (found.verdict, stuck(found))
    assert "dead-transition" not in found.codes


def test_an_action_can_fail_between_the_steps_of_a_pattern():
    """A cancelling discriminator withdraws what is late; what comes in between it does not know of."""
    b1, e1, b2, e2 = states("b1", "e1", "b2", "e2")
    workflow = Workflow(
        "cancelling",
        flow(a >> (b1, b2)).transition("splits"),
        acting(b1 >> e1, "t1"),
        acting(b2 >> e2, "t2").on_failure(bad),
        flow(bad >> e2).transition("t3"),
        *cancelling_discriminator((e1, e2), b1, b2, into=end),
        initial="a",
    )

    assert "violated" in workflow.verify(at_most(1, end), mend=False).codes


def test_a_case_has_not_ended_while_an_action_is_in_progress():
    """Not even where its token is in a final state."""
    workflow = Workflow(
        "final",
        flow(z >> (b, c)).transition("s"),
        acting(c >> d, "t1"),
        flow(b >> ok).transition("m").manual().unless(d),
        flow((b, d) >> end).transition("j"),
        initial="z",
        final=(ok, c, end),
    )
    found = workflow.verify(mend=False)

    assert ("not sound", {"d + ok"}) == (found.verdict, stuck(found))


def test_what_begins_first_holds_the_tokens():
    """Of two joins that compete only the first ever begins, also where it is an action."""
    workflow = Workflow(
        "first",
        flow(a >> (b, c)).transition("s"),
        acting((b, c) >> d, "first"),
        flow((c, b) >> e).transition("second"),
        final=(d, e),
    )

    assert [("dead-transition", "second")] == [(each.code, each.about) for each in workflow.verify(mend=False).errors]


def test_what_cannot_begin_does_not_end():
    """A step without an action that comes first takes the token that an action waits for."""
    workflow = Workflow(
        "late",
        flow(a >> (b, c)).transition("s"),
        flow((b, c) >> d).transition("j"),
        acting(b >> e, "late"),
        final=(d, e, c),
    )

    assert [("dead-transition", "late")] == [(each.code, each.about) for each in workflow.verify(mend=False).errors]


def test_what_was_promised_to_an_action_is_kept_for_it():
    """Of two actions that lead into a state only while it is empty, one begins, and the other waits."""
    workflow = Workflow(
        "claims",
        flow(z >> (a, b)).transition("s"),
        acting(a >> c, "t1").unless(c),
        acting(b >> c, "t2").unless(c),
        flow(c >> end).transition("on").manual(),
        initial="z",
    )
    found = workflow.verify(at_most(1, c), mend=False)

    assert ("sound", 1) == (found.verdict, found.bounds["c"])


def test_what_an_action_holds_is_still_in_its_state():
    """It is counted there, read there and forbids there; and goes back where the other token was withdrawn."""
    workflow = Workflow(
        "held",
        flow(z >> (a, b, c)).transition("s"),
        acting((a, b) >> end, "t1").reads(c),
        flow(c >> d).transition("m").manual().reads(a).clears(a),
        flow((b, d) >> end).transition("back").unless(a),
        flow(c >> end).transition("other").manual().unless(a, b),
        initial="z",
    )
    found = workflow.verify(mend=False)

    assert "sound" == found.verdict
    assert {"a": 1, "b": 1, "c": 1} == {state: found.bounds[state] for state in "abc"}


def test_a_manual_action_that_reads_begins_with_the_data_that_come_with_it():
    """The counterexample brings them when it begins."""
    action = flow(a >> b).transition("t1").manual().execute(Slow, result="x").reads(r)
    found = during(action, flow((a, c) >> end).transition("k").manual(), flow(c >> d).transition("x").unless(a))

    assert {"b + d"} == stuck(found.verify(mend=False))


def test_a_join_that_may_conflict_leaves_the_tokens_to_the_next():
    """Two branches can set one key differently: then what comes later in order fires."""
    workflow = Workflow(
        "force",
        flow(a >> (b, c)).transition("s"),
        flow(b >> d).transition("l").action(lambda token: {}),
        flow(c >> e).transition("r").action(lambda token: {}),
        flow((d, e) >> end).transition("j"),
        flow((d, e) >> end).transition("force").merge(LAST).priority(-1),
    )

    assert () == workflow.verify(mend=False).errors


def test_a_join_without_a_conflict_comes_first():
    """Where no branch writes, what comes later in order never fires."""
    workflow = Workflow(
        "plain",
        flow(a >> (b, c)).transition("s"),
        flow((b, c) >> end).transition("j"),
        flow((b, c) >> State("other")).transition("force").merge(LAST).priority(-1),
    )

    assert [("dead-transition", "force")] == [(each.code, each.about) for each in workflow.verify(mend=False).errors]


def test_what_is_awaited_is_waited_for_though_it_never_comes():
    """As in the engine, which does not know that what comes first leaves nothing for what would bring it."""
    workflow = Workflow(
        "awaited",
        flow(a >> c).transition("t0"),
        flow(a >> d).transition("shadowed").priority(-1).unless(c),
        attrs.evolve(flow(c >> b).transition("waits"), awaited=(d,)),
        flow(d >> a).transition("back"),
        acting(c >> a, "t5"),
        initial="a",
    )

    assert "waits" in {each.about for each in workflow.verify(mend=False).errors}


@pytest.mark.parametrize("helped", [True, False])
def test_a_refused_result_gives_the_token_back(helped):
    """Whoever began it may begin it again, if it still can begin."""
    ways = flow((a, c) >> end).transition("k").manual(), flow((a, d) >> end).transition("k2").manual()
    action = acting(a >> b, "t1").manual().reads(r).policy(rules=field("results.x") > 8)
    moved = flow(c >> d).transition("t3").reads(a).unless(b), flow((b, d) >> end).transition("j2")
    found = during(action, *moved, *(ways if helped else ways[:1])).verify(mend=False)

    assert helped == found.faultless
    assert helped or {"a + d"} == stuck(found)


@attrs.frozen
class Span:
    """Data of which two fields must fit together."""

    low: int = 0
    high: int = 10

    def __attrs_post_init__(self):
        if self.low > self.high:
            raise ValueError("low is more than high")


@pytest.mark.parametrize("merged", [False, True])
def test_branches_of_which_the_data_do_not_fit_together_are_left_to_the_next(merged):
    """Each may be valid alone: then the join does not take them, and what comes later in order does."""
    join = flow((d, e) >> end).transition("j")
    workflow = Workflow(
        "span",
        flow(a >> (b, c)).transition("s"),
        flow(b >> d).transition("l").action(lambda token: {}),
        flow(c >> e).transition("r").action(lambda token: {}),
        join.merge(LAST) if merged else join,
        flow(d >> ok).transition("aside").priority(-1),
        final=[end, ok, e],
        data=Span,
    )

    assert "aside" not in {each.about for each in workflow.verify(mend=False).errors}


def test_the_rules_of_a_join_do_not_hold_up_what_has_begun():
    """They are asked when its action begins."""
    workflow = Workflow(
        "judged",
        flow(z >> (a, b, r)).transition("s"),
        acting((a, b) >> c, "t1").reads(r).guard(field("score") > 3),
        flow(r >> d).transition("t2").manual().unless(a).priority(-1),
        flow((c, r) >> end).transition("on"),
        initial="z",
    )
    found = workflow.verify(mend=False)

    assert "not decided" != found.verdict
    assert "t1" in {each.about for each in found.errors}


def test_what_is_known_of_the_tokens_is_kept_while_an_action_holds_them():
    """Those of a join may be of several sorts each."""
    workflow = Workflow(
        "sorts",
        flow(z >> (a, b, r)).transition("s"),
        acting((a, b) >> c, "t1").reads(r).merge(LAST),
        flow(b >> d).transition("aside").manual().guard(field("score") > 5),
        flow((a, d, r) >> end).transition("on").merge(LAST),
        flow((c, r) >> end).transition("j").merge(LAST),
        initial="z",
    )
    found = workflow.verify(mend=False)

    assert "sound" == found.verdict
