"""Weaving: how parts become flows, and flows a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from circuit_breaker.agents.bridge.composition.budget import Budget
from circuit_breaker.agents.bridge.composition.heard import Heard, one_of_them
from circuit_breaker.agents.bridge.composition.part import Part, names_in
from circuit_breaker.data import EMPTY
from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.rules import as_rule
from circuit_breaker.workflow import Workflow
from circuit_breaker.workflow.agent_step import PART, retry_document
from circuit_breaker.workflow.flow import Flow, flow
from circuit_breaker.workflow.patterns import sub_workflow
from circuit_breaker.workflow.patterns.basics import LAST, Flows, step
from circuit_breaker.workflow.state import State
from circuit_breaker.workflow.steps import Execution, Step

__all__ = ["ANSWERED", "ASKED", "DEAD_END", "heard_after", "made", "spoken", "woven"]

ASKED: Final = State("asked", initial=True)
ANSWERED: Final = State("answered")
DEAD_END: Final = "composition_dead_end"
"""What is kept with a flow into a state with which nothing around can go on: the parameters of a step that says so."""


def heard_after(part: Part, before: Heard) -> Heard:
    """Who is heard after the part, when these were before."""
    if part.workflow is None:
        own: Heard = ((part.name,),)
        return one_of_them((own, before)) if part.optional else own
    ends = tuple(tuple(names) for names in _told(part).get("ends", ()))
    return one_of_them((ends, before))  # perhaps nobody in it has spoken


def spoken(part: Part, heard: Heard, **more: Any) -> dict[str, Any]:
    """The parameters of the step of an agent."""
    given = {
        "name": part.name,
        "agent": part.agent,
        "hears": [list(names) for names in heard],
        "inputs": part.references,
        "shares": part.shares or None,
        "required": None if part.required else False,
        "overrides": dict(part.overrides) or None,
    }
    return {name: value for name, value in (given | more).items() if value is not None}


def woven(
    part: Part,
    source: State,
    target: State,
    heard: Heard,
    *,
    failed: State | None = None,
    chosen: bool = False,
    **more: Any,
) -> Flows:
    """The part between two states; the first of its flows is the one that decides whether it works.

    Args:
        part: The part.
        source: From where it begins.
        target: Where it goes on.
        heard: Who was heard before.
        failed: Where its failure leads.
        chosen: Whether there are other ways from the source.
        more: Parameters of its step beside the usual ones.
    """
    # Where there are other ways, a step of its own decides: the failure of an agent must lead to none of them.
    apart = chosen or part.when is not None or part.workflow is not None
    begun = State(f"{part.name}/begun") if apart else source
    flows = _working(part, (begun, target), heard, failed, more)
    if not apart:
        return flows
    begins = step(source, begun, name=f"{part.name}-begins")
    if part.when is None:
        return begins, *flows
    skips = step(source, target, name=f"{part.name}-left-out").priority(LAST)
    return begins.guard(as_rule(part.when)), *flows, skips


def _working(
    part: Part, ends: tuple[State, State], heard: Heard, failed: State | None, more: Mapping[str, Any]
) -> Flows:
    begun, target = ends
    if part.workflow is None:
        return (_refined(part, flow(begun >> target).transition(part.name), heard, failed, more),)
    inner = sub_workflow(part.workflow, prefix=part.name, source=begun, into=target)
    failed = _leading(part, failed)
    dead = _dead_ends(part.name, part.workflow)
    return tuple(_adapted(_failing(each, dead), part, heard, failed) for each in inner)


def _dead_ends(place: str, workflow: Workflow) -> dict[str, Mapping[str, Any]]:
    """The final states of a workflow that are dead ends for what is around it, each with what says so."""
    refusing = [each for each in workflow.flows if DEAD_END in each.facts]
    ends = ((state.name, each.facts[DEAD_END]) for each in refusing for state in each.path.targets.states)
    return {f"{place}/{name}": said for name, said in ends if name in workflow.final}


def _failing(inner: Flow, dead: Mapping[str, Mapping[str, Any]]) -> Flow:
    """The flow, which fails where it leads on from a dead end."""
    said = dead.get(inner.path.sources[0].states[0].name)
    return inner if said is None else inner.executed(PART, {"hears": [], **said})


def _refined(part: Part, begun: Flow, heard: Heard, failed: State | None, more: Mapping[str, Any]) -> Flow:
    timed = _timed(part, begun)
    if not part.required:  # its failure is an outcome, so that its step is what tries again
        again = None if timed.retrying is None else retry_document(timed.retrying)
        more, timed = {**more, "timeout": timed.limit, "retry": again}, begun
    refined = timed.executed(PART, spoken(part, heard, **more), result=part.name)
    return refined if failed is None else refined.on_failure(failed)


def _timed(part: Part, begun: Flow) -> Flow:
    timed = begun if part.timeout is None else begun.timeout(part.timeout)
    again = part.retry
    if again is None:
        return timed
    return timed.retry(**again) if isinstance(again, Mapping) else timed.retry(again)


def _leading(part: Part, failed: State | None) -> State | None:
    """Where the failure of a workflow leads; one with several tokens cannot go there as a whole.

    Raises:
        WorkflowInvalid: It is such a one.
    """
    if failed is not None and not _told(part).get("alone", False):
        raise WorkflowInvalid(
            f"'{part.name}' has branches that run at once, so that its failure leads nowhere",
            remedy="let its parts fail alone, with Part(..., required=False)",
        )
    return failed


def _adapted(inner: Flow, part: Part, heard: Heard, failed: State | None) -> Flow:
    """A flow of an inner composition, which hears what the outer one says."""
    steps = tuple(_placed(one, part.name, heard) for one in inner.steps)
    loose = failed is not None and inner.failed_to is None and any(map(_is_ours, steps))
    return attrs.evolve(inner, steps=steps, failed_to=failed if loose else inner.failed_to)


def _told(part: Part) -> Mapping[str, Any]:
    """What the workflow of a part tells of itself as a composition."""
    return part.workflow.metadata.get("composition", EMPTY) if part.workflow is not None else EMPTY


def _is_ours(one: Step) -> bool:
    return isinstance(one, Execution) and one.executor == PART


def _placed(one: Step, place: str, heard: Heard) -> Step:
    """The step of an inner part in its place: it hears these where nobody in there has spoken yet."""
    if not isinstance(one, Execution) or not _is_ours(one):
        return one
    hears = [*one.parameters["hears"], *(list(names) for names in heard)]
    inside = {_scope(place, name): budget for name, budget in _parameters(one, "inside").items()}
    return attrs.evolve(one, parameters={**one.parameters, "hears": hears, "inside": inside})


def _scope(place: str, name: str) -> str:
    """What a composition is called in its place, as others beside it may have its name."""
    return place if name == place else f"{place}/{name}"


def made(
    kind: str,
    name: str,
    parts: tuple[Part, ...],
    flows: Flows,
    heard: Heard,
    *,
    budget: Budget | None,
    alone: bool = True,
    rules: Any = None,
) -> Workflow:
    """The workflow of a composition.

    Args:
        kind: Which kind it is.
        name: What it is called.
        parts: Its parts.
        flows: What it consists of.
        heard: Who is heard at its end.
        budget: What all of it may take together.
        alone: Whether there is never more than one token in it.
        rules: The rules by name.
    """
    told = {
        "kind": kind,
        "parts": [one for part in parts for one in names_in(part)],
        "ends": [list(names) for names in heard],
        "alone": alone and all(_told(part).get("alone", False) for part in parts if part.workflow is not None),
    }
    scope = {_own_name(name, flows): {} if budget is None else budget.to_document()}
    scoped = tuple(attrs.evolve(each, steps=tuple(_scoped(one, scope) for one in each.steps)) for each in flows)
    return Workflow(name, *scoped, rules=rules, metadata={"composition": told})


def _own_name(name: str, flows: Flows) -> str:
    """The name of a composition among those in it, of which one may have the same."""
    used = {inner for each in flows for one in each.steps if _is_ours(one) for inner in _parameters(one, "inside")}
    while name in used:
        name = f"outer {name}"
    return name


def _parameters(one: Step, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = one.parameters.get(name, {}) if isinstance(one, Execution) else {}
    return found


def _scoped(one: Step, scope: Mapping[str, Any]) -> Step:
    """The step inside of one more composition, whose budget it keeps to."""
    if not isinstance(one, Execution) or one.executor != PART:
        return one
    return attrs.evolve(one, parameters={**one.parameters, "inside": {**_parameters(one, "inside"), **scope}})
