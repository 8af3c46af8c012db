"""The recollection of agents: what they are shown of a conversation, and what is kept of a turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import attrs
import structlog

from circuit_breaker.agents.conversations.conversation import VOICE, Conversation, ConversationTurn, heard
from circuit_breaker.agents.conversations.line import ConversationLine
from circuit_breaker.agents.conversations.records import ConversationRecords, conversation_put, turn_put
from circuit_breaker.agents.definition import AgentDefinition, AgentMemory
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.engine.ports import Clock
from circuit_breaker.engine.streams import Put
from circuit_breaker.errors import LLMError
from circuit_breaker.llm.documents import to_document
from circuit_breaker.llm.memory import ConversationMemory, Summarize
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.tokens import count_tokens

__all__ = ["Recollection"]

_log = structlog.get_logger(__name__)
_PAGE: Final = 20

Entry = tuple[int, ChatMessage]
"""A message with its place in the conversation."""


Conceal = Callable[[AgentDefinition, str, Any], Any]


def _as_it_is(value: Any) -> Any:
    return value


def _as_it_was(_: AgentDefinition, __: str, value: Any) -> Any:
    return value


@attrs.frozen(eq=False)
class Recollection:
    """Remembers for agents.

    Attributes:
        records: Where conversations are kept.
        line: Who knows whose turn it is.
        clock: The time.
        conceal: Gives what an agent is shown of a message or a text, by the agent and the id of the conversation.
    """

    records: ConversationRecords
    line: ConversationLine
    clock: Clock
    conceal: Conceal = _as_it_was

    async def enters(self, execution: AgentExecution) -> bool:
        """Whether it is the turn of the execution in its conversation, which it keeps until it is over.

        Raises:
            ConversationNotFound: There is no such conversation.
        """
        return await self.line.enters(execution)

    async def enter(self, execution: AgentExecution) -> Conversation:
        """The conversation, once it is the turn of the execution in it.

        Raises:
            ConversationNotFound: There is no such conversation.
        """
        return await self.line.enter(execution)

    async def recall(
        self, definition: AgentDefinition, execution: AgentExecution, summarize: Summarize | None = None
    ) -> Sequence[ChatMessage]:
        """What the agent is shown of what was said before, once it is the turn of this execution.

        Args:
            definition: Of the agent.
            execution: In which it works.
            summarize: Summarises what it is not shown any more, where it is to remember a summary.

        Raises:
            ConversationNotFound: There is no such conversation.
        """
        conversation = await self.line.enter(execution)
        limits = definition.memory
        if limits is None:
            return ()
        shown = partial(self.conceal, definition, conversation.id)
        entries = [(place, shown(message)) for place, message in await self._read(conversation, limits, definition)]
        conversation = attrs.evolve(conversation, summary=shown(conversation.summary))
        empty = ConversationMemory("", limits.tokens, limits.messages, model=definition.model)
        document = empty.export() | _said(conversation, limits, [message for _, message in entries])
        memory = ConversationMemory.restore(
            document, model=definition.model, summarize=summarize if limits.summaries else None
        )
        if memory.usage.waiting:
            await self._condense(conversation, memory, entries, shown)
        return memory.messages

    async def _condense(
        self, conversation: Conversation, memory: ConversationMemory, entries: list[Entry], shown: Callable[[Any], Any]
    ) -> None:
        """Has a summary made, and keeps it: the next turn begins with it, whatever comes of this one.

        Where there is none, the agent is shown what it would be shown without; the next turn tries again.
        """
        try:
            summary = await memory.condense()
        except LLMError as error:
            _log.warning("a conversation is not summarised", conversation=conversation.id, error=shown(error.message))
            return
        place = entries[-len(memory.history)][0]
        await self.records.change(conversation.id, lambda known: attrs.evolve(known, summary=summary, summarised=place))

    async def _read(self, conversation: Conversation, limits: AgentMemory, definition: AgentDefinition) -> list[Entry]:
        """The end of what was said, as far back as it can be of use."""
        begins = conversation.summarised if limits.summaries else 0
        voice = str(definition.metadata.get(VOICE, ""))
        entries: list[Entry] = []
        tokens, last = 0, conversation.turns
        while last > conversation.cleared and (limits.summaries or tokens <= limits.tokens):
            first = max(conversation.cleared, last - _PAGE)
            turns = [turn async for turn in self.records.turns(conversation, first, last)]
            shown = (entry for turn in turns for entry in heard(turn, definition.id, voice=voice))
            page = [entry for entry in shown if entry[0] >= begins]
            entries = page + entries
            tokens += sum(int(count_tokens(message)) for _, message in page)
            last = first
            if turns and turns[0].first <= begins:
                break
        return entries

    async def remember(
        self, execution: AgentExecution, said: Sequence[ChatMessage], conceal: Callable[[Any], Any] = _as_it_is
    ) -> Sequence[Put]:
        """The records to keep in the same step as the end of an execution that has an answer.

        They are good for the conversation as it stands: where somebody changes it before they are kept, they are to be
        asked for again.

        Args:
            execution: Which one.
            said: What was asked, and all that came after it.
            conceal: Gives what is kept in place of a JSON value.

        Raises:
            ConversationNotFound: The conversation is gone.
        """
        record = await self.records.record(execution.conversation_id)
        conversation = Conversation.from_document(record.document)
        document = {
            "number": conversation.turns + 1,
            "first": conversation.messages,
            "agent_id": execution.agent_id,
            "execution_id": execution.id,
            "messages": conceal(to_document(list(said))),
            "at": self.clock.now().isoformat(),
        }
        turn = ConversationTurn.from_document(document)
        return [turn_put(conversation, turn), conversation_put(conversation.after(turn), expected=record.version)]


def _said(conversation: Conversation, limits: AgentMemory, messages: Sequence[ChatMessage]) -> dict[str, Any]:
    """What a memory knows of a conversation, from the summary on."""
    summary = conversation.summary if limits.summaries else ""
    return {"summary": summary, "messages": to_document(_whole(messages))}


def _whole(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The messages without results of tools at the beginning, whose calls are summarised already."""
    calls = {call.id for message in messages for call in message.tool_calls}
    return [
        message
        for message in messages
        if not message.tool_results or all(result.call_id in calls for result in message.tool_results)
    ]
