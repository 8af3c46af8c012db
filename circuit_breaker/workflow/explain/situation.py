"""A situation: a case at a moment, with whoever asks; what is possible in it, and what it would be after a change."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
import msgspec

from circuit_breaker.data import EMPTY, Data
from circuit_breaker.workflow import choosing
from circuit_breaker.workflow.case import Block, Case
from circuit_breaker.workflow.timing import Automatic, Every, Manual, OnSignal
from circuit_breaker.workflow.transition import Transition

if TYPE_CHECKING:
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["Situation", "on_the_second", "trigger_of"]


@attrs.frozen
class Situation:
    """A case at a moment.

    Attributes:
        workflow: The definition.
        case: The case, as it is or as it would be.
        at: The present moment, against which timers are held; None leaves them out.
        roles: The roles of whoever asks; None leaves roles out.
        stopped: The workers that are known to have stopped.
    """

    workflow: Workflow
    case: Case
    at: datetime | None = None
    roles: frozenset[str] | None = None
    stopped: Collection[str] = ()

    @property
    def moment(self) -> datetime:
        """The present moment, or when the case changed last where that is not known."""
        return self.at or self.case.updated_at

    def with_case(self, **changes: Any) -> Situation:
        """The situation with a case of which these fields are others."""
        return attrs.evolve(self, case=msgspec.structs.replace(self.case, **changes))

    def choices(self, transition: Transition, *, data: Data = EMPTY) -> Iterable[choosing.Choice]:
        """Every way in which the transition could take its tokens, fired with this data, as far as the search goes."""
        return choosing.tried(self.workflow, self.case, transition, data=data)

    def possible(self, transition: Transition) -> choosing.Choice | None:
        """How the transition can fire, or None."""
        if self.case.closed:
            return None
        for choice in self.choices(transition):
            if self.passes(choice):
                return choice
        return None

    def passes(self, choice: choosing.Choice) -> bool:
        """Whether the choice can fire: nothing keeps it, and its rules hold."""
        return next(self.obstacles(choice), None) is None and choosing.admitted(self.workflow, choice)

    def may_fire(self, choice: choosing.Choice) -> bool:
        """The same when somebody fires it by hand, also what is not tried again by itself."""
        return next(self._hindrances(choice), None) is None and choosing.admitted(self.workflow, choice)

    def obstacles(self, choice: choosing.Choice) -> Iterator[str]:
        """What keeps the choice from firing apart from its rules, in words."""
        yield from self._hindrances(choice)
        if (block := self.block(choice)) is not None:
            yield _spent(block)

    def _hindrances(self, choice: choosing.Choice) -> Iterator[str]:
        transition = choice.transition
        if transition.signal and not choice.used:
            yield f"it waits for the signal '{transition.signal}'"
        if (due := self.due(choice)) is not None:
            block = choosing.block_of(self.case, choice) if isinstance(transition.trigger, Every) else None
            yield f"it is due at {on_the_second(due)}" + (f"; {_spent(block)}" if block else "")
        if self.lacks_role(transition):
            yield f"it needs the role {' or '.join(transition.roles)}"

    def due(self, choice: choosing.Choice) -> datetime | None:
        """The time that the choice waits for; None where it waits for none."""
        if choice.transition.delay is None or self.at is None:
            return None
        due = choosing.due(choice, self.case)
        return due if due > self.at else None

    def lacks_role(self, transition: Transition) -> bool:
        """Whether somebody asks whose roles do not suffice."""
        return bool(transition.roles) and self.roles is not None and self.roles.isdisjoint(transition.roles)

    def block(self, choice: choosing.Choice) -> Block | None:
        """The refusal or failure that keeps the choice from being tried again by itself."""
        if isinstance(choice.transition.trigger, Manual) or not choosing.blocked(self.case, choice):
            return None
        return choosing.block_of(self.case, choice)


def trigger_of(transition: Transition) -> str:
    """What makes a transition fire: ``"automatic"``, ``"manual"``, ``"signal"`` or ``"timer"``."""
    if isinstance(transition.trigger, Automatic):
        return "automatic"
    if isinstance(transition.trigger, Manual):
        return "manual"
    return "signal" if isinstance(transition.trigger, OnSignal) else "timer"


def on_the_second(moment: datetime) -> str:
    """The first full second by which the moment has come."""
    return (moment + timedelta(microseconds=-moment.microsecond % 1_000_000)).isoformat(timespec="seconds")


def _spent(block: Block) -> str:
    return f"it {'failed' if block.kind == 'failed' else 'was refused'} with these tokens: {block.reason}"
