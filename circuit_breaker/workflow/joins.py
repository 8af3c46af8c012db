"""Patterns in which branches split and join. They are part of :mod:`circuit_breaker.workflow.patterns`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.workflow.flow import Flow, flow
from circuit_breaker.workflow.state import State

__all__ = ["LAST", "Flows", "discriminator", "instances", "n_of_m", "or_join", "parallel"]

Flows = tuple[Flow, ...]
LAST: Final = -1
"""The priority of a way that is taken only where no other is."""


def parallel(source: State, *branches: Any, into: State) -> Flows:
    """All branches at once (WCP-2), and on when each has ended (WCP-3).

    Args:
        source: Where it splits.
        *branches: For each the state where it begins, or ``(begin, end)``; what lies between is written apart.
        into: Where the branches join.
    """
    ends = [_ends(each) for each in branches]
    return (
        flow(source >> tuple(begin for begin, _ in ends)).transition(f"{source}-splits"),
        flow(tuple(end for _, end in ends) >> into).transition(f"{into}-joins"),
    )


def n_of_m(ends: Sequence[State], needed: int, *, into: State, merge: Callable[..., Any] | None = None) -> Flows:
    """On when so many branches have ended; the others end without effect (WCP-30, structured partial join).

    Args:
        ends: The states in which the branches end.
        needed: How many of them it takes.
        into: Where it goes on.
        merge: How the data of those that were in time becomes one, where they change the same keys.

    Raises:
        WorkflowInvalid: ``needed`` is not from 1 to the number of branches, or a branch is named twice.
    """
    names = [state.name for state in ends]
    late = len(names) - needed
    if not 0 <= late < len(names) or len(set(names)) < len(names):
        raise WorkflowInvalid(f"n_of_m() cannot wait for {needed} of the branches {', '.join(names)}")
    arrived, owed = State(f"{into}/arrived"), State(f"{into}/owed")
    arrivals = [flow(end >> arrived).transition(f"{end}-arrives") for end in ends]
    targets = (into, owed * late) if late else (into,)
    joins = flow(arrived * needed >> targets).transition(f"{into}-joins").unless(*([owed] if late else ()))
    joins = joins if merge is None or needed == 1 else joins.merge(merge)
    swallows = [flow((arrived & owed) >> ()).transition(f"{into}-swallows").priority(1)] if late else []
    return (*arrivals, joins, *swallows)


def discriminator(ends: Sequence[State], *, into: State) -> Flows:
    """On when the first branch has ended; the others end without effect (WCP-9)."""
    return n_of_m(ends, 1, into=into)


def or_join(source: State, *branches: tuple[Any, Any], into: State) -> Flows:
    """Those branches whose rules hold, at once, and on when each of them has ended (WCP-6 and WCP-7).

    Where no rule holds it goes on at once.

    Args:
        source: Where it splits.
        *branches: For each a rule, and the state where it begins or ``(begin, end)``.
        into: Where the branches join.
    """
    flows: list[Flow] = []
    asked, done = [], []
    for number, (rule, ends) in enumerate(branches, start=1):
        begin, end = _ends(ends)
        ask, ready = State(f"{source}/{number}"), State(f"{into}/{number}")
        asked.append(ask)
        done.append(ready)
        flows += [
            flow(ask >> begin).transition(f"{source}-chooses-{begin}").guard(rule),
            flow(ask >> ready).transition(f"{source}-skips-{begin}").priority(LAST),
            flow(end >> ready).transition(f"{end}-ends"),
        ]
    splits = flow(source >> tuple(asked)).transition(f"{source}-splits")
    return (splits, *flows, flow(tuple(done) >> into).transition(f"{into}-joins"))


def instances(source: State, begin: State, end: State, *, count: int, into: State, merge: Any = None) -> Flows:
    """So many tokens at once through the same states, and on when all have arrived (WCP-13).

    Args:
        source: Where it splits.
        begin: Where each instance begins.
        end: Where it ends; the same state as ``begin`` if it is only one.
        count: How many there are.
        into: Where they join.
        merge: How their data becomes one, where they change the same keys.
    """
    joins = flow(end * count >> into).transition(f"{into}-joins")
    return (
        flow(source >> begin * count).transition(f"{source}-splits"),
        joins if merge is None else joins.merge(merge),
    )


def _ends(branch_states: Any) -> tuple[State, State]:
    """Where a branch begins and where it ends."""
    if isinstance(branch_states, State):
        return branch_states, branch_states
    begin, end = branch_states
    return begin, end
