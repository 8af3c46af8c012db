"""Hindsight: what another version of a policy would have decided on the cases of a journal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Final

from circuit_breaker.engine.ports import CaseQuery
from circuit_breaker.lazy import Later
from circuit_breaker.workflow.definition import Workflow

if TYPE_CHECKING:
    from circuit_breaker.engine.engine import Engine
    from circuit_breaker.workflow import policy_diff
else:  # it is needed by nobody who runs cases
    policy_diff = Later("circuit_breaker.workflow.policy_diff")

__all__ = ["diff_policy"]

PAGE: Final = 200


async def diff_policy(
    engine: Engine, old: Workflow, new: Workflow, cases: Iterable[str] | None
) -> policy_diff.PolicyDiff:
    """What the versions decide differently over these cases, or over all; one history is in memory at a time."""
    diff = policy_diff.PolicyDiff.between(old, new)
    async for case_id in _ids(engine, old.name, cases):
        diff = diff.plus(policy_diff.findings(old, new, await engine.history(case_id)))
    return diff


async def _ids(engine: Engine, workflow: str, cases: Iterable[str] | None) -> AsyncIterator[str]:
    if cases is not None:
        for case_id in dict.fromkeys(cases):
            yield case_id
        return
    after = ""
    while page := await engine.storage.find(CaseQuery(workflow=workflow, after=after, limit=PAGE)):
        for summary in page:
            yield summary.id
        after = page[-1].id
