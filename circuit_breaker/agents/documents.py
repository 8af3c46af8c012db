"""Agents as JSON documents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from circuit_breaker.agents.definition import AgentDefinition, AgentMemory
from circuit_breaker.agents.limits import AgentLimits, AgentRetry
from circuit_breaker.agents.prompts import AgentPrompts
from circuit_breaker.agents.states import AgentState, AgentTransition
from circuit_breaker.data import thaw

__all__ = ["agent_from_document"]


def agent_from_document(document: Mapping[str, Any]) -> AgentDefinition:
    """The agent that :meth:`AgentDefinition.to_document` wrote."""
    members = dict(thaw(document))
    if "prompts" in members:
        members["prompts"] = AgentPrompts(**members["prompts"])
    if limits := members.get("limits"):
        retry = {"retry": AgentRetry(**limits["retry"])} if "retry" in limits else {}
        members["limits"] = AgentLimits(**limits | retry)
    if members.get("memory") is not None:
        members["memory"] = AgentMemory(**members["memory"])
    members["states"] = [AgentState(**one) for one in members.get("states", ())]
    members["transitions"] = [AgentTransition(**one) for one in members.get("transitions", ())]
    for name in ("created_at", "updated_at"):
        if name in members:
            members[name] = datetime.fromisoformat(members[name])
    return AgentDefinition(**members)
