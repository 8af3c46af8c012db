"""Agents: a model with prompts, tools and memory that works alone, in conversation, or for a workflow.

Each name is loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily

if TYPE_CHECKING:
    from circuit_breaker.agents.builder import AgentBuilder, agent_builder
    from circuit_breaker.agents.chat import Agent, ChatRequest, ChatResponse
    from circuit_breaker.agents.config import AgentEngineConfig
    from circuit_breaker.agents.context import ExecutionContext
    from circuit_breaker.agents.conversations import Conversation, Conversations, ConversationTurn
    from circuit_breaker.agents.definition import AgentDefinition, AgentInput, AgentMemory
    from circuit_breaker.agents.documents import (
        agent_from_document,
        agent_schema,
        dump_agent,
        dump_agents,
        load_agent,
        load_agents,
    )
    from circuit_breaker.agents.engine import AgentEngine
    from circuit_breaker.agents.execution import AgentExecution, AgentStatus
    from circuit_breaker.agents.limits import AgentLimits, AgentRetry
    from circuit_breaker.agents.prompts import AgentPrompts, Prompt
    from circuit_breaker.agents.states import AgentState, AgentTransition

__all__ = [
    "Agent",
    "AgentBuilder",
    "AgentDefinition",
    "AgentEngine",
    "AgentEngineConfig",
    "AgentExecution",
    "AgentInput",
    "AgentLimits",
    "AgentMemory",
    "AgentPrompts",
    "AgentRetry",
    "AgentState",
    "AgentStatus",
    "AgentTransition",
    "ChatRequest",
    "ChatResponse",
    "Conversation",
    "ConversationTurn",
    "Conversations",
    "ExecutionContext",
    "Prompt",
    "agent_builder",
    "agent_from_document",
    "agent_schema",
    "dump_agent",
    "dump_agents",
    "load_agent",
    "load_agents",
]

__getattr__ = lazily(
    __name__,
    {
        "builder": (
            "AgentBuilder",
            "agent_builder",
        ),
        "chat": (
            "Agent",
            "ChatRequest",
            "ChatResponse",
        ),
        "config": ("AgentEngineConfig",),
        "context": ("ExecutionContext",),
        "conversations": (
            "Conversation",
            "ConversationTurn",
            "Conversations",
        ),
        "definition": (
            "AgentDefinition",
            "AgentInput",
            "AgentMemory",
        ),
        "documents": (
            "agent_from_document",
            "agent_schema",
            "dump_agent",
            "dump_agents",
            "load_agent",
            "load_agents",
        ),
        "engine": ("AgentEngine",),
        "execution": (
            "AgentExecution",
            "AgentStatus",
        ),
        "limits": (
            "AgentLimits",
            "AgentRetry",
        ),
        "prompts": (
            "AgentPrompts",
            "Prompt",
        ),
        "states": (
            "AgentState",
            "AgentTransition",
        ),
    },
)
