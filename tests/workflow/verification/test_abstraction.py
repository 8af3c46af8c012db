"""The net that is verified waits where the engine waits, and forgets what an action may have changed."""

from __future__ import annotations

import pytest

from circuit_breaker import BaseExecutor, State, Workflow, field, flow, states
from circuit_breaker.rules import all_of, cel
from circuit_breaker.rules.analysis import Undecided
from circuit_breaker.rules.analysis.ternary import TRUE
from circuit_breaker.workflow.verification import never, unfolding
from circuit_breaker.workflow.verification.abstraction import model_of
from circuit_breaker.workflow.verification.decisions import Answers
from tests.workflow.running import begin

a, b, c, d, x = states("a", "b", "c", "d", "x")


class Working(BaseExecutor):
    """An executor that is never run."""

    async def execute_internal(self, context):
        return {}


def test_a_join_waits_for_what_a_rule_forbids():
    """Every rule might come to hold, so a token that its rule holds up is waited for, and the case is stuck."""
    workflow = Workflow(
        "w",
        flow(a >> (b, x)).transition("split"),
        flow(x >> c).transition("may").guard(field("score") > 8),
        flow((b | (b & c)) >> d).transition("join").awaits(b, c),
        final=(x, d),
    )

    assert "stuck" == begin(workflow, score=3).status
    assert ("not sound", True) == (workflow.verify().verdict, workflow.verify().findings[0].certain)


def test_a_result_with_a_dot_in_its_name_is_written_where_it_is_read():
    """What is known of it is forgotten when an action writes it again, and so a gap is found, and no endless circle."""
    low = cel('results["l.m"] < 3')
    first = flow(a >> b).transition("first").execute(Working, result="l.m").policy(rules=low).otherwise(a)
    again = flow(b >> c).transition("again").execute(Working, result="l.m")

    assert "gap" in Workflow("w", first, again, flow(c >> d).transition("go").guard(low)).verify().codes

    back = (flow(b >> c).transition("x").guard(low), flow(c >> a).transition("back").manual())
    ends = flow(b >> d).transition("go").priority(-3)
    found = Workflow("w", flow(a >> b).transition("do").execute(Working, result="l.m"), *back, ends).verify()
    assert "sound" == found.verdict


def test_a_counter_with_a_dot_in_its_name_is_not_taken_for_a_path():
    """Its number is not known, so the rule that reads something else may say no."""
    flows = (
        flow(a >> b).transition("zero").restarts("n.m"),
        flow(b >> c).transition("go").guard(field("metadata.n.m") == 0),
    )

    assert "sound" != Workflow("w", *flows).verify().verdict


def test_an_agent_that_is_not_required_may_write_that_it_failed():
    """What the metadata said of failures before is not known any more."""
    none = ~field("metadata.agent_failures").exists()
    first = (flow(a >> b).transition("first").guard(none), flow(a >> d).transition("known").priority(-1))
    ask = flow(b >> c).transition("ask").agent("clerk", output_mapping={"data.x": "x"}, required=False)

    assert "gap" in Workflow("w", *first, ask, flow(c >> d).transition("go").guard(none)).verify().codes


LOW, HIGH = field("results.x") < 5, field("results.x") >= 5


def two_sorts(*flows) -> Workflow:
    """Two tokens of which the data differ come to 'b', and then one to 'c'; the two stay until one is in 'ok'."""
    p, q, p_done, q_done, ok, end = states("p", "q", "p-done", "q-done", "ok", "end")
    return Workflow(
        "sorts",
        flow(a >> (p, q)).transition("split"),
        flow(p >> (b, p_done)).transition("low").execute(Working, result="x").policy(rules=LOW).otherwise(p),
        flow(q >> (b, q_done)).transition("high").execute(Working, result="x").policy(rules=HIGH).otherwise(q),
        flow((p_done, q_done) >> c).transition("both"),
        flow(b >> end).transition("low-ends").guard(LOW).reads(ok),
        flow(b >> end).transition("high-ends").guard(HIGH).reads(ok),
        *flows,
        final=[ok, end],
    )


def test_tokens_that_are_read_together_may_differ_in_their_data():
    """What reads two tokens of a state may fire, whatever is known of each."""
    ok = State("ok")
    reads = (flow(c >> d).transition("go").reads(b * 2).manual(), flow(d >> ok).transition("back"))
    workflow = two_sorts(*reads)

    assert "sound if" == workflow.verify(mend=False).verdict
    assert "violated" in workflow.verify(never("d"), mend=False).codes


def test_tokens_that_forbid_together_may_differ_in_their_data():
    """What two tokens of a state forbid never fires where both are there, whatever is known of each."""
    ok = State("ok")
    forbidden = flow(c >> ok).transition("forbidden").unless(b * 2)
    found = two_sorts(forbidden, flow(c >> ok).transition("goes").manual()).verify(mend=False)

    assert ("dead-transition", "forbidden") in [(each.code, each.about) for each in found.findings]


def test_two_tokens_do_not_forbid_what_three_do():
    """Of several sorts there may be fewer than that together."""
    ok = State("ok")
    found = two_sorts(flow(c >> ok).transition("goes").unless(b * 3)).verify(mend=False)

    assert found.faultless


def test_a_state_that_nothing_comes_to_forbids_nothing():
    """Neither one token nor two of it."""
    never = (field("score") < 0) & (field("score") > 1)
    workflow = Workflow(
        "w",
        flow(a >> x).transition("never").guard(never),
        flow(a >> b).transition("one").unless(x).priority(-1),
        flow(b >> c).transition("two").unless(x * 2),
        final=[c, x],
    )

    assert {"never"} == {each.about for each in workflow.verify(mend=False).errors}


def test_a_workflow_with_too_many_sorts_of_data_does_not_make_the_next_one_forget_them(monkeypatch):
    """What was found out about rules is shared, and not how much room there was."""
    monkeypatch.setattr(unfolding, "MOST_WAYS", 40)
    rules = [field(f"x{number}") > 1 for number in range(6)]
    places = states(*(f"s{number}" for number in range(7)))
    ways = [
        (flow(one >> other).transition(f"y{n}").guard(rule), flow(one >> other).transition(f"n{n}").guard(~rule))
        for n, (rule, one, other) in enumerate(zip(rules * 2, places, places[1:], strict=False))
    ]
    large = Workflow(
        "large", *(each for way in ways for each in way), flow(places[6] >> a).transition("end").guard(all_of(*rules))
    )
    known = Answers(large)

    assert model_of(large, known).doubt
    assert not model_of(Workflow("small", *ways[0]), known).doubt


def test_what_cannot_be_is_found_where_something_else_is_not_decided(monkeypatch):
    """Rules of which one cannot be true are not true together; and the dear question is not asked without need."""
    known = Answers()
    cross, asked = field("a") > field("b"), field("x") > 1
    monkeypatch.setattr(known.grid, "find", lambda demands: Undecided("it takes too long"))
    assert known.solved([(asked, TRUE), (cross, TRUE), (~cross, TRUE)]) is None

    known = Answers()
    monkeypatch.setattr(known, "_plainly", lambda *_: pytest.fail("it is asked"))
    assert known.solved([(asked, TRUE), (~asked, TRUE), (cross, TRUE)]) is None
