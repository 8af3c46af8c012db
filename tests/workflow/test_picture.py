"""The picture of a workflow and of a case in it."""

from __future__ import annotations

import pytest

from circuit_breaker import Workflow, field, flow, states
from circuit_breaker.errors import NotEnabled, TransitionNotFound, WorkflowInvalid
from circuit_breaker.workflow import patterns
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


@pytest.mark.parametrize("form", ["mermaid", "dot", "plantuml", "svg", "terminal"])
def test_a_workflow_draws_itself_in_every_form(form: str) -> None:
    """Every form has the name of every transition, with a case and without."""
    for text in (document.draw(form), document.draw(form, case=begin(document))):
        assert all(name in text for name in ("submit", "approve", "expire"))


def test_an_unknown_form_is_refused() -> None:
    """The nearest form is named."""
    with pytest.raises(WorkflowInvalid, match="did you mean 'svg'"):
        document.draw("swg")


def test_a_path_is_numbered_and_its_end_marked() -> None:
    """A counterexample can be followed with the finger; the tokens are where it ends."""
    drawing = picture(document, path=["submit", "drop", "wake"])
    badges = {node.label: node.badge for node in drawing.transitions if node.badge}
    assert {"submit": "1", "drop": "2", "wake": "3"} == badges
    assert ({"draft": 1, "review": 1}, "document: after 3 steps") == (
        {node.label: node.marks for node in drawing.places if node.marks},
        drawing.title,
    )


def test_a_path_may_take_the_ways_out_of_a_refusal_and_a_failure() -> None:
    """They are named by the transition and where it leads; only the arc of that way stands out."""
    drawing = picture(
        Workflow("w", flow(draft >> done).transition("do").action(act).on_failure(lost)), path=["do/failed"]
    )
    assert {"draft": False, "done": False, "lost": True} == {node.label: bool(node.marks) for node in drawing.places}
    assert [True, False, True] == [edge.emphasis for edge in drawing.edges]


def test_a_path_takes_the_alternative_that_is_possible() -> None:
    """A name may stand for several transitions; an id stands for one."""
    boxes = [
        {node.id for node in picture(document, path=path).nodes if node.badge}
        for path in (["expire"], ["submit", "expire"], ["submit", "expire[review]"])
    ]
    assert [1, 2, 2] == [len(found) for found in boxes]
    assert "transition expire[draft]" in boxes[0]
    assert "transition expire[review]" in boxes[1] & boxes[2]


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        (["submit", "aprove"], TransitionNotFound, "no transition 'aprove'.*did you mean 'approve'"),
        (["approve"], NotEnabled, "step 1 of the path, 'approve', needs tokens in review\\+draft.*they are in draft"),
        (["submit", "wake"], NotEnabled, "step 2 of the path, 'wake'.*possible there: .*expire"),
    ],
)
def test_a_path_that_cannot_be_gone_is_refused(path, error, message) -> None:
    """The step is named, with where the tokens are and what is possible there."""
    with pytest.raises(error, match=f"(?s){message}"):
        document.draw(path=path)


def test_a_path_goes_on_from_the_tokens_of_a_case() -> None:
    """With a history the numbers go on; what could fire does not stand out beside the path."""
    case = document.fire(begin(document), "submit", at=START)
    drawing = picture(document, case, history=case.history, path=["drop"])
    assert {"submit": "1", "drop": "2"} == {node.label: node.badge for node in drawing.transitions if node.badge}
    assert {"review": 1, "lost": 1} == {node.label: node.marks for node in drawing.places if node.marks}
    assert "document: c (waiting) after 1 step" == drawing.title


def test_a_history_tells_how_often_and_when() -> None:
    """States say when they were entered, transitions how often they fired or were refused."""
    back = flow(done >> draft).transition("back").manual()
    asked = flow(draft >> done).transition("ask").manual().policy(validations=field("ok").exists()).otherwise(lost)
    workflow = Workflow("w", asked, back, flow(lost >> draft).transition("retry").manual())
    case = begin(workflow)
    case = workflow.fire(case, "ask", at=START)
    for name in ("retry", "ask", "back", "ask"):
        case = workflow.fire(case, name, at=START, data={"ok": True})
    notes = {node.label: node.note.split("\n") for node in picture(workflow, history=case.history).nodes}
    moment = "2024-05-01 12:00:00"
    assert [f"refused {moment}", f"fired 2 times, last {moment}"] == notes["ask"][:2]
    assert (f"entered 3 times, last {moment}", f"fired {moment}") == (notes["draft"][0], notes["back"][0])


def test_many_cleared_states_are_counted_and_not_drawn() -> None:
    """A transition that clears half of the workflow does not cover the picture with arcs."""
    parts = states("p", "q", "r", "s", "t")
    ends = flow(parts[0] >> done).transition("stop").clears(*parts[1:])
    others = [flow(draft >> part).transition(f"to {part}").manual() for part in parts]
    drawing = picture(Workflow("w", *others, ends, initial=draft))
    assert not [edge for edge in drawing.edges if edge.kind == "reset"]
    assert "clears 4 states" == next(node.note for node in drawing.nodes if node.label == "stop")


def test_all_ways_of_an_or_join_are_one_box():
    """An OR-join is drawn once, however many sets of branches it may join, and a case shows which have ended."""
    one, two, three, done = states("one", "two", "three", "done")
    split = flow(one >> (two, three)).transition("split")
    workflow = Workflow("w", split, *patterns.or_merge(two, three, into=done), initial="one")
    drawing = picture(workflow, path=("split", "done-joins"))
    assert ["split", "done-joins"] == [node.label for node in drawing.transitions]
    assert [("1", ""), ("2", "joins whatever is under way")] == [
        (node.badge, node.note) for node in drawing.transitions
    ]
    assert {"normal"} == {edge.kind for edge in drawing.edges}


def test_what_a_transition_awaits_and_does_not_take_is_drawn():
    """A state that is awaited without being joined is seen to hold the transition back."""
    one, two, three = states("one", "two", "three")
    flows = (flow(one >> two).transition("go"), flow(two >> three).transition("on").awaits(one))
    assert ["awaited"] == [edge.label for edge in picture(Workflow("w", *flows)).edges if edge.kind == "inhibitor"]
