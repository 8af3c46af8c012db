"""Gateways: choices, splits and joins as flows."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from circuit_breaker.rules import Rule, any_of
from circuit_breaker.workflow.bpmn.inclusive import Block, block_of, comes_alone
from circuit_breaker.workflow.bpmn.making import Making
from circuit_breaker.workflow.bpmn.model import Link, Node
from circuit_breaker.workflow.patterns.basics import LAST
from circuit_breaker.workflow.patterns.joins import or_merge
from circuit_breaker.workflow.state import Bundle, State

__all__ = ["Gateways"]

CHOSEN_BY_HAND = "its flows have no conditions: somebody chooses by firing one of them"


class Gateways:
    """Makes the flows of gateways, and of activities that choose where to go on."""

    def __init__(self) -> None:
        self.making: Making
        self.blocks: dict[Node, Block] = {}

    def make(self, node: Node) -> None:
        """Adds the flows of one gateway."""
        if node.kind == "exclusiveGateway":
            self._exclusive(node)
        elif node.kind == "eventBasedGateway":
            self._events(node)
        else:
            self._together(node)

    def pair(self, split: Node) -> None:
        """Finds the join that belongs to an inclusive split, before any state is made."""
        block = block_of(split)
        if block is None or block.join in (other.join for other in self.blocks.values()):
            return
        self.blocks[split] = block
        for number, links in enumerate(block.ends, start=1):
            state = self.making.places.at(block.join, f"/{number}")
            self.making.places.joined.update(dict.fromkeys(links, state))

    def _exclusive(self, node: Node) -> None:
        if len(node.outgoing) == 1 and node.outgoing[0].condition is None:
            return
        making, at = self.making, self.making.places.at(node)
        ways = self._ways(node)
        by_hand = self._by_hand(node, ways)
        for link, rule in ways:
            made = making.step(at, making.places.entered(link), node, _called(link))
            if by_hand:
                made = made.manual()
            elif rule is not None:
                made = made.guard(rule)
            else:
                made = made.priority(LAST)
            making.add(made)

    def _ways(self, node: Node) -> list[tuple[Link, Rule | None]]:
        """The flows that leave a node, each with its rule; the default one has none."""
        ways = [(link, None if link.default else self.making.library.condition(link)) for link in node.outgoing]
        if node.kind == "exclusiveGateway":
            self._bare(node, ways)
        return ways

    def _bare(self, node: Node, ways: Sequence[tuple[Link, Rule | None]]) -> None:
        """Looks at the ways of a choice that have no condition although others have one."""
        findings = self.making.findings
        bare = [link for link, rule in ways if rule is None and link.condition is None and not link.default]
        if not bare or not any(rule is not None or link.condition is not None for link, rule in ways):
            return
        if len(bare) == 1 and not any(link.default for link in node.outgoing):
            place = f"sequenceFlow '{bare[0].id}'"
            findings.note(bare[0].element, place, "has no condition: it is taken where no other is")
            return
        for link in bare:
            words = f"has no condition, but flows beside it at {node.title} have"
            remedy = f"give it one, or a rule called '{link.id}' in rules"
            findings.fault(link.element, f"sequenceFlow '{link.id}'", words, remedy)

    def _by_hand(self, node: Node, ways: Sequence[tuple[Link, Rule | None]]) -> bool:
        """Whether nothing says which way to take, so that somebody has to."""
        free = all(rule is None and link.condition is None for link, rule in ways)
        if free:
            self.making.findings.note(node.element, node.title, CHOSEN_BY_HAND, "or give rules by the ids of the flows")
        return free

    def _events(self, node: Node) -> None:
        making, at = self.making, self.making.places.at(node)
        self._unasked(node)
        for link in node.outgoing:
            event = link.target
            if event.kind not in ("intermediateCatchEvent", "receiveTask"):
                words = f"leads to {event.title}, which is no event that can be waited for"
                making.findings.fault(node.element, node.title, words, "lead to catching events or receive tasks")
                continue
            targets = making.leaving(event)
            making.add(making.library.triggered(making.step(at, targets, event), event))

    def _unasked(self, node: Node) -> None:
        """Looks at conditions where every flow is taken, or where events choose."""
        for link in node.outgoing:
            if link.condition is not None:
                words = f"has a condition, and none is asked at {node.title}"
                self.making.findings.fault(
                    link.element, f"sequenceFlow '{link.id}'", words, "remove it, or draw an inclusive gateway"
                )

    def _together(self, node: Node) -> None:
        """Parallel and inclusive gateways: the join, and then the split."""
        making = self.making
        inclusive = node.kind == "inclusiveGateway"
        if not inclusive:
            self._unasked(node)
        asks = any(link.condition is not None for link in node.outgoing)
        joins, splits = len(node.incoming) > 1, inclusive and (asks or len(node.outgoing) > 1)
        if not joins and not splits and len(node.outgoing) == 1:
            return
        if not joins and splits:
            self.split(node, making.places.at(node))
            return
        targets = (making.places.at(node, "/chooses"),) if splits else making.all_entered(node.outgoing)
        sources = self._joined(node) if joins else (Bundle.of(making.places.at(node)),)
        making.add(making.way(sources, targets, node))
        if splits:
            self.split(node, targets[0])

    def _joined(self, node: Node) -> tuple[Bundle, ...]:
        """The states that a join takes tokens from: all of them, any where only one comes, or those under way."""
        states = tuple(dict.fromkeys(self.making.places.joining(link) for link in node.incoming))
        paired = any(block.join is node for block in self.blocks.values())
        if node.kind == "parallelGateway" or paired or len(states) == 1:
            return (Bundle.of(states),)
        if comes_alone(node):
            return tuple(Bundle.of(state) for state in states)
        joined = self.making.places.at(node, "/joined")
        named = [attrs.evolve(each, facts={"bpmn": node.id}) for each in or_merge(*states, into=joined)]
        self.making.add(*named)
        return (Bundle.of(joined),)

    def split(self, node: Node, at: State) -> None:
        """Adds the flows of an inclusive choice that begins in a state: every way whose condition holds."""
        making, ways = self.making, self._ways(node)
        by_hand = self._by_hand(node, ways)
        rules = [rule for _, rule in ways if rule is not None]
        always = [link for link, rule in ways if rule is None and link.condition is None and not link.default]
        skipped = self._skipped(node)
        opened: list[State] = []
        for number, (link, rule) in enumerate(ways, start=1):
            if link.default and not by_hand:
                opened.extend(skipped[number - 1])
            elif rule is None and not by_hand:
                opened.extend(making.places.entered(link))
            else:
                opened.append(self._asked(node, link, rule, skipped[number - 1], number))
        made = making.step(at, tuple(opened), node, f"{node.name} splits")
        making.add(made.guard(any_of(*rules)) if rules and not always else made)
        default = next((number for number, (link, _) in enumerate(ways) if link.default), None)
        if default is not None and always and not by_hand:
            link = ways[default][0]
            words = f"is never taken, for '{always[0].id}' beside it has no condition"
            making.findings.fault(link.element, f"sequenceFlow '{link.id}'", words, f"give '{always[0].id}' one")
        elif default is not None and rules:
            others = [state for number, states in enumerate(skipped) if number != default for state in states]
            link = ways[default][0]
            targets = (*making.places.entered(link), *others)
            making.add(making.step(at, targets, node, _called(link)).priority(LAST))

    def _asked(self, node: Node, link: Link, rule: Rule | None, skipped: tuple[State, ...], number: int) -> State:
        """The state from which one way is taken or skipped."""
        making, ask = self.making, self.making.places.at(node, f"/asks {number}")
        takes = making.step(ask, making.places.entered(link), node, _called(link))
        skips = making.step(ask, skipped, node, f"{_called(link)} is skipped")
        by_hand = rule is None
        making.add(
            takes.manual() if by_hand else takes.guard(rule), skips.manual() if by_hand else skips.priority(LAST)
        )
        return ask

    def _skipped(self, node: Node) -> list[tuple[State, ...]]:
        """For each way the state at the join that a token goes to where the way is not taken; none without a join."""
        block = self.blocks.get(node)
        if block is None:
            return [()] * len(node.outgoing)
        return [(self.making.places.joined[links[0]],) for links in block.ends]


def _called(link: Link) -> str:
    """What to call the way that a flow leads."""
    name = " ".join(link.element.get("name").split())
    return f"{link.source.name}: {name}" if name else f"{link.source.name} to {link.target.name}"
