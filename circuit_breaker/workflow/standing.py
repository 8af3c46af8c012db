"""Standing: the status of a case, which follows from where its tokens are and what it can do next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from circuit_breaker.workflow.case import CLOSED, Case, Status
from circuit_breaker.workflow.choosing import UNKNOWN, bindings_of, blocked, goes, leaving, next_automatic, tried
from circuit_breaker.workflow.events import CaseCompleted, Event
from circuit_breaker.workflow.evolution import evolve
from circuit_breaker.workflow.transition import Transition

if TYPE_CHECKING:
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["apply", "resting", "settle", "status"]


def settle(workflow: Workflow, case: Case) -> Case:
    """The case with the status that follows from where its tokens are."""
    if case.status in CLOSED:
        return case
    now = None if case.pending or case.blocked else workflow.resting.get(case.marking.only)  # type: ignore[arg-type]
    if now is None:
        now = status(workflow, case)
    if now == "completed":
        return evolve(case, CaseCompleted(case.id, case.sequence + 1, case.updated_at))
    return case if case.status == now else msgspec.structs.replace(case, status=now)


def resting(workflow: Workflow) -> Iterator[tuple[str, Status]]:
    """The states in which a lone token decides the status of its case by itself, with that status."""
    for state, transitions in workflow.leaving.items():
        if state in workflow.final:
            yield state, "completed"
        elif not any(t.automatic or t.signal for t in transitions) and any(
            t.net.plain and (t.delay is None or t.gate is None) for t in transitions
        ):
            yield state, "waiting"


def status(workflow: Workflow, case: Case) -> Status:
    """What the case is about to do."""
    if case.closed:
        return case.status
    if any(not pending.doubt for pending in case.pending):
        return "running"
    if not case.pending and all(place in workflow.final for place in case.marking.places):
        return "completed"
    if next_automatic(workflow, case) is not None:
        return "running"
    if case.pending:
        return "in_doubt"
    if any(_waits(workflow, case, transition) for transition in leaving(workflow, case)):
        return "waiting"
    return "failed" if any(block.kind == "failed" for block in case.blocked) else "stuck"


def _waits(workflow: Workflow, case: Case, transition: Transition) -> bool:
    """Whether somebody, a signal or a time can still make it fire; a timer that its guard forbids will not."""
    if transition.delay is not None:
        return any(goes(workflow, choice) and not blocked(case, choice) for choice in tried(workflow, case, transition))
    return transition.waits and next(bindings_of(workflow, transition, case, UNKNOWN), None) is not None


def apply(workflow: Workflow, case: Case, *events: Event) -> Case:
    """The case after these events, with its status, and with the event of its completion if they led to it."""
    for event in events:
        case = evolve(case, event)
    return settle(workflow, case)
