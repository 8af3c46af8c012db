"""Exit codes: what a script learns from the end of a command."""

from __future__ import annotations

from enum import IntEnum

from circuit_breaker.errors import (
    AgentExecutionNotFound,
    AgentNotFound,
    CaseNotFound,
    CircuitBreakerError,
    ConversationNotFound,
    DefinitionError,
    ExecutionNotFound,
    ExtraMissing,
    FunctionNotFound,
    RuleNotFound,
    StorageError,
    TokenNotFound,
    TransitionNotFound,
    WorkflowNotFound,
)
from circuit_breaker.workflow.case import Case

__all__ = ["EXIT_CODES", "ExitCode", "Terminated", "exit_code", "exit_code_of_case"]


class Terminated(Exception):
    """The process was asked to end, by SIGTERM: nothing went wrong."""


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    UNDECIDED = 2  # as in the tools that check models
    INVALID = 3
    NOT_FOUND = 4
    STORAGE = 5
    EXTRA = 6
    INTERNAL = 70
    INTERRUPTED = 130
    TERMINATED = 143


EXIT_CODES = {
    ExitCode.OK: "it was done",
    ExitCode.REFUSED: "refused, or not sound, or the case failed, is stuck or in doubt",
    ExitCode.USAGE: "the command is wrong, or what was asked is not decided",
    ExitCode.INVALID: "a definition is wrong, or its module cannot be imported",
    ExitCode.NOT_FOUND: "what was named is not there: a case, a workflow, a transition, an agent",
    ExitCode.STORAGE: "the journal cannot be read or written",
    ExitCode.EXTRA: "an optional dependency is missing",
    ExitCode.INTERNAL: "a fault of this program (see --debug)",
    ExitCode.INTERRUPTED: "interrupted from the keyboard (SIGINT)",
    ExitCode.TERMINATED: "asked to end by another program (SIGTERM)",
}

_NOT_FOUND = (
    CaseNotFound, WorkflowNotFound, TransitionNotFound, TokenNotFound, RuleNotFound, FunctionNotFound,
    ExecutionNotFound, AgentNotFound, AgentExecutionNotFound, ConversationNotFound,
)  # fmt: skip
_BY_KIND: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], ExitCode], ...] = (
    (DefinitionError, ExitCode.INVALID),
    (_NOT_FOUND, ExitCode.NOT_FOUND),
    (StorageError, ExitCode.STORAGE),
    (ExtraMissing, ExitCode.EXTRA),
    (CircuitBreakerError, ExitCode.REFUSED),
)


def exit_code(error: BaseException) -> ExitCode:
    """The exit code of an error; what is none of ours is a fault of this program."""
    return next((code for kind, code in _BY_KIND if isinstance(error, kind)), ExitCode.INTERNAL)


def exit_code_of_case(case: Case) -> ExitCode:
    """Whether a case goes on or has arrived; otherwise somebody must look at it."""
    return ExitCode.REFUSED if case.status in ("failed", "stuck", "in_doubt") else ExitCode.OK
