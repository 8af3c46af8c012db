"""Doubts about a valid definition: what is possible, and probably not meant."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.flow import Execution
from circuit_breaker.workflow.transition import Transition

__all__ = ["doubts_about"]


def doubts_about(workflow: Workflow, executors: Collection[str] = ()) -> list[str]:
    """What to think about again in a valid definition, in sentences.

    Args:
        workflow: The definition.
        executors: The names of the executors that are known.
    """
    return [*_endless(workflow), *_strangers(workflow, executors), *_shadowed(workflow)]


def _endless(workflow: Workflow) -> Iterator[str]:
    if not workflow.final:
        yield "no state is final, so that no case ever completes"


def _strangers(workflow: Workflow, executors: Collection[str]) -> Iterator[str]:
    """Executors that are only names, and of which nobody knows what they stand for."""
    for transition in workflow.transitions:
        for step in transition.steps:
            if isinstance(step, Execution) and isinstance(step.executor, str) and step.executor not in executors:
                yield f"transition '{transition.id}' executes '{step.executor}', which no --import makes known"


def _shadowed(workflow: Workflow) -> Iterator[str]:
    """Automatic transitions that never come to their turn, for one before them always takes the token."""
    for state, transitions in workflow.leaving.items():
        automatic = [transition for transition in transitions if transition.automatic]
        for position, first in enumerate(automatic):
            if _always(first) and (later := automatic[position + 1 :]):
                names = ", ".join(f"'{transition.id}'" for transition in later)
                yield f"in state '{state}' '{first.id}' always fires, and never {names}"
                break


def _always(transition: Transition) -> bool:
    return transition.net.plain is not None and transition.gate is None
