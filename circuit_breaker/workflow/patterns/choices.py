"""Patterns in which the way is chosen: by rules, by what happens first, or by a signal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.rules import Rule, any_of, as_rule
from circuit_breaker.workflow.flow import Flow, flow
from circuit_breaker.workflow.patterns.basics import LAST, Flows, step, triggered
from circuit_breaker.workflow.state import Bundle, State
from circuit_breaker.workflow.timing import Duration

__all__ = ["branch", "deferred_choice", "due_state", "multi_choice", "trigger"]


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
    flows = [step(source, target).guard(_any(rules)) for target, rules in routes.values()]
    if otherwise is not None:
        flows.append(step(source, otherwise, name=f"{source}-otherwise-{otherwise}").priority(LAST))
    return tuple(flows)


def multi_choice(
    source: State, *ways: tuple[Any, State], otherwise: State | None = None, counted_for: State | None = None
) -> Flows:
    """Every way whose rule holds, at once (WCP-6).

    The rules are asked one after the other, each of the data as it was at the source.

    Args:
        source: Where the choice is made.
        *ways: A rule, and the state that it leads to.
        otherwise: Where it leads when no rule holds; without it the case waits until the last one does. The state of
            one of the ways is counted as that way is.
        counted_for: The state into which :func:`acyclic_merge` joins the chosen ways: it is told how many they are.

    Raises:
        WorkflowInvalid: There are fewer than two ways, or two to one state.
    """
    names = [target.name for _, target in ways]
    if len(names) < 2 or len(set(names)) < len(names):
        raise WorkflowInvalid(f"multi_choice() from '{source}' needs two ways or more, each to a state of its own")
    due = () if counted_for is None else (due_state(counted_for),)
    numbers = range(2, len(ways) + 1)
    asks = [source, *(State(f"{source}/asks-{number}") for number in numbers)]
    also = [source, *(State(f"{source}/also-{number}") for number in numbers)]
    flows: list[Flow] = []
    for number, way in enumerate(ways):
        flows += _first_chosen(source, way, asks[number : number + 2], also[number + 1 : number + 2], due)
        flows += _further_chosen(source, way, also[number : number + 2], due) if number else ()
    if otherwise is not None:
        owed = due if otherwise.name in names else ()
        other = flow(asks[-1] >> _one((otherwise, *owed))).transition(f"{source}-otherwise-{otherwise}")
        flows.append(other.priority(LAST))
    return tuple(flows)


def _first_chosen(
    source: State, way: tuple[Any, State], asks: list[State], also: list[State], due: tuple[State, ...]
) -> Flows:
    """A way where none was chosen before. If a question follows, one more is due, so that none goes on without it."""
    rule, target = way
    owed = due * (2 if also else 1)
    chosen = flow(asks[0] >> _one((target, *also, *owed))).transition(f"{source}-chooses-{target}").guard(rule)
    if len(asks) == 1:
        return (chosen,)
    return chosen, step(asks[0], asks[1], name=f"{source}-skips-{target}").priority(LAST)


def _further_chosen(source: State, way: tuple[Any, State], also: list[State], due: tuple[State, ...]) -> Flows:
    """A way where another was chosen before. The last question gives back what it owes."""
    rule, target = way
    following = also[1:]
    chosen = flow(also[0] >> _one((target, *following, *(due if following else ()))))
    left = flow(Bundle.of((also[0], *(() if following else due))) >> _one(following))
    return (
        chosen.transition(f"{source}-chooses-{target}-too").guard(rule),
        left.transition(f"{source}-leaves-{target}").priority(LAST),
    )


def due_state(into: State) -> State:
    """Where a token lies for each branch that a merge has to wait for."""
    return State(f"{into}/due")


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
    flows = [triggered(step(source, target, name=name), signal=signals) for name, target in ways.items()]
    if timeout is not None:
        delay, target = timeout
        flows.append(step(source, target, name=f"{source}-times-out").after(delay))
    return tuple(flows)


def trigger(source: State, target: State, *, signal: str, transient: bool = False) -> Flows:
    """On when a signal comes (WCP-24, persistent trigger, and WCP-23, transient trigger).

    Args:
        source: Where it waits.
        target: Where it goes on.
        signal: The name of the signal, also of the transition.
        transient: Whether the signal is lost if nothing waits for it when it comes; otherwise it is kept.
    """
    return (step(source, target, name=signal).on_signal(signal, transient=transient),)


def _one(states: Iterable[State]) -> Any:
    """A state alone, several as they are; none is the end of a path that leads nowhere."""
    given = tuple(states)
    return given[0] if len(given) == 1 else given


def _any(rules: Iterable[Any]) -> Rule:
    made = [as_rule(rule) for rule in rules]
    return made[0] if len(made) == 1 else any_of(*made)
