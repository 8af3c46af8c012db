"""Something asked of an agent is not possible."""

from __future__ import annotations

from circuit_breaker.errors.root import CircuitBreakerError

__all__ = [
    "AgentError",
    "AgentExecutionNotFound",
    "AgentForbidden",
    "AgentNotFound",
    "ConversationNotFound",
    "GuardrailViolated",
    "InvalidAgentType",
]


class AgentError(CircuitBreakerError):
    """That cannot be done with this agent."""

    code = "agent"


class AgentNotFound(AgentError, LookupError):
    """There is no agent of that id or version."""

    code = "agent_not_found"


class AgentExecutionNotFound(AgentError, LookupError):
    """There is no execution of an agent of that id."""

    code = "agent_execution_not_found"


class ConversationNotFound(AgentError, LookupError):
    """There is no conversation of that id."""

    code = "conversation_not_found"


class InvalidAgentType(AgentError):
    """An agent of this kind has no such thing."""

    code = "invalid_agent_type"


class AgentForbidden(AgentError):
    """Somebody may not use this agent, or do this to it."""

    code = "agent_forbidden"


class GuardrailViolated(AgentError):
    """A check of the agent refused what goes in or what came out."""

    code = "guardrail_violated"
