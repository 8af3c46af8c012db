"""What a refusal or a failure leaves behind: when states were entered, and nothing that a firing counts or deals."""

import pytest

from circuit_breaker import BaseExecutor, State, Workflow, field, flow, states
from circuit_breaker.workflow.verification.writes import written

z, a, b, c, d, e = states("z", "a", "b", "c", "d", "e")
N, R = field("metadata.n"), field("results.r")


class Trying(BaseExecutor):
    """An executor that is never run."""

    async def execute_internal(self, context):
        return {}


def trying(*, kind: str):
    """An action that counts where it succeeds; otherwise it leads to 'c'."""
    made = flow(a >> b).transition("x").execute(Trying, result="r").counts("n")
    return made.policy(rules=R > 3).otherwise(c) if kind == "otherwise" else made.on_failure(c)


@pytest.mark.parametrize("kind", ["otherwise", "on_failure"])
def test_what_fails_is_not_counted(kind):
    """So 'give up after three' never comes, and a case goes round as long as it fails."""
    again = flow(c >> a).transition("again").guard(N < 3)
    give = flow(c >> d).transition("give").guard(N >= 3)
    begin = flow(z >> a).transition("begin").restarts("n")

    found = Workflow("w", begin, trying(kind=kind), again, give, initial="z").verify(mend=False)
    assert "not decided" == found.verdict
    assert "perhaps 'give' can never fire" in found.not_decided

    counted = flow(c >> e).transition("count").counts("n")
    rest = (flow(e >> a).transition("again").guard(N < 3), flow(e >> d).transition("give").guard(N >= 3))
    assert "sound" == Workflow("w", begin, trying(kind=kind), counted, *rest, initial="z").verify().verdict


def test_only_the_time_of_the_other_state_is_noted():
    """Not that of the state that was not entered, nor what is counted, nor what the action answered."""
    late, ok = State("late", timestamp="at_late"), State("ok", timestamp="at_ok")
    made = flow(a >> ok).transition("x").execute(Trying, result="r").counts("n").restarts("m").on_failure(late)
    (transition,) = Workflow("w", made).transitions

    assert {"metadata.n", "metadata.m", "metadata.at_late", "metadata.at_ok", "results.r"} == {*written(transition)}
    assert ("metadata.at_late",) == written(transition, acted=False)


def test_what_only_counts_where_it_succeeds_does_not_help_a_join_by_failing():
    """A circle of failures beside a join leaves what the join reads as it is."""
    split = flow(z >> (a, b)).transition("split").restarts("n")
    tried = flow(a >> e).transition("x").execute(Trying, result="r").counts("n").manual()
    tried = tried.policy(rules=field("y") > 3).otherwise(a)
    join = flow((a, b) >> d).transition("j").guard(N >= 3)
    out = flow((e, b) >> d).transition("k").guard(N >= 3)

    assert "dead-transition" in Workflow("w", split, tried, join, out, initial="z").verify(mend=False).codes
