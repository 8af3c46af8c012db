"""Unfolding: every spot that a token can come to, and every way to go on from there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from math import comb, prod
from typing import Final, TypeVar

from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.endings import Ending, Endings, refused_spot
from circuit_breaker.workflow.verification.knowledge import Knowledge
from circuit_breaker.workflow.verification.model import Facts, Spot

__all__ = ["MOST_WAYS", "Taken", "Unfolding", "shares"]

MOST_WAYS: Final = 5_000
"""How many transitions the net may have for every :data:`LARGE` of the workflow; with more less is known of data."""
LARGE: Final = 250
"""How many transitions make a workflow large."""

HEAVY: Final = 50
"""How much that is known of a token takes as much work as a transition."""

T = TypeVar("T")
Taken = tuple[tuple[Spot, int], ...]
"""The spots of the tokens that a transition takes, each with how many."""


class Unfolding:
    """Finds every spot that a token can come to, and every way to go on from there.

    Attributes:
        workflow: The workflow.
        knowledge: What can be known of its tokens; None where rules may say anything.
        spots: For each state its spots, with the names of their places.
        ways: How each transition can end, for all tokens that it can take.
        limits: For some spots the automatic transition that takes every token of it.
        overlaps: Pairs of transitions of which only the order decides, each with a spot where both could fire.
        start: Where cases begin.
    """

    def __init__(
        self, workflow: Workflow, knowledge: Knowledge | None, enough: Callable[[int], bool] | None = None
    ) -> None:
        self.workflow, self.knowledge = workflow, knowledge
        self._most = MOST_WAYS * max(1, len(workflow.transitions) // LARGE)
        self._enough = enough
        self.spots: dict[str, dict[Spot, str]] = {state.name: {} for state in workflow.states}
        self.ways: dict[tuple[int, Taken], list[Ending]] = {}
        self.limits: dict[Spot, Transition] = {}
        self.overlaps: dict[tuple[str, str], Spot] = {}
        self.todo: list[Spot] = []
        self.size = 0
        self._endings_of = Endings(knowledge)
        self._known_endings: dict[tuple[int | Spot, ...], list[Ending]] = {}
        self.start = self.entered(workflow.initial, knowledge.begun if knowledge is not None else frozenset())

    def run(self) -> bool:
        """Whether everything was found before there was too much of it."""
        while self.todo:
            spot = self.todo.pop()
            if spot.open and self.knowledge is not None:
                for facts in self.knowledge.decided(spot.state, spot.facts):
                    self._add(Spot(spot.state, facts))
                continue
            self._limit(spot)
            for transition in self.workflow.leaving[spot.state]:
                for taken in self._taken(transition, spot):
                    if (transition.index, taken) not in self.ways:
                        self._go(transition, taken)
            if self.knowledge is not None and self._too_much(self.knowledge):
                return False
        return self.knowledge is None or not self._crowded()

    def _crowded(self) -> bool:
        """Whether there are too many choices of tokens that are only looked at."""
        for transition in self.workflow.transitions:
            net = transition.net
            looked = [(arc.place, arc.weight) for arc in net.reads]
            looked += [(arc.place, arc.weight - 1) for arc in net.inhibitors]
            ready = [(len(self.spots[place]), count) for place, count in looked if self.spots[place]]
            if prod(comb(spots + count - 1, count) for spots, count in ready) > self._most:
                return True
        return False

    def _too_much(self, knowledge: Knowledge) -> bool:
        late = self._enough is not None and self._enough(self.size)
        return late or self.size > self._most or knowledge.decisions.tired

    def _go(self, transition: Transition, taken: Taken) -> None:
        endings = self._endings(transition, [spot for spot, _ in taken])
        self.ways[transition.index, taken] = endings
        self.size += sum(1 + len(ending.facts) // HEAVY for ending in endings)
        for ending in endings:
            if not ending.stays:
                for state, _ in ending.targets:
                    self.entered(state, ending.facts)
            else:
                for spot, _ in taken:
                    self._add(refused_spot(transition, spot))

    def _add(self, spot: Spot) -> Spot:
        known = self.spots[spot.state]
        if spot not in known:
            known[spot] = spot.state if not known else f"{spot.state}#{len(known)}"
            self.todo.append(spot)
        return spot

    def entered(self, state: str, facts: Facts) -> Spot:
        """The spot of a token that enters a state."""
        if self.knowledge is None:
            return self._add(Spot(state))
        useful = self.knowledge.useful(facts, state)
        return self._add(Spot(state, useful, open=bool(self.knowledge.asked[state])))

    def _taken(self, transition: Transition, spot: Spot) -> Iterator[Taken]:
        """Every choice of spots for the tokens that a transition takes, this one among them."""
        if transition.alone:
            yield ((spot, 1),)
            return
        arcs = [([each for each in self.spots[arc.place] if not each.open], arc.weight) for arc in transition.net.takes]
        if prod(comb(len(ready) + weight - 1, weight) for ready, weight in arcs if ready) > self._most:
            self.size = self._most + 1
            return
        for chosen in product(*([*shares(ready, weight)] for ready, weight in arcs)):
            taken = tuple(share for part in chosen for share in part)
            if any(each == spot for each, _ in taken):
                yield taken

    def _limit(self, spot: Spot) -> None:
        """Notes the automatic transition that takes every token of a spot, so that no later one ever does."""
        plain = (t for t in self.workflow.leaving[spot.state] if t.automatic and t.net.plain is not None)
        sure = [t for t in plain if t.gate is None or self.knowledge is not None]
        able = [t for t in sure if any(not ending.stays for ending in self._endings(t, [spot]))]
        if able:
            self.limits[spot] = able[0]
        for other in able[1:]:
            if other.gate is not None and other.priority == able[0].priority:
                self.overlaps.setdefault((able[0].id, other.id), spot)

    def late(self, transition: Transition, spots: Iterable[Spot]) -> bool:
        """Whether another transition has always come first."""
        if not transition.automatic:
            return False
        firsts = (self.limits.get(spot) for spot in spots)
        return any(first is not None and first.order < transition.order for first in firsts)

    def _endings(self, transition: Transition, spots: list[Spot]) -> list[Ending]:
        """The ways in which a transition can end with tokens of these spots; none where another comes first."""
        if self.late(transition, spots):
            return []
        key: tuple[int | Spot, ...] = (transition.index, *spots)
        found = self._known_endings.get(key)
        if found is None:
            found = self._known_endings[key] = list(self._endings_of.of(transition, spots))
        return found


def shares(spots: Sequence[T], count: int) -> Iterator[tuple[tuple[T, int], ...]]:
    """Every way to take so many tokens from these spots, or places."""
    if not count:
        yield ()
    elif not spots:
        return
    elif len(spots) == 1:
        yield ((spots[0], count),)
    else:
        for most in range(count, -1, -1):
            for rest in shares(spots[1:], count - most):
                yield ((spots[0], most), *rest) if most else rest
