"""An action or an executor did not do its work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from circuit_breaker.errors.root import CircuitBreakerError, Fault

__all__ = [
    "ActionError",
    "ActionInDoubt",
    "ActionTimeout",
    "ActionWithdrawn",
    "AddressRefused",
    "ImageUnavailable",
    "OutOfMemory",
    "OutcomeInvalid",
    "OutputInvalid",
    "OutputTooLarge",
    "ParameterInvalid",
    "ProgramFailed",
    "SecretNotFound",
    "ServiceFailed",
    "ServiceUnavailable",
    "ToolNotFound",
]


class ActionError(CircuitBreakerError):
    """The action failed.

    An action may raise this itself; ``code`` then names the kind of failure for retry policies and routing.
    """

    code = "action_failed"

    def __init__(self, message: str = "", *, code: str | None = None, remedy: str = "") -> None:
        if code is not None:
            self.code = code  # type: ignore[misc]  # an action names its own kinds of failure
        super().__init__(message, remedy=remedy)


class ParameterInvalid(ActionError, ValueError):
    """The parameters of an executor are wrong.

    Attributes:
        faults: Every fault found, in the order of declaration.
    """

    code = "invalid_parameters"

    def __init__(self, message: str = "", *, faults: Iterable[Fault] = (), remedy: str = "") -> None:
        self.faults = tuple(faults)
        lines = [message or "The parameters are wrong", *(f"  - {fault}" for fault in self.faults)]
        super().__init__("\n".join(lines), remedy=remedy)


class ActionTimeout(ActionError, TimeoutError):
    """The action took too long."""

    code = "timeout"


class OutcomeInvalid(ActionError):
    """What the action returned cannot be used."""

    code = "invalid_outcome"


class OutputInvalid(OutcomeInvalid):
    """The output of a program is not what was asked for."""

    code = "invalid_output"


class OutputTooLarge(OutcomeInvalid):
    """There is more output than allowed."""

    code = "output_too_large"


class ProgramFailed(ActionError):
    """The program ended with an error.

    Attributes:
        exit_code: What it ended with; negative for the number of the signal that ended it.
        stderr: The end of its standard error, without secrets.
    """

    code = "program_failed"

    def __init__(self, message: str = "", *, exit_code: int, stderr: str = "", remedy: str = "") -> None:
        self.exit_code = exit_code
        self.stderr = stderr
        super().__init__(message, remedy=remedy)

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {"exit_code": self.exit_code, "stderr": self.stderr}


class OutOfMemory(ProgramFailed):
    """The program used more memory than it may."""

    code = "out_of_memory"


class ServiceUnavailable(ActionError):
    """The outside engine or server cannot be reached."""

    code = "service_unavailable"


class ServiceFailed(ActionError):
    """The outside engine or server answered with an error.

    Attributes:
        status: The number that it answered with, as HTTP has them, or None.
        retry_after: Seconds that it wants one to wait before the next attempt, or None.
    """

    code = "service_failed"

    def __init__(
        self, message: str = "", *, status: int | None = None, retry_after: float | None = None, remedy: str = ""
    ) -> None:
        self.status = status
        self.retry_after = retry_after
        super().__init__(message, remedy=remedy)

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {"status": self.status, "retry_after": self.retry_after}


class ImageUnavailable(ActionError):
    """The container image is not here and cannot be had."""

    code = "image_unavailable"


class AddressRefused(ActionError):
    """Executors may not call this address."""

    code = "address_refused"


class SecretNotFound(ActionError, LookupError):
    """Nobody has given a secret of that name."""

    code = "secret_not_found"


class ToolNotFound(ActionError, LookupError):
    """There is no tool of that name."""

    code = "tool_not_found"


class ActionWithdrawn(ActionError):
    """Its case was cancelled, or its tokens were withdrawn, while the action was carried out.

    What it did is not kept. An action that meets this in a step should undo what must not stay, and end.
    """

    code = "withdrawn"


class ActionInDoubt(ActionError):
    """The action had started when the process ended, and nobody knows whether it was done."""

    code = "in_doubt"
