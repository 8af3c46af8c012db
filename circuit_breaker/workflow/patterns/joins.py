"""Patterns that join those branches which are under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Any, Final

from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.workflow.flow import Flow, flow
from circuit_breaker.workflow.patterns.basics import LAST, Flows, ends_of, step
from circuit_breaker.workflow.patterns.choices import due_state
from circuit_breaker.workflow.state import Bundle, Path, State

__all__ = ["acyclic_merge", "or_join", "or_merge"]

WIDEST: Final = 5
"""How many branches one join takes; each set of them is a way of its own, so more are joined in two steps."""


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
        begin, end = ends_of(ends)
        ask, ready = State(f"{source}/{number}"), State(f"{into}/{number}")
        asked.append(ask)
        done.append(ready)
        flows += [
            step(ask, begin, name=f"{source}-chooses-{begin}").guard(rule),
            step(ask, ready, name=f"{source}-skips-{begin}").priority(LAST),
            step(end, ready, name=f"{end}-ends"),
        ]
    splits = flow(source >> tuple(asked)).transition(f"{source}-splits")
    return (splits, *flows, flow(tuple(done) >> into).transition(f"{into}-joins"))


def acyclic_merge(*ends: State, into: State) -> Flows:
    """On when so many branches have ended as were begun, which the choice before it has said (WCP-37).

    It looks at nothing but how many are due, so that the branches may be chosen anywhere before, but not in a loop:
    see ``counted_for`` of :func:`multi_choice`.

    Args:
        *ends: The states in which the branches end.
        into: Where it goes on.
    """
    due, held = due_state(into), State(f"{into}/held")
    flows: list[Flow] = []
    for end in ends:
        flows += [
            flow((end, due) >> held).transition(f"{end}-arrives").unless(held),
            flow((end, due, held) >> held).transition(f"{end}-arrives-too"),
        ]
    return (*flows, step(held, into, name=f"{into}-joins").unless(due))


def or_merge(*ends: State, into: State, merge: Callable[..., Any] | None = None) -> Flows:
    """On when every branch that is under way has ended and no other can come any more (WCP-38, OR-join).

    It waits exactly as long as another token could come to one of its branches that has not ended, without passing
    the join itself. That is judged on the whole net, so that branches may begin anywhere, also in loops; what rules
    will say is not foreseen. Joins that wait only for each other go on. See :mod:`circuit_breaker.net.arrival`.

    Args:
        *ends: The states in which the branches end.
        into: Where it goes on.
        merge: How the data of those that have ended becomes one, where they change the same keys.

    Raises:
        WorkflowInvalid: There are fewer than two branches, or one is named twice.
    """
    names = [state.name for state in ends]
    if len(names) < 2 or len(set(names)) < len(names):
        raise WorkflowInvalid(f"or_merge() into '{into}' joins two branches or more, each once")
    return tuple(_joins(ends, into, merge))


def _joins(ends: Sequence[State], into: State, merge: Callable[..., Any] | None) -> Iterator[Flow]:
    if len(ends) > WIDEST:
        groups = [ends[at : at + WIDEST] for at in range(0, len(ends), WIDEST)]
        middle = [group[0] if len(group) == 1 else State(f"{into}/{n}") for n, group in enumerate(groups, start=1)]
        for group, state in zip(groups, middle, strict=True):
            if len(group) > 1:
                yield from _joins(group, state, merge)
        yield from _joins(middle, into, merge)
        return
    sets = [Bundle.of(chosen) for size in range(len(ends), 0, -1) for chosen in combinations(ends, size)]
    made = flow(Path(tuple(sets), Bundle.of(into))).transition(f"{into}-joins").awaits(*ends)
    yield made if merge is None else made.merge(merge)
