"""Doubts about a valid definition: what is possible, and probably not meant."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

from circuit_breaker.workflow.agent_step import ASKING, ASKS
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.flow import Execution
from circuit_breaker.workflow.transition import Transition

__all__ = ["doubts_about", "strangers"]


def doubts_about(workflow: Workflow, executors: Container[Any] = (), agents: Container[Any] | None = None) -> list[str]:
    """What to think about again in a valid definition, in sentences.

    Args:
        workflow: The definition.
        executors: The names of the executors that are known.
        agents: The ids of the agents that are known; None where they are kept elsewhere.
    """
    strange = [*_nameless(workflow, executors), *([] if agents is None else _unemployed(workflow, agents))]
    return [*_endless(workflow), *strange, *_shadowed(workflow)]


def _nameless(workflow: Workflow, executors: Container[Any]) -> Iterator[str]:
    for transition, executor in strangers(workflow, executors):
        if executor not in ASKING:
            yield f"transition '{transition}' executes '{executor}', which no --import makes known"


def _unemployed(workflow: Workflow, agents: Container[Any]) -> Iterator[str]:
    for transition in workflow.transitions:
        for step in transition.steps:
            if isinstance(step, Execution) and step.executor == ASKS and step.parameters["agent"] not in agents:
                yield f"transition '{transition.id}' asks agent '{step.parameters['agent']}', whom no staff here has"


def _endless(workflow: Workflow) -> Iterator[str]:
    if not workflow.final:
        yield "no state is final, so that no case ever completes"


def strangers(workflow: Workflow, executors: Container[Any]) -> Iterator[tuple[str, str]]:
    """Executors that are only names, and of which nobody knows what they stand for, each with its transition."""
    for transition in workflow.transitions:
        for step in transition.steps:
            if isinstance(step, Execution) and isinstance(step.executor, str) and step.executor not in executors:
                yield transition.id, step.executor


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
