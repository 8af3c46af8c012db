"""Workflow patterns as functions that return flows: ``Workflow("x", *sequence(a, b), *parallel(b, p, q, into=c))``.

Each gives real structure of the net, with states of its own where it needs them; their names begin with the name of a
state that was given, and a slash. Transitions fire by themselves unless they say otherwise. They are named after the
states they join, such as ``a-to-b``, and a flow can be refined before it is used: ``one.timeout(30)``.

The patterns follow van der Aalst, ter Hofstede, Kiepuszewski and Barros, "Workflow Patterns" (2003), and Russell and
others, "Workflow Control-Flow Patterns: A Revised View" (2006); WCP numbers refer to the latter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.rules import Rule, all_of, any_of, as_rule, field
from circuit_breaker.workflow.flow import Flow, flow
from circuit_breaker.workflow.inlining import sub_workflow
from circuit_breaker.workflow.joins import LAST, Flows, discriminator, instances, n_of_m, or_join, parallel
from circuit_breaker.workflow.state import State
from circuit_breaker.workflow.timing import Duration

__all__ = [
    "branch",
    "cancel_region",
    "compensation",
    "critical_section",
    "deferred_choice",
    "discriminator",
    "instances",
    "loop",
    "milestone",
    "n_of_m",
    "or_join",
    "parallel",
    "retry_path",
    "rounds_key",
    "sequence",
    "sub_workflow",
]


def sequence(*states: State) -> Flows:
    """One state after the other (WCP-1).

    Raises:
        WorkflowInvalid: There are fewer than two.
    """
    if len(states) < 2:
        raise WorkflowInvalid("sequence() joins two states or more")
    return tuple(_step(one, other) for one, other in pairwise(states))


def branch(source: State, *ways: tuple[Any, State], otherwise: State | None = None) -> Flows:
    """The first way whose rule holds, and only that (WCP-4, exclusive choice).

    Args:
        source: Where the choice is made.
        *ways: A rule, and the state that it leads to; the same state may come several times.
        otherwise: Where it leads when no rule holds; without it the case waits until one does.
    """
    routes: dict[str, tuple[State, list[Any]]] = {}
    for rule, target in ways:
        routes.setdefault(target.name, (target, []))[1].append(rule)
    flows = [_step(source, target).guard(_any(rules)) for target, rules in routes.values()]
    if otherwise is not None:
        flows.append(_step(source, otherwise, name=f"{source}-otherwise-{otherwise}").priority(LAST))
    return tuple(flows)


def loop(
    head: State, begin: State, end: State, *, condition: Any, exit_to: State, max_iterations: int | None = None
) -> Flows:
    """From ``head`` through the body and back, while the condition holds (WCP-21, structured loop).

    Args:
        head: Where the condition is judged.
        begin: Where the body begins.
        end: Where it ends; the same state as ``begin`` if it is only one.
        condition: The rule.
        exit_to: Where it goes on.
        max_iterations: How often the body is entered at most. The count is in the metadata of the token, under
            :func:`rounds_key`; leaving sets it to 0, so that a loop that is entered again starts anew.

    Raises:
        WorkflowInvalid: ``max_iterations`` is not a whole number from 1.
    """
    key = rounds_key(head)
    again = _step(head, begin, name=f"{head}-again")
    leave = _step(head, exit_to, name=f"{head}-ends").priority(LAST)
    if max_iterations is None:
        return again.guard(condition), _step(end, head, name=f"{head}-returns"), leave
    if type(max_iterations) is not int or max_iterations < 1:
        raise WorkflowInvalid(f"max_iterations={max_iterations!r} is not a whole number from 1")
    count = field(f"metadata.{key}")
    bounded = all_of(as_rule(condition), any_of(count.missing(), count < max_iterations))
    return (
        again.guard(bounded).counts(key),
        _step(end, head, name=f"{head}-returns"),
        leave.restarts(key),
    )


def rounds_key(head: State | str) -> str:
    """The metadata key under which a loop counts how often its body was entered."""
    return f"{re.sub(r'[^0-9A-Za-z_]', '_', str(head))}_rounds"


def retry_path(failed: State, work: State, *, attempts: int, delay: Duration, give_up: State) -> Flows:
    """From a failure back to work after a while, so many times; then on to where it is given up.

    Args:
        failed: Where a failed action leads, by ``.on_failure(failed)``.
        work: Where the action is tried again.
        attempts: How often it is tried again.
        delay: How long it waits before each: seconds, a timedelta, or a text such as ``"5m"``.
        give_up: Where it goes when none is left.
    """
    key = rounds_key(failed)
    count = field(f"metadata.{key}")
    left = any_of(count.missing(), count < attempts)
    return (
        _step(failed, work, name=f"{failed}-retries").after(delay).guard(left).counts(key),
        _step(failed, give_up, name=f"{failed}-gives-up").guard(count >= attempts).restarts(key),
    )


def cancel_region(source: State, target: State, *region: State) -> Flows:
    """On from ``source``, and every token in the region is withdrawn with the actions that hold it (WCP-25)."""
    return (_step(source, target, name=f"{source}-cancels").clears(*region),)


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
    return (*flows, _step(failed, into, name=f"{failed}-is-undone").unless(*states))


def critical_section(*sections: Sequence[State]) -> Flows:
    """Only one branch at a time is inside of a section (WCP-39).

    Args:
        *sections: For each the state before it, and the states inside of it. The flows into the first state inside are
            given; what leads on is written apart.
    """
    inside = list(dict.fromkeys(state for _, *states in sections for state in states))
    return tuple(_step(before, states[0], name=f"{before}-enters").unless(*inside) for before, *states in sections)


def milestone(source: State, target: State, *, reached: State) -> Flows:
    """On only while there is a token in the state ``reached``, which stays there (WCP-18)."""
    return (_step(source, target).reads(reached),)


def deferred_choice(
    source: State,
    ways: Mapping[str, State],
    *,
    signals: bool = False,
    timeout: tuple[Duration, State] | None = None,
) -> Flows:
    """The first thing that happens decides the way (WCP-16).

    Args:
        source: Where it waits.
        ways: By the name of the transition, where it leads.
        signals: Whether these are signals; otherwise somebody fires them.
        timeout: After what time it goes where by itself.
    """
    chosen = [flow(source >> target).transition(name) for name, target in ways.items()]
    flows = [each.on_signal(str(each.name)) if signals else each.manual() for each in chosen]
    if timeout is not None:
        delay, target = timeout
        flows.append(flow(source >> target).transition(f"{source}-times-out").after(delay))
    return tuple(flows)


def _step(source: State, target: State, *, name: str = "") -> Flow:
    return flow(source >> target).transition(name or f"{source}-to-{target}")


def _any(rules: Iterable[Any]) -> Rule:
    made = [as_rule(rule) for rule in rules]
    return made[0] if len(made) == 1 else any_of(*made)
