"""Recalling: cases that began under a definition that nobody has given the engine go on under it all the same."""

from __future__ import annotations

from circuit_breaker.engine.engine import Engine
from circuit_breaker.errors import CircuitBreakerError, WorkflowNotFound
from circuit_breaker.workflow import Case, Workflow
from circuit_breaker.workflow.documents import load_workflow

__all__ = ["recalled"]


async def recalled(engine: Engine, case: Case | str) -> Case:
    """The case, whose definition the engine knows now; what new cases of its name begin under stays what it is.

    The storage keeps each definition that a case began with, under the hash of its content.

    Raises:
        CaseNotFound: There is no such case.
        WorkflowNotFound: The storage has no definition of it that can be read.
    """
    now = await engine.get(case)
    if now.definition in engine.versions:
        return now
    await engine.add_workflow(await _kept(engine, now), current=False)
    return await engine.get(now)


async def _kept(engine: Engine, case: Case) -> Workflow:
    kept = await engine.storage.definition(case.definition)
    try:
        workflow = None if kept is None else load_workflow(kept.decode(), name="the definition in the storage")
    except CircuitBreakerError as error:
        raise _forgotten(case) from error
    if workflow is None or workflow.version != case.definition:
        raise _forgotten(case)
    return workflow


def _forgotten(case: Case) -> WorkflowNotFound:
    return WorkflowNotFound(
        f"case '{case.id}' began under version {case.definition} of '{case.workflow}', which cannot be read any more; "
        f"it stands in '{case.state}'",
        remedy="give the engine that version as well, or begin anew",
    )
