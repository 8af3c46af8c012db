"""The enrolment of agents: whether there is all that a definition names."""

from __future__ import annotations

from circuit_breaker.agents.assignment import Assignment, provider_faults
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.faults import as_members
from circuit_breaker.agents.guardrails.registry import Guardrails
from circuit_breaker.errors import AgentInvalid, Fault
from circuit_breaker.executors.models.settings import ModelSettings
from circuit_breaker.executors.models.tools import tool_faults

__all__ = ["check_definition", "check_equipment"]


def check_definition(definition: AgentDefinition, settings: ModelSettings, guardrails: Guardrails) -> None:
    """Nothing, when an agent could be registered with these.

    Raises:
        AgentInvalid: Something is wrong with it, or it names what nobody has given; every fault is named.
    """
    faults = [*definition.faults(), *_tool_faults(definition, settings)]
    faults += [*guardrails.faults(definition), *provider_faults(definition.llm_provider, settings)]
    if faults:
        raise AgentInvalid(f"agent '{definition.id!s:.100}' is not valid", faults=faults)


def check_equipment(definition: AgentDefinition, execution: AgentExecution, settings: ModelSettings) -> None:
    """Nothing, when these have the tools and the provider that an execution goes on with.

    Raises:
        AgentInvalid: They have not; all that is missing is named.
    """
    assignment = Assignment(definition=definition, settings=settings, overrides=execution.overrides)
    tenant = execution.context.tenant_id or settings.tenant
    if faults := [*_tool_faults(definition, settings), *assignment.provider_faults(tenant)]:
        raise AgentInvalid(f"agent '{definition.id!s:.100}' lacks here what it works with", faults=faults)


def _tool_faults(definition: AgentDefinition, settings: ModelSettings) -> list[Fault]:
    return [*as_members(tool_faults(definition.tools, settings.tools, definition.approve))]
