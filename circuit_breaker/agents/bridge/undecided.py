"""What the agents of a case ask of a person."""

from __future__ import annotations

from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution

__all__ = ["undecided"]


async def undecided(agents: AgentEngine, case: str) -> list[AgentExecution]:
    """The executions for a case that wait for a person's yes or no, the oldest first."""
    found = agents.store.each(status="pending", context={"workflow_context.resource_id": case})
    return [execution async for execution in found if execution.waiting_for == "approval"]
