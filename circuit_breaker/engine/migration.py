"""Migration: a case under another version of its workflow."""

from __future__ import annotations

from datetime import datetime

import msgspec

from circuit_breaker.errors import NotEnabled
from circuit_breaker.workflow import choosing, declared, standing
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.events import CaseMigrated

__all__ = ["migrated"]


def migrated(workflow: Workflow, case: Case, *, at: datetime, by: str) -> Case:
    """The case under that version of its workflow.

    Raises:
        CaseClosed: It has ended.
        NotEnabled: It cannot go on there.
        DataInvalid: Its data is not of the class that the version declares.
    """
    choosing.open_case(case)
    _check(workflow, case)
    for token in case.marking:
        declared.typed(workflow, token)
    moved = msgspec.structs.replace(case, schema=workflow.schema)
    return standing.apply(workflow, moved, CaseMigrated(case.id, case.sequence + 1, at, by, workflow.version))


def _check(workflow: Workflow, case: Case) -> None:
    if case.workflow != workflow.name:
        raise NotEnabled(
            f"case '{case.id}' is one of '{case.workflow}', and cannot become one of '{workflow.name}'",
            remedy="give another version of its own workflow",
        )
    if case.pending:
        raise NotEnabled(
            f"case '{case.id}' cannot move while an action of it is in progress or in doubt",
            remedy="let it end, or resolve it, first",
        )
    known = {state.name for state in workflow.states}
    missing = [f"state '{place}'" for place in case.states if place not in known]
    if missing:
        raise NotEnabled(
            f"case '{case.id}' cannot move to version {workflow.version}: it has no {', no '.join(missing)}",
            remedy="let the case go on first, or keep these in the new version",
        )
