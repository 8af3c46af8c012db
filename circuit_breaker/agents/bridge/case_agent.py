"""An agent to talk to of which each conversation is a case of a workflow."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, ClassVar, Self

from circuit_breaker.agents.bridge.recalling import recalled
from circuit_breaker.agents.chat import ChatRequest, Partner, asking_in
from circuit_breaker.agents.conversations.conversation import check_conversation_id
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.data import thaw
from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.ids import new_id
from circuit_breaker.errors import (
    AgentError,
    CaseExists,
    ConversationNotFound,
    InvalidAgentType,
)
from circuit_breaker.workflow import Case

__all__ = ["CaseAgent"]


class CaseAgent(Partner):
    """An agent to talk to, of which each conversation is a case.

    A conversation goes on under the definition that it began with, whatever is deployed later: the storage keeps it.

    Args:
        engine: The engine of workflows, open.
        agents: The engine of agents, open.
        id: The agent.
        conversation_id: As for a :class:`Partner`; it is the id of the case.
        overrides: As for a :class:`Partner`.
    """

    kind: ClassVar[str] = ""

    def __init__(
        self,
        engine: Engine,
        agents: AgentEngine,
        id: str,  # noqa: A002 - the word of the field
        *,
        conversation_id: str = "",
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(agents, id, conversation_id=conversation_id, overrides=overrides)
        self.engine = engine

    @classmethod
    async def deploy(
        cls,
        engine: Engine,
        agents: AgentEngine,
        definition: AgentDefinition | str,
        *,
        conversation_id: str = "",
        overrides: Mapping[str, Any] | None = None,
    ) -> Self:
        """The agent, which is registered now and can be talked to.

        Args:
            engine: The engine of workflows.
            agents: The engine of agents.
            definition: The agent, or the id of one that is registered: after a restart.
            conversation_id: The conversation that goes on.
            overrides: Members of ``llm_config``, or ``llm_provider``, for all that is said.

        Raises:
            InvalidAgentType: It is of another type.
            AgentInvalid: Something is wrong with it; every fault is named.
            AgentNotFound: There is no such agent.
        """
        known = await agents.definition(definition) if isinstance(definition, str) else definition
        if known.type != cls.kind:
            raise InvalidAgentType(
                f"agent '{known.id}' is of type '{known.type}'", remedy=f"give one of type '{cls.kind}'"
            )
        made = cls(engine, agents, known.id, conversation_id=conversation_id, overrides=overrides)
        await made._prepared(known)
        if not isinstance(definition, str):
            await agents.register(known)
        return made

    async def case(self) -> Case:
        """The case of the conversation, as it stands.

        Raises:
            CaseNotFound: Nothing was said yet.
        """
        return await self.engine.get(self.conversation_id)

    @asynccontextmanager
    async def turn(self, request: ChatRequest | str) -> AsyncIterator[AgentExecution]:
        """The execution that answers, to be followed inside of the block; the case goes on meanwhile.

        Raises:
            CircuitBreakerError: As :meth:`chat`.
        """
        asked = request if isinstance(request, ChatRequest) else ChatRequest(request)
        conversation_id = asked.conversation_id or self.conversation_id or new_id()
        check_conversation_id(conversation_id)  # first: no case may begin of which there can be no conversation
        self.conversation_id = conversation_id
        case = await self._opened(asked)
        await self._check_decided(asked)
        async with self._answering(case, asked) as execution:
            yield execution

    @asynccontextmanager
    async def decided(self, execution_id: str, decision: Any, *, by: str = "") -> AsyncIterator[AgentExecution]:
        """The execution that goes on with what a person has decided, to be followed inside of the block.

        Raises:
            CircuitBreakerError: As :meth:`approve`.
        """
        execution = await self.agents.approve(execution_id, decision, by=by)
        self.conversation_id = execution.conversation_id
        case = await recalled(self.engine, self.conversation_id)
        async with self._going_on(case, execution) as found:
            yield found

    async def _opened(self, asked: ChatRequest) -> Case:
        """The case, and beside it what was said; both are begun where there are none."""
        data = thaw(asked.context) if self.kind == "workflow" else {}
        try:
            case = await self.engine.start(await self._workflow(), id=self.conversation_id, data=data)
        except CaseExists:
            case = await recalled(self.engine, self.conversation_id)
        try:
            await self.agents.conversations.get(case.id)
        except ConversationNotFound:
            await self.agents.conversations.create(self.id, id=case.id)
        return case

    async def _check_decided(self, asked: ChatRequest) -> None:
        """Nothing, unless a person must decide first about something else that was said.

        Raises:
            AgentError: Somebody must.
        """
        found = await asking_in(self.agents, self.conversation_id)
        if found is None or await self._was_said(asked):
            return
        calls = ", ".join(call["name"] for call in found.approval["calls"])
        raise AgentError(
            f"conversation '{self.conversation_id}' waits for a yes or no to {calls} of execution '{found.id}'",
            remedy="decide with approve(await agent.waiting(), ...), then say it again",
        )

    async def _was_said(self, asked: ChatRequest) -> bool:
        """Whether the message came before, so that what became of it is only given again."""
        known = self.agents.store.every(conversation=self.conversation_id)
        return bool(asked.key) and self._said_as(asked.key) in [self._key_of(one) async for one in known]

    @abstractmethod
    async def _prepared(self, definition: AgentDefinition) -> None:
        """What the agent needs is there."""

    @abstractmethod
    async def _workflow(self) -> str:
        """The name of the workflow."""

    def _said_as(self, key: str) -> str:
        """The key of a message as its execution has it."""
        return key

    @abstractmethod
    def _key_of(self, execution: AgentExecution) -> str:
        """The key of the message that an execution answers."""

    @abstractmethod
    def _answering(self, case: Case, asked: ChatRequest) -> AbstractAsyncContextManager[AgentExecution]:
        """The execution that answers, while the case goes on."""

    @abstractmethod
    def _going_on(self, case: Case, execution: AgentExecution) -> AbstractAsyncContextManager[AgentExecution]:
        """The execution about which a person has decided, while the case goes on."""
