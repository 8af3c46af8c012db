"""Lineage: in what two tokens of one case can differ, and what each has changed since the split that they come from.

It is reckoned for pairs of states, over everything that can happen in between, until nothing more is found. Whatever
can be is in it; of what is in it, some cannot be. A set of paths is kept as the bits of a number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import combinations
from operator import or_

import attrs

from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.decisions import touches
from circuit_breaker.workflow.verification.effects import Effect, Paths, effects_of, taken
from circuit_breaker.workflow.verification.writes import FAILURE

__all__ = ["SPLIT", "Lineage"]

SPLIT = "split"
"""Where two tokens differ that do not come from the same split."""
ALONE = ""
"""Where no other token is looked at."""


@attrs.define
class _Kin:
    """What is known of a token in one state beside a token in another: the bits of paths."""

    differ: int = 0
    changed: int = 0

    def learn(self, differ: int, changed: int) -> bool:
        """Adds it; whether some of it is new."""
        known = (self.differ, self.changed)
        self.differ |= differ
        self.changed |= changed
        return known != (self.differ, self.changed)


class Lineage:
    """What can be known of every two tokens that a case can have at once.

    Args:
        workflow: The workflow.
        transitions: Those that can happen; all of them where nothing is said.
    """

    def __init__(self, workflow: Workflow, transitions: Iterable[Transition] | None = None) -> None:
        effects = effects_of(workflow, workflow.transitions if transitions is None else transitions)
        dealt = {effect.dealt[1] for effect in effects if effect.dealt is not None}
        paths = dealt.union(*(effect.writes for effect in effects))
        self._bits = {path: 1 << number for number, path in enumerate((SPLIT, *sorted(paths)))}
        self._writes = {effect: self._of_paths(effect.writes) for effect in effects}
        states = {workflow.initial, *(state for effect in effects for state in (*effect.takes, *effect.gives))}
        self._kin: dict[str, dict[str, _Kin]] = {state: {} for state in states}
        self._by_state: dict[str, list[Effect]] = {state: [] for state in states}
        for effect in effects:
            for state in dict.fromkeys(effect.takes):
                self._by_state[state].append(effect)
        self._reached = {workflow.initial}
        self._spread(workflow.initial)

    def joins(self, transition: Transition) -> bool:
        """Whether a transition can take several tokens at once."""
        takes = taken(transition)
        return len(takes) > 1 and self._possible(takes)

    def differ(self, transition: Transition) -> Paths:
        """The paths in which tokens can differ that a transition takes."""
        pairs = combinations(taken(transition), 2)
        return self._paths(reduce(or_, (self._kin[one][other].differ for one, other in pairs), 0))

    def clashing(self, transition: Transition) -> Paths:
        """The paths that several of the tokens can have changed differently which a transition takes."""
        takes, changed = taken(transition), self._changed(transition)
        found: set[str] = set()
        for n, m in combinations(range(len(takes)), 2):
            differ = self._paths(self._kin[takes[n]][takes[m]].differ)
            found |= _both(differ, _both(changed[n], changed[m]))
        return frozenset(found - {FAILURE})

    def mixes_data(self, transition: Transition) -> bool:
        """Whether several of the tokens that it takes can have changed something in their data."""
        return sum(any(touches(path, "data") for path in paths) for paths in self._changed(transition)) > 1

    def _changed(self, transition: Transition) -> list[Paths]:
        """For each of the tokens that it takes what that can have changed."""
        takes = taken(transition)
        numbers = range(len(takes))
        return [
            self._paths(reduce(or_, (self._kin[takes[n]][takes[m]].changed for m in numbers if m != n), 0))
            for n in numbers
        ]

    def _of_paths(self, paths: Paths) -> int:
        return reduce(or_, (self._bits[path] for path in paths), 0)

    def _paths(self, bits: int) -> Paths:
        return frozenset(path for path, bit in self._bits.items() if bits & bit)

    def _possible(self, takes: Sequence[str]) -> bool:
        pairs = combinations(takes, 2)
        return self._reached.issuperset(takes) and all(other in self._kin[one] for one, other in pairs)

    def _spread(self, initial: str) -> None:
        """Follows every token beside every other, until nothing new is learnt."""
        ahead = deque((effect, ALONE) for effect in self._by_state[initial])
        waiting = set(ahead)
        while ahead:
            effect, beside = ahead.popleft()
            waiting.discard((effect, beside))
            for new in self._next(effect, beside) if self._possible(effect.takes) else ():
                if new not in waiting:
                    waiting.add(new)
                    ahead.append(new)

    def _next(self, effect: Effect, beside: str) -> Iterator[tuple[Effect, str]]:
        """Takes note of an effect; the effects that are to be looked at again, and beside which token."""
        if beside != ALONE:
            yield from self._beside(effect, beside)
            return
        for state in set(effect.gives) - self._reached:
            self._reached.add(state)
            yield from ((each, ALONE) for each in self._by_state[state])
        for one, other in combinations(effect.gives, 2):
            dealt = effect.dealt is not None and effect.dealt[0] in (one, other)
            own = self._bits[effect.dealt[1]] if effect.dealt is not None and dealt else 0
            yield from self._learn(one, other, own, own, own)
        for other in set.intersection(*(set(self._kin[state]) for state in effect.takes)):
            yield from self._beside(effect, other)

    def _beside(self, effect: Effect, other: str) -> Iterator[tuple[Effect, str]]:
        """What its tokens then are beside a token that it does not take."""
        kin = [self._kin[state][other] for state in effect.takes]
        writes = self._writes[effect]
        differ = reduce(or_, (each.differ for each in kin), writes)
        if len(effect.takes) != 1 or len(effect.gives) != 1:
            differ |= self._bits[SPLIT]
        changed = reduce(or_, (each.changed for each in kin), writes)
        for one, two in combinations(effect.takes, 2):
            changed |= self._kin[one][two].changed | self._kin[two][one].changed
        its = reduce(or_, (self._kin[other][state].changed for state in effect.takes), 0)
        for state in dict.fromkeys(effect.gives):
            yield from self._learn(state, other, differ, changed, its)

    def _learn(self, one: str, other: str, differ: int, changed: int, its: int) -> Iterator[tuple[Effect, str]]:
        """Notes in what two tokens differ, and what each has changed."""
        first = other not in self._kin[one]
        known = self._kin[one].setdefault(other, _Kin()).learn(differ, changed)
        if self._kin[other].setdefault(one, _Kin()).learn(differ, its) or known or first:
            for here, beside in ((one, other), (other, one)):
                yield from ((each, beside if len(each.takes) == 1 else ALONE) for each in self._by_state[here])


def _both(one: Paths, other: Paths) -> Paths:
    """What is in both, of two paths of which one lies in the other the longer one."""
    return frozenset(max(path, each, key=len) for path in one for each in other if touches(path, each))
