"""Chat: an agent that was deployed, to talk to."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final

from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.sayings import ChatRequest, ChatResponse, asking_in, context_in
from circuit_breaker.engine.ids import derived_id, new_id
from circuit_breaker.errors import (
    AgentError,
    AgentExecutionNotFound,
    ConversationNotFound,
    InvalidAgentType,
)

__all__ = ["Agent", "ChatRequest", "ChatResponse", "Partner", "asking_in", "context_in"]

_ALWAYS: Final = datetime.fromtimestamp(0, UTC)
"""The moment of ids that have none of their own."""


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

    def _first_id(self, asked: ChatRequest) -> str:
        """The id of the conversation that a message begins, the same each time that it is said under its key."""
        if not asked.key:
            return new_id()
        tenant = asked.around().get("tenant_id") or self.agents.settings.tenant
        return derived_id(_ALWAYS, "conversation", self.id, str(tenant), asked.key)

    async def _keep(self, conversation_id: str, asked: ChatRequest) -> None:
        """Begins the conversation with a message, unless that was done, here or in another process."""
        if await self._is_kept(conversation_id):
            return
        try:
            await self.agents.conversations.create(self.id, id=conversation_id, context=asked.around())
        except AgentError:
            if not await self._is_kept(conversation_id):
                raise

    async def _is_kept(self, conversation_id: str) -> bool:
        with suppress(ConversationNotFound):
            await self.agents.conversations.get(conversation_id)
            return True
        return False

    async def _check_decided(self, conversation_id: str, asked: ChatRequest) -> None:
        """Nothing, unless a person must decide first about something else that was said.

        Raises:
            AgentError: Somebody must.
        """
        found = await asking_in(self.agents, conversation_id)
        if found is None or (asked.key and await self._was_said(conversation_id, asked)):
            return
        calls = ", ".join(call["name"] for call in found.approval["calls"])
        raise AgentError(
            f"conversation '{conversation_id}' waits for a yes or no to {calls} of execution '{found.id}'",
            remedy="decide with approve(await agent.waiting(), ...), then say it again",
        )

    @abstractmethod
    async def _was_said(self, conversation_id: str, asked: ChatRequest) -> bool:
        """Whether a message came before under its key, so that what became of it is only given again."""


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
        if conversation:
            await self._check_decided(conversation, asked)
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
        """The conversation in which a message was said before, or that it begins."""
        if (known := await self._said(asked)) is not None and known.conversation_id:
            return known.conversation_id
        conversation_id = self._first_id(asked)
        await self._keep(conversation_id, asked)
        return conversation_id

    async def _was_said(self, conversation_id: str, asked: ChatRequest) -> bool:
        del conversation_id
        return await self._said(asked) is not None

    async def _said(self, asked: ChatRequest) -> AgentExecution | None:
        """The execution that has begun under the key of a message."""
        known = await self.agents.store.id_of(asked.key) if asked.key else ""
        with suppress(AgentExecutionNotFound):
            return await self.agents.store.written(known) if known else None
        return None
