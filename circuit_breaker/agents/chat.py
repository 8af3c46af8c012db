"""Chat: an agent that was deployed, what is said to it, and what it answers."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from typing import Any, Final

import attrs

from circuit_breaker.agents.context import MEMBERS
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.data import EMPTY, Data, freeze, freeze_mapping
from circuit_breaker.errors import (
    AgentError,
    AgentExecutionNotFound,
    ConversationNotFound,
    GuardrailViolated,
    InvalidAgentType,
)

__all__ = ["Agent", "ChatRequest", "ChatResponse", "Partner", "asking_in"]

APPROVAL_NEEDED: Final = "approval_needed"


def _object(value: Any) -> Data:
    return EMPTY if value is None else freeze_mapping(value, where="context")


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
        key: With the same key it is said once, however often it is asked for.
    """

    message: str
    context: Data = attrs.field(default=EMPTY, converter=_object)
    conversation_id: str = attrs.field(default="", kw_only=True)
    key: str = attrs.field(default="", kw_only=True)

    def around(self) -> dict[str, Any]:
        """The context as an execution has it; empty where none was given."""
        known = {name: value for name, value in self.context.items() if name in MEMBERS}
        own = {name: value for name, value in self.context.items() if name not in MEMBERS}
        return {**known, "custom_context": {**known.get("custom_context", {}), **own}} if own else known


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


async def asking_in(agents: AgentEngine, conversation_id: str) -> AgentExecution | None:
    """The execution of a conversation that waits for a person, or None."""
    try:
        holder = (await agents.conversations.get(conversation_id)).holder if conversation_id else ""
        found = await agents.execution(holder) if holder else None
    except (ConversationNotFound, AgentExecutionNotFound):
        return None
    return found if found is not None and found.waiting_for == "approval" else None


class Partner(ABC):
    """Somebody to talk to, of whatever kind.

    Args:
        agents: The engine of agents, open.
        id: The agent.
        conversation_id: The conversation that goes on; a new one, when something is said first, unless given.
        overrides: Members of ``llm_config``, or ``llm_provider``, for all that is said.
    """

    def __init__(
        self,
        agents: AgentEngine,
        id: str,  # noqa: A002 - the word of the field
        *,
        conversation_id: str = "",
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        self.agents = agents
        self.id = id
        self.conversation_id = conversation_id
        self.overrides = dict(overrides or {})
        self._beginning = asyncio.Lock()

    @abstractmethod
    def turn(self, request: ChatRequest | str) -> AbstractAsyncContextManager[AgentExecution]:
        """The execution that answers, to be followed inside of the block."""

    @abstractmethod
    def decided(self, execution_id: str, decision: Any, *, by: str = "") -> AbstractAsyncContextManager[AgentExecution]:
        """The execution that goes on with what a person has decided, to be followed inside of the block."""

    async def chat(self, request: ChatRequest | str) -> ChatResponse:
        """What the agent answers, once it has; or with the status ``"approval_needed"`` what a person must decide on.

        Raises:
            AgentNotFound: There is no such agent.
            ConversationNotFound: There is no such conversation.
            InvalidAgentType: It is of another type.
            CaseClosed: The conversation is a case that has ended.
            WorkflowNotFound: The definition that this began with cannot be read any more.
            AgentError: It has come to no answer, or a person must decide about something that was said before.
        """
        async with self.turn(request) as begun:
            ended = await self.agents.wait(begun.id)
        return ChatResponse.of(ended)

    async def approve(self, response: ChatResponse, decision: Any, *, by: str = "") -> ChatResponse:
        """What the agent answers after a person has decided; see :meth:`AgentEngine.approve`.

        Raises:
            AgentError: It does not wait for a person, or has come to no answer.
            DataInvalid: The decision is about other calls.
        """
        async with self.decided(response.execution_id, decision, by=by) as begun:
            ended = await self.agents.wait(begun.id)
        return ChatResponse.of(ended)

    async def waiting(self) -> ChatResponse | None:
        """What a person must decide on before the conversation goes on, or None."""
        found = await asking_in(self.agents, self.conversation_id)
        return None if found is None else ChatResponse.of(found)


class Agent(Partner):
    """An agent that was deployed, to talk to.

    ::

        agent = Agent(agents, await builder.deploy(agents))
        response = await agent.chat(ChatRequest("I need help with my order", {"customerId": "cust_123"}))
        print(response.message)

    Args:
        agents: The engine, open.
        id: The agent.
        conversation_id: As for a :class:`Partner`.
        overrides: As for a :class:`Partner`.
    """

    @asynccontextmanager
    async def turn(self, request: ChatRequest | str) -> AsyncIterator[AgentExecution]:
        """The execution that answers, to be followed inside of the block.

        Raises:
            CircuitBreakerError: As :meth:`chat`.
        """
        yield await self.begin(request)

    async def begin(self, request: ChatRequest | str) -> AgentExecution:
        """The execution that will answer, to be followed while it does.

        Raises:
            CircuitBreakerError: As :meth:`chat`, before anything is asked.
        """
        asked = request if isinstance(request, ChatRequest) else ChatRequest(request)
        definition = await self.agents.definition(self.id)
        if definition.type != "conversational":
            raise InvalidAgentType(
                f"agent '{self.id}' is of type '{definition.type}', which is no conversational one",
                remedy="talk to a case of its workflow",
            )
        named = {name: value for name, value in asked.context.items() if name in definition.inputs}
        conversation = asked.conversation_id
        if not conversation and definition.memory is not None:
            conversation = await self._conversation(asked)
        return await self.agents.start(
            self.id,
            {**named, "message": asked.message},
            context=asked.around() or None,
            conversation=conversation,
            key=asked.key,
            overrides=self.overrides or None,
        )

    @asynccontextmanager
    async def decided(self, execution_id: str, decision: Any, *, by: str = "") -> AsyncIterator[AgentExecution]:
        """The execution that goes on with what a person has decided, to be followed inside of the block.

        Raises:
            CircuitBreakerError: As :meth:`approve`.
        """
        yield await self.agents.approve(execution_id, decision, by=by)

    async def _conversation(self, asked: ChatRequest) -> str:
        async with self._beginning:
            if not self.conversation_id:
                self.conversation_id = await self._begun(asked)
        return self.conversation_id

    async def _begun(self, asked: ChatRequest) -> str:
        begun = await self.agents.conversations.create(self.id, context=asked.around())
        return begun.id
