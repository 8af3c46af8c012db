"""Requests: that a function shall run, with what, and why; and the one place where that becomes an execution."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from circuit_breaker.engine.engine import Engine
from circuit_breaker.errors import CaseExists, DataInvalid, Fault, ParameterInvalid
from circuit_breaker.functions.definition import FAILED, FunctionDefinition
from circuit_breaker.workflow.case import Case

__all__ = ["REFUSED", "Later", "Request", "begin", "begin_once", "unfit"]

REFUSED: Final = "functions_refused"
"""The code of the error of an execution that was not begun, for too many had come of one event already."""


@attrs.frozen(kw_only=True)
class Request:
    """That a function shall run.

    Attributes:
        function: Its id.
        execution: The id that the execution gets, so that it happens once.
        input: What it is given.
        cause: What asked for it.
        generation: How many functions led to it.
        root: What led to it first: the id of an execution, or one that is derived from an event; its own, when empty.
        error: Why it cannot run, although it was asked for; it is recorded as failed then.
    """

    function: str
    execution: str
    input: Any = None
    cause: Mapping[str, Any] = attrs.field(factory=dict)
    generation: int = 0
    root: str = ""
    error: Mapping[str, Any] = attrs.field(factory=dict)

    def to_document(self) -> dict[str, Any]:
        """The request as JSON."""
        return attrs.asdict(self, recurse=False)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Request:
        """The request that :meth:`to_document` wrote."""
        return cls(**document)


@attrs.frozen
class Later:
    """A request that waits until a moment has come."""

    request: Request
    due: datetime


def unfit(definition: FunctionDefinition, faults: Iterable[Fault]) -> ParameterInvalid:
    """The error for an input that does not fit."""
    return ParameterInvalid(f"The input of function '{definition.id}' does not fit its schema", faults=faults)


async def begin(engine: Engine, definition: FunctionDefinition, request: Request) -> Case:
    """The new execution, which does not run yet; one that cannot run has failed.

    Raises:
        CaseExists: There is an execution of that id.
        DataInvalid: The input is no JSON.
    """
    metadata = {
        "function": definition.id,
        "version": definition.version,
        "generation": request.generation,
        "root": request.root or request.execution,
        "cause": request.cause,
    }
    if not request.error:
        return await engine.start(
            definition.workflow, id=request.execution, data={"input": request.input}, metadata=metadata
        )
    return await engine.start(
        definition.workflow,
        id=request.execution,
        data={"input": request.input},
        metadata={**metadata, "error": request.error},
        state=FAILED,
    )


async def begin_once(engine: Engine, definition: FunctionDefinition, request: Request) -> Case | None:
    """The new execution that something asked for by itself; None where it began before, here or elsewhere.

    An input that does not fit is recorded with the execution, which has failed.
    """
    faults = [] if request.error else definition.misfits(request.input)
    if faults:
        error = {"code": ParameterInvalid.code, "message": str(unfit(definition, faults))}
        request = attrs.evolve(request, error=error)
    try:
        return await begin(engine, definition, request)
    except CaseExists:
        return None
    except DataInvalid as error:
        if request.error:
            raise
        failed = attrs.evolve(request, input=None, error={"code": error.code, "message": error.message})
        return await begin_once(engine, definition, failed)
