"""The picture of a workflow: states as places, transitions as boxes; and what is drawn into it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal

from circuit_breaker.errors import WorkflowInvalid, nearest
from circuit_breaker.net.drawing import Drawing, Edge, Node, dot, mermaid, plantuml, svg, terminal
from circuit_breaker.net.overlay import overlaid
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.events import Event
from circuit_breaker.workflow.overlay import box_of, overlay_of, place_of
from circuit_breaker.workflow.timing import After, Every, Manual, OnSignal, in_words
from circuit_breaker.workflow.transition import Transition

if TYPE_CHECKING:
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["Form", "draw", "picture"]

Form = Literal["mermaid", "dot", "plantuml", "svg", "terminal"]
FORMS: Final[Mapping[str, Callable[[Drawing], str]]] = {
    "mermaid": mermaid, "dot": dot, "plantuml": plantuml, "svg": svg, "terminal": terminal,
}  # fmt: skip
AWAITED: Final = "awaited"
MOST_RESETS: Final = 3
"""Of more states that a transition clears, the picture says how many, and draws no arcs."""


def draw(
    workflow: Workflow,
    form: Form = "mermaid",
    *,
    case: Case | None = None,
    history: Iterable[Event] = (),
    path: Sequence[str] = (),
) -> str:
    """The picture as text in one of the forms; the other arguments are those of :func:`picture`.

    Raises:
        WorkflowInvalid: There is no such form.
    """
    if form not in FORMS:
        raise WorkflowInvalid(
            f"workflow '{workflow.name}' cannot be drawn as {form!r}", remedy=nearest(str(form), FORMS)
        )
    return FORMS[form](picture(workflow, case, history=history, path=path))


def picture(
    workflow: Workflow, case: Case | None = None, *, history: Iterable[Event] = (), path: Sequence[str] = ()
) -> Drawing:
    """The drawing of a workflow.

    Args:
        workflow: The definition.
        case: Its tokens are shown, and what could fire now stands out.
        history: Events of a case: what fired is numbered in its order, with how often and when.
        path: Transitions, such as those of a counterexample: they are numbered, and the tokens are where they end.

    Raises:
        TransitionNotFound: The path names a transition that there is not.
        NotEnabled: A step of the path is not possible where it stands.
    """
    places = tuple(_place(workflow, state.name) for state in workflow.states)
    boxes = {box: Node(box, each.name, "transition", note=_note(each)) for box, each in _boxes(workflow)}
    edges = dict.fromkeys(edge for box, each in _boxes(workflow) for edge in _edges(box, each))
    taken = {(edge.source, edge.target) for edge in edges if edge.kind == "normal"}
    shown = (edge for edge in edges if edge.label != AWAITED or (edge.source, edge.target) not in taken)
    drawing = Drawing(workflow.name, (*places, *boxes.values()), shown)
    return overlaid(drawing, overlay_of(workflow, case, history=history, path=path))


def _boxes(workflow: Workflow) -> Iterator[tuple[str, Transition]]:
    """Every transition with the id of its box; the ways of an OR-join share one."""
    return ((box_of(workflow, transition.id), transition) for transition in workflow.transitions)


def _place(workflow: Workflow, name: str) -> Node:
    return Node(place_of(name), name, initial=name == workflow.initial, final=name in workflow.final)


def _note(transition: Transition) -> str:
    """What it waits for, and what must hold before and after."""
    judged = (("if ", transition.guard), ("needs ", transition.validations), ("then ", transition.rules))
    waits = "joins whatever is under way" if transition.net.join != transition.id and transition.net.join else ""
    parts = [waits, _trigger(transition), *(f"{word}{rule}" for word, rule in judged if rule is not None)]
    if len(transition.net.resets) > MOST_RESETS:
        parts.append(f"clears {len(transition.net.resets)} states")
    return "\n".join(part for part in parts if part)


def _trigger(transition: Transition) -> str:
    match transition.trigger:
        case Manual():
            return "manual"
        case OnSignal(name):
            return f"on signal {name}"
        case After(delay):
            return f"after {in_words(delay)}"
        case Every(interval):
            return f"every {in_words(interval)}"
        case _:
            return ""


def _edges(box: str, transition: Transition) -> Iterator[Edge]:
    net = transition.net
    yield from (Edge(place_of(arc.place), box, weight=arc.weight) for arc in net.takes)
    yield from (Edge(box, place_of(arc.place), weight=arc.weight) for arc in net.gives)
    yield from (Edge(place_of(arc.place), box, "read", weight=arc.weight) for arc in net.reads)
    yield from (Edge(place_of(arc.place), box, "inhibitor", weight=arc.weight) for arc in net.inhibitors)
    yield from (Edge(box, place_of(place), "reset") for place in net.resets if len(net.resets) <= MOST_RESETS)
    yield from (Edge(place_of(place), box, "inhibitor", label=AWAITED) for place in net.awaits)
    for label, state in (("otherwise", transition.otherwise), ("failed", transition.on_failure)):
        if state is not None:
            yield Edge(box, place_of(state), label=label)
