"""Making flows: what every part of the translation shares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs

from circuit_breaker.workflow.bpmn.findings import Findings
from circuit_breaker.workflow.bpmn.library import Library
from circuit_breaker.workflow.bpmn.model import Link, Node, Scope
from circuit_breaker.workflow.bpmn.naming import Names
from circuit_breaker.workflow.bpmn.places import Places
from circuit_breaker.workflow.flow import Flow, flow
from circuit_breaker.workflow.state import Bundle, Path, State

__all__ = ["Making", "cleared"]


@attrs.define(eq=False)
class Making:
    """The flows of a process, as they come to be.

    Attributes:
        findings: Where faults and notes go.
        library: What can be looked up.
        places: The states.
        split: Makes the flows of an inclusive choice that begins in a state.
        flows: What is made.
        later: What can be made only when every state is known.
    """

    findings: Findings
    library: Library
    places: Places
    split: Callable[[Node, State], None]
    names: Names = attrs.field(factory=Names)
    flows: list[Flow] = attrs.field(factory=list)
    later: list[Callable[[], None]] = attrs.field(factory=list)
    _splitting: set[Node] = attrs.field(factory=set)

    def step(self, sources: Any, targets: Any, node: Node, name: str = "") -> Flow:
        """The beginning of a flow that stands for a node, under a name of its own."""
        return self.way((Bundle.of(sources),), targets, node, name)

    def way(self, sources: Sequence[Bundle], targets: Any, node: Node, name: str = "") -> Flow:
        """Like :meth:`step`, from any one of several sources."""
        path = Path(tuple(sources), Bundle(()) if targets == () else Bundle.of(targets))
        made = flow(path).transition(self.names.free(name or node.name, node.id)).metadata(bpmn=node.id)
        text = " ".join(each.text for each in node.element.all("documentation") if each.text)
        return made.describe(text) if text and not name else made

    def add(self, *made: Flow) -> None:
        """Keeps flows that are finished."""
        self.flows.extend(made)

    def leaving(self, node: Node) -> tuple[State, ...]:
        """The states that get a token when a node has been gone through."""
        if not node.outgoing:
            return (self.ended(node),)
        if any(link.condition is not None for link in node.outgoing):
            state = self.places.at(node, "/leaves")
            if node not in self._splitting:
                self._splitting.add(node)
                self.split(node, state)
            return (state,)
        return self.all_entered(node.outgoing)

    def all_entered(self, links: Iterable[Link]) -> tuple[State, ...]:
        """The states that get a token when all of these flows are taken."""
        return tuple(state for link in links for state in self.places.entered(link))

    def ended(self, node: Node) -> State:
        """Where a token stays that has come to an end at a node: in a process for good, else until its scope ends."""
        owner = node.scope.owner
        return self.places.at(node, "/ended", final=True) if owner is None else self.done(owner)

    def done(self, owner: Node) -> State:
        """Where the tokens of a sub-process wait that have come to its end."""
        assert owner.inner is not None  # noqa: S101 - only sub-processes own a scope
        anchor = next(iter(owner.inner.nodes.values()), owner)
        return self.places.at(anchor, "/all ended", wanted=f"{owner.name}/done")

    def watches(self, node: Node) -> tuple[State, ...]:
        """The states in which the events at the edge of an activity wait apart from it."""
        return tuple(self.places.armed(event) for event in node.boundary if self.places.has_watch(event))

    def inside(self, scope: Scope) -> tuple[State, ...]:
        """Every state of a scope; known when all of its nodes have been made."""
        return tuple(self.places.within.get(scope, ()))


def cleared(made: Flow, states: Iterable[State]) -> Flow:
    """The flow, which clears these states, if there are any."""
    found = tuple(states)
    return made.clears(*found) if found else made
