"""Marking, path and history in a drawing, in every language; and PlantUML."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from circuit_breaker.net.drawing import Drawing, Edge, Node, dot, mermaid, plantuml, svg, terminal
from circuit_breaker.net.overlay import Firing, Overlay, overlaid
from tests.net.drawings import any_drawing, parallel, review

PATH = (
    Firing("t:submit", ["draft"], ["pending"]),
    Firing("t:review", ["pending"], ["reviewed"]),
    Firing("t:reject", ["reviewed"], ["rejected"]),
    Firing("t:revise", ["rejected"], ["draft"]),
    Firing("t:submit", ["draft"], ["pending"]),
)
WALKED = overlaid(review(), Overlay({"draft": 0, "pending": 3}, ["t:review"], PATH, {"draft": "twice"}, title="later"))
FORMS = [mermaid, dot, plantuml, svg, terminal]


def node(name: str) -> Node:
    return next(each for each in WALKED.nodes if each.id == name)


def test_a_path_numbers_its_transitions_and_marks_its_arcs() -> None:
    """A transition that fired twice has both numbers; arcs that no step took are as they were."""
    assert ["1, 5", "2", "", "3"] == [node(f"t:{name}").badge for name in ("submit", "review", "approve", "reject")]
    assert 8 == sum(edge.emphasis for edge in WALKED.edges)
    assert not any(edge.emphasis for edge in WALKED.edges if "t:approve" in (edge.source, edge.target))


def test_tokens_notes_and_title_are_drawn_in() -> None:
    """What the overlay does not speak of stays."""
    assert (0, 3, "twice", "Document review: later") == (
        node("draft").marks,
        node("pending").marks,
        node("draft").note,
        WALKED.title,
    )
    assert review() == overlaid(review(), Overlay())


def test_of_many_steps_only_the_first_and_the_last_are_told() -> None:
    """A loop that was gone a hundred times does not fill the picture."""
    drawing = overlaid(review(), Overlay(path=PATH[:1] * 100))
    assert "1, 2, 3 … 100" == next(each.badge for each in drawing.nodes if each.id == "t:submit")


def test_what_is_not_drawn_is_left_out() -> None:
    """An overlay may speak of nodes of another version."""
    assert review() == overlaid(review(), Overlay({"gone": 2}, ["gone"], (Firing("gone", ["draft"]),), {"gone": "x"}))


@pytest.mark.parametrize("form", FORMS)
def test_every_language_shows_numbers_tokens_and_notes(form) -> None:
    """One value is used by all that draw."""
    text = form(WALKED)
    assert ("1, 5" in text, "later" in text) == (True, True)
    assert ("twice" in text) is (form is not terminal)
    assert re.search("×#?3|×3|●#215;3|cb-token", text)


def test_a_place_is_round_and_a_transition_a_box_in_plantuml() -> None:
    """Roles are stereotypes; every node and every arc is one line."""
    lines = plantuml(review()).splitlines()
    assert ('rectangle "draft ●" as n0 <<initial>>', "n0 --> n5") == (lines[17], lines[27])
    assert ("@startuml", "@enduml") == (lines[0], lines[-1])


def test_each_kind_of_arc_has_its_own_arrow_in_plantuml() -> None:
    """Read, inhibitor and reset arcs are told apart, and what stands out is bold."""
    text = plantuml(parallel())
    assert all(arrow in text for arrow in (" --o ", " -[dashed]- ", " -[dashed]->> "))
    strong = Drawing("", [Node("a", "a", emphasis=True), Node("b", "b")], [Edge("a", "b", label="x", emphasis=True)])
    assert "n0 -[#c2410c,bold]-> n1 : x" in plantuml(strong)
    assert "<<place>> #line:c2410c;line.bold" in plantuml(strong)


@given(any_drawing())
def test_text_is_never_syntax_in_plantuml(drawing: Drawing) -> None:
    """Whatever is written, there is one line for each node and edge, and nothing that PlantUML reads as its own."""
    body = plantuml(drawing).splitlines()[2:-1]
    nodes = [line for line in body if line.startswith("rectangle ")]
    assert len(drawing.nodes) == len(nodes)
    assert len(drawing.edges) == sum(bool(re.match(r"n\d+ -", line)) for line in body)
    assert all(
        re.fullmatch(r'rectangle "(\\n|<U\+[0-9A-F]{4,6}>|[^"\\<*~/=!\[\]])*" as n\d+ .*', each) for each in nodes
    )


@pytest.mark.parametrize(
    "text", ["**a**", "//a//", "__a__", "--a--", "<b>", "[[x]]", "%date()", "a\\nb", '"', "~", "..x.."]
)
def test_creole_is_written_as_itself(text: str) -> None:
    """Markup of PlantUML stands for itself."""
    written = plantuml(Drawing("", [Node("a", text)], [])).split('"')[1]
    assert text == re.sub(r"<U\+([0-9A-F]+)>", lambda found: chr(int(found[1], 16)), written)
