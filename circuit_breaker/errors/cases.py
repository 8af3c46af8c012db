"""Something asked of a case is not possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuit_breaker.errors.root import CircuitBreakerError

__all__ = [
    "CaseClosed",
    "CaseError",
    "CaseExists",
    "CaseNotFound",
    "DataInvalid",
    "HistoryIncomplete",
    "LimitReached",
    "MergeConflict",
    "MergeFailed",
    "NotEnabled",
    "Refused",
    "TokenNotFound",
    "TooManyChoices",
    "TransitionNotFound",
    "WorkflowNotFound",
]


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
