"""Ways: by which transitions tokens could come where they are lacking, the fewest first, whatever rules say."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

import attrs

from circuit_breaker.net.arrival import Arrivals
from circuit_breaker.net.structure import Arc, Net, NetTransition
from circuit_breaker.workflow.case import Case

if TYPE_CHECKING:
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["MOST_MARKINGS", "Way", "Ways"]

MOST_MARKINGS: Final = 150
"""How many markings are looked at, before only those transitions are followed that lead to what is lacking."""

Counts = tuple[int, ...]


@attrs.frozen
class Way:
    """Transitions that lead, in this order, to where another is enabled.

    Attributes:
        transitions: Their ids, the first first; a refusal or failure that leads on has its target after a slash.
        origins: For each state the ids of the tokens of the case from which those that would be there come.
    """

    transitions: tuple[str, ...]
    origins: dict[str, tuple[str, ...]]


@attrs.frozen
class _Step:
    """A transition over numbered places."""

    net: NetTransition
    takes: tuple[tuple[int, int], ...]
    reads: tuple[tuple[int, int], ...]
    inhibitors: tuple[tuple[int, int], ...]
    gives: tuple[tuple[int, int], ...]
    resets: tuple[int, ...]
    coming: Callable[[Counts], str | None] | None

    @classmethod
    def of(cls, net: Net, transition: NetTransition, arrivals: Arrivals) -> _Step:
        number = net.index

        def coming(counts: Counts) -> str | None:
            return arrivals.expected(transition, dict(zip(net.places, counts, strict=True)))

        def numbered(arcs: tuple[Arc, ...]) -> tuple[tuple[int, int], ...]:
            return tuple((number[arc.place], arc.weight) for arc in arcs)

        return cls(
            transition, numbered(transition.takes), numbered(transition.reads), numbered(transition.inhibitors),
            numbered(transition.gives), tuple(number[place] for place in transition.resets),
            coming if transition.awaits else None,
        )  # fmt: skip

    def enabled(self, counts: Counts) -> bool:
        for place, weight in self.takes:
            if counts[place] < weight:
                return False
        if not (all(counts[p] >= w for p, w in self.reads) and all(counts[p] < w for p, w in self.inhibitors)):
            return False
        return self.coming is None or self.coming(counts) is None

    def after(self, counts: Counts) -> Counts:
        changed = list(counts)
        for place, weight in self.takes:
            changed[place] -= weight
        for place in self.resets:
            changed[place] = 0
        for place, weight in self.gives:
            changed[place] += weight
        return tuple(changed)


class _Search:
    """The markings that can be reached, nearest first; each is found when it is asked for."""

    def __init__(self, start: Counts, steps: Iterable[_Step]) -> None:
        self.found: dict[Counts, tuple[Counts, _Step] | None] = {start: None}
        self.exhausted = False
        self._open = deque([start])
        by_place: dict[int, list[_Step]] = {}
        for step in steps:
            by_place.setdefault(step.takes[0][0], []).append(step)
        self._by_place = by_place

    def markings(self) -> Iterator[Counts]:
        """Every marking, nearest first, up to the limit."""
        known = 0
        while True:
            yield from list(self.found)[known:]
            known = len(self.found)
            while self._open and len(self.found) == known and known < MOST_MARKINGS:
                self._widen(self._open.popleft())
            if len(self.found) == known:
                self.exhausted = not self._open
                return

    def _widen(self, counts: Counts) -> None:
        for place, steps in self._by_place.items():
            if not counts[place]:
                continue
            for step in steps:
                if step.enabled(counts) and (after := step.after(counts)) not in self.found:
                    self.found[after] = (counts, step)
                    self._open.append(after)

    def path(self, counts: Counts) -> list[_Step]:
        """The steps that lead to a marking that was found."""
        steps: list[_Step] = []
        while (origin := self.found[counts]) is not None:
            counts, step = origin
            steps.append(step)
        return steps[::-1]


class Ways:
    """The ways from where the tokens of a case are.

    Args:
        workflow: Its workflow.
        case: The case; what an action in progress holds is taken to be free, for it will end.
    """

    def __init__(self, workflow: Workflow, case: Case) -> None:
        net = workflow.net
        self._case = case
        self._start: Counts = case.marking.counts(net)
        self._steps = {t.name: _Step.of(net, t, workflow.arrivals) for t in net.transitions if t.takes}
        self._all = _Search(self._start, self._steps.values())

    def to(self, transition: NetTransition) -> tuple[Way | None, bool]:
        """The shortest way to where the transition is enabled, and whether all ways were looked at."""
        wanted = self._steps[transition.name]
        found, sure = self._first(self._all, wanted)
        if found is None and not sure:
            found, sure = self._first(_Search(self._start, self._leading_to(wanted)), wanted)
        return (None if found is None else self._way(found)), sure

    def _first(self, search: _Search, wanted: _Step) -> tuple[list[_Step] | None, bool]:
        for counts in search.markings():
            if wanted.enabled(counts):
                return search.path(counts), True
        return None, search.exhausted

    def _leading_to(self, wanted: _Step) -> list[_Step]:
        """The steps that can have to do with enabling one: those that fill or empty what it, or one of them, needs."""
        if any(step.coming is not None for step in self._steps.values()):
            return list(self._steps.values())
        places = {place for place, _ in (*wanted.takes, *wanted.reads, *wanted.inhibitors)}
        chosen: dict[str, _Step] = {}
        grown = True
        while grown:
            grown = False
            for name, step in self._steps.items():
                touched = {place for place, _ in (*step.gives, *step.takes)} | set(step.resets)
                if name not in chosen and not places.isdisjoint(touched):
                    chosen[name] = step
                    places |= {place for place, _ in (*step.takes, *step.reads, *step.inhibitors)}
                    grown = True
        return list(chosen.values())

    def _way(self, steps: list[_Step]) -> Way:
        origins = {place: tuple(token.id for token in tokens) for place, tokens in self._case.marking.items()}
        for step in steps:
            taken: list[str] = []
            for arc in step.net.takes:
                held = origins.get(arc.place, ())
                taken += held[: arc.weight]
                origins[arc.place] = held[arc.weight :]
            origins |= dict.fromkeys(step.net.resets, ())
            for arc in step.net.gives:
                origins[arc.place] = (*origins.get(arc.place, ()), *taken[:1] * arc.weight)
        return Way(tuple(step.net.name for step in steps), origins)
