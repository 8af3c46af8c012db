"""Patterns that go on when some of the branches have ended, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.workflow.flow import Flow, flow
from circuit_breaker.workflow.patterns.basics import Flows, step
from circuit_breaker.workflow.state import Bundle, State

__all__ = [
    "blocking_discriminator",
    "blocking_n_of_m",
    "cancelling_discriminator",
    "cancelling_n_of_m",
    "discriminator",
    "n_of_m",
]


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
    late = _late("n_of_m", ends, needed)
    arrived, owed = State(f"{into}/arrived"), State(f"{into}/owed")
    arrivals = [step(end, arrived, name=f"{end}-arrives") for end in ends]
    targets = (into, owed * late) if late else (into,)
    joins = flow(arrived * needed >> targets).transition(f"{into}-joins").unless(*([owed] if late else ()))
    swallows = [flow((arrived & owed) >> ()).transition(f"{into}-swallows").priority(1)] if late else []
    return (*arrivals, _merging(joins, needed, merge), *swallows)


def blocking_n_of_m(
    ends: Sequence[State], needed: int, *, into: State, merge: Callable[..., Any] | None = None
) -> Flows:
    """The same, but what comes a second time waits until each branch has ended once (WCP-31, blocking partial join).

    Args:
        ends: The states in which the branches end, where also what comes too soon waits.
        needed: How many of them it takes.
        into: Where it goes on.
        merge: How the data of those that were in time becomes one, where they change the same keys.

    Raises:
        WorkflowInvalid: ``needed`` is not from 1 to the number of branches, or a branch is named twice.
    """
    late = _late("blocking_n_of_m", ends, needed)
    arrived, passed = State(f"{into}/arrived"), State(f"{into}/passed")
    seen = {end.name: State(f"{into}/seen-{number}") for number, end in enumerate(ends, start=1)}
    arrivals = [
        flow(end >> (arrived, seen[end.name])).transition(f"{end}-arrives").unless(seen[end.name]) for end in ends
    ]
    joins = flow(arrived * needed >> (into, passed)).transition(f"{into}-joins").unless(passed)
    rest = (arrived * late,) if late else ()
    resets = flow(Bundle.of((*seen.values(), passed, *rest)) >> ()).transition(f"{into}-resets").priority(1)
    return (*arrivals, _merging(joins, needed, merge), resets)


def cancelling_n_of_m(
    ends: Sequence[State],
    needed: int,
    *region: State,
    into: State,
    merge: Callable[..., Any] | None = None,
) -> Flows:
    """On when so many branches have ended; the others are withdrawn (WCP-32, cancelling partial join).

    Args:
        ends: The states in which the branches end.
        needed: How many of them it takes.
        *region: The states of the branches before that, of which the tokens are withdrawn with their actions.
        into: Where it goes on.
        merge: How the data of those that were in time becomes one, where they change the same keys.

    Raises:
        WorkflowInvalid: ``needed`` is not from 1 to the number of branches, or a branch is named twice.
    """
    _late("cancelling_n_of_m", ends, needed)
    arrived = State(f"{into}/arrived")
    joins = flow(arrived * needed >> into).transition(f"{into}-joins").clears(*region, *ends, arrived).priority(1)
    return (*(step(end, arrived, name=f"{end}-arrives") for end in ends), _merging(joins, needed, merge))


def discriminator(ends: Sequence[State], *, into: State) -> Flows:
    """On when the first branch has ended; the others end without effect (WCP-9)."""
    return n_of_m(ends, 1, into=into)


def blocking_discriminator(ends: Sequence[State], *, into: State) -> Flows:
    """The same, but what comes a second time waits until each branch has ended once (WCP-28)."""
    return blocking_n_of_m(ends, 1, into=into)


def cancelling_discriminator(ends: Sequence[State], *region: State, into: State) -> Flows:
    """On when the first branch has ended; the others, with the states of the region, are withdrawn (WCP-29)."""
    return cancelling_n_of_m(ends, 1, *region, into=into)


def _late(name: str, ends: Sequence[State], needed: int) -> int:
    """How many branches it does not take."""
    names = [state.name for state in ends]
    late = len(names) - needed
    if not 0 <= late < len(names) or len(set(names)) < len(names):
        raise WorkflowInvalid(f"{name}() cannot wait for {needed} of the branches {', '.join(names)}")
    return late


def _merging(joins: Flow, needed: int, merge: Callable[..., Any] | None) -> Flow:
    return joins if merge is None or needed == 1 else joins.merge(merge)
