"""Properties speak of what happens, and say so where they were not looked at."""

import pytest

from circuit_breaker import BaseExecutor, Workflow, flow, states
from circuit_breaker.workflow.merging import LAST
from circuit_breaker.workflow.verification import always_followed_by, at_most, mutually_exclusive, never

a, b, c, d, e = states("a", "b", "c", "d", "e")


class Paying(BaseExecutor):
    """An executor that is never run."""

    async def execute_internal(self, context):
        return {}


def holds(workflow, *properties) -> bool:
    return "violated" not in workflow.verify(*properties, mend=False).codes


def test_what_was_there_before_does_not_follow():
    """A state has to be entered after the first, or with it; a token that lies there is not enough."""
    workflow = Workflow(
        "paid",
        flow(a >> (b, c)).transition("split"),
        flow(b >> d).transition("pay").manual(),
        flow(c >> e).transition("sent").manual(),
    )

    assert not holds(workflow, always_followed_by("pay", c))
    assert not holds(workflow, always_followed_by(a, "pay"), always_followed_by("pay", e))
    assert holds(workflow, always_followed_by(a, d), always_followed_by(b, c), always_followed_by("pay", d))


def test_what_begins_or_is_refused_enters_nothing():
    """A token that stays where it is has not come there."""
    workflow = Workflow(
        "tried",
        flow(a >> (b, c)).transition("split"),
        flow(b >> d).transition("pay").manual().execute(Paying, result="x").reads(c),
        flow(c >> e).transition("sent").manual(),
        final=[b, d, e],
    )

    assert not holds(workflow, always_followed_by("sent", b))


def test_a_state_does_not_exclude_itself():
    """It is only one state, however often it is named."""
    workflow = Workflow("one", flow(a >> b).transition("go"))

    assert holds(workflow, mutually_exclusive(a, a))
    assert not holds(Workflow("two", flow(a >> (b, c)).transition("split")), mutually_exclusive(b, b, c))


@pytest.mark.parametrize("limit", [5, 1_000])
def test_properties_that_were_not_looked_at_are_told(limit):
    """Where tokens pile up, or the limit was reached, and an error is certain all the same."""
    piling = Workflow(
        "piling",
        flow(a >> (a, b)).transition("pay").manual(),
        flow(a >> c).transition("end").manual(),
        final=[b, c],
    )
    found = piling.verify(at_most(1, b), never("end"), mend=False, limit=limit)

    assert ("not sound", "not looked at: at_most(1, b), never(end)") == (found.verdict, found.not_decided)
    assert "not sound: not looked at" in found.headline


def test_properties_that_were_not_wholly_looked_at_are_told():
    """Of an error near the start nothing follows for what comes later."""
    last, *rest = states("last", *(f"s{number}" for number in range(30)))
    workflow = Workflow(
        "long",
        flow(a >> rest[0]).transition("go").manual(),
        flow(a >> d).transition("trap").manual(),
        *(
            flow(one >> other).transition(f"{one}-on").manual()
            for one, other in zip(rest, [*rest[1:], last], strict=True)
        ),
        final=[last],
    )
    found = workflow.verify(never(last), mend=False, limit=10)

    assert ("not sound", "not wholly looked at: never(last)") == (found.verdict, found.not_decided)


def test_a_violation_that_is_not_confirmed_is_told_beside_certain_errors():
    """What is not proved does not vanish because something else is wrong for sure."""
    f, g, r = states("f", "g", "r")
    workflow = Workflow(
        "forced",
        flow(a >> (b, c, r)).transition("s"),
        flow(b >> d).transition("left").action(lambda token: {}),
        flow(c >> e).transition("right").action(lambda token: {}),
        flow((d, e) >> f).transition("j"),
        flow((d, e) >> g).transition("force").merge(LAST).priority(-1),
        flow(r >> f).transition("x").manual(),
    )
    found = workflow.verify(never("force"), never("x"), mend=False)

    assert "not sound" == found.verdict
    assert {"never(force)", "never(x)"} <= {each.about for each in found.findings if each.code == "violated"}
