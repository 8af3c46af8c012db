"""The one exception tree of circuit_breaker.

::

    CircuitBreakerError
    ├── DefinitionError              something declared is wrong; carries every fault found
    │   ├── WorkflowInvalid          a workflow, a flow or a pattern
    │   ├── RuleInvalid              a rule, a condition or a policy
    │   │   └── ConditionParsingError    an expression, with the position of the fault
    │   ├── ExecutorInvalid          an executor class
    │   ├── FunctionInvalid          a container function, a trigger or a chain
    │   ├── ToolInvalid              a tool, or tools that do not go together
    │   ├── AgentInvalid             an agent or its prompts
    │   └── DocumentInvalid          a YAML or JSON document, with line and column
    ├── RulesError                   judging a rule was not possible
    │   ├── RuleNotFound             (LookupError)
    │   ├── EvaluationFailed
    │   └── EvaluationTimeout        (TimeoutError)
    ├── CaseError                    something asked of a case is not possible
    │   ├── WorkflowNotFound         (LookupError)
    │   ├── CaseNotFound             (LookupError)
    │   ├── TransitionNotFound       (LookupError)
    │   ├── TokenNotFound            (LookupError)
    │   ├── CaseExists
    │   ├── CaseClosed
    │   ├── DataInvalid              (ValueError) data that is no JSON or not of the declared type
    │   ├── HistoryIncomplete        (LookupError)
    │   ├── MergeConflict            two branches changed the same key differently
    │   ├── MergeFailed              the function that merges their data failed
    │   ├── NotEnabled               the tokens for a transition are not there
    │   ├── LimitReached             the case would hold more than it may
    │   ├── TooManyChoices           there are too many ways to take the tokens to try them all
    │   └── Refused                  a guard, validation or rule said no; carries the verdict
    ├── ActionError                  an action or an executor did not do its work
    │   ├── ParameterInvalid         (ValueError)
    │   ├── ActionTimeout            (TimeoutError)
    │   ├── OutcomeInvalid           what came back is not usable
    │   │   ├── OutputInvalid        a program's output is not what was asked for, such as no JSON
    │   │   └── OutputTooLarge       there was more of it than allowed
    │   ├── ProgramFailed            a program or container ended with an error; carries the exit code
    │   │   └── OutOfMemory          it was killed for using more memory than it may
    │   ├── ServiceUnavailable       an outside engine or server cannot be reached
    │   ├── ServiceFailed            it was reached, and answered with an error
    │   ├── ImageUnavailable         a container image is not here and cannot be had
    │   ├── AddressRefused           an address that executors may not call
    │   ├── SecretNotFound           (LookupError) a secret that nobody has given
    │   ├── ToolNotFound             (LookupError)
    │   ├── ActionWithdrawn          its case was cancelled or its tokens withdrawn while it was carried out
    │   └── ActionInDoubt            started before a crash; nobody knows whether it ended
    ├── LLMError                     a model was asked, and no usable answer came; names provider and model
    │   ├── ProviderNotFound         (LookupError)
    │   ├── DefaultProviderNotFound  (LookupError)
    │   ├── NoProviderAvailable      all that could be asked have failed, or none can do it
    │   ├── ModelNotFound            (LookupError)
    │   ├── APIError                 the provider answered with an error
    │   │   ├── AuthenticationFailed
    │   │   ├── RateLimitExceeded
    │   │   │   └── QuotaExhausted   the account is used up: waiting does not help
    │   │   ├── ContextTooLong
    │   │   └── ProviderOverloaded
    │   ├── RequestRefused           the request is wrong, whoever is asked
    │   ├── ContentFiltered
    │   ├── ConnectionFailed
    │   ├── ResponseInvalid          what came back cannot be read
    │   │   └── ResponseTooLong      there is more of it than could have been asked for
    │   ├── ResponseTimeout          (TimeoutError) no answer, or none any more
    │   └── BudgetExceeded           the money or the tokens for it are used up
    ├── FunctionError                something asked of a container function is not possible
    │   ├── FunctionNotFound         (LookupError)
    │   └── ExecutionNotFound        (LookupError)
    ├── AgentError                   something asked of an agent is not possible
    │   ├── AgentNotFound            (LookupError)
    │   ├── AgentExecutionNotFound   (LookupError)
    │   ├── ConversationNotFound     (LookupError)
    │   ├── InvalidAgentType         an agent of this kind has no such thing
    │   ├── AgentForbidden           somebody may not use this agent, or do this to it
    │   └── GuardrailViolated        an input or an output was refused by a check of the agent
    ├── StorageError                 the journal cannot be read or written
    │   ├── VersionConflict          somebody else changed the case first
    │   ├── StorageLocked            (TimeoutError)
    │   ├── StorageFull
    │   ├── StorageForeign           the file or server holds something else
    │   ├── StorageNewer             written by a later release
    │   ├── StorageCorrupt
    │   └── StorageClosed
    └── ExtraMissing                 an optional dependency is not installed

A message says what happened, where, with which value, and what to do. Every class has a ``code`` that does not change
between releases; doors translate it. Secrets are never put into a message.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import attrs

__all__ = [
    "APIError",
    "ActionError",
    "ActionInDoubt",
    "ActionTimeout",
    "ActionWithdrawn",
    "AddressRefused",
    "AgentError",
    "AgentExecutionNotFound",
    "AgentForbidden",
    "AgentInvalid",
    "AgentNotFound",
    "AuthenticationFailed",
    "BudgetExceeded",
    "CaseClosed",
    "CaseError",
    "CaseExists",
    "CaseNotFound",
    "CircuitBreakerError",
    "ConditionParsingError",
    "ConnectionFailed",
    "ContentFiltered",
    "ContextTooLong",
    "ConversationNotFound",
    "DataInvalid",
    "DefaultProviderNotFound",
    "DefinitionError",
    "DocumentInvalid",
    "EvaluationFailed",
    "EvaluationTimeout",
    "ExecutionNotFound",
    "ExecutorInvalid",
    "ExtraMissing",
    "Fault",
    "FunctionError",
    "FunctionInvalid",
    "FunctionNotFound",
    "GuardrailViolated",
    "HistoryIncomplete",
    "ImageUnavailable",
    "InvalidAgentType",
    "LLMError",
    "LimitReached",
    "MergeConflict",
    "MergeFailed",
    "ModelNotFound",
    "NoProviderAvailable",
    "NotEnabled",
    "OutOfMemory",
    "OutcomeInvalid",
    "OutputInvalid",
    "OutputTooLarge",
    "ParameterInvalid",
    "ProgramFailed",
    "ProviderNotFound",
    "ProviderOverloaded",
    "QuotaExhausted",
    "RateLimitExceeded",
    "Refused",
    "RequestRefused",
    "ResponseInvalid",
    "ResponseTimeout",
    "ResponseTooLong",
    "RuleInvalid",
    "RuleNotFound",
    "RulesError",
    "SecretNotFound",
    "ServiceFailed",
    "ServiceUnavailable",
    "StorageClosed",
    "StorageCorrupt",
    "StorageError",
    "StorageForeign",
    "StorageFull",
    "StorageLocked",
    "StorageNewer",
    "TokenNotFound",
    "TooManyChoices",
    "ToolInvalid",
    "ToolNotFound",
    "TransitionNotFound",
    "VersionConflict",
    "WorkflowInvalid",
    "WorkflowNotFound",
    "nearest",
    "words_of",
]


@attrs.frozen
class Fault:
    """One thing that is wrong in a declaration: ``place: message (remedy)``.

    Attributes:
        place: Where, in the reader's words, such as ``"transition 'review'"`` or ``"flows[2].policy"``.
        message: What is wrong, with the offending value.
        remedy: What to do about it, or an empty text.
        line: Line in the source document, counted from 1, or None when there is no document.
        column: Column in that line, counted from 1.
    """

    place: str
    message: str
    remedy: str = ""
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}, column {self.column}: " if self.line is not None else ""
        return f"{where}{self.place}: {self.message}" + (f" ({self.remedy})" if self.remedy else "")


class CircuitBreakerError(Exception):
    """The work could not be done.

    Args:
        message: What happened, where and with which value. The docstring of the class when empty.
        remedy: What the reader can do about it.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str = "", *, remedy: str = "") -> None:
        self.message = message or (type(self).__doc__ or "").partition("\n")[0]
        self.remedy = remedy
        super().__init__(f"{self.message} ({remedy})" if remedy else self.message)

    def to_document(self) -> dict[str, Any]:
        """The error as a plain document: ``{"code", "message", "remedy"}`` and what the class adds."""
        return {"code": self.code, "message": self.message, "remedy": self.remedy}


class DefinitionError(CircuitBreakerError):
    """The definition is wrong."""

    code = "invalid_definition"

    def __init__(self, message: str = "", *, faults: Iterable[Fault] = (), remedy: str = "") -> None:
        self.faults = tuple(faults)
        lines = [message or (type(self).__doc__ or "").partition("\n")[0], *(f"  - {fault}" for fault in self.faults)]
        super().__init__("\n".join(lines), remedy=remedy)

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {"faults": [attrs.asdict(fault) for fault in self.faults]}


class WorkflowInvalid(DefinitionError):
    """The workflow is not valid."""

    code = "invalid_workflow"


class RuleInvalid(DefinitionError):
    """The rule is not valid."""

    code = "invalid_rule"


class ConditionParsingError(RuleInvalid):
    """The expression cannot be read.

    Attributes:
        text: The whole expression.
        position: Offset of the fault in ``text``, in characters from 0.
    """

    code = "condition_parsing"

    def __init__(self, message: str, *, text: str, position: int, remedy: str = "") -> None:
        self.text = text
        self.position = position
        start = max(0, position - 40)
        excerpt = text[start : position + 40].replace("\n", " ")
        pointer = f"{' ' * (position - start)}^"
        super().__init__(f"{message} at position {position}:\n  {excerpt}\n  {pointer}", remedy=remedy)


class ExecutorInvalid(DefinitionError):
    """The executor class is not valid."""

    code = "invalid_executor"


class FunctionInvalid(DefinitionError):
    """The function is not valid."""

    code = "invalid_function"


class ToolInvalid(DefinitionError):
    """The tool is not valid."""

    code = "invalid_tool"


class AgentInvalid(DefinitionError):
    """The agent is not valid."""

    code = "invalid_agent"


class DocumentInvalid(DefinitionError):
    """The document is not valid."""

    code = "invalid_document"


class RulesError(CircuitBreakerError):
    """The rules could not be judged."""

    code = "rules"


class RuleNotFound(RulesError, LookupError):
    """There is no rule of that name."""

    code = "rule_not_found"


class EvaluationFailed(RulesError):
    """A rule could not be judged."""

    code = "evaluation_failed"


class EvaluationTimeout(RulesError, TimeoutError):
    """Judging the rules took too long."""

    code = "evaluation_timeout"


class CaseError(CircuitBreakerError):
    """That cannot be done with this case."""

    code = "case"


class WorkflowNotFound(CaseError, LookupError):
    """There is no workflow of that name or version here."""

    code = "workflow_not_found"


class CaseNotFound(CaseError, LookupError):
    """There is no case of that id."""

    code = "case_not_found"


class TransitionNotFound(CaseError, LookupError):
    """The workflow has no transition of that name."""

    code = "transition_not_found"


class TokenNotFound(CaseError, LookupError):
    """The case has no such token."""

    code = "token_not_found"


class CaseExists(CaseError):
    """There is a case of that id already."""

    code = "case_exists"


class CaseClosed(CaseError):
    """The case has ended; nothing can be done with it any more."""

    code = "case_closed"


class DataInvalid(CaseError, ValueError):
    """The data cannot be kept: it is no JSON, or not of the declared type."""

    code = "invalid_data"


class HistoryIncomplete(CaseError, LookupError):
    """Only the end of the history is in memory."""

    code = "history_incomplete"


class MergeConflict(CaseError):
    """Branches that join changed the same key differently.

    Attributes:
        conflicts: For each key the values that disagree, in the order of the branches.
    """

    code = "merge_conflict"

    def __init__(self, conflicts: Mapping[str, tuple[Any, ...]], *, remedy: str = "") -> None:
        self.conflicts = dict(conflicts)
        what = "; ".join(f"{key}: {' against '.join(map(repr, values))}" for key, values in self.conflicts.items())
        super().__init__(
            f"Branches that join changed the same key differently: {what}",
            remedy=remedy or "give the flow .merge(function), or write different keys",
        )


class MergeFailed(CaseError):
    """The function that merges the data of joining tokens failed."""

    code = "merge_failed"


class NotEnabled(CaseError):
    """The transition cannot fire: its tokens are not there."""

    code = "not_enabled"


class LimitReached(CaseError):
    """The case would hold more than it may."""

    code = "limit_reached"


class TooManyChoices(CaseError):
    """There are too many ways to take the tokens, and none of those that were tried is possible."""

    code = "too_many_choices"


class Refused(CaseError):
    """The transition was refused by its guard, validations or rules.

    Attributes:
        verdict: The tree of reasons, a :class:`circuit_breaker.Verdict`.
    """

    code = "refused"

    def __init__(self, message: str, *, verdict: Any, remedy: str = "") -> None:
        self.verdict = verdict
        super().__init__(message, remedy=remedy)

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {"verdict": self.verdict.to_document()}


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


class LLMError(CircuitBreakerError):
    """No usable answer came from a model.

    Attributes:
        provider: Who was asked, or an empty text.
        model: What was asked for, or an empty text.
        attempt: Which attempt it was, counted from 1.
        status: The number that the provider answered with, as HTTP has them, or None.
        retry_after: Seconds that it wants one to wait, or None.
        request_id: What to tell the provider's support, or None.
    """

    code = "llm"
    again: bool = False
    """Whether the same provider may do better when it is asked again; of a class, unless its answer said so."""
    elsewhere: ClassVar[bool] = False
    """Whether another provider may do better."""
    charged: bool = False
    """Whether it may have to be paid all the same: there may have been an answer, which was lost or is useless."""

    def __init__(
        self,
        message: str = "",
        *,
        provider: str = "",
        model: str = "",
        attempt: int = 1,
        status: int | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        remedy: str = "",
    ) -> None:
        self.provider = provider
        self.model = model
        self.attempt = attempt
        self.status = status
        self.retry_after = retry_after
        self.request_id = request_id
        super().__init__(message, remedy=remedy)

    def to_document(self) -> dict[str, Any]:
        told = ("provider", "model", "attempt", "status", "retry_after", "request_id")
        return super().to_document() | {name: getattr(self, name) for name in told}


class ProviderNotFound(LLMError, LookupError):
    """There is no provider of that name."""

    code = "provider_not_found"


class DefaultProviderNotFound(LLMError, LookupError):
    """There is no default provider, and nothing else says who is to be asked."""

    code = "default_provider_not_found"


class NoProviderAvailable(LLMError):
    """Nobody can answer: all have failed, are unwell, or cannot do what is asked.

    Attributes:
        errors: What each of them said, in the order in which they were asked.
    """

    code = "no_provider_available"

    def __init__(self, message: str = "", *, errors: Iterable[Exception] = (), **told: Any) -> None:
        self.errors = tuple(errors)
        super().__init__(message, **told)


class ModelNotFound(LLMError, LookupError):
    """The provider has no model of that name."""

    code = "model_not_found"
    elsewhere = True


class APIError(LLMError):
    """The provider answered with an error."""

    code = "api_error"
    elsewhere = True


class AuthenticationFailed(APIError):
    """The provider does not accept the key."""

    code = "authentication_failed"


class RateLimitExceeded(APIError):
    """The provider was asked too often."""

    code = "rate_limit_exceeded"
    again = True


class QuotaExhausted(RateLimitExceeded):
    """The account at the provider is used up."""

    code = "quota_exhausted"
    again = False


class ContextTooLong(APIError):
    """The conversation is longer than the model can read."""

    code = "context_too_long"


class ProviderOverloaded(APIError):
    """The provider has an error of its own, or too much to do."""

    code = "provider_overloaded"
    again = True


class RequestRefused(LLMError):
    """The provider refuses the request as it is."""

    code = "request_refused"


class ContentFiltered(LLMError):
    """The provider does not answer this, for what it says."""

    code = "content_filtered"


class ConnectionFailed(LLMError):
    """The provider cannot be reached."""

    code = "connection_failed"
    again = True
    elsewhere = True
    charged = True


class ResponseInvalid(LLMError):
    """What came back cannot be read.

    Attributes:
        misfit: Whether it can, but has not the form that the request asked for; that may be the fault of the form.
    """

    code = "invalid_response"
    again = True
    elsewhere = True
    charged = True
    misfit: bool = False


class ResponseTooLong(ResponseInvalid):
    """There is more of an answer than could have been asked for: its server does not end it."""

    code = "response_too_long"
    again = False


class ResponseTimeout(LLMError, TimeoutError):
    """No answer came in time, or it stopped coming."""

    code = "response_timeout"
    again = True
    elsewhere = True
    charged = True


class BudgetExceeded(LLMError):
    """The money or the tokens for this are used up."""

    code = "budget_exceeded"


class FunctionError(CircuitBreakerError):
    """That cannot be done with this function."""

    code = "function"


class FunctionNotFound(FunctionError, LookupError):
    """There is no function of that name or version."""

    code = "function_not_found"


class ExecutionNotFound(FunctionError, LookupError):
    """There is no execution of that id."""

    code = "execution_not_found"


class AgentError(CircuitBreakerError):
    """That cannot be done with this agent."""

    code = "agent"


class AgentNotFound(AgentError, LookupError):
    """There is no agent of that id or version."""

    code = "agent_not_found"


class AgentExecutionNotFound(AgentError, LookupError):
    """There is no execution of an agent of that id."""

    code = "agent_execution_not_found"


class ConversationNotFound(AgentError, LookupError):
    """There is no conversation of that id."""

    code = "conversation_not_found"


class InvalidAgentType(AgentError):
    """An agent of this kind has no such thing."""

    code = "invalid_agent_type"


class AgentForbidden(AgentError):
    """Somebody may not use this agent, or do this to it."""

    code = "agent_forbidden"


class GuardrailViolated(AgentError):
    """A check of the agent refused what goes in or what came out."""

    code = "guardrail_violated"


class StorageError(CircuitBreakerError):
    """The storage failed."""

    code = "storage"


class VersionConflict(StorageError):
    """Somebody else changed the case first."""

    code = "version_conflict"


class StorageLocked(StorageError, TimeoutError):
    """The database is locked by another process."""

    code = "storage_locked"


class StorageFull(StorageError):
    """There is no room left."""

    code = "storage_full"


class StorageForeign(StorageError):
    """The file is not one of ours."""

    code = "storage_foreign"


class StorageNewer(StorageError):
    """The file was written by a later release."""

    code = "storage_newer"


class StorageCorrupt(StorageError):
    """The file is damaged."""

    code = "storage_corrupt"


class StorageClosed(StorageError):
    """The storage is closed."""

    code = "storage_closed"


class ExtraMissing(CircuitBreakerError, ImportError):
    """An optional dependency is not installed."""

    code = "extra_missing"

    def __init__(self, package: str, *, extra: str, why: str) -> None:
        super().__init__(f"{why} needs {package}", remedy=f"pip install 'circuit-breaker-sdk[{extra}]'")


def words_of(error: BaseException) -> str:
    """What an error of somebody else says, as text that can be written down; empty if it fails even at that."""
    try:
        return str(error).encode(errors="backslashreplace").decode()
    except Exception:  # noqa: BLE001 - whatever its own __str__ raises
        return ""


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the known word nearest to ``word``, and otherwise all of them; empty when none is known."""
    names = [str(name) for name in known]
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}" if names else ""
