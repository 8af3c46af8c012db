"""Listing executions: pages of cases of several workflows, as one list in the order of time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import attrs

from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.ports import CaseSummary
from circuit_breaker.functions.definition import FAILED, REQUESTED, SUCCEEDED
from circuit_breaker.functions.execution import FunctionResult, result_of
from circuit_breaker.functions.status import ExecutionStatus

__all__ = ["Asked", "page"]

PLACES = {
    ExecutionStatus.SUCCESS: SUCCEEDED.name,
    ExecutionStatus.FAILED: FAILED.name,
    ExecutionStatus.TIMED_OUT: FAILED.name,
    ExecutionStatus.PENDING: REQUESTED.name,
    ExecutionStatus.RUNNING: REQUESTED.name,
}


@attrs.frozen
class Asked:
    """Which executions are asked for.

    Attributes:
        statuses: Their statuses; None for any.
        since: The first moment at which they were asked for.
        until: The moment before which they were.
    """

    statuses: frozenset[ExecutionStatus] | None
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def of(cls, status: Any, *, since: datetime | None, until: datetime | None) -> Asked:
        """What is asked for, with one status, several, or any."""
        if status is None:
            return cls(None, since, until)
        given = (status,) if isinstance(status, str) else status
        return cls(frozenset(map(ExecutionStatus.of, given)), since, until)

    @property
    def state(self) -> str | None:
        """The state of the case, where there is only one that fits."""
        places = {PLACES.get(status) for status in self.statuses or ()}
        return places.pop() if len(places) == 1 else None

    def fits(self, summary: CaseSummary) -> bool:
        """Whether the time fits."""
        late = self.since is None or summary.started_at >= self.since
        return late and (self.until is None or summary.started_at < self.until)


async def page(
    engine: Engine, workflows: Iterable[str], asked: Asked, *, after: str, limit: int
) -> list[FunctionResult]:
    """A page of the executions that fit."""
    found: list[FunctionResult] = []
    for workflow in workflows:
        found += await _of_one(engine, workflow, asked, after=after, limit=limit)
    return sorted(found, key=lambda result: result.id)[:limit]


async def _of_one(engine: Engine, workflow: str, asked: Asked, *, after: str, limit: int) -> list[FunctionResult]:
    found: list[FunctionResult] = []
    while len(found) < limit:
        summaries: Sequence[CaseSummary] = await engine.cases(
            workflow=workflow, state=asked.state, after=after, limit=limit
        )
        for summary in filter(asked.fits, summaries):
            result = result_of(await engine.get(summary.id))
            if asked.statuses is None or result.status in asked.statuses:
                found.append(result)
        if len(summaries) < limit:
            break
        after = summaries[-1].id
    return found
