"""Workflow patterns as functions that return flows: ``Workflow("x", *sequence(a, b), *parallel(b, p, q, into=c))``.

Each gives real structure of the net, with states of its own where it needs them; their names begin with the name of a
state that was given, and a slash. Transitions fire by themselves unless they say otherwise. They are named after the
states they join, such as ``a-to-b``, and a flow can be refined before it is used: ``one.timeout(30)``.

The patterns follow van der Aalst, ter Hofstede, Kiepuszewski and Barros, "Workflow Patterns" (2003), and Russell and
others, "Workflow Control-Flow Patterns: A Revised View" (2006); WCP numbers refer to the latter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from circuit_breaker.errors import Fault, WorkflowInvalid
from circuit_breaker.rules import Rule, all_of, any_of, as_rule, field
from circuit_breaker.workflow.compiling import gather_states
from circuit_breaker.workflow.flow import Flow, flow
from circuit_breaker.workflow.state import Bundle, Path, State
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
    "sequence",
    "sub_workflow",
]

Flows = tuple[Flow, ...]
LAST = -1
"""The priority of a way that is taken only where no other is."""


def sequence(*states: State) -> Flows:
    """One state after the other (WCP-1).

    Raises:
        WorkflowInvalid: There are fewer than two.
    """
    if len(states) < 2:
        raise WorkflowInvalid("sequence() joins two states or more")
    return tuple(_step(one, other) for one, other in zip(states, states[1:], strict=False))


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
    if isinstance(max_iterations, bool) or not isinstance(max_iterations, int) or max_iterations < 1:
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


def n_of_m(ends: Sequence[State], needed: int, *, into: State, late: State) -> Flows:
    """On when so many branches have ended; the others end without effect (WCP-30, structured partial join).

    Args:
        ends: The states in which the branches end.
        needed: How many of them it takes.
        into: Where it goes on.
        late: The final state in which the tokens of the other branches are gathered.

    Raises:
        WorkflowInvalid: ``needed`` is not from 1 to the number of branches, or a branch comes twice.
    """
    names = [state.name for state in ends]
    if not 1 <= needed <= len(names) or len(set(names)) < len(names):
        raise WorkflowInvalid(f"n_of_m() of {', '.join(names)}: needed={needed!r} of {len(set(names))} branches")
    arrived, closed = State(f"{into}/arrived"), State(f"{into}/closed").ends()
    arrivals = tuple(_step(end, arrived).unless(closed) for end in ends)
    passing = flow(arrived * needed >> (into, closed)).transition(f"{into}-joins").merge(first_of).priority(1)
    rest = tuple(flow(end >> late).transition(f"{end}-is-late").reads(closed) for end in ends)
    if needed == len(names):
        return (*arrivals, passing.clears(closed)) if False else _whole_join(ends, into)
    extra = flow(arrived >> late).transition(f"{into}-ignores").reads(closed)
    return (*arrivals, passing, *rest, *((extra,) if len(names) > needed else ()))
