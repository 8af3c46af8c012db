"""The net that is verified waits where the engine waits, and forgets what an action may have changed."""

from __future__ import annotations

from circuit_breaker import BaseExecutor, Workflow, field, flow, states
from circuit_breaker.rules import cel
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
