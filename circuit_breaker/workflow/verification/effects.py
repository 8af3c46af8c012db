"""Effects: what the ends of transitions do to tokens, from one split or join to the next."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import attrs

from circuit_breaker.net.structure import Arc
from circuit_breaker.rules.path import spelled_step, steps_of
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.writes import FAILURE, merged, written

__all__ = ["Effect", "Paths", "cut", "effects_of", "taken"]

Paths = frozenset[str]
NOTHING: Paths = frozenset()


@attrs.frozen(eq=False)
class Effect:
    """What one end of a transition does, or several that follow one another.

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

    @property
    def single(self) -> bool:
        """Whether it only leads a token from one state to another."""
        return len(self.takes) == len(self.gives) == 1 and self.dealt is None


def effects_of(workflow: Workflow, transitions: Iterable[Transition]) -> list[Effect]:
    """All that they can do to tokens; what single tokens do between splits and joins is put together."""
    every = [effect for transition in transitions for effect in _effects(transition)]
    several = [effect for effect in every if not effect.single]
    ways = _Ways()
    for effect in every:
        if effect.single:
            ways.add(effect.takes[0], effect.gives[0], effect.writes)
    ways.shorten({workflow.initial, *(state for each in several for state in (*each.takes, *each.gives))})
    return [*several, *ways.effects()]


@attrs.define
class _Ways:
    """Where single tokens go.

    Attributes:
        ahead: For each state where a token goes from there, and what it can change on the way.
        behind: For each state where it comes from.
    """

    ahead: dict[str, dict[str, Paths]] = attrs.field(factory=dict)
    behind: dict[str, set[str]] = attrs.field(factory=dict)

    def add(self, one: str, other: str, writes: Paths) -> None:
        """Adds a way; of several between the same states any may be gone."""
        targets = self.ahead.setdefault(one, {})
        targets[other] = targets.get(other, NOTHING) | writes
        self.behind.setdefault(other, set()).add(one)

    def shorten(self, kept: Collection[str]) -> None:
        """Leaves states out that a token only passes through, or where it stays alone."""
        todo = dict.fromkeys(state for state in (*self.ahead, *self.behind) if state not in kept)
        while todo:
            state, _ = todo.popitem()
            ahead, behind = self.ahead.get(state, {}), self.behind.get(state, set())
            if min(len(ahead.keys() - {state}), len(behind - {state})) <= 1:
                self._leave_out(state)
                todo.update((each, None) for each in (*ahead, *behind) if each not in kept and each != state)

    def _leave_out(self, state: str) -> None:
        ahead, behind = self.ahead.pop(state, {}), self.behind.pop(state, set())
        own = ahead.pop(state, NOTHING)
        for one in behind - {state}:
            before = self.ahead[one].pop(state)
            for other, after in ahead.items():
                self.add(one, other, before | own | after)
        for other in ahead:
            self.behind[other].discard(state)

    def effects(self) -> Iterator[Effect]:
        """The ways that are left."""
        for one, targets in self.ahead.items():
            yield from (Effect((one,), (other,), writes) for other, writes in targets.items())


def taken(transition: Transition) -> tuple[str, ...]:
    """The states of the tokens that a transition takes."""
    return _tokens(transition.net.takes)


def _tokens(arcs: Iterable[Arc]) -> tuple[str, ...]:
    """The states of the tokens of arcs; of more than two in one state each pair is like every other."""
    return tuple(arc.place for arc in arcs for _ in range(min(arc.weight, 2)))


def _effects(transition: Transition) -> Iterator[Effect]:
    """What each end of a transition does."""
    takes = taken(transition)
    gives = _tokens(transition.net.gives)
    deal = transition.deal
    dealt = None if deal is None else (deal.to, f"data.{spelled_step(deal.item)}")
    yield Effect(takes, gives, cut((*merged(transition), *written(transition))), dealt)
    early = (*merged(transition), *written(transition, acted=False), FAILURE)
    for state in {transition.otherwise, transition.on_failure} - {None}:
        yield Effect(takes, (str(state),), cut(early))


def cut(paths: Iterable[str]) -> Paths:
    """The paths down to the keys by which tokens are merged."""
    return frozenset(".".join(map(spelled_step, steps_of(path)[:2])) for path in paths)
