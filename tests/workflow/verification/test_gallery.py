"""The gallery of broken workflows: each is found, exactly, and the way to it is gone again with the engine."""

from __future__ import annotations

import pytest

from circuit_breaker import Engine, connect
from circuit_breaker.testing import ManualClock
from circuit_breaker.workflow.pages import page
from circuit_breaker.workflow.verification import KINDS
from circuit_breaker.workflow.verification.sections import sections
from tests.workflow.verification.gallery import GALLERY


@pytest.fixture(params=GALLERY)
def broken(request):
    return GALLERY[request.param]


def finding_of(broken):
    found = broken.made().verify(*broken.properties)
    return next(finding for finding in found.findings if finding.key == (broken.code, broken.about))


def test_it_is_found_with_the_shortest_way(broken):
    """The finding is about the right thing, with exactly the shortest way, and the data that it takes."""
    finding = finding_of(broken)
    example = finding.counterexample

    assert finding.certain
    assert broken.path == (None if example is None else tuple(step.transition for step in example.steps))
    if broken.data is not None:
        assert broken.data in [example.data, *(step.data for step in example.steps)]


def test_its_severity_decides_the_verdict(broken):
    """An error makes a workflow not sound, a warning does not."""
    found = broken.made().verify(*broken.properties)

    assert ("not sound" if found.errors else "sound") == found.verdict
    assert KINDS[broken.code].severity == finding_of(broken).severity


def test_the_mend_is_tried(broken):
    """Where a mend is proposed as a change of the definition, it was made, and the finding was gone."""
    mend = finding_of(broken).mend

    assert broken.mended == (mend is not None and mend.verified)


def test_every_kind_is_in_the_gallery():
    """There is a broken workflow for each kind of finding."""
    assert set(KINDS) == {broken.code for broken in GALLERY.values()}


STUCK = [
    name for name, broken in GALLERY.items() if broken.code in {"starved-join", "left-behind", "gap", "trap", "stuck"}
]


@pytest.mark.parametrize("name", STUCK)
async def test_the_engine_gets_stuck_there_too(name):
    """Gone along with the engine, the way leads to a case that is stuck in the very states."""
    broken = GALLERY[name]
    workflow, example = broken.made(), finding_of(broken).counterexample
    async with Engine(workflow, storage=connect("memory://"), clock=ManualClock()) as engine:
        case = await engine.run(await engine.start(workflow.name, data=dict(example.data)))
        for step in example.steps:
            if step.by == "a person":
                case = await engine.run(await engine.fire(case, step.transition, data=dict(step.data or {})))

    assert ("stuck", set(example.states)) == (case.status, set(case.states))


def test_a_finding_is_a_document():
    """Programs get code, severity, words, way and mend as plain JSON."""
    document = finding_of(GALLERY["guards with a gap"]).to_document()

    assert ("gap", "error", True) == (document["code"], document["severity"], document["certain"])
    assert ["score"] == document["counterexample"]["transitions"]
    assert {"score": 8} == document["counterexample"]["steps"][0]["data"]
    assert document["mend"]["verified"]


def test_what_was_proved_goes_on_a_page():
    """The page of a workflow has a section with the verdict, and one for each way, with its picture."""
    workflow = GALLERY["a circle that never rests"].made()
    made = page(workflow, "markdown", more=sections(workflow, workflow.verify()))

    assert "endless is not sound" in made
    assert "endless: check → again" in made
    assert 2 == made.count("```mermaid")


def test_the_way_can_be_drawn():
    """The way of a finding is a path that the picture takes."""
    broken = GALLERY["branches of unequal length run what follows twice"]
    path = finding_of(broken).counterexample.path

    assert "4" in broken.made().draw("terminal", path=path)
