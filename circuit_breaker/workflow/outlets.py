"""Outlets: where on a token a step may write."""

from __future__ import annotations

from circuit_breaker.errors import OutcomeInvalid
from circuit_breaker.rules.path import spelled_step
from circuit_breaker.workflow.agent_step import ASKING, ASKS, PART
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.steps import Execution, Step

__all__ = ["AGENT_FAILURES", "EVERYTHING", "check_kept", "outlets_of"]

EVERYTHING = ("data", "metadata", "results")
AGENT_FAILURES = "agent_failures"
"""The key of the metadata that tells of agents that failed and were not required."""


def outlets_of(step: Step) -> tuple[str, ...]:
    """The paths at which a step may change a token."""
    if not isinstance(step, Execution):
        return EVERYTHING
    kept = ("data",) if step.result is None else (f"results.{spelled_step(step.result)}",)
    if step.executor not in ASKING:
        return kept
    if step.executor == PART and step.result is not None:
        return (*kept, "metadata.failure")
    return _of_agent(step) if step.executor == ASKS else EVERYTHING


def _of_agent(step: Execution) -> tuple[str, ...]:
    """The paths that an agent's answer, or its failure where it is not required, may change."""
    given = step.parameters
    keep, outputs = given.get("keep"), given.get("outputs")
    kept = () if keep is None else (f"results.{spelled_step(keep)}",)
    answer = (*outputs, *kept) if outputs is not None else kept or ("data",)
    return answer if given.get("required", True) else (*answer, f"metadata.{AGENT_FAILURES}")


def check_kept(step: Execution, change: Change) -> None:
    """Does nothing.

    Raises:
        OutcomeInvalid: An executor would change more of the token than what its outcome is kept in.
    """
    if step.executor in ASKING:
        return
    aside = {"data": change.data, "metadata": change.metadata, "results": change.results}
    if step.result is None:
        del aside["data"]
    elif step.result in change.results and len(change.results) == 1:
        del aside["results"]
    if sets := [f"{part}.{key}" for part, keys in aside.items() for key in keys]:
        place = "the data" if step.result is None else f"results.{step.result}"
        raise OutcomeInvalid(
            f"executor '{step.name}' returned a Change that sets {', '.join(sets)}, but its outcome is kept in {place}",
            remedy="return a mapping, or write an .action(...)",
        )
