"""Inclusive gateways: which split belongs to which join.

A join belongs to a split where every way from the split leads to it, and nothing else does: then each branch that is
not chosen sends its token straight to the join, and the join waits for exactly those that were chosen. Other joins have
to look at the whole net.
"""

from __future__ import annotations

import attrs

from circuit_breaker.workflow.bpmn.model import Link, Node
from circuit_breaker.workflow.bpmn.ways import reached

__all__ = ["Block", "block_of", "comes_alone"]


@attrs.frozen(eq=False)
class Block:
    """An inclusive split with its join.

    Attributes:
        join: The gateway where the branches come together.
        ends: For each flow from the split the flows by which its branch comes to the join.
    """

    join: Node
    ends: tuple[tuple[Link, ...], ...]


def block_of(split: Node) -> Block | None:
    """The block that a node begins by splitting; None where no join belongs to it alone."""
    return _block(split, frozenset())


def _block(split: Node, around: frozenset[Node]) -> Block | None:
    """The same, inside of other splits."""
    for join in split.scope.nodes.values():
        joins = join.kind == "inclusiveGateway" and len(join.incoming) > 1 and join is not split
        if joins and (ends := _ends(split, join, around | {split})):
            return Block(join, ends)
    return None


def _ends(split: Node, join: Node, around: frozenset[Node]) -> tuple[tuple[Link, ...], ...]:
    """For each branch the flows by which it comes to the join; nothing if the two are no block."""
    ends: list[tuple[Link, ...]] = []
    met: set[Node] = set()
    for link in split.outgoing:
        nodes = _branch(link, join)
        if met & nodes or not all(_is_closed(node, link, nodes) and join in reached([node]) for node in nodes):
            return ()
        if any(_forks(node, nodes, around) for node in nodes):
            return ()
        met |= nodes
        ends.append(tuple(each for each in join.incoming if each is link or (each.source in nodes)))
    gathered = [each for group in ends for each in group]
    return tuple(ends) if all(ends) and set(gathered) == set(join.incoming) else ()


def _branch(link: Link, join: Node) -> set[Node]:
    """The nodes that one branch comes to before the join."""
    found: set[Node] = set()
    waiting = [link.target]
    while waiting:
        node = waiting.pop()
        if node not in found and node is not join:
            found.update((node, *node.boundary))
            waiting.extend(each.target for each in node.ways)
    return found


def _is_closed(node: Node, link: Link, nodes: set[Node]) -> bool:
    """Whether a node is entered only from its own branch, and no token gets lost or doubled at it."""
    inward = all(each is link or each.source in nodes for each in node.incoming)
    return inward and bool(node.outgoing) and (node.kind != "boundaryEvent" or node.interrupts)


def _forks(node: Node, nodes: set[Node], around: frozenset[Node]) -> bool:
    """Whether several tokens leave a node that do not come together again in its branch."""
    if len(node.outgoing) < 2 or node.kind in ("exclusiveGateway", "eventBasedGateway"):
        return False
    inner = None if node in around else _block(node, around)
    return inner is None or inner.join not in nodes


def comes_alone(join: Node) -> bool:
    """Whether never more than one token is in the scope of a join, so that it only brings ways together."""
    return not join.scope.concurrent
