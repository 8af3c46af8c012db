"""What all patterns are made of, and those that only say where paths split and meet."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.workflow.flow import Flow, flow
from circuit_breaker.workflow.state import Bundle, State

__all__ = [
    "LAST",
    "Flows",
    "ends_of",
    "join",
    "key_of",
    "merge",
    "parallel",
    "sequence",
    "step",
    "thread_merge",
    "thread_split",
    "triggered",
]

Flows = tuple[Flow, ...]
LAST: Final = -1
"""The priority of a way that is taken only where no other is."""


def step(source: State | Bundle, target: State, *, name: str = "") -> Flow:
    """From one state to another, named after both."""
    return flow(source >> target).transition(name or f"{source}-to-{target}")


def ends_of(branch_states: Any) -> tuple[State, State]:
    """Where a branch begins and where it ends: given as ``(begin, end)``, or as one state that is both."""
    if isinstance(branch_states, State):
        return branch_states, branch_states
    begin, end = branch_states
    return begin, end


def key_of(state: State | str, word: str) -> str:
    """A key of the metadata that belongs to a state."""
    return f"{re.sub(r'[^0-9A-Za-z_]', '_', str(state))}_{word}"


def triggered(made: Flow, *, signal: bool) -> Flow:
    """The flow, which waits for the signal of its name, or for somebody to fire it."""
    return made.on_signal(str(made.name)) if signal else made.manual()


def sequence(*states: State) -> Flows:
    """One state after the other (WCP-1).

    Raises:
        WorkflowInvalid: There are fewer than two.
    """
    if len(states) < 2:
        raise WorkflowInvalid("sequence() joins two states or more")
    return tuple(step(one, other) for one, other in pairwise(states))


def parallel(source: State, *branches: Any, into: State) -> Flows:
    """All branches at once (WCP-2), and on when each has ended (WCP-3).

    Args:
        source: Where it splits.
        *branches: For each the state where it begins, or ``(begin, end)``; what lies between is written apart.
        into: Where the branches join.
    """
    ends = [ends_of(each) for each in branches]
    splits = flow(source >> tuple(begin for begin, _ in ends)).transition(f"{source}-splits")
    return splits, *join(*(end for _, end in ends), into=into)


def join(*ends: State, into: State, merge: Callable[..., Any] | None = None) -> Flows:
    """On once for each complete set of branches; what comes earlier or more often is kept (WCP-3 and WCP-33).

    Args:
        *ends: The states in which the branches end.
        into: Where it goes on.
        merge: How their data becomes one, where they change the same keys.
    """
    made = flow(tuple(ends) >> into).transition(f"{into}-joins")
    return (made if merge is None else made.merge(merge),)


def merge(*ends: State, into: State) -> Flows:
    """On for each branch that ends, without waiting for another (WCP-5, simple merge, and WCP-8, multi-merge).

    It is a simple merge where only one of the branches is ever taken.
    """
    return tuple(step(end, into) for end in ends)


def thread_split(source: State, begin: State, *, count: int) -> Flows:
    """So many tokens in the place of one (WCP-42)."""
    return (flow(source >> begin * count).transition(f"{source}-splits"),)


def thread_merge(end: State, *, count: int, into: State, merge: Callable[..., Any] | None = None) -> Flows:
    """One token in the place of so many (WCP-41).

    Args:
        end: Where they arrive.
        count: How many become one.
        into: Where it goes on.
        merge: How their data becomes one, where they change the same keys.
    """
    joins = flow(end * count >> into).transition(f"{into}-joins")
    return (joins if merge is None else joins.merge(merge),)
