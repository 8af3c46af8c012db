"""What a function in a process of its own answers: its output, or the error that it reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from circuit_breaker.errors import ActionError, OutcomeInvalid, OutOfMemory, OutputInvalid
from circuit_breaker.executors.output import Output
from circuit_breaker.executors.programs.ending import Ending
from circuit_breaker.executors.secrets import Redaction

__all__ = ["answered", "expected"]

_REMEDY: Final = 'print {"output": ...} or {"error": {"type": ..., "message": ...}}, and nothing else'


def expected(limit: int, redaction: Redaction) -> Output:
    """The standard output of a function, which is its answer and no part of its log."""
    return Output("the answer", lambda _: None, redaction=redaction, form="json", limit=limit)


def answered(function: str, ending: Ending, answer: Output) -> Any:
    """The output of a function that has ended.

    An answer is ``{"output": ...}``, or ``{"error": {"type", "message"}}`` for an error that the function handles.

    Raises:
        ActionError: The function reports an error; its type is the ``code``.
        OutcomeInvalid: What it returned is no JSON.
        OutOfMemory: It got no more memory.
        ProgramFailed: It ended without an answer.
        OutputInvalid: What it printed is no answer.
    """
    ending.check()
    if answer.empty:
        raise OutputInvalid(f"function '{function}' ended without an answer", remedy=_REMEDY)
    document = answer.value()
    if not isinstance(document, Mapping) or len(document.keys() & {"output", "error"}) != 1:
        raise OutputInvalid(f"function '{function}' answered {document!r:.100}", remedy=_REMEDY)
    if "output" in document:
        return document["output"]
    raise _reported(function, ending, document["error"])


def _reported(function: str, ending: Ending, error: Any) -> ActionError:
    if not isinstance(error, Mapping) or not isinstance(error.get("type"), str) or not error["type"]:
        return OutputInvalid(f"function '{function}' answered the error {error!r:.100}", remedy=_REMEDY)
    kind, message = error["type"], str(error.get("message") or "it does not say why")
    if kind == OutcomeInvalid.code:
        return OutcomeInvalid(f"what function '{function}' returned is no JSON: {message}", remedy="return JSON values")
    if kind == "MemoryError":
        return OutOfMemory(
            f"function '{function}' got no more memory: {message}", exit_code=ending.exit_code, stderr=ending.stderr
        )
    return ActionError(f"function '{function}' failed: {message}", code=kind)
