"""Joining: the one token that several make together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from circuit_breaker.data import EMPTY, Data, difference, merge
from circuit_breaker.errors import CaseError, MergeFailed, words_of
from circuit_breaker.workflow.declared import accept, typed
from circuit_breaker.workflow.merging import Collect, Last
from circuit_breaker.workflow.token import Token, common_fork
from circuit_breaker.workflow.transition import Transition

if TYPE_CHECKING:
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["joined"]


def joined(workflow: Workflow, transition: Transition, binding: tuple[Token, ...]) -> Token:
    """The token that several make together: a three-way merge against the split that they come from.

    Raises:
        MergeConflict: Two branches changed a key differently, and the flow has no ``.merge(...)``.
        MergeFailed: The function given to ``.merge(...)`` raised.
        DataInvalid: What it returned is no JSON object.
    """
    fork = common_fork(binding)
    first = binding[0]
    if isinstance(transition.merge, (Last, Collect)):
        return msgspec.structs.replace(
            first, data=accept(workflow, _merged(workflow, transition, binding)),
            metadata=binding[-1].metadata, results=binding[-1].results,
        )  # fmt: skip
    if transition.merge is not None:
        data = accept(workflow, _merged(workflow, transition, binding))
    else:
        data = merge(fork.data if fork else EMPTY, [token.data for token in binding])
    last_wins = transition.merge is not None
    before, facts = fork.metadata if fork else EMPTY, [token.metadata for token in binding]
    metadata = merge(before, _with_last_failure(before, facts), where="metadata", last_wins=last_wins)
    kept = [token.results for token in binding]
    results = merge(fork.results if fork else EMPTY, kept, where="results", last_wins=last_wins)
    return msgspec.structs.replace(first, data=data, metadata=metadata, results=results)


def _with_last_failure(base: Data, branches: list[Data]) -> list[Data]:
    """The metadata of each branch; where the failure changed since it began, it is that of the last that failed."""
    if not any("failure" in each for each in branches):
        return branches
    differences = [difference(base, branch) for branch in branches]
    failures = [changed["failure"] for changed, _ in differences if "failure" in changed]
    if not failures:
        return branches
    return [
        Data({**branch, "failure": failures[-1]}) if "failure" in (*changed, *removed) else branch
        for branch, (changed, removed) in zip(branches, differences, strict=True)
    ]


def _merged(workflow: Workflow, transition: Transition, binding: tuple[Token, ...]) -> Any:
    """What the function of the flow makes of the data of several tokens."""
    merge_them = transition.merge
    assert merge_them is not None  # noqa: S101 - asked only where there is one
    try:
        merged = merge_them(tuple(typed(workflow, token) for token in binding))
    except CaseError:
        raise
    except Exception as error:
        raise MergeFailed(
            f"the function that merges the data of transition '{transition.id}' raised {type(error).__name__}: "
            f"{words_of(error)}",
            remedy="mend the function given to .merge(...)",
        ) from error
    if merged is None:
        raise MergeFailed(
            f"the function that merges the data of transition '{transition.id}' returned nothing",
            remedy="return the whole data of the joined token",
        )
    return merged
