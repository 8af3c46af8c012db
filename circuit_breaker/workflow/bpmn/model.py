"""What a BPMN process says, as a graph: nodes, the flows between them, and the scopes that they are in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from circuit_breaker.net.xml import Element

__all__ = ["ACTIVITIES", "EVENTS", "GATEWAYS", "NODES", "PEOPLE", "PLAIN", "Link", "Node", "Scope"]

PEOPLE: Final = ("userTask", "manualTask", "task")
WORK: Final = ("serviceTask", "scriptTask", "sendTask", "businessRuleTask", "callActivity")
ACTIVITIES: Final = (*PEOPLE, *WORK, "receiveTask", "subProcess")
GATEWAYS: Final = ("exclusiveGateway", "parallelGateway", "inclusiveGateway", "eventBasedGateway")
EVENTS: Final = ("startEvent", "endEvent", "intermediateCatchEvent", "intermediateThrowEvent", "boundaryEvent")
NODES: Final = (*ACTIVITIES, *GATEWAYS, *EVENTS)
UNNAMED: Final = {"startEvent": "start", "endEvent": "end"}
PLAIN: Final = "none"
"""The kind of an event that has no definition."""


@attrs.define(eq=False)
class Link:
    """A sequence flow.

    Attributes:
        element: Where it stands.
        source: The node that it leaves.
        target: The node that it enters.
        default: Whether it is taken when no other is.
    """

    element: Element
    source: Node
    target: Node
    default: bool = False

    @property
    def id(self) -> str:
        """Its id in the document."""
        return self.element.get("id")

    @property
    def condition(self) -> Element | None:
        """Where its condition stands, if it has one."""
        found = self.element.first("conditionExpression")
        return found if found is not None and (found.text or found.get("resource")) else None


@attrs.define(eq=False)
class Node:
    """An activity, a gateway or an event.

    Attributes:
        element: Where it stands.
        scope: What it is in.
        event: For an event what it is about, such as ``"timer"``, or ``"none"``.
        definition: Where that is said, or None.
        lane: The innermost lane that it is in, or an empty text.
        incoming: The flows that enter it.
        outgoing: The flows that leave it.
        boundary: The events at its edge.
        inner: For a sub-process what is in it.
    """

    element: Element
    scope: Scope
    event: str = PLAIN
    definition: Element | None = None
    lane: str = ""
    incoming: list[Link] = attrs.field(factory=list, repr=False)
    outgoing: list[Link] = attrs.field(factory=list, repr=False)
    boundary: list[Node] = attrs.field(factory=list, repr=False)
    inner: Scope | None = attrs.field(default=None, repr=False)

    @property
    def id(self) -> str:
        """Its id in the document."""
        return self.element.get("id")

    @property
    def kind(self) -> str:
        """What it is, in the word of BPMN, such as ``"userTask"``."""
        return self.element.tag

    @property
    def name(self) -> str:
        """What it is called: its name, or else ``start``, ``end`` or its id."""
        return " ".join(self.element.get("name").split()) or UNNAMED.get(self.kind, self.id)

    @property
    def title(self) -> str:
        """What to call it in a message."""
        called = self.element.get("name")
        return f"{self.kind} '{self.id}'" + (f" ({' '.join(called.split())[:60]})" if called else "")

    @property
    def interrupts(self) -> bool:
        """For an event at an edge: whether it ends the activity."""
        return self.element.get("cancelActivity", "true") != "false"

    @property
    def works(self) -> bool:
        """Whether something is carried out at it, without a person."""
        return self.kind in WORK

    @property
    def ways(self) -> list[Link]:
        """The flows that lead on from it, those of the events at its edge included."""
        return [*self.outgoing, *(link for event in self.boundary for link in event.outgoing)]


@attrs.define(eq=False)
class Scope:
    """A process, or the inside of a sub-process.

    Attributes:
        element: Where it stands.
        owner: The sub-process, or None for a process.
        nodes: By id.
        refused: The ids of what is not understood in it, and of the nodes beside it, of which nothing more is asked.
    """

    element: Element
    owner: Node | None = None
    nodes: dict[str, Node] = attrs.field(factory=dict, repr=False)
    refused: set[str] = attrs.field(factory=set, repr=False)

    def every(self) -> Iterator[Node]:
        """The nodes of this scope and of those in it."""
        for node in self.nodes.values():
            yield node
            if node.inner is not None:
                yield from node.inner.every()

    @property
    def concurrent(self) -> bool:
        """Whether several tokens may be in it at once."""
        return any(_splits(node) for node in self.every())


def _splits(node: Node) -> bool:
    several = len(node.outgoing) > 1 and node.kind not in ("exclusiveGateway", "eventBasedGateway")
    aside = any(not event.interrupts for event in node.boundary)
    return several or aside or node.element.first("multiInstanceLoopCharacteristics") is not None
