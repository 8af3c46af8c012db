"""Permission: which workflows may use which agents.

Both sides can say so: the agent by ``allowed_workflows``, the workflow by ``agents`` in its metadata. What neither
forbids is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.errors import AgentForbidden, AgentInvalid, AgentNotFound, Fault, nearest
from circuit_breaker.workflow.agent_step import ASKING, ASKS
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.steps import Execution

__all__ = ["AGENTS", "check_workflow", "named_agents", "permit"]

AGENTS: Final = "agents"
"""The key of a workflow's metadata under which it lists the only agents that it may use."""

_FIELDS: Final = ("agent_id", "execution_id", "timestamp", "final_response")


def permit(definition: AgentDefinition, workflow: Workflow) -> None:
    """Nothing, when the workflow may use the agent.

    Raises:
        AgentForbidden: It may not.
    """
    if why := _objection(definition, workflow):
        raise AgentForbidden(why[0], remedy=why[1])


def _objection(definition: AgentDefinition, workflow: Workflow) -> tuple[str, str] | None:
    allowed = definition.allowed_workflows
    who = f"workflow '{workflow.name}' may not use agent '{definition.id}'"
    if allowed is not None and workflow.name not in allowed:
        return f"{who}: the agent does not allow it", "add the workflow to allowed_workflows of the agent"
    listed = workflow.metadata.get(AGENTS)
    if listed is not None and definition.id not in ([listed] if isinstance(listed, str) else listed):
        return f"{who}: the workflow does not list it", "add it to 'agents' in the metadata of the workflow"
    return None


def named_agents(workflow: Workflow) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The transitions of a workflow that ask agents, each by its title, with what is asked.

    ``inputs`` is None where an agent finds them by their names when it is asked.
    """
    for flow in workflow.flows:
        for step in flow.steps:
            if isinstance(step, Execution) and step.executor == ASKS:
                yield flow.title, step.parameters
            elif isinstance(step, Execution) and step.executor in ASKING:
                yield flow.title, {**step.parameters, "inputs": step.parameters.get("inputs")}


async def check_workflow(
    agents: AgentEngine, workflow: Workflow, others: Iterable[tuple[str, Mapping[str, Any]]] = ()
) -> None:
    """Nothing, when everything that a workflow asks of agents can be asked.

    Args:
        agents: Who knows the agents.
        workflow: The workflow.
        others: What else asks agents for it: where it stands, and ``agent``, ``inputs`` and ``outputs``.

    Raises:
        AgentInvalid: An agent is not known, not allowed, or has no such inputs or outputs; every fault is named.
    """
    faults = []
    for place, asked in (*named_agents(workflow), *others):
        try:
            definition = await agents.definition(asked["agent"])
        except AgentNotFound as error:
            faults.append(Fault(place, error.message, error.remedy))
            continue
        if (why := _objection(definition, workflow)) is not None:
            faults.append(Fault(place, *why))
        if asked.get("inputs", {}) is not None:
            faults += _misfits(place, asked, definition)
    if faults:
        raise AgentInvalid(f"workflow '{workflow.name}' cannot use its agents so", faults=faults)


def _misfits(place: str, asked: Mapping[str, Any], definition: AgentDefinition) -> Iterator[Fault]:
    """Inputs that the agent does not have or misses, and outputs that its schema does not know."""
    given = asked.get("inputs") or {}
    for name in given if definition.inputs else ():
        if name not in definition.inputs:
            hint = nearest(name, definition.inputs)
            yield Fault(place, f"agent '{definition.id}' has no input '{name}'", hint)
    for name, declared in definition.inputs.items():
        if declared.required and name not in given:
            yield Fault(place, f"agent '{definition.id}' needs the input '{name}'", "add it to the input mapping")
    known = _outputs(definition)
    for field in (asked.get("outputs") or {}).values():
        if known is not None and field.split(".")[0] not in known:
            yield Fault(place, f"agent '{definition.id}' gives no '{field}'", nearest(field, known))


def _outputs(definition: AgentDefinition) -> tuple[str, ...] | None:
    """The fields that its answer can have; None where any are possible."""
    schema = definition.output_schema
    if schema is None:
        return (*_FIELDS, "text")
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or schema.get("additionalProperties") is not False:
        return None
    return (*_FIELDS, *properties)
