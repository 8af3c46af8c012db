"""Reduction: a smaller net that has a deadlock just when the first one has, and is bounded just when it is.

After Berthelot, "Transformations and decompositions of nets" (1987), and Murata, "Petri nets: properties, analysis and
applications" (1989). Four rules are applied until none applies any more: transitions that always may fire right after
others are joined to these (post-agglomeration); of places that always hold the same, and of transitions that do the
same, one is kept; places that never keep anything from firing are dropped. Places with inhibitor, read or reset arcs
are left as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import attrs

from circuit_breaker.net.structure import Arc, Net, NetTransition

__all__ = ["Reduced", "reduced"]

_MOST = 4
"""A place with this many ways through it or more is not agglomerated when that would make the net larger."""


@attrs.frozen
class Reduced:
    """A reduced net.

    Attributes:
        net: The net. A transition that stands for several has their names, joined by ``+``.
        initial: Its initial marking.
        sequences: For each transition, those of the first net that fire in its stead, in order.
    """

    net: Net
    initial: dict[str, int]
    sequences: dict[str, tuple[str, ...]]

    def original(self, path: Iterable[str]) -> tuple[str, ...]:
        """The way in the first net for a way in this one."""
        return tuple(name for step in path for name in self.sequences[step])


@attrs.define
class _Work:
    """A net that shrinks."""

    places: dict[str, int]
    transitions: dict[str, NetTransition]
    sequences: dict[str, tuple[str, ...]]

    def special(self) -> set[str]:
        """The places with other than normal arcs."""
        found: set[str] = set()
        for transition in self.transitions.values():
            found.update(arc.place for arc in (*transition.reads, *transition.inhibitors))
            found.update(transition.resets, transition.awaits)
        return found

    def around(self, place: str) -> tuple[list[NetTransition], list[NetTransition]]:
        """The transitions that give to a place, and those that take from it."""
        every = self.transitions.values()
        return (
            [t for t in every if any(arc.place == place for arc in t.gives)],
            [t for t in every if any(arc.place == place for arc in t.takes)],
        )

    def without(self, place: str) -> None:
        """Drops a place with its arcs."""
        del self.places[place]
        for name, t in self.transitions.items():
            takes = tuple(arc for arc in t.takes if arc.place != place)
            gives = tuple(arc for arc in t.gives if arc.place != place)
            self.transitions[name] = attrs.evolve(t, takes=takes, gives=gives)


def reduced(net: Net, initial: Mapping[str, int], *, keep: Iterable[str] = ()) -> Reduced:
    """A smaller net with the same answer to "can it deadlock?" and "is it bounded?".

    Args:
        net: The net.
        initial: How many tokens lie in which place at first.
        keep: Places that are not to be dropped. What they hold in a deadlock is then what they hold in one of the first
            net.
    """
    work = _Work(
        {place: initial.get(place, 0) for place in net.places},
        {transition.name: transition for transition in net.transitions},
        {transition.name: (transition.name,) for transition in net.transitions},
    )
    kept = set(keep)
    if not any(transition.awaits for transition in net.transitions):  # an OR-join looks at the whole net
        while any([_same_transitions(work), _idle_places(work, kept), _same_places(work, kept), _joined(work, kept)]):
            pass
    smaller = Net(tuple(work.places), tuple(work.transitions.values()))
    return Reduced(smaller, {place: count for place, count in work.places.items() if count}, work.sequences)


def _same_transitions(work: _Work) -> bool:
    """Of transitions that do the same, one is kept: where one is enabled, so is the other."""
    seen: set[object] = set()
    before = len(work.transitions)
    for name, t in list(work.transitions.items()):
        arcs = (_set(t.takes), _set(t.gives), _set(t.reads), _set(t.inhibitors), frozenset(t.resets))
        if arcs in seen:
            del work.transitions[name], work.sequences[name]
        seen.add(arcs)
    return len(work.transitions) < before


def _set(arcs: Iterable[Arc]) -> frozenset[Arc]:
    return frozenset(arcs)


def _idle_places(work: _Work, kept: set[str]) -> bool:
    """A place that always holds enough, for whoever takes from it gives as much back, keeps nothing from firing."""
    for place in sorted(work.places.keys() - work.special() - kept):
        taken = [(_weight(t.takes, place), _weight(t.gives, place)) for t in work.transitions.values()]
        if all(take == give and take <= work.places[place] for take, give in taken):
            work.without(place)
            return True
    return False


def _weight(arcs: Iterable[Arc], place: str) -> int:
    return sum(arc.weight for arc in arcs if arc.place == place)


def _same_places(work: _Work, kept: set[str]) -> bool:
    """Of places that every transition treats alike, the one with the fewest tokens at first says all."""
    seen: dict[object, str] = {}
    special = work.special()
    for place in sorted(work.places.keys() - special, key=lambda place: (work.places[place], place not in kept, place)):
        arcs = tuple((_weight(t.takes, place), _weight(t.gives, place)) for t in work.transitions.values())
        if arcs in seen and place not in kept:
            work.without(place)
            return True
        seen.setdefault(arcs, place)
    return False


def _joined(work: _Work, kept: set[str]) -> bool:
    """Transitions that need nothing but a token of an empty place fire at once after those that put it there."""
    special = work.special()
    for place in sorted(work.places.keys() - special - kept):
        if work.places[place]:
            continue
        before, after = work.around(place)
        if _may_be_joined(place, before, after):
            _join(work, place, before, after)
            return True
    return False


def _may_be_joined(place: str, before: list[NetTransition], after: list[NetTransition]) -> bool:
    one = (Arc(place),)
    simple = all(t.takes == one and not (t.reads or t.inhibitors or t.resets) for t in after)
    single = all(_weight(t.gives, place) == 1 and not t.resets for t in before)
    apart = not {t.name for t in before} & {t.name for t in after}
    onward = any(t.gives for t in after)  # else tokens that pile up in the place would go unseen
    few = len(before) == 1 or len(after) == 1 or len(before) * len(after) < _MOST
    return bool(before) and onward and simple and single and apart and few


def _join(work: _Work, place: str, before: list[NetTransition], after: list[NetTransition]) -> None:
    for first in before:
        for then in after:
            name = f"{first.name}+{then.name}"
            gives = Counter({arc.place: arc.weight for arc in first.gives if arc.place != place})
            gives.update({arc.place: arc.weight for arc in then.gives})
            arcs = tuple(Arc(place, weight) for place, weight in gives.items())
            work.transitions[name] = attrs.evolve(first, name=name, gives=arcs)
            work.sequences[name] = work.sequences[first.name] + work.sequences[then.name]
    for transition in (*before, *after):
        del work.transitions[transition.name], work.sequences[transition.name]
    work.without(place)
