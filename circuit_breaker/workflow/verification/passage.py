"""Passage: the data of each token on a way through the net, and what is asked of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import attrs

from circuit_breaker.net.structure import NetTransition
from circuit_breaker.rules import Rule
from circuit_breaker.rules.analysis.search import Demand
from circuit_breaker.rules.analysis.ternary import FALSE, TRUE
from circuit_breaker.rules.path import spelled_step
from circuit_breaker.workflow.merging import Collect, Last
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.decisions import touches
from circuit_breaker.workflow.verification.model import Act, Fact, Model
from circuit_breaker.workflow.verification.writes import FAILURE, counted, fresh, merged, written

__all__ = ["Epoch", "Passage"]


@attrs.define(eq=False)
class Epoch:
    """Data that are the same from one change to the next.

    Attributes:
        demands: What the rules must say of them.
        before: Those that it was made of: of the tokens that joined, or of the one token as it was.
        changed: The paths at which it may differ from these.
        since: For each of several that it was made of what was changed since they were the same.
        asked: The demands, by the rules themselves, to find them quickly.
    """

    demands: list[Demand] = attrs.field(factory=list)
    before: tuple[Epoch, ...] = ()
    changed: tuple[str, ...] = ()
    since: tuple[frozenset[str], ...] = ()
    asked: set[tuple[int, int]] = attrs.field(factory=set)

    @classmethod
    def joined(cls, epochs: Sequence[Epoch]) -> Epoch:
        """The data that several make together, each of which is as one of them has it."""
        if len(epochs) == 1:
            return epochs[0]
        lines = [epoch.line() for epoch in epochs]
        common = set.intersection(*(set(line) for line in lines))
        since = (frozenset(path for each in line if each not in common for path in each.changed) for line in lines)
        return cls(before=tuple(epochs), since=tuple(since))

    def line(self) -> list[Epoch]:
        """Itself, and all that it was made of."""
        found = dict.fromkeys([self])
        ahead = [self]
        while ahead:
            new = [epoch for epoch in ahead.pop().before if epoch not in found]
            found.update(dict.fromkeys(new))
            ahead += new
        return [*found]

    def ask(self, demand: Demand, *, lasts: bool = True) -> None:
        """Adds a demand, also on the data that these are made of.

        Args:
            demand: It.
            lasts: Whether its rule says the same as long as nothing changes what it reads.
        """
        same, ahead = (id(demand[0]), demand[1]), [self]
        while ahead:
            epoch = ahead.pop()
            if same not in epoch.asked:
                epoch.asked.add(same)
                epoch.demands.append(demand)
                ahead += epoch._same(demand[0].paths) if lasts else ()

    def _same(self, paths: Iterable[str]) -> Sequence[Epoch]:
        """Those before it of which it is certain that they are the same at some paths."""
        if _touched(paths, self.changed):
            return ()
        apart = [epoch for epoch, since in zip(self.before, self.since, strict=False) if _touched(paths, since)]
        return (apart if len(apart) == 1 else ()) if apart else self.before


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

    Args:
        model: The net.
        labels: The numbers of its transitions.
        lasts: Whether a rule says the same as long as nothing changes what it reads.

    Attributes:
        first: The data that the case begins with.
        acts: What happens, one for each step that something happens in.
        brought: The data that come with it; None where none do.
        states: The tokens of each state after it.
    """

    def __init__(self, model: Model, labels: Sequence[int], lasts: Callable[[Rule], bool]) -> None:
        self.model, self.labels, self._lasts = model, labels, lasts
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
            after, brought = self._after(act, net, self._joined(act.transition, taken))
            same = ((epoch, count) for epoch, count, _ in taken)
            self._give(net, same if act.stays else self._dealt(act, net, after))
            if not act.silent:
                self.acts.append(act)
                self.brought.append(brought)
                self.states.append(self.model.states(self._counts()))
            elif self.states:
                self.states[-1] = self.model.states(self._counts())
        every = {id(epoch): epoch for tokens in self.tokens.values() for epoch, _ in tokens.groups}
        for demand in last:
            for epoch in every.values():
                self._demand(epoch, demand)

    def _at(self, place: str) -> _Queue:
        return self.tokens.setdefault(place, _Queue())

    def _counts(self) -> dict[str, int]:
        return {place: len(tokens) for place, tokens in self.tokens.items() if tokens.groups}

    def _take(self, net: NetTransition) -> list[tuple[Epoch, int, str]]:
        """The tokens that a step takes: their data, how many, and from which place."""
        taken = [(*group, arc.place) for arc in net.takes for group in self._at(arc.place).take(arc.weight)]
        for place in net.resets:
            self.tokens[place] = _Queue()
        return taken

    def _give(self, net: NetTransition, groups: Iterable[tuple[Epoch, int]]) -> None:
        """Puts tokens where the arcs lead, one arc after the other."""
        back = _Queue(deque(groups))
        for arc in net.gives:
            for epoch, count in back.take(arc.weight):
                self._at(arc.place).put(epoch, count)

    def _joined(self, transition: Transition | None, taken: Sequence[tuple[Epoch, int, str]]) -> Epoch:
        """The data that a transition sees: those of the token that it takes, or what several make together."""
        if transition is None or transition.alone or transition.merge is None:
            return Epoch.joined([*dict.fromkeys(epoch for epoch, *_ in taken)]) if taken else Epoch()
        if not isinstance(transition.merge, (Last, Collect)):
            return Epoch()
        last = transition.sources[-1]
        found = [*dict.fromkeys(epoch for epoch, _, place in taken if self.model.spots[place].state == last)]
        return _changed(found[0], merged(transition)) if len(found) == 1 else Epoch()

    def _after(self, act: Act, net: NetTransition, old: Epoch) -> tuple[Epoch, Epoch | None]:
        """The data of the tokens after a step, and those that came with it."""
        transition = act.transition
        if act.silent or transition is None or act.way == "begins":
            self._ask(old, act.assumes)
            return old, None
        brought = _changed(old, fresh(transition)) if act.fresh else None
        if brought is not None:
            self._ask(brought, act.shows)
        if act.way == "fires":
            after = _changed(brought or old, counted(transition))
            known = {fact for arc in net.gives for fact in self.model.spots[arc.place].facts}
            self._ask(after, known if brought is not None else act.assumes)
            return after, brought
        self._ask(old, act.assumes)
        failure = (FAILURE,) if act.way == "failed" else ()
        return _changed(old, (*written(transition, acted=False), *failure)), brought

    def _dealt(self, act: Act, net: NetTransition, after: Epoch) -> Iterator[tuple[Epoch, int]]:
        """The data of the tokens that a step makes; those to which something is dealt have each their own."""
        deal = act.transition.deal if act.transition is not None and act.way == "fires" else None
        for arc in net.gives:
            if deal is not None and self.model.spots[arc.place].state == deal.to:
                changed = (f"data.{spelled_step(deal.item)}",)
                yield from ((Epoch(before=(after,), changed=changed), 1) for _ in range(arc.weight))
            else:
                yield after, arc.weight

    def _ask(self, epoch: Epoch, facts: Iterable[Fact]) -> None:
        for number, holds in sorted(facts):
            self._demand(epoch, (self.model.rules[number], TRUE if holds else FALSE))

    def _demand(self, epoch: Epoch, demand: Demand) -> None:
        epoch.ask(demand, lasts=self._lasts(demand[0]))


def _changed(epoch: Epoch, paths: tuple[str, ...]) -> Epoch:
    """The data after a change at some paths."""
    return Epoch(before=(epoch,), changed=paths) if paths else epoch


def _touched(paths: Iterable[str], changed: Collection[str]) -> bool:
    return bool(changed) and any(touches(path, change) for path in paths for change in changed)
