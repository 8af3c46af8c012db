"""What every journal checks before it takes an append, and what it says when somebody else was first."""

from __future__ import annotations

from collections.abc import Sequence

from circuit_breaker.errors import StorageError, VersionConflict
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.events import Event

__all__ = ["expected_version", "version_conflict"]


def expected_version(case: Case, events: Sequence[Event]) -> int:
    """How many events the journal must hold before these.

    Raises:
        StorageError: The events are not the last ones of the case.
    """
    expected = events[0].sequence - 1 if events else case.sequence
    if expected + len(events) != case.sequence:
        raise StorageError(
            f"case '{case.id}' is at event {case.sequence}, and came with the {len(events)} events after {expected}",
            remedy="append exactly the events that led to the case",
        )
    return expected


def version_conflict(case_id: str, expected: int, held: int) -> VersionConflict:
    """The error for an append that expected another number of events than the journal holds."""
    if not expected:
        return VersionConflict(
            f"case '{case_id}' exists already, with {held} events", remedy="start it under another id"
        )
    return VersionConflict(
        f"case '{case_id}' has {held} events in the journal, and not {expected}", remedy="load it and decide again"
    )
