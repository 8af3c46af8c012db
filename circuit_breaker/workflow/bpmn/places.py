"""Places: the states of a process, and which of them a token enters when it takes a flow."""

from __future__ import annotations

import attrs

from circuit_breaker.net.xml import Element
from circuit_breaker.workflow.bpmn.findings import Findings
from circuit_breaker.workflow.bpmn.model import Link, Node, Scope
from circuit_breaker.workflow.bpmn.naming import Names
from circuit_breaker.workflow.bpmn.ways import is_catch_of, link_name, starts_of
from circuit_breaker.workflow.state import State

__all__ = ["Places"]


@attrs.define(eq=False)
class Places:
    """The states that stand for a process.

    A node is waited at in one state, named after it; a gateway that joins has one for each flow that enters it. A
    gateway that only brings ways together has none.

    Attributes:
        findings: Where faults go.
        names: The names of states that are taken.
        made: For each node and purpose its state.
        within: For each scope its states, those of inner ones included.
        joined: For a flow that enters an inclusive join, the state that it shares with others.
    """

    findings: Findings
    names: Names = attrs.field(factory=Names)
    made: dict[tuple[Node | Link, str], State] = attrs.field(factory=dict)
    within: dict[Scope, list[State]] = attrs.field(factory=dict)
    joined: dict[Link, State] = attrs.field(factory=dict)

    def element(self, state: str) -> Element | None:
        """The element that a state of that name stands for, or None."""
        return next((key[0].element for key, made in self.made.items() if made.name == state), None)

    def waited(self, state: str) -> Link | None:
        """The flow by which tokens come to a state in which they wait for those of other flows, or None."""
        links = (key[0] for key, made in self.made.items() if made.name == state)
        return next((link for link in links if isinstance(link, Link)), None)

    def at(self, node: Node, purpose: str = "", *, wanted: str = "", final: bool | None = None) -> State:
        """The state of a node for a purpose, the same whenever it is asked for."""
        return self._state((node, purpose), wanted or f"{node.name}{purpose}", node, final)

    def joining(self, link: Link) -> State:
        """The state in which a token waits that has come to a join by this flow."""
        if link in self.joined:
            return self.joined[link]
        return self._state((link, ""), f"{link.target.name}/from {link.source.name}", link.target, None)

    def _state(self, key: tuple[Node | Link, str], wanted: str, node: Node, final: bool | None) -> State:
        if key not in self.made:
            state = self.made[key] = State(self.names.free(wanted, node.id), final=final)
            scope: Scope | None = node.scope
            while scope is not None:
                self.within.setdefault(scope, []).append(state)
                scope = None if scope.owner is None else scope.owner.scope
        return self.made[key]

    def entered(self, link: Link) -> tuple[State, ...]:
        """The states that get a token when one takes this flow."""
        seen: set[Link] = set()
        while (after := self._passed(link)) is not None:
            if link in seen:
                self.findings.fault(link.target.element, link.target.title, "leads back to itself and nowhere else")
                break
            seen.add(link)
            link = after
        return self.entrance(link.target, link)

    def _passed(self, link: Link) -> Link | None:
        """The flow that a token takes next without stopping, or None where it stops."""
        node = link.target
        if node.kind == "intermediateThrowEvent" and node.event == "link":
            caught = [other for other in node.scope.nodes.values() if is_catch_of(other, node)]
            if len(caught) != 1 or len(caught[0].outgoing) != 1:
                name = link_name(node)
                words = f"leads to {len(caught)} link events called '{name}'"
                self.findings.fault(node.element, node.title, words, "draw one, with one flow from it")
                return None
            return caught[0].outgoing[0]
        gateway = node.kind in ("exclusiveGateway", "parallelGateway", "inclusiveGateway")
        alone = gateway and len(node.outgoing) == 1 and node.outgoing[0].condition is None
        joins = node.kind != "exclusiveGateway" and len(node.incoming) > 1
        return node.outgoing[0] if alone and not joins else None

    def entrance(self, node: Node, link: Link | None = None) -> tuple[State, ...]:
        """The states that get a token when a node is entered."""
        if node.kind in ("parallelGateway", "inclusiveGateway") and len(node.incoming) > 1 and link is not None:
            return (self.joining(link),)
        if node.element.first("standardLoopCharacteristics", "multiInstanceLoopCharacteristics") is not None:
            return (self.at(node, "/enter"),)
        return self.begun(node)

    def begun(self, node: Node) -> tuple[State, ...]:
        """The states that get a token when an activity really begins."""
        watches = (self.armed(event) for event in node.boundary if self.has_watch(event))
        if node.inner is None:
            return (self.at(node), *watches)
        starts = starts_of(node.inner)
        if starts and starts[0].kind == "startEvent":
            return (*(state for link in starts[0].outgoing for state in self.entered(link)), *watches)
        return (*(state for start in starts for state in self.entrance(start)), *watches)

    def armed(self, event: Node) -> State:
        """The state in which an event at an edge waits, apart from the activity."""
        return self.at(event, "/armed")

    @staticmethod
    def has_watch(event: Node) -> bool:
        """Whether an event at an edge waits apart from the activity, and not in the same state."""
        host = event.scope.nodes.get(event.element.get("attachedToRef"))
        if host is None or event.event in ("error", "escalation", "cancel", "compensate"):
            return False
        if not event.interrupts:
            return True
        return host.inner is not None or (host.works and event.event != "timer")
