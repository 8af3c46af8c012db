"""Hooks: functions of the program that are told what happens here, as it happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.invocation import threaded
from circuit_breaker.functions.triggers import WorkflowEvent, entered
from circuit_breaker.workflow import events
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.events import CaseStarted, Event, Moved, TokenAdded

__all__ = ["ResourceStateEvent", "on_resource_state", "on_workflow_event"]


@attrs.frozen
class ResourceStateEvent:
    """That a token entered a state.

    Attributes:
        state: The state.
        token: The id of the token.
        event: The event by which it did.
        case: The case as it is now.
    """

    state: str
    token: str
    event: Event
    case: Case


def on_workflow_event(engine: Engine, kind: type[Event] | str, handler: Callable[[Any], Any]) -> None:
    """Calls the handler with every event of a kind, until the engine closes."""
    engine.on(handler, getattr(events, WorkflowEvent(kind).event))


def on_resource_state(engine: Engine, state: str, handler: Callable[[ResourceStateEvent], Any]) -> None:
    """Calls the handler whenever a token enters a state, until the engine closes."""

    async def listen(event: Event) -> None:
        for token, target in entered(event):
            if target == state:
                await threaded(handler, ResourceStateEvent(target, token, event, await engine.get(event.case)))

    listen.__name__ = getattr(handler, "__name__", "on_resource_state")
    engine.on(listen, Moved, CaseStarted, TokenAdded)
