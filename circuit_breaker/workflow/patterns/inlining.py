"""A whole workflow as a part of another. It belongs to :mod:`circuit_breaker.workflow.patterns`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from circuit_breaker.rules import Rule, Rulebook
from circuit_breaker.workflow.flow import Flow, flow
from circuit_breaker.workflow.state import Bundle, Path, State

if TYPE_CHECKING:
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["sub_workflow"]


def sub_workflow(workflow: Workflow, *, prefix: str, source: State, into: State) -> tuple[Flow, ...]:
    """A whole workflow as a part of another; its states and transitions get the prefix and a slash.

    Args:
        workflow: The workflow. Its rules are looked up in its own rulebook; the class of its data is not looked at.
        prefix: What its names begin with.
        source: From where its first state is entered.
        into: Where each of its final states leads.
    """
    states = {
        state.name: attrs.evolve(state, name=f"{prefix}/{state.name}", initial=False, final=None)
        for state in workflow.states
    }
    inner = [_inlined(each, states, prefix, workflow.rules) for each in workflow.flows]
    ends = [
        flow(state >> into).transition(f"{state}-to-{into}") for name, state in states.items() if name in workflow.final
    ]
    first = states[workflow.initial]
    enter = flow(source >> first).transition(f"{source}-to-{first}")
    return (enter, *inner, *ends)


def _inlined(inner: Flow, states: Mapping[str, State], prefix: str, rulebook: Rulebook) -> Flow:
    def moved(bundle: Bundle) -> Bundle:
        return Bundle(tuple((states[state.name], weight) for state, weight in bundle.parts))

    def state_of(state: State | None) -> State | None:
        return None if state is None else states[state.name]

    def resolved(rule: Rule | None) -> Rule | None:
        return None if rule is None else rule.resolve(rulebook)

    return attrs.evolve(
        inner,
        name=f"{prefix}/{inner.name}",
        path=Path(tuple(map(moved, inner.path.sources)), moved(inner.path.targets)),
        read=tuple(map(moved, inner.read)),
        inhibited=tuple(map(moved, inner.inhibited)),
        cleared=tuple(states[state.name] for state in inner.cleared),
        awaited=tuple(states[state.name] for state in inner.awaited),
        dealt=None if inner.dealt is None else attrs.evolve(inner.dealt, to=f"{prefix}/{inner.dealt.to}"),
        refused_to=state_of(inner.refused_to),
        failed_to=state_of(inner.failed_to),
        condition=resolved(inner.condition),
        checked=None if inner.checked is None else inner.checked.resolve(rulebook),
        again_if=resolved(inner.again_if),
    )
