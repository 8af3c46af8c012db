"""Endings: an answer cannot help where nothing that it changes is asked for."""

from __future__ import annotations

from circuit_breaker import BaseExecutor, Workflow, all_of, any_of, field, flow, states

a, b, c, d, e = states("a", "b", "c", "d", "e")
SCORE, ANSWER = field("score"), field("results.left")


class Working(BaseExecutor):
    """An executor that is never run."""

    async def execute_internal(self, context):
        return {}


def proved(*flows, **options):
    found = Workflow("w", *flows, **options).verify()
    return found.verdict, [(each.code, each.certain) for each in found.errors]


def test_a_refused_join_that_leads_back_goes_round_for_ever():
    """Nothing changes the data in between, so that it is refused again and again."""
    fork, join = flow(a >> (b, c)).transition("fork"), flow((b, c) >> d).transition("join")
    back = join.policy(rules=SCORE > 8).otherwise(a)
    edit = flow(e >> a).transition("edit").manual()

    assert ("not sound", [("endless", True)]) == proved(fork, back)
    assert ("sound", []) == proved(fork, join.policy(rules=SCORE > 8).otherwise(e), edit, initial="a")


def test_an_answer_cannot_help_a_policy_that_does_not_read_it():
    """A circle that a better answer leads out of is left one day; of others no answer leads out."""
    work = flow(a >> b).transition("work").execute(Working, result="left").otherwise(a)

    assert ("not sound", [("endless", True)]) == proved(work.policy(rules=SCORE > 8))
    assert ("not sound", [("endless", True)]) == proved(work.policy(rules=all_of(SCORE > 8, ANSWER > 8)))
    assert ("sound", []) == proved(work.policy(rules=any_of(SCORE > 8, ANSWER > 8)))
    assert ("sound", []) == proved(work.policy(rules=ANSWER > SCORE))


def test_a_policy_that_was_asked_before_the_action_is_not_refused_by_it():
    """What an action with a named result cannot change is as it was."""
    work = flow(a >> b).transition("work").execute(Working, result="left").policy(rules=SCORE > 8)
    other = flow(a >> c).transition("other").guard(SCORE <= 8)

    assert ("sound", []) == proved(work.guard(SCORE > 8), other)
    assert "not sound" == proved(work.guard(SCORE > 7), flow(a >> c).transition("other").guard(SCORE <= 7))[0]


def test_nobody_can_bring_what_only_the_engine_writes():
    """Whoever fires it brings data; what was counted stays as it is, and what was answered before too."""
    zero, counted = flow(a >> b).transition("zero").restarts("n"), field("metadata.n") > 8
    left = flow(a >> b).transition("left").execute(Working, result="left")
    go = flow(b >> d).transition("go").manual()

    assert "sound" != proved(zero, go.guard(all_of(counted, SCORE == 1)))[0]
    assert "sound" != proved(left, go.guard(all_of(ANSWER > 8, SCORE == 1)))[0]
    assert "sound" != proved(zero, go.execute(Working, result="left").policy(rules=counted))[0]
    assert ("sound", []) == proved(left, go.guard(any_of(ANSWER > 8, SCORE == 1)))
    assert ("sound", []) == proved(zero, go.guard(all_of(~counted, SCORE == 1)))
