"""A request to fire a transition: what was asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from circuit_breaker.errors import VersionConflict
from circuit_breaker.workflow import choosing, firing
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.choosing import role_set
from circuit_breaker.workflow.data import EMPTY
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.events import Event, TransitionRefused

if TYPE_CHECKING:
    from circuit_breaker.engine.engine import Engine

__all__ = ["FireRequest"]


@attrs.define(on_setattr=attrs.setters.NO_OP)
class FireRequest:
    """What :meth:`Engine.fire` was asked for; :meth:`decide` may be called again when another process was faster.

    Attributes:
        workflow: The definition of the case, once decided.
        choice: The tokens that were chosen, once decided.
        refusal: The event of the refusal, if it was refused.
        begun: The key of the action, if it has one.
    """

    engine: Engine
    name: str
    by: str
    data: Any
    roles: Iterable[str] = attrs.field(converter=role_set)
    expect: int | None
    workflow: Workflow = attrs.field(init=False)
    choice: choosing.Choice = attrs.field(init=False)
    refusal: TransitionRefused | None = attrs.field(init=False, default=None)
    begun: str | None = attrs.field(init=False, default=None)

    def decide(self, now: Case) -> Case:
        """The case after the transition fired, was refused, or began its action."""
        if self.expect is not None and now.sequence != self.expect:
            raise VersionConflict(
                f"case '{now.id}' has had {now.sequence} events, not {self.expect}", remedy="look at it again"
            )
        self.workflow = workflow = self.engine.workflow(now)
        data = EMPTY if self.data is None else choosing.accept(workflow, self.data)
        at = self.engine.clock.now()
        self.begun = None
        self.choice, self.refusal = firing.select(
            workflow, now, self.name, data=data, roles=self.roles, at=at, by=self.by
        )
        if workflow.schema is not None:
            choosing.typed(workflow, self.choice.view)
        event = self.refusal or self._event(now, at)
        return choosing.apply(workflow, now, event)

    def _event(self, now: Case, at: datetime) -> Event:
        choice = self.choice
        if choice.transition.steps:
            begun = firing.begin(now, choice, at=at, by=self.by, worker=self.engine.storage.worker)
            self.begun = begun.key
            return begun
        return firing.fired(now, choice, at=at, by=self.by)
