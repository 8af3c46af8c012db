"""From flows, as they are written, to transitions, as they are carried out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import attrs

from circuit_breaker.net.structure import Arc, Net, NetTransition
from circuit_breaker.rules import Rulebook
from circuit_breaker.workflow.flow import Flow
from circuit_breaker.workflow.state import Bundle, State
from circuit_breaker.workflow.timing import Automatic, Manual
from circuit_breaker.workflow.transition import Transition

if TYPE_CHECKING:
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["compile_flows", "ends_in_progress", "gather_states", "mentions", "merged_net", "starting_states"]


def mentions(flow: Flow) -> Iterator[State]:
    """Every state that a flow takes tokens from or puts them into, as often as it is written."""
    for bundle in flow.path.sources:
        yield from bundle.states
    yield from flow.targets


def gather_states(flows: Iterable[Flow]) -> tuple[State, ...]:
    """Every state that the flows speak of, in the order in which they come up, with all that is said about it."""
    found: dict[str, State] = {}
    for flow in flows:
        for state in mentions(flow):
            known = found.get(state.name)
            found[state.name] = state if known is None or known is state else _together(known, state)
    return tuple(found.values())


def _together(one: State, other: State) -> State:
    """What two values for one state say about it."""
    return attrs.evolve(
        one,
        initial=one.initial or other.initial,
        final=other.final if one.final is None else one.final,
        message=one.message or other.message,
        timestamp=one.timestamp or other.timestamp,
    )


def starting_states(flows: tuple[Flow, ...]) -> list[State]:
    """The states in which a case could start: exactly one, or else it has to be said which.

    The first of ``states(...)``; where that was called several times, those of them that no transition enters; where it
    was not called at all, the first state that the flows speak of.
    """
    states = gather_states(flows)
    first = [state for state in states if state.initial]
    if len(first) > 1:
        entered = {state.name for flow in flows for state in flow.path.targets.states}
        first = [state for state in first if state.name not in entered] or first
    return first or [states[0]]


def compile_flows(flows: tuple[Flow, ...], rulebook: Rulebook) -> tuple[Transition, ...]:
    """The transitions of checked flows: one for each alternative source."""
    states = {state.name: state for state in gather_states(flows)}
    times = Counter(flow.name for flow in flows for _ in flow.path.sources)
    made: list[Transition] = []
    for flow in flows:
        for sources in flow.path.sources:
            unique = times[flow.name] == 1
            made.append(_compile(flow, sources, rulebook, states, unique=unique, index=len(made)))
    return tuple(made)


def _compile(
    flow: Flow, sources: Bundle, rulebook: Rulebook, states: dict[str, State], *, unique: bool, index: int
) -> Transition:
    name = str(flow.name)
    ident = name if unique else f"{name}[{'+'.join(map(_weighted, sources.arcs()))}]"
    policy = None if flow.checked is None else flow.checked.resolve(rulebook)
    entered = [state.name for state in flow.targets]
    return Transition(
        id=ident,
        name=name,
        index=index,
        net=NetTransition(
            name=ident,
            takes=sources.arcs(),
            gives=flow.path.targets.arcs(),
            reads=flow.arcs(flow.read),
            inhibitors=flow.arcs(flow.inhibited),
            resets=tuple(dict.fromkeys(state.name for state in flow.cleared)),
            awaits=_awaited(flow, sources),
            join=name if flow.awaited else "",
        ),
        trigger=flow.trigger or (Manual() if flow.allowed else Automatic()),
        stamps={state: states[state].timestamp for state in entered if states[state].timestamp},
        counts=flow.counted,
        restarts=flow.restarted,
        guard=None if flow.condition is None else flow.condition.resolve(rulebook),
        validations=None if policy is None else policy.before,
        rules=None if policy is None else policy.after,
        steps=flow.steps,
        timeout=flow.limit,
        retry=flow.retrying,
        priority=flow.rank or 0,
        otherwise=None if flow.refused_to is None else flow.refused_to.name,
        on_failure=None if flow.failed_to is None else flow.failed_to.name,
        compensate=flow.compensation,
        effect=flow.effected or "idempotent",
        again_if=None if flow.again_if is None else flow.again_if.resolve(rulebook),
        roles=flow.allowed or (),
        description=flow.description or "",
        merge=flow.merging,
        correlate=flow.correlation,
        deal=flow.dealt,
        together=flow.of_one_split,
        metadata=flow.facts,
    )


def _awaited(flow: Flow, sources: Bundle) -> tuple[str, ...]:
    taken = {state.name for state in sources.states}
    return tuple(dict.fromkeys(state.name for state in flow.awaited if state.name not in taken))


def _weighted(arc: Arc) -> str:
    return arc.place if arc.weight == 1 else f"{arc.place}*{arc.weight}"


def merged_net(workflow: Workflow) -> Net:
    """The workflow as one Petri net."""
    nets = (net for transition in workflow.transitions for net in (transition.net, *_other_ways(transition)))
    return Net(tuple(state.name for state in workflow.states), tuple(nets))


def _other_ways(transition: Transition) -> Iterator[NetTransition]:
    """Where a refusal and a failure lead."""
    for suffix, state in (("otherwise", transition.otherwise), ("failed", transition.on_failure)):
        if state is not None:
            net = transition.net
            yield attrs.evolve(net, name=f"{net.name}/{suffix}", gives=(Arc(state),), resets=())


def ends_in_progress(workflow: Workflow) -> dict[str, tuple[NetTransition, ...]]:
    """By the ids of transitions how their actions can end, whatever is by then in the states that only let them begin.

    Where nothing but its tokens let an action begin, its ends are those that the net has anyway.
    """
    return {
        t.id: tuple(_ending(net) for net in (t.net, *_other_ways(t)))
        for t in workflow.transitions
        if t.steps and (t.net.reads or t.net.inhibitors or t.net.awaits)
    }


def _ending(net: NetTransition) -> NetTransition:
    return attrs.evolve(net, name=f"{net.name}/ends", reads=(), inhibitors=(), awaits=(), join="")
