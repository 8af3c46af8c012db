"""Importing a BPMN 2.0 model: the workflow, and a report of what became of everything in the model.

See https://www.omg.org/spec/BPMN/2.0.2/ for the elements.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from circuit_breaker.errors import Fault, WorkflowInvalid
from circuit_breaker.net.xml import Element, read_xml
from circuit_breaker.rules import Rulebook
from circuit_breaker.workflow.bpmn.findings import Findings
from circuit_breaker.workflow.bpmn.library import Library
from circuit_breaker.workflow.bpmn.model import Link, Node, Scope
from circuit_breaker.workflow.bpmn.naming import cleaned
from circuit_breaker.workflow.bpmn.places import Places
from circuit_breaker.workflow.bpmn.reading import read_process
from circuit_breaker.workflow.bpmn.translation import translate
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.flow import Flow
from circuit_breaker.workflow.state import State

__all__ = ["Imported", "import_bpmn", "load_bpmn"]

LARGEST = 10_000_000
_STATE: Final = re.compile("state '(.*)'")


@attrs.frozen
class Imported:
    """What an import gives.

    Attributes:
        workflow: The workflow. ``metadata["bpmn"]`` of each of its transitions is the id of the element it stands for.
        notes: What was left alone, because it does not change what happens, or taken in a way that is good to know;
            each with the id, line and column of its element.
    """

    workflow: Workflow
    notes: tuple[Fault, ...]


def load_bpmn(
    text: str | bytes,
    *,
    name: str = "<bpmn>",
    process: str = "",
    rules: Any = None,
    actions: Mapping[str, Callable[..., Any]] | None = None,
    executors: Mapping[str, Any] | None = None,
) -> Workflow:
    """The workflow in a BPMN 2.0 model; the arguments are those of :func:`import_bpmn`.

    Raises:
        DocumentInvalid: It is no BPMN, or something in it that matters is not understood.
    """
    return import_bpmn(text, name=name, process=process, rules=rules, actions=actions, executors=executors).workflow


def import_bpmn(
    text: str | bytes,
    *,
    name: str = "<bpmn>",
    process: str = "",
    rules: Any = None,
    actions: Mapping[str, Callable[..., Any]] | None = None,
    executors: Mapping[str, Any] | None = None,
) -> Imported:
    """The workflow in a BPMN 2.0 model, with notes of what was left alone.

    Args:
        text: The model, as tools export it: XML of at most 10,000,000 characters.
        name: What it is called in messages.
        process: The id of the process, where the model has several.
        rules: Rules that stand for conditions which cannot be translated, named by the ids of their flows: whatever a
            Rulebook takes.
        actions: Functions for tasks that a program does, by id or name.
        executors: Executor classes by the name that the model gives to what does a task. Without them the names are
            kept, and the engine looks them up.

    Raises:
        DocumentInvalid: It is no BPMN, or something in it that matters is not understood: every fault with the id, line
            and column of its element.
    """
    root = read_xml(text, name=name, largest=LARGEST)
    findings = Findings(name)
    scope = read_process(root, findings, process=process)
    findings.stop()
    assert scope is not None  # noqa: S101 - there would be a fault
    library = Library(root, findings, Rulebook.of(rules), actions or {}, executors or {})
    flows, initial, places = translate(scope, library)
    findings.stop()
    notes = sorted(findings.notes, key=lambda note: (note.line or 0, note.column or 0))
    return Imported(_workflow(scope, flows, initial, library, places), tuple(notes))


def _workflow(scope: Scope, flows: list[Flow], initial: State | None, library: Library, places: Places) -> Workflow:
    element = scope.element
    names = (element.get("name"), element.get("id"))
    texts = " ".join(each.text for each in element.all("documentation") if each.text)
    used = {name for flow in flows for rule in flow.rules for name in rule.names}
    try:
        return Workflow(
            next((cleaned(each) for each in names if each), "process"),
            *flows,
            rules={name: rule for name, rule in library.rules.items() if name in used},
            initial=initial,
            description=texts,
            metadata={"bpmn": element.get("id")},
        )
    except WorkflowInvalid as error:
        _tell(error.faults, element, library.findings, places)
        library.findings.stop()
        raise


def _tell(faults: Sequence[Fault], element: Element, findings: Findings, places: Places) -> None:
    """Says what is wrong with the workflow in the words of the model, the causes in place of what follows from them."""
    states = {fault: found[1] for fault in faults if (found := _STATE.fullmatch(fault.place))}
    circles = [link for state in states.values() if (link := places.waited(state)) and _leads_back(link)]
    for link in circles:
        words = f"waits for the flow from '{link.source.name}' too, which is taken only after it"
        findings.fault(link.target.element, link.target.title, words, "lead back to an exclusive gateway before it")
    for fault in () if circles else faults:
        where = places.element(states[fault]) if fault in states else None
        findings.fault(where or element, fault.place, fault.message, fault.remedy)


def _leads_back(link: Link) -> bool:
    """Whether the flow comes from behind the node that it leads to."""
    seen: set[Node] = set()
    ahead = [link.target]
    while ahead:
        new = {each.target for each in ahead.pop().ways} - seen
        seen |= new
        ahead += new
    return link.source in seen
