"""Translation: from the graph of a process to flows.

It follows Dijkman, Dumas and Ouyang, "Semantics and analysis of business process models in BPMN" (2008), with a state
for each activity instead of each sequence flow. What an event at an edge interrupts is withdrawn by reset arcs.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from circuit_breaker.workflow.bpmn.activities import Activities
from circuit_breaker.workflow.bpmn.edges import catcher_of, make_edges
from circuit_breaker.workflow.bpmn.gateways import Gateways
from circuit_breaker.workflow.bpmn.library import Library
from circuit_breaker.workflow.bpmn.making import Making, cleared
from circuit_breaker.workflow.bpmn.model import ACTIVITIES, GATEWAYS, PLAIN, Node, Scope
from circuit_breaker.workflow.bpmn.places import Places
from circuit_breaker.workflow.bpmn.ways import is_catch_of, reached, starts_of
from circuit_breaker.workflow.compiling import mentions
from circuit_breaker.workflow.flow import Flow
from circuit_breaker.workflow.state import Bundle, State

__all__ = ["translate"]


def translate(process: Scope, library: Library) -> tuple[list[Flow], State | None, Places]:
    """The flows of a process, the state where its cases start, and its states.

    Faults and notes go to the findings of the library.
    """
    gateways = Gateways()
    making = Making(library.findings, library, Places(library.findings), gateways.split)
    gateways.making = making
    translation = _Translation(making, gateways)
    initial = translation.begin(process)
    translation.scope(process)
    while making.later:
        making.later.pop(0)()
    return list(_pruned(making.flows)), initial, making.places


def _pruned(flows: list[Flow]) -> Iterator[Flow]:
    """The flows, which clear and look at such states only as a token can come to."""
    known = {state.name for flow in flows for state in mentions(flow)}
    for flow in flows:
        cleared = tuple(state for state in flow.cleared if state.name in known)
        parts = (part for bundle in flow.inhibited for part in bundle.parts if part[0].name in known)
        yield attrs.evolve(flow, cleared=cleared, inhibited=tuple(Bundle((part,)) for part in parts))


class _Translation:
    """Goes through the nodes, and gives each to what makes its kind."""

    def __init__(self, making: Making, gateways: Gateways) -> None:
        self.making = making
        self.gateways = gateways
        self.activities = Activities(making)

    def begin(self, process: Scope) -> State | None:
        """Pairs the inclusive gateways, and makes the start; gives the state where cases start."""
        for node in process.every():
            chooses = node.kind == "inclusiveGateway" or any(link.condition for link in node.outgoing)
            if chooses and len(node.outgoing) > 1 and node.kind != "exclusiveGateway":
                self.gateways.pair(node)
        making, starts = self.making, starts_of(process)
        if not starts:
            making.findings.fault(
                process.element, f"process '{process.element.get('id')}'", "begins nowhere", "draw a start event"
            )
            return None
        first = starts[0]
        if len(starts) == 1 and first.kind == "startEvent":
            making.add(making.step(making.places.at(first), making.leaving(first), first))
            self._note_start(first)
            return making.places.at(first)
        start = making.places.at(first, "/start", wanted="start")
        if first.kind != "startEvent":
            targets = tuple(state for node in starts for state in making.places.entrance(node))
            making.add(making.step(start, targets, first, "start"))
        for node in starts if first.kind == "startEvent" else []:
            making.add(self._chosen(making.step(start, making.leaving(node), node), node))
            making.findings.note(node.element, node.title, "is one of several starts: the case waits for one of them")
        return start

    def _chosen(self, made: Flow, node: Node) -> Flow:
        return self.making.library.triggered(made, node) if node.event in ("message", "signal") else made.manual()

    def _note_start(self, node: Node) -> None:
        if node.event != PLAIN:
            words = f"who starts a case is not part of a workflow: a {node.event} does, from outside"
            self.making.findings.note(node.element, node.title, words)

    def scope(self, scope: Scope) -> None:
        """Adds the flows of every node in a scope that a token can come to."""
        found = reached(starts_of(scope))
        for node in scope.nodes.values():
            if node in found or (node.kind == "boundaryEvent" and node.outgoing and self._host(node) in found):
                self._node(node)
            elif node.kind != "boundaryEvent":
                self.making.findings.fault(
                    node.element, node.title, "is never come to", "draw a flow to it, or remove it"
                )

    @staticmethod
    def _host(event: Node) -> Node | None:
        return event.scope.nodes.get(event.element.get("attachedToRef"))

    def _node(self, node: Node) -> None:
        if node.inner is not None:
            self.scope(node.inner)
        if _waited_for(node):
            return
        if node.kind in ACTIVITIES:
            self.activities.make(node)
            make_edges(self.making, node)
        elif node.kind in GATEWAYS:
            self.gateways.make(node)
        elif node.kind == "endEvent":
            self._end(node)
        elif node.kind == "intermediateCatchEvent":
            self._catch(node)
        elif node.kind == "intermediateThrowEvent":
            self._throw(node)

    def _catch(self, node: Node) -> None:
        making = self.making
        if node.event == "link":
            if not any(
                is_catch_of(node, other)
                for other in node.scope.nodes.values()
                if other.kind == "intermediateThrowEvent"
            ):
                making.findings.fault(node.element, node.title, "no link event leads to it", "give both the same name")
        else:
            made = making.step(making.places.at(node), making.leaving(node), node)
            making.add(making.library.triggered(made, node))

    def _throw(self, node: Node) -> None:
        if node.event == "link":
            return
        if node.event not in (PLAIN, "message", "signal"):
            self.making.findings.fault(
                node.element, node.title, f"what it throws, of kind '{node.event}', is not understood"
            )
        self.making.add(
            self._sent(self.making.step(self.making.places.at(node), self.making.leaving(node), node), node)
        )

    def _sent(self, made: Flow, node: Node) -> Flow:
        """The flow, with the action that sends something, if one is given."""
        action = self.making.library.actions.get(node.id) or self.making.library.actions.get(node.name)
        if action is not None:
            return made.action(action, name=node.id)
        if node.event in ("message", "signal"):
            words = f"sends a {node.event} only if a function called '{node.id}' is given in actions"
            self.making.findings.note(node.element, node.title, words)
        return made

    def _end(self, node: Node) -> None:
        """An end: of a token, of everything in its scope, or of what an error event catches."""
        making, owner = self.making, node.scope.owner
        at = making.places.at(node)
        if node.event == "terminate":
            making.later.append(lambda: self._terminate(node, at))
        elif node.event == "error":
            self._fails(node, at)
        elif node.event in (PLAIN, "message", "signal", "escalation"):
            if owner is not None or node.id in making.library.actions or node.name in making.library.actions:
                making.add(self._sent(making.step(at, making.ended(node), node), node))
            elif node.event != PLAIN:
                self._sent(making.step(at, (), node), node)
        else:
            making.findings.fault(node.element, node.title, f"an end of kind '{node.event}' is not understood")

    def _terminate(self, node: Node, at: State) -> None:
        making = self.making
        ended = making.ended(node)
        left = {state.name for each in making.flows for source in each.path.sources for state in source.states}
        others = [state for state in making.inside(node.scope) if state is not at and state.name in left]
        making.add(cleared(making.step(at, ended, node), others))

    def _fails(self, node: Node, at: State) -> None:
        making = self.making
        event = catcher_of(node, making.library.declared(node), making)
        if event is not None:
            making.add(making.way((Bundle.of(at),), making.places.at(event), node))
            return
        making.findings.note(node.element, node.title, "nothing catches this error: it is an end like others")
        if node.scope.owner is not None:
            making.add(making.step(at, making.ended(node), node))


def _waited_for(node: Node) -> bool:
    """Whether only event-based gateways lead to it, which wait for it themselves."""
    sources = [link.source.kind for link in node.incoming]
    catches = node.kind in ("intermediateCatchEvent", "receiveTask")
    return catches and bool(sources) and all(kind == "eventBasedGateway" for kind in sources)
