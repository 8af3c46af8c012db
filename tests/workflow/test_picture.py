"""The picture of a workflow and of a case in it."""

from __future__ import annotations

import pytest

from circuit_breaker import Workflow, field, flow, states
from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.workflow.picture import picture
from tests.workflow.running import START, begin

draft, review, done, lost = states("draft", "review", "done", "lost")


def act(token: object) -> None: ...


document = Workflow(
    "document",
    flow(draft >> review * 2).transition("submit").manual(),
    flow(review * 2 >> done)
    .transition("approve")
    .guard(field("score") >= 8)
    .policy(validations=field("title").exists(), rules=field("ok").exists())
    .action(act)
    .reads(draft)
    .unless(lost * 3)
    .clears(lost)
    .otherwise(draft)
    .on_failure(lost),
    flow(review >> lost).transition("drop").on_signal("stop"),
    flow((draft | review) >> lost).transition("expire").after("1h"),
    flow(lost >> draft).transition("wake").every(90),
)


def edges(name: str) -> set[tuple[str, str, str, str]]:
    """The edges at a transition: kind, text, and both ends."""
    box = f"transition {name}"
    found = [edge for edge in picture(document).edges if box in (edge.source, edge.target)]
    return {(e.kind, e.text, *(end.partition(" ")[2] for end in (e.source, e.target))) for e in found}


def test_states_are_places_and_transitions_are_boxes() -> None:
    """E9: every state is a place, every alternative of a transition a box, and the ends stand out."""
    drawing = picture(document)
    assert ["draft", "review", "done", "lost"] == [node.label for node in drawing.places]
    assert ["submit", "approve", "drop", "expire", "expire", "wake"] == [node.label for node in drawing.transitions]
    assert (["draft"], ["done"]) == (
        [node.label for node in drawing.nodes if node.initial],
        [node.label for node in drawing.nodes if node.final],
    )


def test_every_kind_of_arc_is_drawn() -> None:
    """Weights, read, inhibitor and reset arcs, and the ways out of a refusal and a failure, are in the picture."""
    assert {
        ("normal", "2×", "review", "approve"),
        ("normal", "", "approve", "done"),
        ("read", "", "draft", "approve"),
        ("inhibitor", "3×", "lost", "approve"),
        ("reset", "", "approve", "lost"),
        ("normal", "otherwise", "approve", "draft"),
        ("normal", "failed", "approve", "lost"),
    } == edges("approve")


def test_a_note_says_what_a_transition_waits_for() -> None:
    """Guards, validations, rules and triggers stand below the name."""
    notes = {node.label: node.note.split("\n") for node in picture(document).transitions}
    assert ["if data.score >= 8", "needs data.title exists", "then data.ok exists"] == notes["approve"]
    assert (["manual"], ["on signal stop"]) == (notes["submit"], notes["drop"])
    assert (["after 1h"], ["every 1m 30s"]) == (notes["expire"], notes["wake"])


def test_a_case_shows_its_tokens_and_what_could_fire() -> None:
    """Places hold the tokens of the case, and the transitions that are enabled stand out."""
    case = document.fire(begin(document), "submit", at=START)
    drawing = picture(document, case)
    assert {"draft": 0, "review": 2, "done": 0, "lost": 0} == {node.label: node.marks for node in drawing.places}
    assert {"transition drop", "transition expire[review]"} == {node.id for node in drawing.nodes if node.emphasis}
    assert "document: c (waiting)" == drawing.title


def test_nothing_stands_out_in_a_closed_case() -> None:
    """A case that has ended can fire nothing."""
    again = flow(done.ends() >> draft).transition("again").manual()
    workflow = Workflow("w", flow(draft >> done).transition("go"), again)
    case = begin(workflow)
    assert "completed" == case.status
    assert not any(node.emphasis for node in picture(workflow, case).nodes)


@pytest.mark.parametrize("form", ["mermaid", "dot", "svg", "terminal"])
def test_a_workflow_draws_itself_in_every_form(form: str) -> None:
    """Every form has the name of every transition, with a case and without."""
    for text in (document.draw(form), document.draw(form, case=begin(document))):
        assert all(name in text for name in ("submit", "approve", "expire"))


def test_an_unknown_form_is_refused() -> None:
    """The nearest form is named."""
    with pytest.raises(WorkflowInvalid, match="did you mean 'svg'"):
        document.draw("swg")
