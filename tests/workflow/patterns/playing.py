"""Plays a scenario, from its beginning or from wherever a crash has left it, with and without an engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from circuit_breaker import Engine
from circuit_breaker.workflow import Case, Workflow, firing, standing
from circuit_breaker.workflow.events import CaseCancelled, Event
from circuit_breaker.workflow.evolution import evolve
from tests.workflow.patterns.scenarios import Done, Scenario
from tests.workflow.running import START, fire, rest

BY = "ann"


def play(workflow: Workflow, case: Case, steps: Iterable[Done]) -> Case:
    """The case after these steps, and after all that happens by itself before and after each."""
    case = rest(workflow, case)
    for step in steps:
        case = rest(workflow, _stepped(workflow, case, step))
    return case


def _stepped(workflow: Workflow, case: Case, step: Done) -> Case:
    if step.kind == "fire":
        return fire(workflow, case, step.name, **step.data)
    if step.kind == "cancel":
        return standing.apply(workflow, case, CaseCancelled(case.id, case.sequence + 1, START, BY))
    event = firing.signal(workflow, case, step.name, at=START, by=BY)
    assert (event is None) == (step.kind == "lost")
    return case if event is None else standing.apply(workflow, case, event)


def left_of(steps: Iterable[Done], events: Iterable[Event]) -> Iterator[Done]:
    """The steps of which the events tell nothing yet: those of somebody are told, a lost signal is not."""
    told = sum(event.by == BY for event in events if event.type != "CaseStarted")
    for step in steps:
        if not told:
            yield step
        told -= step.kind != "lost" and told > 0


def replayed(events: Iterable[Event]) -> Case:
    """The case that these events make."""
    case: Case | None = None
    for event in events:
        case = evolve(case, event)
    assert case is not None
    return case


def told(case: Case) -> Any:
    """What became of a case: where its tokens are, with which data, and what fired in which order."""
    fired = [event.transition for event in case.history.by_type("TransitionFired")]
    return case.status, sorted((token.state, repr(sorted(token.data.items()))) for token in case.tokens), fired


async def play_engine(engine: Engine, scenario: Scenario, name: str) -> Case:
    """The case of that name after what is left of a scenario was done with the engine."""
    await engine.recover()
    case = await engine.run(name)
    for step in list(left_of(scenario.steps, await engine.history(case))):
        case = await do(engine, name, step)
    return case


async def do(engine: Engine, name: str, step: Done) -> Case:
    """The case of that name after one step, and after all that happens by itself before and after it."""
    case = await engine.run(name)
    if step.kind == "fire":
        case = await engine.fire(case, step.name, by=BY, data=step.data)
    elif step.kind == "cancel":
        case = await engine.cancel(case, by=BY)
    else:
        case = await engine.signal(case, step.name, by=BY)
    return await engine.run(case)
