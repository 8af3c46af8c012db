"""Barriers: joins of which the rules can say no for good, wherever a case can come to them."""

from __future__ import annotations

from circuit_breaker import BaseExecutor, Workflow, all_of, any_of, field, flow, states
from circuit_breaker.workflow.merging import LAST

a, b, c, d, e, f, x = states("a", "b", "c", "d", "e", "f", "x")
SCORE = field("score")
FORK = flow(a >> (b, c)).transition("fork")
JOIN = flow((b, c) >> d).transition("join")
YES = "the rules of 'join' say yes to what the branches bring together"


class Working(BaseExecutor):
    """An executor that is never run."""

    async def execute_internal(self, context):
        return {}


def verdict(*flows, **options):
    return Workflow("w", *flows, **options).verify().verdict


def errors(*flows, **options):
    return [(each.code, each.certain) for each in Workflow("w", *flows, **options).verify().errors]


def test_a_join_is_asked_on_every_way_to_it():
    """What one way says of the data says nothing of another way to the same states."""
    asked = JOIN.guard(SCORE > 8)
    short = flow(a >> (b, c)).transition("short").guard(SCORE > 8)
    longer = [flow(a >> e).transition("long").guard(SCORE <= 8), flow(e >> (b, c)).transition("late")]

    assert [("stuck", True)] == errors(short, *longer, asked)
    assert "sound" == verdict(short, asked, flow(a >> f).transition("other").guard(SCORE <= 8))
    assert "sound" == verdict(short, *longer, JOIN.guard(any_of(SCORE > 8, SCORE < 9)))


def test_the_guard_of_a_join_holds_it_up_whatever_its_policy_says():
    """Where a refused policy leads does not help where the guard is false."""
    guarded = JOIN.guard(SCORE > 8).policy(rules=SCORE < 20).otherwise(e)

    assert [("gap", True)] == errors(FORK, guarded)
    assert "sound" == verdict(FORK, JOIN.policy(rules=SCORE < 20).otherwise(e))


def test_a_circle_beside_a_join_does_not_help_it():
    """A branch that can go round for ever leaves the others where they are; data that it brings to them may help."""
    fork = flow(a >> (b, c, x)).transition("fork")
    round_it, end = flow(x >> x).transition("ping").manual(), flow((d, x) >> e).transition("end")
    edit = flow(b >> b).transition("edit").manual()

    assert "not decided" == verdict(fork, JOIN.guard(SCORE > 8), round_it, end)
    assert verdict(FORK, JOIN.guard(SCORE > 8), edit).startswith("sound")
    assert "not decided" == verdict(FORK, JOIN.guard(field("metadata.n") > 8), edit)


def test_joins_of_which_one_always_passes_hold_nothing_up():
    """Beside a circle too, rules that leave no data over are no barrier."""
    fork = flow(a >> (b, c, x)).transition("fork")
    both = [JOIN.guard(SCORE > 8), flow((b, c) >> f).transition("other").guard(SCORE <= 8)]
    ends = [flow((each, x) >> e).transition(f"end-{each}") for each in (d, f)]

    assert [] == errors(fork, *both, flow(x >> x).transition("ping").manual(), *ends)


def test_nobody_can_bring_a_join_what_only_the_engine_writes():
    """A person or a signal brings data, but neither metadata nor results."""
    counted = field("metadata.n") > 8
    left = flow(b >> e).transition("left").execute(Working, result="left")
    late = flow((e, c) >> d).transition("join").manual()

    assert "not decided" == verdict(FORK, left, late.guard(field("results.left") > 8))
    assert "not decided" == verdict(FORK, JOIN.on_signal("go").guard(all_of(counted, SCORE > 8)))
    assert "sound" == verdict(FORK, JOIN.manual().guard(SCORE > 8))
    assert "sound" == verdict(FORK, JOIN.manual().guard(any_of(counted, SCORE > 8)))


def test_what_branches_write_keeps_nothing_of_what_was_known():
    """Where tokens differ in what is read, what one branch was asked before is no answer."""
    edit = [flow(b >> e).transition("edit").action(lambda token: {}), flow((e, c) >> d).transition("join")]
    asked = edit[1].guard(SCORE > 8).merge(LAST)
    fork = FORK.guard(SCORE > 8)
    other = flow(a >> f).transition("other").guard(SCORE <= 8)

    assert "sound if" == verdict(fork, other, edit[0], asked)
