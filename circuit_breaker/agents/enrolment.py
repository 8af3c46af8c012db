"""The enrolment of agents: whether there is all that a definition names."""

from __future__ import annotations

import attrs

from circuit_breaker.agents.assignment import provider_faults
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.guardrails.registry import Guardrails
from circuit_breaker.errors import AgentInvalid
from circuit_breaker.executors.models.settings import ModelSettings
from circuit_breaker.executors.models.tools import tool_faults

__all__ = ["check_definition"]


def check_definition(definition: AgentDefinition, settings: ModelSettings, guardrails: Guardrails) -> None:
    """Nothing, when an agent could be registered with these.

    Raises:
        AgentInvalid: Something is wrong with it, or it names what nobody has given; every fault is named.
    """
    tools = tool_faults(definition.tools, settings.tools, definition.approve)
    faults = [*definition.faults(), *(attrs.evolve(fault, place=_member(fault.place)) for fault in tools)]
    faults += [*guardrails.faults(definition), *provider_faults(definition, settings)]
    if faults:
        raise AgentInvalid(f"agent '{definition.id:.100}' is not valid", faults=faults)


def _member(place: str) -> str:
    """The member of the definition that a fault of tools is in."""
    return place.removeprefix("parameter '").removesuffix("'")
