"""Lineage: in what two tokens of one case can differ, and what each has changed since the split that they come from.

It is reckoned for pairs of states, over everything that can happen in between, until nothing more is found. Whatever
can be is in it; of what is in it, some cannot be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

import attrs

from circuit_breaker.net.structure import Arc
from circuit_breaker.rules.path import spelled_step, steps_of
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.merging import Last
from circuit_breaker.workflow.outlets import EVERYTHING
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.decisions import touches
from circuit_breaker.workflow.verification.writes import FAILURE, written

__all__ = ["SPLIT", "Lineage", "cut"]

SPLIT = "split"
"""Where two tokens differ that do not come from the same split."""
Paths = frozenset[str]
NOTHING: Paths = frozenset()


@attrs.frozen
class _Effect:
    """What one end of a transition does.

    Attributes:
        takes: The states of the tokens that it takes.
        gives: The states of those that it makes.
        writes: The paths that it can change, each at most two names long.
        dealt: Of the tokens that it makes: the state in which they get something of their own, and where.
    """

    takes: tuple[str, ...]
    gives: tuple[str, ...]
    writes: Paths
    dealt: tuple[str, str] | None = None


@attrs.define
class _Kin:
    """What is known of a token in one state beside a token in another."""

    differ: set[str] = attrs.field(factory=set)
    changed: set[str] = attrs.field(factory=set)

    def learn(self, differ: Iterable[str], changed: Iterable[str]) -> bool:
        """Adds it; whether some of it is new."""
        before = len(self.differ) + len(self.changed)
        self.differ.update(differ)
        self.changed.update(changed)
        return len(self.differ) + len(self.changed) > before


class Lineage:
    """What can be known of every two tokens that a case can have at once.

    Args:
        workflow: The workflow.
    """

    def __init__(self, workflow: Workflow) -> None:
        self._kin: dict[str, dict[str, _Kin]] = {state.name: {} for state in workflow.states}
        self._reached = {workflow.initial}
        self._by_state: dict[str, list[_Effect]] = {state.name: [] for state in workflow.states}
        for transition in workflow.transitions:
            for effect in _effects(transition):
                for state in dict.fromkeys(effect.takes):
                    self._by_state[state].append(effect)
        todo = dict.fromkeys(self._by_state[workflow.initial])
        while todo:
            effect = next(iter(todo))
            del todo[effect]
            if self._possible(effect.takes):
                todo.update((other, None) for state in self._applied(effect) for other in self._by_state[state])

    def joins(self, transition: Transition) -> bool:
        """Whether a transition can take several tokens at once."""
        takes = _taken(transition)
        return len(takes) > 1 and self._possible(takes)

    def differ(self, transition: Transition) -> Paths:
        """The paths in which tokens can differ that a transition takes."""
        pairs = combinations(_taken(transition), 2)
        return frozenset().union(*(self._kin[one][other].differ for one, other in pairs))

    def clashing(self, transition: Transition) -> Paths:
        """The paths that several of the tokens can have changed differently which a transition takes."""
        takes = _taken(transition)
        numbers = range(len(takes))
        changed = [
            frozenset().union(*(self._kin[takes[n]][takes[m]].changed for m in numbers if m != n)) for n in numbers
        ]
        found: set[str] = set()
        for n, m in combinations(numbers, 2):
            found |= _both(self._kin[takes[n]][takes[m]].differ, _both(changed[n], changed[m]))
        return frozenset(found - {FAILURE})

    def _possible(self, takes: Sequence[str]) -> bool:
        pairs = combinations(takes, 2)
        return self._reached.issuperset(takes) and all(other in self._kin[one] for one, other in pairs)

    def _applied(self, effect: _Effect) -> set[str]:
        """Takes note of an effect; the states of which something new is known."""
        new = {state for state in effect.gives if state not in self._reached}
        self._reached |= new
        for one, other in combinations(effect.gives, 2):
            own = {effect.dealt[1]} if effect.dealt is not None and effect.dealt[0] in (one, other) else NOTHING
            new.update(self._learn(one, other, own, own))
            new.update(self._learn(other, one, own, own))
        beside = set.intersection(*(set(self._kin[state]) for state in effect.takes))
        among = [self._kin[one][other].changed for one, other in combinations(effect.takes, 2)]
        among += [self._kin[other][one].changed for one, other in combinations(effect.takes, 2)]
        writes = effect.writes | frozenset({SPLIT} if len(effect.takes) != 1 or len(effect.gives) != 1 else ())
        for other in beside:
            differ = writes.union(*(self._kin[state][other].differ for state in effect.takes))
            changed = effect.writes.union(*among, *(self._kin[state][other].changed for state in effect.takes))
            its = frozenset[str]().union(*(self._kin[other][state].changed for state in effect.takes))
            for state in dict.fromkeys(effect.gives):
                new.update(self._learn(state, other, differ, changed))
                new.update(self._learn(other, state, differ, its))
        return new

    def _learn(self, one: str, other: str, differ: Iterable[str], changed: Iterable[str]) -> Iterator[str]:
        first = other not in self._kin[one]
        if self._kin[one].setdefault(other, _Kin()).learn(differ, changed) or first:
            yield from (one, other)


def _tokens(arcs: Iterable[Arc]) -> tuple[str, ...]:
    """The states of the tokens of arcs; of more than two in one state each pair is like every other."""
    return tuple(arc.place for arc in arcs for _ in range(min(arc.weight, 2)))


def _taken(transition: Transition) -> tuple[str, ...]:
    return _tokens(transition.net.takes)


def _effects(transition: Transition) -> Iterator[_Effect]:
    """What each end of a transition does."""
    takes = _taken(transition)
    gives = _tokens(transition.net.gives)
    merged = EVERYTHING if transition.merge is not None and not isinstance(transition.merge, Last) else ()
    deal = transition.deal
    dealt = None if deal is None else (deal.to, f"data.{spelled_step(deal.item)}")
    yield _Effect(takes, gives, cut((*merged, *written(transition))), dealt)
    early = (*merged, *written(transition, acted=False), FAILURE)
    for state in {transition.otherwise, transition.on_failure} - {None}:
        yield _Effect(takes, (str(state),), cut(early))


def cut(paths: Iterable[str]) -> Paths:
    """The paths down to the keys by which tokens are merged."""
    return frozenset(".".join(map(spelled_step, steps_of(path)[:2])) for path in paths)


def _both(one: Iterable[str], other: Iterable[str]) -> set[str]:
    """What is in both, of two paths of which one lies in the other the longer one."""
    others = list(other)
    return {max(path, each, key=len) for path in one for each in others if touches(path, each)}
