"""What is wrong with place agents, before they begin."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from circuit_breaker.agents.bridge.permission import check_workflow
from circuit_breaker.agents.bridge.place import PlaceAgent
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.engine.engine import Engine
from circuit_breaker.errors import AgentInvalid, CircuitBreakerError, Fault, nearest
from circuit_breaker.workflow.definition import Workflow

__all__ = ["check_places"]


async def check_places(engine: Engine, agents: AgentEngine, placed: Iterable[PlaceAgent]) -> None:
    """Nothing, when every place agent can do what it is to do; one whose workflow is not known yet is not judged.

    Raises:
        AgentInvalid: One cannot; every fault is named.
    """
    faults: list[Fault] = []
    names: set[str] = set()
    for each in placed:
        if each.name in names:
            faults.append(Fault(each.title, "is there twice", "give each a name of its own"))
        names.add(each.name)
        workflow = engine.workflows.get(each.workflow)
        if workflow is not None:
            faults += [fault async for fault in _faults(each, workflow, agents)]
    if faults:
        raise AgentInvalid("the place agents are not valid", faults=list(dict.fromkeys(faults)))


async def _faults(placed: PlaceAgent, workflow: Workflow, agents: AgentEngine) -> AsyncIterator[Fault]:
    places = [state.name for state in workflow.states]
    if placed.place not in places:
        yield Fault(placed.title, f"there is no state '{placed.place}'", nearest(placed.place, places))
    if fault := _way_out(placed, workflow):
        yield fault
    try:
        if placed.rule is not None:
            placed.rule.resolve(workflow.rules)
        await check_workflow(agents, workflow, [(placed.title, placed.asked)])
    except AgentInvalid as error:
        for fault in error.faults:
            yield fault
    except CircuitBreakerError as error:
        yield Fault(placed.title, error.message, error.remedy)


def _way_out(placed: PlaceAgent, workflow: Workflow) -> Fault | None:
    """What is wrong with its transition: one that is not there, or leaves another place, never moves its tokens on."""
    name = placed.auto_transition
    if name and name not in workflow.by_name:
        return Fault(placed.title, f"there is no transition '{name}'", nearest(name, list(workflow.by_name)))
    leaving = list(dict.fromkeys(transition.name for transition in workflow.leaving.get(placed.place, ())))
    if not name or name in leaving or placed.place not in workflow.leaving:
        return None
    known = ", ".join(map(repr, leaving))
    remedy = f"name one that does: {known}" if leaving else "leave auto_transition out: nothing leaves that state"
    return Fault(placed.title, f"transition '{name}' does not leave state '{placed.place}'", remedy)
