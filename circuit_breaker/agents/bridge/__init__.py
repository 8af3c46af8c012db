"""The bridge between agents and workflows: agents on transitions and in places, and cases as their surroundings.

Each name is loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily

if TYPE_CHECKING:
    from circuit_breaker.agents.bridge.case_toolset import CaseTools, case_tools
    from circuit_breaker.agents.bridge.executor import agent_executors
    from circuit_breaker.agents.bridge.machine import machine_workflow
    from circuit_breaker.agents.bridge.permission import check_workflow
    from circuit_breaker.agents.bridge.place import PlaceAgent
    from circuit_breaker.agents.bridge.place_documents import dump_places, load_places
    from circuit_breaker.agents.bridge.places import PlaceAgents
    from circuit_breaker.agents.bridge.schedule import Schedule
    from circuit_breaker.agents.bridge.staff import Staff
    from circuit_breaker.agents.bridge.state_machine_agent import StateMachineAgent
    from circuit_breaker.agents.bridge.visits import Visit
    from circuit_breaker.agents.bridge.workflow_agent import WorkflowAgent
    from circuit_breaker.agents.bridge.workflow_bridge import AgentWork, WorkflowAgentBridge

__all__ = [
    "AgentWork",
    "CaseTools",
    "PlaceAgent",
    "PlaceAgents",
    "Schedule",
    "Staff",
    "StateMachineAgent",
    "Visit",
    "WorkflowAgent",
    "WorkflowAgentBridge",
    "agent_executors",
    "case_tools",
    "check_workflow",
    "dump_places",
    "load_places",
    "machine_workflow",
]

__getattr__ = lazily(
    __name__,
    {
        "case_toolset": ("CaseTools", "case_tools"),
        "executor": ("agent_executors",),
        "machine": ("machine_workflow",),
        "permission": ("check_workflow",),
        "place": ("PlaceAgent",),
        "place_documents": ("dump_places", "load_places"),
        "places": ("PlaceAgents",),
        "schedule": ("Schedule",),
        "staff": ("Staff",),
        "state_machine_agent": ("StateMachineAgent",),
        "visits": ("Visit",),
        "workflow_agent": ("WorkflowAgent",),
        "workflow_bridge": ("AgentWork", "WorkflowAgentBridge"),
    },
)
