"""The 43 patterns: each means what it says, and still does when the run is cut off anywhere."""

from __future__ import annotations

from typing import Any

import pytest

from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.workflow import Workflow, dump_workflow, load_workflow, patterns, standing, workflow_from_document
from circuit_breaker.workflow.patterns.catalogue import PATTERNS, Pattern, pattern
from tests.workflow.patterns.playing import left_of, play, replayed, told
from tests.workflow.patterns.scenarios import SCENARIOS
from tests.workflow.patterns.space import Space
from tests.workflow.running import START, names

every = pytest.mark.parametrize("shown", PATTERNS, ids=lambda shown: shown.code)


def started(workflow: Workflow, number: int) -> Any:
    return workflow.start("c", at=START, data=SCENARIOS[number].data)


def test_the_catalogue_has_them_all() -> None:
    """There are 43 patterns, each with a name of its own, and each is found by its number."""
    assert list(range(1, 44)) == [shown.number for shown in PATTERNS]
    assert 43 == len({shown.name for shown in PATTERNS}) == len({shown.workflow().name for shown in PATTERNS})
    assert "Milestone" == pattern(18).name
    with pytest.raises(WorkflowInvalid, match="no pattern 44"):
        pattern(44)


@every
def test_a_pattern_means_what_it_says(shown: Pattern) -> None:
    """The workflow of a pattern, run step by step, does what the pattern stands for, and not too early."""
    workflow, scenario = shown.workflow(), SCENARIOS[shown.number]
    case = play(workflow, started(workflow, shown.number), scenario.steps[:-1])
    assert not set(scenario.silent) & {name.partition("[")[0] for name in names(case)}
    scenario.holds(play(workflow, case, scenario.steps[-1:]))


@every
def test_a_pattern_means_the_same_after_a_crash(shown: Pattern) -> None:
    """Cut off after any event and taken up from what was written by then, a case ends in the same way."""
    workflow, scenario = shown.workflow(), SCENARIOS[shown.number]
    whole = play(workflow, started(workflow, shown.number), scenario.steps)
    events = list(whole.history)
    for cut in range(1, len(events)):
        case = standing.settle(workflow, replayed(events[:cut]))
        assert told(whole) == told(play(workflow, case, left_of(scenario.steps, events[:cut])))


@every
def test_a_pattern_is_written_and_read(shown: Pattern) -> None:
    """The workflow of every pattern is the same after a round trip through YAML and through a plain document."""
    workflow = shown.workflow()
    assert workflow.version == load_workflow(dump_workflow(workflow)).version
    assert workflow.version == workflow_from_document(shown.to_document()["workflow"]).version


@every
def test_a_pattern_has_a_picture(shown: Pattern) -> None:
    """Every pattern can be drawn in every form."""
    assert all(shown.workflow().draw(form) for form in ("svg", "mermaid", "dot", "terminal"))


@every
def test_a_pattern_names_what_it_is_written_with(shown: Pattern) -> None:
    """Everything that the catalogue names is there, and the data says nothing that is not so."""
    known = {*patterns.__all__, "flow", "Workflow", "Engine.cancel"}
    assert {call.partition(".")[0] if call.startswith("Batch") else call for call in shown.calls} <= known
    assert shown.support in ("direct", "few lines", "near", "not")


@every
def test_every_case_of_a_pattern_can_end(shown: Pattern) -> None:
    """From everywhere that a case can come to it can complete, and there is a way for each transition to fire.

    Where the number of tokens has no bound, that is not asked: what the paths allow has no end.
    """
    space = Space.of(shown.workflow(), most=2_000)
    assert space.whole == shown.bounded
    if space.whole:
        assert ([], []) == (space.stuck, space.dead)


if hasattr(Workflow, "verify"):

    @every
    def test_a_pattern_is_sound(shown: Pattern) -> None:
        """What the workflow of a pattern does is proven, as far as the number of its tokens has a bound."""
        found = shown.workflow().verify()
        assert found.faultless or not shown.bounded, str(found)
