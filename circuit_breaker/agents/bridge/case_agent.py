"""An agent to talk to of which each conversation is a case of a workflow."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from hashlib import sha256
from typing import Any, ClassVar, Self

from circuit_breaker.agents.bridge.recalling import recalled
from circuit_breaker.agents.chat import ChatRequest, Partner
from circuit_breaker.agents.context import LONGEST_KEY, ExecutionContext
from circuit_breaker.agents.conversations.conversation import check_conversation_id
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.engine.engine import Engine
from circuit_breaker.errors import CaseExists, InvalidAgentType
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
        conversation_id = asked.conversation_id or self.conversation_id or self._first_id(asked)
        check_conversation_id(conversation_id)  # first: no case may begin of which there can be no conversation
        ExecutionContext.from_document(asked.around())
        self.conversation_id = conversation_id
        case = await self._opened(asked)
        await self._check_decided(case.id, asked)
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
        try:
            case = await self.engine.start(await self._workflow(), id=self.conversation_id, data=self._data(asked))
        except CaseExists:
            case = await recalled(self.engine, self.conversation_id)
        await self._keep(case.id, asked)
        return case

    async def _was_said(self, conversation_id: str, asked: ChatRequest) -> bool:
        known = self.agents.store.every(conversation=conversation_id)
        return self._said_as(asked.key) in [self._key_of(one) async for one in known]

    @abstractmethod
    async def _prepared(self, definition: AgentDefinition) -> None:
        """What the agent needs is there."""

    @abstractmethod
    async def _workflow(self) -> str:
        """The name of the workflow."""

    def _data(self, asked: ChatRequest) -> dict[str, Any]:
        """The data that the case begins with."""
        del asked
        return {}

    def _said_as(self, key: str) -> str:
        """The key of a message as its execution has it."""
        # executions are found by it, which they are not by a longer text
        return key if len(key) <= LONGEST_KEY else sha256(key.encode(errors="surrogatepass")).hexdigest()

    @abstractmethod
    def _key_of(self, execution: AgentExecution) -> str:
        """The key of the message that an execution answers."""

    @abstractmethod
    def _answering(self, case: Case, asked: ChatRequest) -> AbstractAsyncContextManager[AgentExecution]:
        """The execution that answers, while the case goes on."""

    @abstractmethod
    def _going_on(self, case: Case, execution: AgentExecution) -> AbstractAsyncContextManager[AgentExecution]:
        """The execution about which a person has decided, while the case goes on."""
