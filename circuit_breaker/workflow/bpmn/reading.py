"""From the elements of a BPMN document to the graph of its process.

What is no part of the control flow (pictures, data, texts, extensions of tools) is left alone and noted. What would
change what happens and is not understood is a fault.
"""

from __future__ import annotations

from typing import Final

from circuit_breaker.errors import nearest
from circuit_breaker.net.xml import Element
from circuit_breaker.workflow.bpmn.findings import Findings
from circuit_breaker.workflow.bpmn.model import EVENTS, NODES, PLAIN, Link, Node, Scope

__all__ = ["MODEL", "read_process"]

MODEL: Final = "http://www.omg.org/spec/BPMN/20100524/MODEL"
STRUCTURE: Final = (
    *NODES, "sequenceFlow", "laneSet", "documentation", "extensionElements", "incoming", "outgoing",
    "standardLoopCharacteristics", "multiInstanceLoopCharacteristics", "conditionExpression", "script",
    "potentialOwner", "humanPerformer", "performer", "rendering",
)  # fmt: skip
LEFT_ALONE: Final = {
    "dataObject": "data", "dataObjectReference": "data", "dataStoreReference": "data", "property": "data",
    "ioSpecification": "data", "dataInputAssociation": "data", "dataOutputAssociation": "data",
    "dataInput": "data", "dataOutput": "data", "inputSet": "data", "outputSet": "data", "ioBinding": "data",
    "textAnnotation": "a text", "association": "a line in the picture", "group": "a frame in the picture",
    "category": "a frame in the picture", "auditing": "for audits", "monitoring": "for monitoring",
    "correlationSubscription": "about messages", "supportedInterfaceRef": "about services",
    "resourceRole": "about people", "relationship": "about other models",
}  # fmt: skip
NOT_UNDERSTOOD: Final = {
    "complexGateway": "use exclusive, parallel or inclusive gateways",
    "transaction": "make it a sub-process with error events at its edge",
    "adHocSubProcess": "draw the order of its activities",
    "choreographyTask": "import the process of one participant",
    "subChoreography": "import the process of one participant",
}
DEFINITIONS: Final = {
    "messageEventDefinition": "message",
    "signalEventDefinition": "signal",
    "timerEventDefinition": "timer",
    "errorEventDefinition": "error",
    "escalationEventDefinition": "escalation",
    "terminateEventDefinition": "terminate",
    "conditionalEventDefinition": "conditional",
    "linkEventDefinition": "link",
    "compensateEventDefinition": "compensate",
    "cancelEventDefinition": "cancel",
}
BEYOND: Final = {
    "compensate": "undo it with .compensate() on the transition",
    "cancel": "make the transaction a sub-process with error events at its edge",
    "escalation": "make it an error, message or signal event",
}
"""What an event at an edge may be about that has no meaning here."""
UNUSUAL: Final = (
    ("isForCompensation", "true", "undo it with .compensate() on the transition"),
    ("instantiate", "true", "begin with a start event"),
    ("eventGatewayType", "Parallel", "use an exclusive event-based gateway"),
    ("triggeredByEvent", "true", "draw the event at the edge of a sub-process"),
)


def read_process(root: Element, findings: Findings, *, process: str = "") -> Scope | None:
    """The graph of a process; None if it cannot be told which one is meant.

    Args:
        root: The outermost element.
        findings: Where faults and notes go.
        process: The id of the process, where the document has several.
    """
    if root.tag != "definitions" or root.namespace != MODEL:
        findings.fault(root, f"<{root.tag}>", "is no BPMN 2.0 model", f'it begins with <definitions xmlns="{MODEL}">')
        return None
    _repeated(root, findings)
    for message in (message for each in root.all("collaboration") for message in each.all("messageFlow")):
        findings.note(message, f"messageFlow '{message.get('id')}'", "left alone: it leads to another participant")
    chosen = _chosen(root, findings, process)
    return None if chosen is None else _scope(chosen, None, findings)


def _repeated(root: Element, findings: Findings) -> None:
    seen: dict[str, Element] = {}
    for element in (element for element in root.walk() if element.namespace == MODEL and element.get("id")):
        first = seen.setdefault(element.get("id"), element)
        if first is not element:
            findings.fault(
                element, f"{element.tag} '{first.get('id')}'", f"has the id of line {first.line}", "give it another id"
            )


def _chosen(root: Element, findings: Findings, wanted: str) -> Element | None:
    processes = {each.get("id"): each for each in root.all("process")}
    if wanted:
        if wanted not in processes:
            findings.fault(root, "the document", f"has no process '{wanted}'", nearest(wanted, processes))
        return processes.get(wanted)
    filled = [each for each in processes.values() if any(child.tag in NODES for child in each.children)]
    runs = [each for each in filled if each.get("isExecutable") == "true"]
    for choice in (filled, runs):
        if len(choice) == 1:
            for other in (each for each in processes.values() if each is not choice[0]):
                findings.note(other, f"process '{other.get('id')}'", "left alone: it is another process")
            return choice[0]
    words = (
        f"has {len(filled)} processes: {', '.join(each.get('id') for each in filled)}" if filled else "has no process"
    )
    findings.fault(root, "the document", words, "say which one is meant, by its id" if filled else "draw one")
    return None


def _scope(element: Element, owner: Node | None, findings: Findings) -> Scope:
    scope = Scope(element, owner)
    for child in element.children:
        if child.tag in NODES and child.namespace == MODEL:
            _add_node(child, scope, findings)
        elif not _look_at(child, element, findings):
            scope.refused.add(child.get("id"))
    _attach(scope, findings)
    for flow in element.all("sequenceFlow"):
        _add_link(flow, scope, findings)
    _check_ends(scope, findings)
    for lanes in element.all("laneSet"):
        _set_lanes(lanes, scope, findings)
    return scope


def _look_at(child: Element, parent: Element, findings: Findings) -> bool:
    """Says of an element that is no node what becomes of it; gives whether it is understood, or may be left alone."""
    place = f"{child.tag} '{child.get('id')}'" if child.get("id") else f"<{child.tag}> of '{parent.get('id')}'"
    if child.namespace != MODEL:
        findings.note(child, place, "left alone: it belongs to a tool")
    elif child.tag in NOT_UNDERSTOOD:
        findings.fault(child, place, "is not understood", NOT_UNDERSTOOD[child.tag])
        return False
    elif child.tag in LEFT_ALONE:
        findings.note(child, place, f"left alone: it is {LEFT_ALONE[child.tag]}")
    elif child.tag not in STRUCTURE and child.tag not in DEFINITIONS:
        findings.fault(child, place, "is not understood", "remove it")
        return False
    return True


def _add_node(element: Element, scope: Scope, findings: Findings) -> None:
    node = Node(element, scope)
    if not node.id:
        findings.fault(element, f"<{element.tag}>", "has no id", "give it one")
        return
    scope.nodes.setdefault(node.id, node)
    for name, value, remedy in UNUSUAL:
        if element.get(name) == value:
            findings.fault(element, node.title, f'{name}="{value}" is not understood', remedy)
    if element.tag in EVENTS:
        _set_event(node, findings)
    elif element.tag == "subProcess" and any(child.tag in NODES for child in element.children):
        node.inner = _scope(element, node, findings)
    if element.tag != "subProcess":
        for child in element.children:
            _look_at(child, element, findings)
    _note_extensions(node, findings)


def _note_extensions(node: Node, findings: Findings) -> None:
    for extension in node.element.all("extensionElements"):
        if extension.children:
            names = ", ".join(dict.fromkeys(child.tag for child in extension.children))
            findings.note(extension, node.title, f"the extensions of a tool are left alone: {names}")


def _set_event(node: Node, findings: Findings) -> None:
    found = [child for child in node.element.children if child.tag in DEFINITIONS]
    if len(found) > 1:
        findings.fault(found[1], node.title, "waits for several things", "draw an event for each of them")
    elif found:
        node.definition, node.event = found[0], DEFINITIONS[found[0].tag]
    elif any(child.tag == "eventDefinitionRef" for child in node.element.children):
        findings.fault(node.element, node.title, "refers to what it waits for", "write the definition inside of it")
    if node.kind == "boundaryEvent" and node.event == PLAIN:
        findings.fault(node.element, node.title, "waits for nothing", "make it a timer, message or error event")


def _attach(scope: Scope, findings: Findings) -> None:
    for node in scope.nodes.values():
        if node.kind != "boundaryEvent":
            continue
        name = node.element.get("attachedToRef")
        host = scope.nodes.get(name)
        if host is None:
            findings.fault(
                node.element, node.title, f"is at the edge of '{name}', which is not here", _hint(name, scope)
            )
        else:
            host.boundary.append(node)


def _add_link(element: Element, scope: Scope, findings: Findings) -> None:
    names = {element.get("sourceRef"), element.get("targetRef")}
    if names & scope.refused:
        scope.refused |= names
        return
    ends: list[Node] = []
    for end in ("sourceRef", "targetRef"):
        name = element.get(end)
        if name in scope.nodes:
            ends.append(scope.nodes[name])
        else:
            place = f"sequenceFlow '{element.get('id')}'"
            findings.fault(element, place, f"{end} '{name}' is no node of this process", _hint(name, scope))
    if len(ends) == 2:
        source, target = ends
        named = element.get("id") and source.element.get("default") == element.get("id")
        link = Link(element, source, target, default=bool(named))
        link.source.outgoing.append(link)
        link.target.incoming.append(link)


def _hint(name: str, scope: Scope) -> str:
    return nearest(name, scope.nodes) or "draw it again"


def _check_ends(scope: Scope, findings: Findings) -> None:
    """Every node can be entered and left as its kind demands."""
    for node in scope.nodes.values():
        if node.id not in scope.refused and (problem := _problem(node)):
            findings.fault(node.element, node.title, *problem)
        name = node.element.get("default")
        if name and not any(link.id == name for link in node.outgoing):
            findings.fault(node.element, node.title, f"default '{name}' is no flow that leaves it", "name one of them")


def _problem(node: Node) -> tuple[str, str] | None:
    if node.kind == "boundaryEvent" and node.event in BEYOND:
        return f"an event of kind '{node.event}' is not understood", BEYOND[node.event]
    if node.kind in ("startEvent", "boundaryEvent") and node.incoming:
        return "is entered by a flow", "let flows lead away from it only"
    if node.kind == "endEvent" and node.outgoing:
        return "is left by a flow", "let flows lead to it only"
    if node.kind in ("startEvent", "boundaryEvent") and not node.outgoing:
        return "leads nowhere", "draw a flow from it"
    if node.kind.endswith("Gateway") and not node.outgoing:
        return "leads nowhere", "draw a flow from it to an end event"
    if node.kind == "eventBasedGateway" and len(node.outgoing) < 2:
        return "leads one way only", "draw a flow to each event that it waits for"
    return None


def _set_lanes(lanes: Element, scope: Scope, findings: Findings) -> None:
    for lane in lanes.all("lane"):
        for reference in lane.all("flowNodeRef"):
            if reference.text in scope.nodes:
                scope.nodes[reference.text].lane = lane.get("name") or lane.get("id")
            elif not any(each.get("id") == reference.text for each in scope.element.walk()):
                findings.fault(
                    reference, f"lane '{lane.get('id')}'", f"holds '{reference.text}', which is not here", "remove it"
                )
        for inner in lane.all("childLaneSet"):
            _set_lanes(inner, scope, findings)
