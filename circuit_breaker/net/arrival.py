"""Arrival: whether a token can still come to a place. It is what an OR-join has to know before it goes on.

The general synchronising merge (WCP-38) waits as long as another token could come to one of its empty inputs without
passing the join itself. As in Wynn, Edmond, van der Aalst and ter Hofstede, "Achieving a General, Formal and Decidable
Approach to the OR-Join in Workflow Using Reset Nets" (2005), that is a question of coverability, which is decided
backwards: from the marking that is asked for to the smallest ones from which it can be reached. Other OR-joins on the
way are taken to pass on whatever comes. Where inhibitor arcs are on the way, which coverability knows nothing of, what
it finds is confirmed by looking at the markings that follow.

Joins of which each waits only for what another one of them would pass on would wait for ever: such a *vicious circle*
is dissolved, as in Dumas, Grosskopf, Hettel and Wynn, "Semantics of Standard Process Models with OR-Joins" (2007): all
of them may go on.

The work is bounded. Where the bound is reached, a token is taken to be on its way, so that no join goes on too early.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from circuit_breaker.net.structure import Arc, Net, NetTransition

__all__ = ["MOST", "Arrivals"]

MOST: Final = 1_000
"""How many markings are looked at for one question, in either direction: about a tenth of a second of work."""

COMPARED: Final = 50
"""How many of them each further one is compared with; more would save less than it costs."""

Counts = Mapping[str, int]
Least = tuple[tuple[str, int], ...]
"""A marking that has at least so many tokens in these places, which are in order."""


class Arrivals:
    """What can still come where, in one net.

    Args:
        net: The net. The transitions of one :attr:`~NetTransition.join` are ways of the same join.
        ends: For what can be in progress how it can end, whatever has become of what it needed to begin: by the name
            under which it is said to be in progress.
    """

    def __init__(self, net: Net, ends: Mapping[str, Sequence[NetTransition]] | None = None) -> None:
        self._ends = {name: frozenset(end.group for end in each) for name, each in (ends or {}).items()}
        every = [*net.transitions, *(end for each in (ends or {}).values() for end in each)]
        self._awaiting = [transition for transition in net.transitions if transition.awaits]
        self._taking = _by_place(every, lambda t: (*t.takes, *t.reads))
        self._giving = _by_place(every, lambda t: t.gives)
        self._expected = lru_cache(maxsize=1024)(self._first_expected)

    def expected(self, transition: NetTransition, counts: Counts, begun: Iterable[str] = ()) -> str | None:
        """The first place that keeps a transition waiting: it holds a token, or one could still come; None for none.

        Args:
            transition: One of the net, of which the tokens that it takes are there.
            counts: How many tokens lie in each place; a place that is not named is empty.
            begun: What is in progress; its tokens still lie in the places from which it takes them.
        """
        if not transition.awaits:
            return None
        held = next((place for place in transition.awaits if counts.get(place)), None)
        return held or self._expected(transition, _least(counts), frozenset(self._ends.keys() & set(begun)))

    def coming(
        self, places: Iterable[str], counts: Counts, *, without: Collection[str] = (), begun: Collection[str] = ()
    ) -> str | None:
        """The first of the places to which a token could come; None where none could.

        Args:
            places: The places, which are empty.
            counts: How many tokens lie in each place.
            without: The joins, and other transitions by name, that do not fire.
            begun: What is in progress.
        """
        idle = frozenset[str]().union(*(ends for name, ends in self._ends.items() if name not in begun))
        passing = self._possible(counts, idle.union(without))
        open_to = {arc.place for transition in passing.values() for arc in transition.gives}
        return next((place for place in places if place in open_to and self._comes(place, counts, passing)), None)

    def _first_expected(self, transition: NetTransition, marking: Least, begun: frozenset[str]) -> str | None:
        counts = dict(marking)
        group = transition.group
        place = self.coming(transition.awaits, counts, without={group}, begun=begun)
        return None if place is not None and group in self._circle(counts, begun) else place

    def _circle(self, counts: Counts, begun: frozenset[str]) -> set[str]:
        """The joins that could go on but wait only for each other."""
        waiting = {t.group: t.awaits for t in self._awaiting if _ready(t, counts)}
        if len(waiting) < 2:
            return set()

        def comes(group: str, without: Collection[str]) -> bool:
            return self.coming(waiting[group], counts, without=without, begun=begun) is not None

        circle = {group for group in waiting if comes(group, {group})}
        while found := [group for group in circle if comes(group, circle)]:
            circle.difference_update(found)
        return circle

    def _possible(self, counts: Counts, without: Collection[str]) -> dict[str, NetTransition]:
        """The transitions that might ever fire, by name, if a token were never used up."""
        marked = [place for place, count in counts.items() if count]
        reached = set(marked)
        found: dict[str, NetTransition] = {}
        while marked:
            for transition in self._taking.get(marked.pop(), ()):
                if transition.group in without or transition.name in found:
                    continue
                needs = {arc.place for arc in (*transition.takes, *transition.reads)}
                if needs <= reached:
                    found[transition.name] = transition
                    new = [arc.place for arc in transition.gives if arc.place not in reached]
                    reached.update(new)
                    marked += new
        return found

    def _comes(self, place: str, counts: Counts, passing: Mapping[str, NetTransition]) -> bool:
        coverable, exact = self._covered(((place, 1),), counts, passing)
        return coverable and (exact or _found(place, counts, tuple(passing.values())))

    def _covered(self, target: Least, counts: Counts, passing: Mapping[str, NetTransition]) -> tuple[bool, bool]:
        """Whether a marking of at least the target can be reached, and whether that is certain."""
        exact, seen, ahead = True, _Smallest(target), [target]
        while ahead:
            least = ahead.pop()
            for transition in self._before(least, passing):
                needed = _needed(transition, least)
                if needed is None or not seen.add(needed):
                    continue
                exact = exact and not (transition.inhibitors or transition.awaits)
                if all(counts.get(place, 0) >= count for place, count in needed):
                    return True, exact
                if len(seen.all) > MOST:
                    return True, False
                ahead.append(needed)
        return False, True

    def _before(self, least: Least, passing: Mapping[str, NetTransition]) -> Iterator[NetTransition]:
        """The transitions that can bring about a part of it."""
        found = {t.name: t for place, _ in least for t in self._giving.get(place, ()) if t.name in passing}
        yield from found.values()


def _by_place(
    transitions: Iterable[NetTransition], arcs: Callable[[NetTransition], Iterable[Arc]]
) -> dict[str, list[NetTransition]]:
    found: dict[str, list[NetTransition]] = {}
    for transition in transitions:
        for place in dict.fromkeys(arc.place for arc in arcs(transition)):
            found.setdefault(place, []).append(transition)
    return found


def _least(counts: Counts) -> Least:
    return tuple(sorted((place, count) for place, count in counts.items() if count))


class _Smallest:
    """Markings of which none has all that another one has, as far as that is told at little cost."""

    def __init__(self, first: Least) -> None:
        self.all: set[Least] = set()
        self._single: set[str] = set()
        self._first: list[Least] = []
        self.add(first)

    def add(self, least: Least) -> bool:
        """Whether the marking is new, and not more than one that is known."""
        has = dict(least)
        if least in self.all or not self._single.isdisjoint(has) or any(_within(one, has) for one in self._first):
            return False
        self.all.add(least)
        if len(least) == 1 and least[0][1] == 1:
            self._single.add(least[0][0])
        elif len(self._first) < COMPARED:
            self._first.append(least)
        return True


def _within(smaller: Least, larger: Counts) -> bool:
    return all(larger.get(place, 0) >= count for place, count in smaller)


def _weights(arcs: Iterable[Arc]) -> dict[str, int]:
    return {arc.place: arc.weight for arc in arcs}


def _needed(transition: NetTransition, least: Least) -> Least | None:
    """The smallest marking in which firing leads to at least this one; None where it never does."""
    gives = _weights(transition.gives)
    needed: dict[str, int] = {}
    for place, count in least:
        rest = count - gives.get(place, 0)
        if rest > 0 and place in transition.resets:
            return None
        needed[place] = max(rest, 0)
    for arc in transition.takes:
        needed[arc.place] = needed.get(arc.place, 0) + arc.weight
    for arc in transition.reads:
        needed[arc.place] = max(needed.get(arc.place, 0), arc.weight)
    barred = any(needed.get(arc.place, 0) >= arc.weight for arc in transition.inhibitors)
    return None if barred or any(needed.get(place) for place in transition.awaits) else _least(needed)


def _ready(transition: NetTransition, counts: Counts) -> bool:
    """Whether nothing that lies in the places now keeps a transition from firing."""
    return (
        all(counts.get(arc.place, 0) >= arc.weight for arc in (*transition.takes, *transition.reads))
        and all(counts.get(arc.place, 0) < arc.weight for arc in transition.inhibitors)
        and not any(counts.get(place) for place in transition.awaits)
    )


def _after(transition: NetTransition, counts: Counts) -> dict[str, int]:
    after = dict(counts)
    for arc in transition.takes:
        after[arc.place] -= arc.weight
    after.update(dict.fromkeys(transition.resets, 0))
    for arc in transition.gives:
        after[arc.place] = after.get(arc.place, 0) + arc.weight
    return after


def _found(place: str, counts: Counts, passing: Collection[NetTransition]) -> bool:
    """Whether a token comes to the place in some marking that follows; also where too many follow to tell."""
    seen, ahead = {_least(counts)}, [dict(counts)]
    while ahead:
        marking = ahead.pop()
        for transition in passing:
            if not _ready(transition, marking):
                continue
            after = _after(transition, marking)
            if after.get(place) or len(seen) >= MOST:
                return True
            if (key := _least(after)) not in seen:
                seen.add(key)
                ahead.append(after)
    return False
