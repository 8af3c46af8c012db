"""Ways: where a scope begins, and what can be come to in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from circuit_breaker.workflow.bpmn.model import Node, Scope

__all__ = ["is_catch_of", "link_name", "reached", "starts_of"]


def reached(starts: Iterable[Node]) -> set[Node]:
    """The nodes that can be come to from these, in their scope."""
    found: set[Node] = set()
    waiting = list(starts)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting.extend(_next(node))
    return found


def _next(node: Node) -> Iterator[Node]:
    yield from (link.target for link in node.ways)
    if node.kind == "intermediateThrowEvent" and node.event == "link":
        yield from (other for other in node.scope.nodes.values() if is_catch_of(other, node))


def is_catch_of(node: Node, thrown: Node) -> bool:
    """Whether a link event takes up what another one throws."""
    same = link_name(node) == link_name(thrown)
    return node.kind == "intermediateCatchEvent" and node.event == "link" and same


def link_name(node: Node) -> str:
    """The name by which link events find each other."""
    return (node.definition.get("name") if node.definition is not None else "") or node.element.get("name")


def starts_of(scope: Scope) -> list[Node]:
    """The start events; where there are none, the nodes that nothing leads to."""
    events = [node for node in scope.nodes.values() if node.kind == "startEvent"]
    return events or [node for node in scope.nodes.values() if _begins(node)]


def _begins(node: Node) -> bool:
    caught = node.kind == "intermediateCatchEvent" and node.event == "link"
    return not node.incoming and node.kind != "boundaryEvent" and not caught
