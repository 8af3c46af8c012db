"""Progress: the tokens that actions in progress hold, where it matters that an action begins before it ends.

An action takes time, and what it needed to begin may have changed when it ends. Where nothing can come in between that
would make a difference it is taken for one step; otherwise its tokens are held in places of their own until it ends.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from circuit_breaker.net.structure import Arc
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.model import Spot
from circuit_breaker.workflow.verification.unfolding import Taken, Unfolding, shares

__all__ = ["Held", "Progress"]


@attrs.frozen
class Held:
    """Where tokens are while an action holds them.

    Attributes:
        place: The place.
        spot: What it stands for.
        count: How many tokens the action holds there.
        origin: The place that they were taken from.
    """

    place: str
    spot: Spot
    count: int
    origin: str


class Progress:
    """The places of each state, those of what is in progress among them.

    Args:
        found: What cases can come to.
        apart: The transitions of which the action begins and ends apart, by id; those that always have to are added.

    Attributes:
        apart: The ids of all of these.
        held: For each of their ways where its tokens are meanwhile.
    """

    def __init__(self, found: Unfolding, apart: frozenset[str]) -> None:
        transitions = found.workflow.transitions
        self.apart = apart.union(t.id for t in transitions if _conditional(found.workflow, t))
        self.held: dict[tuple[int, Taken], tuple[Held, ...]] = {}
        self._found = found
        self._places: dict[str, list[str]] = {}
        self._promised: dict[str, list[tuple[Held, int]]] = {}
        names = {place for known in found.spots.values() for place in known.values()}
        for (index, taken), endings in found.ways.items():
            transition = transitions[index]
            if transition.id in self.apart and any(ending.acted for ending in endings):
                self._hold(transition, taken, names)

    def _hold(self, transition: Transition, taken: Taken, names: set[str]) -> None:
        held = []
        for spot, count in taken:
            origin = self._found.spots[spot.state][spot]
            place = _unused(f"{origin}!{transition.id}", names)
            held.append(Held(place, attrs.evolve(spot, held=transition.id), count, origin))
            self._places.setdefault(spot.state, []).append(place)
        self.held[transition.index, taken] = tuple(held)
        for state, count in transition.claims.items():
            self._promised.setdefault(state, []).append((held[0], count))

    def places(self, state: str) -> list[str]:
        """Every place of a state, also those in which its tokens are held."""
        return [*self._found.spots[state].values(), *self._places.get(state, [])]

    def reads(self, arc: Arc) -> Iterator[tuple[Arc, ...]]:
        """Every choice of places, for what is known of them, in which so many tokens of a state can be."""
        for share in shares(self.places(arc.place), arc.weight):
            yield tuple(Arc(place, count) for place, count in share)

    def bars(self, arc: Arc) -> Iterator[tuple[Arc, ...]]:
        """Every way for a state to hold fewer tokens, with those that an action in progress was promised to bring."""
        counted = [(place, 1, 1) for place in self.places(arc.place)]
        counted += [(held.place, held.count, count) for held, count in self._promised.get(arc.place, [])]
        for share in shares(range(len(counted)), arc.weight - 1) if counted else [()]:
            most = dict(share)
            yield tuple(
                Arc(place, most.get(number, 0) // brought * each + 1)
                for number, (place, each, brought) in enumerate(counted)
            )

    def spots(self) -> Iterator[tuple[str, Spot]]:
        """Every place, with what it stands for."""
        yield from ((each.place, each.spot) for held in self.held.values() for each in held)


def _conditional(workflow: Workflow, transition: Transition) -> bool:
    """Whether its action begins under conditions that need not last, or with tokens with which a case could end."""
    net = transition.net
    conditions = net.reads or net.inhibitors or net.awaits
    return bool(transition.steps and (conditions or not workflow.final.isdisjoint(transition.sources)))


def _unused(name: str, names: set[str]) -> str:
    """The name, or one like it that nothing has."""
    number, new = 1, name
    while new in names:
        number += 1
        new = f"{name}#{number}"
    names.add(new)
    return new
