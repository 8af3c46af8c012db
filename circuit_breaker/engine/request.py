"""A request to fire a transition: what was asked for, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from circuit_breaker.data import EMPTY
from circuit_breaker.engine.labels import label
from circuit_breaker.errors import NotEnabled, VersionConflict
from circuit_breaker.workflow import choosing, declared, firing, standing
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.events import Event, TransitionRefused
from circuit_breaker.workflow.evolution import evolve

if TYPE_CHECKING:
    from circuit_breaker.engine.engine import Engine
    from circuit_breaker.engine.resident import Resident

__all__ = ["FireRequest"]

UNDECIDED: Any = None
"""What a request holds before it was decided."""


class FireRequest(msgspec.Struct, gc=False, eq=False):
    """What :meth:`Engine.fire` was asked for; :meth:`decide` may be called again when another process was faster.

    Attributes:
        token: The id of a token that it is to take, or None for any.
        workflow: The definition of the case, once decided.
        choice: The tokens that were chosen, once decided.
        refusal: The event of the refusal, if it was refused.
        begun: The key of the action, if it has one.
    """

    engine: Engine
    resident: Resident
    name: str
    by: str
    data: Any
    roles: frozenset[str]
    expect: int | None
    token: str | None = None
    workflow: Workflow = UNDECIDED
    choice: choosing.Choice = UNDECIDED
    refusal: TransitionRefused | None = None
    begun: str | None = None

    def decide(self, now: Case) -> Case:
        """The case after the transition fired, was refused, or began its action."""
        if self.expect is not None and now.sequence != self.expect:
            raise VersionConflict(
                f"case '{now.id}' has had {now.sequence} events, not {self.expect}", remedy="look at it again"
            )
        if self.resident.ending:
            raise NotEnabled(f"case '{now.id}' is being cancelled, and begins nothing more", remedy="wait for its end")
        engine = self.engine
        self.workflow = workflow = engine.workflow(now)
        if type(self.name) is not str:
            self.name = label(self.name, "name")
        at = engine.clock.now()
        self.begun = self.refusal = None
        short = self.data is None and self.token is None
        choice = firing.at_once(workflow, now, self.name) if short else None
        if choice is None:
            event = self._selected(now, at)
        else:
            self.choice = choice
            event = self._event(now, at)
        after = standing.settle(workflow, evolve(now, event))
        if choice is not None and choice.transition.target is not None:
            return after  # one token that moves, and nothing else: it cannot weigh more than before
        if self.data is not None:
            engine.limits.entered(self.resident, after, self.choice.data)
        return engine.limits.moved(self.resident, after, event)

    def _selected(self, now: Case, at: datetime) -> Event:
        """The event of what takes more than a glance: data, roles, signals, times, several tokens, or a refusal."""
        workflow = self.workflow
        roles = self.roles
        data = EMPTY if self.data is None else declared.accept(workflow, self.data)
        self.choice, self.refusal = firing.select(
            workflow, now, self.name, data=data, roles=roles, at=at, by=self.by, token=self.token
        )
        if workflow.schema is not None:
            declared.typed(workflow, self.choice.view)
        return self.refusal or self._event(now, at)

    def _event(self, now: Case, at: datetime) -> Event:
        choice = self.choice
        if choice.transition.steps:
            begun = firing.begin(now, choice, at=at, by=self.by, worker=self.engine.storage.worker)
            self.begun = begun.key
            return begun
        return firing.fired(now, choice, at=at, by=self.by)
