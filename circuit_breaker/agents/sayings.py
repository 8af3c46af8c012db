"""What is said to an agent, and what it answers, as values; and what a conversation waits for."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from circuit_breaker.agents.context import MEMBERS, ExecutionContext
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.data import EMPTY, Data, freeze, freeze_optional
from circuit_breaker.errors import (
    AgentError,
    AgentExecutionNotFound,
    ConversationNotFound,
    GuardrailViolated,
)
from circuit_breaker.llm.loop.outcome import APPROVAL_NEEDED

__all__ = ["ChatRequest", "ChatResponse", "asking_in", "context_in"]


def _object(value: Any) -> Data:
    return freeze_optional(value, where="context")


@attrs.frozen
class ChatRequest:
    """What is said to an agent.

    Attributes:
        message: The text.
        context: What belongs to it, such as ``{"customerId": "cust_123"}``: it is the context of the execution, gives
            the inputs of the agent that have these names, and is shown where prompts have ``{custom_context}``. What
            comes with the message that begins a conversation holds for all that follow without one.
            ``user_context`` and ``workflow_context`` in it stand for themselves.
        conversation_id: In which conversation; in that of the :class:`Agent` unless given.
        key: With the same key it is said once, however often it is asked for; it begins the conversation of its key,
            of the agent and the tenant, where none is named.
    """

    message: str
    context: Data = attrs.field(default=EMPTY, converter=_object)
    conversation_id: str = attrs.field(default="", kw_only=True)
    key: str = attrs.field(default="", kw_only=True)

    def around(self) -> dict[str, Any]:
        """The context as an execution has it; empty where none was given."""
        known = {name: value for name, value in self.context.items() if name in MEMBERS}
        own = {name: value for name, value in self.context.items() if name not in MEMBERS}
        custom = known.get("custom_context") or EMPTY
        if not own or not isinstance(custom, Mapping):  # which is refused where it is read
            return known
        return {**known, "custom_context": {**custom, **own}}


@attrs.frozen(kw_only=True)
class ChatResponse:
    """What an agent answers.

    Attributes:
        message: The text.
        output: The answer as a value, where the agent has an output schema; ``{"text": ...}`` otherwise.
        status: ``"completed"``, or ``"approval_needed"``: a person must decide on calls of tools first.
        approval: Then these ``calls``, and their ``digest``.
        conversation_id: In which conversation it was said; empty for an agent without a memory.
        execution_id: The execution, whose events tell how it came to that.
        usage: Tokens by kind.
        dollars: US dollars.
        model: The model that answered.
        provider: Who served it.
    """

    message: str
    output: Any = attrs.field(default=None, converter=freeze)
    status: str = "completed"
    approval: Mapping[str, Any] = EMPTY
    conversation_id: str = ""
    execution_id: str = ""
    usage: Mapping[str, Any] = EMPTY
    dollars: Decimal = Decimal(0)
    model: str = ""
    provider: str = ""

    @classmethod
    def of(cls, execution: AgentExecution) -> ChatResponse:
        """The answer of an execution that is over, or waits for a person.

        Raises:
            GuardrailViolated: What was said, or what was answered, was refused.
            AgentError: It has come to no answer.
        """
        waits = execution.waiting_for == "approval"
        if not waits and execution.status != "completed":
            refused = execution.error.get("code") == GuardrailViolated.code
            raise (GuardrailViolated if refused else AgentError)(
                f"agent '{execution.agent_id}' has not answered (execution '{execution.id}', {execution.status}): "
                f"{execution.error.get('message', '')}",
                remedy=execution.error.get("remedy", ""),
            )
        asked = ("calls", "digest")
        return cls(
            message=execution.final_response,
            output=execution.output,
            status=APPROVAL_NEEDED if waits else "completed",
            approval={name: execution.approval[name] for name in asked} if waits else EMPTY,
            conversation_id=execution.conversation_id,
            execution_id=execution.id,
            usage=execution.usage,
            dollars=execution.dollars,
            model=execution.model,
            provider=execution.provider,
        )


async def context_in(agents: AgentEngine, conversation_id: str, asked: ChatRequest) -> ExecutionContext:
    """The context of what is said: its own, or else that of the conversation.

    Raises:
        ConversationNotFound: There is no such conversation.
        DataInvalid: It is no context.
    """
    own = asked.around()
    return ExecutionContext.from_document(own or (await agents.conversations.get(conversation_id)).context)


async def asking_in(agents: AgentEngine, conversation_id: str) -> AgentExecution | None:
    """The execution of a conversation that waits for a person, or None."""
    try:
        holder = (await agents.conversations.get(conversation_id)).holder if conversation_id else ""
        found = await agents.store.written(holder) if holder else None
    except (ConversationNotFound, AgentExecutionNotFound):
        return None
    return found if found is not None and found.waiting_for == "approval" else None
