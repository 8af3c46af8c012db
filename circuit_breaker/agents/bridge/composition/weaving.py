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
from circuit_breaker.workflow.agent_step import PART
from circuit_breaker.workflow.flow import Flow, flow
from circuit_breaker.workflow.patterns import sub_workflow
from circuit_breaker.workflow.patterns.basics import LAST, Flows, step
from circuit_breaker.workflow.state import State
from circuit_breaker.workflow.steps import Execution, Step

__all__ = ["ANSWERED", "ASKED", "heard_after", "made", "spoken", "woven"]

ASKED: Final = State("asked", initial=True)
ANSWERED: Final = State("answered")


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


def woven(part: Part, source: State, target: State, heard: Heard, *, failed: State | None = None, **more: Any) -> Flows:
    """The part between two states.

    Args:
        part: The part.
        source: From where it begins.
        target: Where it goes on.
        heard: Who was heard before.
        failed: Where its failure leads.
        more: Parameters of its step beside the usual ones.
    """
    if part.workflow is None:
        flows: Flows = (_refined(part, flow(source >> target).transition(part.name), heard, failed, more),)
    else:
        begun = State(f"{part.name}/begun")
        inner = sub_workflow(part.workflow, prefix=part.name, source=begun, into=target)
        begins = step(source, begun, name=f"{part.name}-begins")
        flows = (begins, *(_adapted(each, heard, _leading(part, failed)) for each in inner))
    if part.when is None:
        return flows
    first, *others = flows
    skips = step(source, target, name=f"{part.name}-left-out").priority(LAST)
    return first.guard(as_rule(part.when)), *others, skips


def _refined(part: Part, begun: Flow, heard: Heard, failed: State | None, more: Mapping[str, Any]) -> Flow:
    refined = begun.executed(PART, spoken(part, heard, **more), result=part.name)
    if part.timeout is not None:
        refined = refined.timeout(part.timeout)
    if part.retry is not None:
        again = part.retry
        refined = refined.retry(**again) if isinstance(again, Mapping) else refined.retry(again)
    return refined if failed is None else refined.on_failure(failed)


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


def _adapted(inner: Flow, heard: Heard, failed: State | None) -> Flow:
    """A flow of an inner composition, which hears what the outer one says."""
    steps = tuple(_hearing(one, heard) for one in inner.steps)
    loose = failed is not None and inner.failed_to is None and any(map(_is_ours, steps))
    return attrs.evolve(inner, steps=steps, failed_to=failed if loose else inner.failed_to)


def _told(part: Part) -> Mapping[str, Any]:
    """What the workflow of a part tells of itself as a composition."""
    return part.workflow.metadata.get("composition", EMPTY) if part.workflow is not None else EMPTY


def _is_ours(one: Step) -> bool:
    return isinstance(one, Execution) and one.executor == PART


def _hearing(one: Step, heard: Heard) -> Step:
    """The step of an inner part, which hears these where nobody in there has spoken yet."""
    if not isinstance(one, Execution) or not _is_ours(one):
        return one
    hears = [*one.parameters["hears"], *(list(names) for names in heard)]
    return attrs.evolve(one, parameters={**one.parameters, "hears": hears})


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
