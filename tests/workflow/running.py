"""Running cases with the pure functions alone: no engine, no clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from circuit_breaker.workflow import Case, Workflow, choosing, firing, standing

START = datetime(2024, 5, 1, 12, tzinfo=UTC)
MOST = 200


def begin(workflow: Workflow, **data: Any) -> Case:
    """A new case that has done everything it does by itself."""
    return rest(workflow, workflow.start("c", at=START, data=data))


def rest(workflow: Workflow, case: Case, *, after: timedelta | None = None) -> Case:
    """The case after everything that happens by itself; with ``after`` also what is due by then."""
    at = START if after is None else case.updated_at + after
    for _ in range(MOST):
        choice = choosing.next_automatic(workflow, case, at=None if after is None else at)
        if choice is None:
            return case
        case = standing.apply(workflow, case, firing.fired(case, choice, at=at))
    raise AssertionError(f"the case does not come to rest: {case.state}")


def fire(workflow: Workflow, case: Case, name: str, **data: Any) -> Case:
    """The case after somebody fired a transition, and after what followed by itself."""
    return rest(workflow, workflow.fire(case, name, at=START, by="ann", data=data))


def names(case: Case) -> list[str]:
    """The names of the transitions that fired, in order."""
    return [event.transition for event in case.history if event.type == "TransitionFired"]
