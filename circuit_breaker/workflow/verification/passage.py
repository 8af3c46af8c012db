"""Passage: the data of each token on a way through the net, and what is asked of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import attrs

from circuit_breaker.net.structure import NetTransition
from circuit_breaker.rules.analysis.search import Demand
from circuit_breaker.rules.analysis.ternary import FALSE, TRUE
from circuit_breaker.workflow.verification.decisions import touches
from circuit_breaker.workflow.verification.model import Act, Fact, Model

__all__ = ["Epoch", "Passage"]


@attrs.define(eq=False)
class Epoch:
    """Data that are the same from one change to the next.

    Attributes:
        demands: What the rules must say of them.
        before: Those that it was made of: of the tokens that joined, or of a token that was counted.
        changed: The paths at which it may differ from these.
        asked: The demands, by the rules themselves, to find them quickly.
    """

    demands: list[Demand] = attrs.field(factory=list)
    before: tuple[Epoch, ...] = ()
    changed: tuple[str, ...] = ()
    asked: set[tuple[int, int]] = attrs.field(factory=set)

    def ask(self, demand: Demand) -> None:
        """Adds a demand, also on the data that these are made of."""
        same = (id(demand[0]), demand[1])
        if same in self.asked:
            return
        self.asked.add(same)
        self.demands.append(demand)
        if not any(touches(path, change) for path in demand[0].paths for change in self.changed):
            for epoch in self.before:
                epoch.ask(demand)


@attrs.define
class _Queue:
    """The tokens of a place, the oldest first; those that came together with the same data are counted."""

    groups: deque[tuple[Epoch, int]] = attrs.field(factory=deque)

    def put(self, epoch: Epoch, count: int) -> None:
        """Adds tokens."""
        self.groups.append((epoch, count))

    def take(self, count: int) -> Iterator[tuple[Epoch, int]]:
        """Takes so many of the oldest, or all where there are fewer."""
        while count and self.groups:
            epoch, there = self.groups.popleft()
            if there > count:
                self.groups.appendleft((epoch, there - count))
            yield epoch, min(there, count)
            count -= min(there, count)

    def __len__(self) -> int:
        return sum(count for _, count in self.groups)


class Passage:
    """Goes along a way in the net, with the data of each token.

    Attributes:
        first: The data that the case begins with.
        acts: What happens, one for each step that something happens in.
        brought: The data that come with it; None where none do.
        states: The tokens of each state after it.
    """

    def __init__(self, model: Model, labels: Sequence[int]) -> None:
        self.model, self.labels = model, labels
        self.first = Epoch()
        self.tokens: dict[str, _Queue] = {}
        self.acts: list[Act] = []
        self.brought: list[Epoch | None] = []
        self.states: list[dict[str, int]] = []
        for place, count in model.start.items():
            self._at(place).put(self.first, count)

    def go(self, last: Iterable[Demand]) -> None:
        """Takes every step."""
        for label in self.labels:
            act, net = self.model.acts[label], self.model.net.transitions[label]
            taken = self._take(net)
            after, brought = self._after(act, net, [epoch for epoch, _ in taken])
            self._give(net, taken if act.way == "refused" else [(after, sum(arc.weight for arc in net.gives))])
            if not act.silent:
                self.acts.append(act)
                self.brought.append(brought)
                self.states.append(self.model.states(self._counts()))
            elif self.states:
                self.states[-1] = self.model.states(self._counts())
        every = {id(epoch): epoch for tokens in self.tokens.values() for epoch, _ in tokens.groups}
        for demand in last:
            for epoch in every.values():
                epoch.ask(demand)

    def _at(self, place: str) -> _Queue:
        return self.tokens.setdefault(place, _Queue())

    def _counts(self) -> dict[str, int]:
        return {place: len(tokens) for place, tokens in self.tokens.items() if tokens.groups}

    def _take(self, net: NetTransition) -> list[tuple[Epoch, int]]:
        taken = [group for arc in net.takes for group in self._at(arc.place).take(arc.weight)]
        for place in net.resets:
            self.tokens[place] = _Queue()
        return taken

    def _give(self, net: NetTransition, groups: Iterable[tuple[Epoch, int]]) -> None:
        """Puts tokens where the arcs lead, one arc after the other."""
        back = _Queue(deque(groups))
        for arc in net.gives:
            for epoch, count in back.take(arc.weight):
                self._at(arc.place).put(epoch, count)

    def _after(self, act: Act, net: NetTransition, taken: list[Epoch]) -> tuple[Epoch, Epoch | None]:
        """The data of the tokens after a step, and those that came with it."""
        old = taken[0] if len({id(epoch) for epoch in taken}) == 1 else Epoch(before=tuple(taken))
        self._ask(old, act.assumes)
        if act.silent or not act.fresh:
            counted = _counted(act)
            return (Epoch(before=(old,), changed=counted) if counted else old), None
        brought = Epoch()
        self._ask(brought, act.shows)
        if act.way != "fires":
            return old, brought
        known = {fact for arc in net.gives for fact in self.model.spots[arc.place].facts}
        self._ask(brought, known)
        return brought, brought

    def _ask(self, epoch: Epoch, facts: Iterable[Fact]) -> None:
        for number, holds in sorted(facts):
            if number >= 0:
                epoch.ask((self.model.rules[number], TRUE if holds else FALSE))


def _counted(act: Act) -> tuple[str, ...]:
    """The paths that a firing itself writes to."""
    if act.transition is None or act.way != "fires":
        return ()
    return tuple(f"metadata.{key}" for key in (*act.transition.counts, *act.transition.restarts))
