"""Agents: a model with prompts, tools and memory that works alone, in conversation, or for a workflow.

Each name is loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily

if TYPE_CHECKING:
    from circuit_breaker.agents.context import ExecutionContext
    from circuit_breaker.agents.definition import AgentDefinition, AgentInput, AgentMemory
    from circuit_breaker.agents.execution import AgentExecution, AgentStatus
    from circuit_breaker.agents.limits import AgentLimits, AgentRetry
    from circuit_breaker.agents.prompts import AgentPrompts, Prompt
    from circuit_breaker.agents.states import AgentState, AgentTransition

__all__ = [
    "AgentDefinition",
    "AgentExecution",
    "AgentInput",
    "AgentLimits",
    "AgentMemory",
    "AgentPrompts",
    "AgentRetry",
    "AgentState",
    "AgentStatus",
    "AgentTransition",
    "ExecutionContext",
    "Prompt",
]

__getattr__ = lazily(
    __name__,
    {
        "context": ("ExecutionContext",),
        "definition": ("AgentDefinition", "AgentInput", "AgentMemory"),
        "execution": ("AgentExecution", "AgentStatus"),
        "limits": ("AgentLimits", "AgentRetry"),
        "prompts": ("AgentPrompts", "Prompt"),
        "states": ("AgentState", "AgentTransition"),
    },
)
