"""Patterns about what goes on elsewhere in the case: who may be in a region at the same time, and what ends it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, Final

import attrs

from circuit_breaker.workflow.compiling import gather_states
from circuit_breaker.workflow.flow import Flow, flow
from circuit_breaker.workflow.merging import LAST as LAST_TOKEN
from circuit_breaker.workflow.patterns.basics import Flows, ends_of, step, triggered
from circuit_breaker.workflow.state import State

__all__ = [
    "cancel_activity",
    "cancel_region",
    "compensation",
    "critical_section",
    "explicit_termination",
    "interleaved",
    "milestone",
]

FIRST: Final = 1_000_000
"""The priority of what comes before anything else."""


def critical_section(*sections: Sequence[State]) -> Flows:
    """Only one branch at a time is inside of a section, or in an action that leads there (WCP-39).

    Args:
        *sections: For each the state before it, and the states inside of it. The flows into the first state inside are
            given; what leads on is written apart.
    """
    inside = list(dict.fromkeys(state for _, *states in sections for state in states))
    return tuple(step(before, states[0], name=f"{before}-enters").unless(*inside) for before, *states in sections)


def interleaved(
    source: State, *tasks: Any, into: State, order: Iterable[tuple[State, State]] = (), manual: bool = False
) -> Flows:
    """Each task once, one at a time, in any order (WCP-40), or in one that is partly given (WCP-17).

    The data goes from each task to the next.

    Args:
        source: Where it begins.
        *tasks: For each the state where it begins, or ``(begin, end)``; what lies between is written apart.
        into: Where it goes on when each was done.
        order: Pairs of states in which tasks begin: the first task is done before the second one begins.
        manual: Whether somebody chooses the next task by firing it, such as ``"review-is-next"``; otherwise it is the
            first that may begin.
    """
    ends = [ends_of(task) for task in tasks]
    turn = State(f"{into}/turn")
    before = list(order)
    flows = [flow(source >> (*(_ready(begin) for begin, _ in ends), turn)).transition(f"{source}-splits")]
    for begin, end in ends:
        enters = flow((_ready(begin), turn) >> begin).transition(f"{begin}-is-next").merge(LAST_TOKEN)
        first = [_done(one) for one, other in before if other == begin]
        enters = enters.reads(*first) if first else enters
        flows += [
            enters.manual() if manual else enters,
            flow(end >> (_done(begin), turn)).transition(f"{begin}-is-done"),
        ]
    joins = flow((*(_done(begin) for begin, _ in ends), turn) >> into).transition(f"{into}-joins").merge(LAST_TOKEN)
    return (*flows, joins)


def _ready(task: State) -> State:
    return State(f"{task}/ready")


def _done(task: State) -> State:
    return State(f"{task}/done")


def milestone(source: State, target: State, *, reached: State) -> Flows:
    """On only while there is a token in the state ``reached``, which stays there (WCP-18)."""
    return (step(source, target).reads(reached),)


def cancel_activity(
    source: State, task: Any, *inner: State, into: State, cancelled: State, name: str, signal: bool = False
) -> Flows:
    """A task that can be withdrawn while it waits or runs, with its action (WCP-19).

    Args:
        source: From where it is begun.
        task: The state where it begins, or ``(begin, end)``; what lies between is written apart.
        *inner: The states between these.
        into: Where it goes on when it has ended.
        cancelled: Where it goes on when it was withdrawn.
        name: Of the transition that withdraws it: somebody fires it.
        signal: Whether a signal of that name withdraws it instead.
    """
    begin, end = ends_of(task)
    running = State(f"{begin}/running")
    withdraws = step(running, cancelled, name=name).clears(*dict.fromkeys((begin, *inner, end)))
    return (
        flow(source >> (begin, running)).transition(f"{source}-to-{begin}"),
        flow((running, end) >> into).transition(f"{end}-to-{into}"),
        triggered(withdraws, signal=signal),
    )


def cancel_region(source: State, target: State, *region: State) -> Flows:
    """On from ``source``, and every token in the region is withdrawn with the actions that hold it (WCP-25)."""
    return (step(source, target, name=f"{source}-cancels").clears(*region),)


def explicit_termination(flows: Iterable[Flow], *ends: State) -> Flows:
    """The flows, of which those into one of these states withdraw every token elsewhere, so that all ends (WCP-43).

    Where a refusal or a failure leads into one of them, it goes there by a state of its own, such as ``"over/comes"``.
    """
    given = tuple(map(_through_doors, flows, repeat(ends)))
    routes = {state for each in given for state in (each.refused_to, each.failed_to) if state is not None}
    given += tuple(step(_door(end), end).priority(FIRST) for end in ends if _door(end) in routes)
    others = [state for state in gather_states(given) if state not in ends]
    return tuple(each.clears(*others) if set(each.path.targets.states) & set(ends) else each for each in given)


def _through_doors(given: Flow, ends: Sequence[State]) -> Flow:
    """The flow, of which the ways out that lead into an end lead to where the end is entered from instead."""
    refused, failed = (
        state and (_door(state) if state in ends else state) for state in (given.refused_to, given.failed_to)
    )
    return attrs.evolve(given, refused_to=refused, failed_to=failed)


def _door(end: State) -> State:
    return State(f"{end}/comes")


def compensation(failed: State, *marks: Any, into: State) -> Flows:
    """Undoes what was done, the last first, and then goes on.

    What is done leaves a token in a mark: ``flow(booking >> (paying, booked))``. Where all went well, let the last
    transition clear the marks: ``.clears(booked, paid)``.

    Args:
        failed: Where a failure leads.
        *marks: In the order in which things are done: a mark, or a mark and the action that undoes it.
        into: Where it goes on when every mark is gone.
    """
    given = [mark if isinstance(mark, tuple) else (mark, None) for mark in marks]
    states = [state for state, _ in given]
    flows = []
    for number, (mark, action) in enumerate(given):
        undo = flow((failed, mark) >> failed).transition(f"undo-{mark}").unless(*states[number + 1 :])
        flows.append(undo if action is None else undo.action(action))
    return (*flows, step(failed, into, name=f"{failed}-is-undone").unless(*states))
