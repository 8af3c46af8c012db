"""The picture of a workflow, or of a case in it: states as places, transitions as boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, Literal

from circuit_breaker.errors import WorkflowInvalid, nearest
from circuit_breaker.net.drawing import Drawing, Edge, Node, dot, mermaid, svg, terminal
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.choosing import admitted, tried
from circuit_breaker.workflow.timing import After, Every, Manual, OnSignal, in_words
from circuit_breaker.workflow.transition import Transition

if TYPE_CHECKING:
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["Form", "draw", "picture"]

Form = Literal["mermaid", "dot", "svg", "terminal"]
FORMS: Final[Mapping[str, Callable[[Drawing], str]]] = {
    "mermaid": mermaid, "dot": dot, "svg": svg, "terminal": terminal,
}  # fmt: skip


def draw(workflow: Workflow, form: Form = "mermaid", *, case: Case | None = None) -> str:
    """The picture as text in one of the forms.

    Raises:
        WorkflowInvalid: There is no such form.
    """
    if form not in FORMS:
        raise WorkflowInvalid(
            f"workflow '{workflow.name}' cannot be drawn as {form!r}", remedy=nearest(str(form), FORMS)
        )
    return FORMS[form](picture(workflow, case))


def picture(workflow: Workflow, case: Case | None = None) -> Drawing:
    """The drawing of a workflow. With a case it shows its tokens, and what could fire now stands out."""
    places = tuple(_place(workflow, state.name, case) for state in workflow.states)
    boxes = tuple(_box(workflow, transition, case) for transition in workflow.transitions)
    edges = tuple(edge for transition in workflow.transitions for edge in _edges(transition))
    title = workflow.name if case is None else f"{workflow.name}: {case.id} ({case.status})"
    return Drawing(title, (*places, *boxes), edges)


def _place(workflow: Workflow, name: str, case: Case | None) -> Node:
    return Node(
        f"state {name}",
        name,
        marks=0 if case is None else len(tuple(case.marking.at(name))),
        initial=name == workflow.initial,
        final=name in workflow.final,
    )


def _box(workflow: Workflow, transition: Transition, case: Case | None) -> Node:
    enabled = case is not None and not case.closed and _enabled(workflow, case, transition)
    return Node(_id(transition), transition.name, "transition", note=_note(transition), emphasis=enabled)


def _enabled(workflow: Workflow, case: Case, transition: Transition) -> bool:
    return any(admitted(workflow, choice) for choice in tried(workflow, case, transition))


def _id(transition: Transition) -> str:
    return f"transition {transition.id}"


def _note(transition: Transition) -> str:
    """What it waits for, and what must hold before and after."""
    judged = (("if ", transition.guard), ("needs ", transition.validations), ("then ", transition.rules))
    parts = [_trigger(transition), *(f"{word}{rule}" for word, rule in judged if rule is not None)]
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


def _edges(transition: Transition) -> Iterator[Edge]:
    box, net = _id(transition), transition.net
    yield from (Edge(f"state {arc.place}", box, weight=arc.weight) for arc in net.takes)
    yield from (Edge(box, f"state {arc.place}", weight=arc.weight) for arc in net.gives)
    yield from (Edge(f"state {arc.place}", box, "read", weight=arc.weight) for arc in net.reads)
    yield from (Edge(f"state {arc.place}", box, "inhibitor", weight=arc.weight) for arc in net.inhibitors)
    yield from (Edge(box, f"state {place}", "reset") for place in net.resets)
    for label, state in (("otherwise", transition.otherwise), ("failed", transition.on_failure)):
        if state is not None:
            yield Edge(box, f"state {state}", label=label)
