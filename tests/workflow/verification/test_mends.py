"""Mends: what is proposed for a finding, in the words of a definition, as far as anything can be."""

from __future__ import annotations

import pytest

from circuit_breaker import State, Workflow, field, flow, states
from circuit_breaker.workflow.verification import Finding
from circuit_breaker.workflow.verification.mends import proposals

a, b, c, d, e, f, g = states("a", "b", "c", "d", "e", "f", "g")
SCORE = field("score")


def texts(workflow, code, about):
    return [each.text for each in proposals(workflow, Finding(code, "", about))]


def starved(*targets):
    """A join of several states, of which each is come to by a way of its own."""
    ways = [flow(a >> each).transition(f"to_{each}").manual() for each in targets]
    return Workflow("starved", *ways, flow(targets >> d).transition("join"))


def test_names_that_are_none_in_python_are_written_as_states():
    """What is proposed can be copied into a definition."""
    waiting = State("is waiting")
    gap = Workflow(
        "gap",
        flow(a >> waiting).transition("go").manual(),
        flow(waiting >> c).transition("high").guard(SCORE > 8),
        flow(waiting >> d).transition("low").guard(SCORE < 8),
    )
    (finding,) = gap.verify().errors

    assert 'flow(State("is waiting") >> d).transition("is waiting-otherwise")' in finding.mend.text
    assert finding.mend.verified


def test_a_name_that_is_taken_is_not_proposed():
    """A transition that is added has a name of its own."""
    taken = flow(a >> e).transition("a-otherwise").guard(SCORE == 100)
    gap = Workflow("gap", flow(a >> c).transition("high").guard(SCORE > 8), taken)

    assert 'transition("a-otherwise-too")' in texts(gap, "gap", "a")[0]


def test_a_join_into_several_states_is_told_without_them():
    """What comes after it stays as it is."""
    ways = [flow(a >> each).transition(f"to_{each}").manual() for each in (b, c)]
    join = flow((b & c) >> (d, e)).transition("join")
    (text,) = texts(Workflow("starved", *ways, join), "starved-join", "join")

    assert '>> ...).transition("join").awaits(b, c)' in text


@pytest.mark.parametrize(
    "workflow", [starved(b, c, e, f, g), Workflow("w", flow(a >> b).transition("go"))], ids=["many", "another"]
)
def test_where_nothing_is_proposed(workflow):
    """Too many branches to write out, or nothing that is known by that name."""
    assert [] == texts(workflow, "starved-join", "join")
    assert [] == texts(workflow, "left-behind", "b")
    assert [] == texts(workflow, "livelock", "a")


def test_a_join_of_several_choices_is_left_to_people():
    """Where it is possible from one of several sets of states already, it is not known which one is meant."""
    either = flow(((b & c) | (b & e)) >> d)
    ways = [flow(a >> each).transition(f"to_{each}").manual() for each in (b, c, e)]

    assert [] == texts(Workflow("w", *ways, either.transition("join")), "starved-join", "join[b+c]")


def test_a_circle_of_people_is_not_made_manual():
    """Only what happens by itself can be given to people; the others have been already."""
    circle = Workflow(
        "circle",
        flow(a >> b).transition("one").manual(),
        flow(b >> a).transition("two"),
        flow(a >> c).transition("end"),
    )

    assert ["let somebody or a time decide it: add .manual() or .after(...) to 'two'; or a way out"] == texts(
        circle, "endless", "one → two"
    )
