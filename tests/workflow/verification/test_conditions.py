"""Joins: what can go wrong at them is found, and what the definition cannot say is a condition of the proof."""

from __future__ import annotations

import attrs
import pytest

from circuit_breaker import BaseExecutor, Workflow, field, flow, states
from circuit_breaker.workflow.merging import LAST

a, b, c, d, e, f = states("a", "b", "c", "d", "e", "f")
SCORE = field("score")
FORK = flow(a >> (b, c)).transition("fork")
SAME_KEY = "no two branches set the same key differently before 'join'"
SAME_SPLIT = "the tokens that 'join' joins come from the same split"
YES = "the rules of 'join' say yes to what the branches bring together"
THERE = "what the rules of 'join' read is there, and of the right kind"


class Working(BaseExecutor):
    """An executor that is never run."""

    async def execute_internal(self, context):
        return {}


@attrs.frozen
class Order:
    """Typed data."""

    key: str
    score: int | None = None


def work(name, path):
    """A step of a branch of which the answer may be anything."""
    return flow(path).transition(name).action(lambda token: {})


def named(name, path):
    """A step of a branch of which the answer has a name of its own."""
    return flow(path).transition(name).execute(Working, result=name)


def join(path=(e, f) >> d):
    return flow(path).transition("join")


def proved(*flows, **options):
    found = Workflow("w", *flows, **options).verify()
    return found.verdict, found.conditions or found.codes


WORK = (work("left", b >> e), work("right", c >> f))
MOVE = (flow(b >> e).transition("left"), flow(c >> f).transition("right"))


def test_branches_that_both_write_may_not_agree():
    """Actions that may answer anything can set one key differently; with a function that merges them they may."""
    found = Workflow("w", FORK, *WORK, join()).verify()

    assert ("sound if", (SAME_KEY,), False, True) == (found.verdict, found.conditions, found.sound, found.faultless)
    assert f"w is sound if {SAME_KEY} (" in str(found)
    assert [SAME_KEY] == found.to_document()["conditions"]
    assert ("sound", ()) == proved(FORK, *WORK, join().merge(LAST))
    own = Workflow("w", FORK, *WORK, join().merge(lambda tokens: {})).verify()
    assert (True, True) == (own.sound, "functions given to .merge(...) do not fail" in own.assumptions)


def test_branches_that_write_apart_agree():
    """One branch that writes, or two that write under names of their own, are no conflict; one counter is."""
    counting = [each.counts("n") for each in MOVE]

    assert ("sound", ()) == proved(FORK, WORK[0], MOVE[1], join())
    assert ("sound", ()) == proved(FORK, named("left", b >> e), named("right", c >> f), join())
    assert ("sound if", (SAME_KEY,)) == proved(FORK, *counting, join())


def test_what_is_written_outside_of_the_branches_is_no_conflict():
    """In a circle round a split and a join, before and after them anything may be written."""
    again = flow(d >> a).transition("again").manual()
    end = flow(d >> e).transition("end").manual()

    assert ("sound", ()) == proved(FORK, join((b, c) >> d), again, end)
    assert ("sound", ()) == proved(FORK.manual(), join((b, c) >> d), work("more", d >> e))


def test_failures_that_branches_recovered_from_are_no_conflict():
    """What went wrong in each branch may differ."""
    recovered = [named("left", b >> e).on_failure(e), named("right", c >> f).on_failure(f)]

    assert ("sound", ()) == proved(FORK, *recovered, join())


def test_three_branches_of_two_splits():
    """What an inner split wrote on both its branches is no conflict between them, but may be one with the outer."""
    g, h = states("g", "h")
    inner = flow(b >> (e, f)).transition("inner").manual()
    three = flow((e, f, g) >> h).transition("join")

    assert ("sound", ()) == proved(FORK, inner, flow(c >> g).transition("right"), three)
    assert ("sound if", (SAME_KEY,)) == proved(FORK, inner, work("right", c >> g), three)


@pytest.mark.parametrize("sources", [(f, c), (c, f)], ids=["inner first", "outer first"])
def test_a_branch_of_an_inner_split_joins_one_of_the_outer_first(sources):
    """What was written before the inner split is a change against the outer one, which is then what is compared."""
    g, h, end = states("g", "h", "end")
    first = flow(b >> e).transition("before").execute(Working, result="x")
    inner = [flow(e >> (f, g)).transition("inner"), flow(sources >> d).transition("outer-joins")]
    late = flow(g >> h).transition("late").execute(Working, result="x")

    assert ("sound if", (SAME_KEY,)) == proved(FORK, first, *inner, late, join((d, h) >> end))


def test_the_key_that_joins_has_to_be_the_same():
    """Proved where the data have it and nothing writes to it; otherwise it is a condition."""
    keyed = join((b, c) >> d).correlate(field("key"))
    same = ("the tokens that 'join' joins have the same value in data.key",)

    assert ("sound", ()) == proved(FORK, keyed, data=Order)
    assert ("sound if", same) == proved(FORK, keyed)
    assert same[0] in proved(FORK, *WORK, join().correlate(field("key")), data=Order)[1]


def test_the_split_that_joins_has_to_be_the_same():
    """Proved where nothing was split or joined in between."""
    inner = [flow(b >> (e, f)).transition("inner"), join((c, e, f) >> d).together()]

    assert ("sound", ()) == proved(FORK, *MOVE, join().together())
    assert ("sound if", (SAME_SPLIT,)) == proved(FORK, *inner)


def test_an_answer_that_a_join_refuses_is_found():
    """The result of the action of a join can be refused like any other, and both tokens stay."""
    found = Workflow("w", FORK, work("join", (b, c) >> d).policy(rules=SCORE > 8)).verify()
    (refused,) = found.errors

    assert ("not sound", "refused", "join", True) == (found.verdict, refused.code, refused.about, refused.certain)
    assert ({"score": 8}, {"b": 1, "c": 1}) == (refused.counterexample.steps[-1].data, refused.counterexample.states)
    assert refused.mend.verified


def test_an_answer_refused_for_two_tokens_of_one_state():
    """Also where both tokens come from the same state; an answer that leads elsewhere is no fault."""
    pair = work("join", b * 2 >> d).policy(rules=SCORE > 8)
    split = flow(a >> b * 2).transition("split")

    assert ("not sound", ("refused",)) == proved(split, pair)
    assert ("sound", ()) == proved(split, pair.otherwise(e))


def test_data_that_differ_between_branches_are_a_condition_of_the_rules_of_a_join():
    """Where no branch alone can bring what the rules say no to, it is not known what they say to both together."""
    left = work("left", b >> e).policy(rules=field("x") >= 8).otherwise(b)
    right = work("right", c >> f).policy(rules=field("x") < 8).otherwise(c)
    asked = join().guard(field("x") != 3)

    assert ("sound if", (SAME_KEY, YES, THERE)) == proved(FORK, left, right, asked)


def test_what_branches_bring_together_is_tried():
    """What each branch answers is put together, and the way is gone; each step shows what it brings itself."""
    asked = field("results.left") == field("results.right")
    found = Workflow("w", FORK, named("left", b >> e), named("right", c >> f), join().guard(asked)).verify()
    (gap,) = found.errors

    assert ("gap", True) == (gap.code, gap.certain)
    assert [None, {"results": {"left": 0}}, {"results": {"right": -1}}] == [s.data for s in gap.counterexample.steps]


def test_a_field_that_is_none_at_a_join_is_found():
    """With typed data the rules of joins are asked of None too, and the way is gone."""
    flows = [FORK, join((b, c) >> d).guard(SCORE >= 0), flow((b, c) >> e).transition("other").guard(SCORE < 0)]
    found = Workflow("w", *flows, data=Order).verify()
    (silent,) = found.errors

    assert ("not sound", "gap-unknown", True) == (found.verdict, silent.code, silent.certain)
    assert "'data.score' is None" in silent.text
    assert ("sound if", (THERE.replace("'join'", "'join' and 'other'"),)) == proved(*flows)


@pytest.mark.parametrize("count", [2, 5])
def test_a_condition_names_some_joins_and_counts_the_others(count):
    """It stays readable, however many joins it is about."""
    flows, last = [], a
    for number in range(count):
        names = [f"{letter}{number}" for letter in "bcefd"]
        one, two, three, four, end = states(*names)
        fork = flow(last >> (one, two)).transition(f"fork{number}")
        flows += [fork, work(f"left{number}", one >> three), work(f"right{number}", two >> four)]
        flows += [flow((three, four) >> end).transition(f"join{number}")]
        last = end
    (condition,) = proved(*flows)[1]

    assert condition.endswith({2: "'join0' and 'join1'", 5: "'join0', 'join1', 'join2' and 2 other joins"}[count])
