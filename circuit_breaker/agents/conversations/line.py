"""The line before a conversation: one execution at a time has its turn in it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from itertools import takewhile
from typing import Final

import attrs

from circuit_breaker.agents.conversations.conversation import Conversation
from circuit_breaker.agents.conversations.records import ConversationRecords
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.roster import Roster
from circuit_breaker.agents.store import AgentStore
from circuit_breaker.errors import AgentError, AgentExecutionNotFound, VersionConflict

__all__ = ["ConversationLine"]

_DEEPEST: Final = 100


@attrs.frozen(eq=False)
class ConversationLine:
    """Lets executions into their conversations, in the order in which they came to this process.

    Who has the turn is written in the conversation, so that it holds for all processes and after a crash. The turn
    needs no end of its own: it is over when the execution is.

    Attributes:
        records: Where conversations are kept.
        store: Who knows the executions.
        roster: The executions that this process carries out.
        poll: Seconds between two looks.
    """

    records: ConversationRecords
    store: AgentStore
    roster: Roster
    poll: float
    _waiting: dict[str, dict[str, asyncio.Event]] = attrs.field(factory=dict)

    async def enter(self, execution: AgentExecution) -> Conversation:
        """The conversation, once it is the turn of this execution in it.

        Raises:
            ConversationNotFound: There is no such conversation.
            AgentError: The execution waits for one that waits for it.
        """
        line = self._waiting.setdefault(execution.conversation_id, {})
        line[execution.id] = asyncio.Event()
        try:
            while (conversation := await self._entered(execution, next(iter(line)))) is None:
                await self._pause(execution, line)
            return conversation
        finally:
            line.pop(execution.id).set()
            if not line:
                self._waiting.pop(execution.conversation_id, None)

    async def enters(self, execution: AgentExecution) -> bool:
        """Whether it is the turn of the execution now, and nobody waits who came before.

        Raises:
            ConversationNotFound: There is no such conversation.
            AgentError: The execution waits for one that waits for it.
        """
        line = self._waiting.get(execution.conversation_id, {})
        return await self._entered(execution, next(iter(line), execution.id)) is not None

    async def _entered(self, execution: AgentExecution, first: str) -> Conversation | None:
        record = await self.records.record(execution.conversation_id)
        conversation = Conversation.from_document(record.document)
        if conversation.holder == execution.id:
            return conversation
        if first != execution.id or await self.is_taken(conversation):
            await self._check_ring(execution, conversation.holder)
            return None
        held = attrs.evolve(conversation, holder=execution.id)
        try:
            await self.records.keep(held, expected=record.version)
        except VersionConflict:
            return None
        return held

    async def is_taken(self, conversation: Conversation) -> bool:
        """Whether an execution has its turn, which is not over."""
        try:
            return bool(conversation.holder) and not (await self.store.written(conversation.holder)).ended
        except AgentExecutionNotFound:
            return False

    async def _check_ring(self, execution: AgentExecution, holder: str) -> None:
        above = execution
        for _ in range(_DEEPEST):
            if not above.parent_id:
                return
            if above.parent_id == holder:
                raise AgentError(
                    f"execution '{execution.id}' waits for its turn in a conversation until '{holder}' is over, "
                    "which waits for it",
                    remedy="give it another conversation, or none",
                )
            above = await self.store.written(above.parent_id)

    async def _pause(self, execution: AgentExecution, line: Mapping[str, asyncio.Event]) -> None:
        """Waits until whoever came before has left the line, or else until the turn may be over."""
        if ahead := list(takewhile(lambda one: one != execution.id, line)):
            await line[ahead[-1]].wait()
            return
        post = self.roster.get((await self.records.get(execution.conversation_id)).holder)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.poll):
                await (asyncio.sleep(self.poll) if post is None else post.tail.over())
