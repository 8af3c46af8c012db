"""Conversations and their turns among the records of a storage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Final

import attrs

from circuit_breaker.agents.conversations.conversation import Conversation, ConversationTurn
from circuit_breaker.agents.identity import check_page
from circuit_breaker.agents.ports import AgentStorage
from circuit_breaker.engine.records import Record
from circuit_breaker.engine.streams import Gone, Put
from circuit_breaker.errors import AgentError, ConversationNotFound, VersionConflict

__all__ = ["ConversationRecords", "conversation_put", "turn_put"]

CONVERSATION: Final = "conversation"
TURN: Final = "conversation_turn"
_PAGE: Final = 100


@attrs.frozen
class ConversationRecords:
    """Reads and writes conversations.

    Attributes:
        storage: Where they are kept.
    """

    storage: AgentStorage

    async def record(self, conversation_id: str) -> Record:
        """The record of a conversation.

        Raises:
            ConversationNotFound: There is none.
        """
        record = await self.storage.records.get(CONVERSATION, conversation_id)
        if record is None:
            raise ConversationNotFound(f"there is no conversation '{conversation_id:.100}'", remedy="create it")
        return record

    async def get(self, conversation_id: str) -> Conversation:
        """The conversation as it stands.

        Raises:
            ConversationNotFound: There is none.
        """
        return Conversation.from_document((await self.record(conversation_id)).document)

    async def listed(self, *, agent: str = "", after: str = "", limit: int = 100) -> list[Conversation]:
        """The conversations, ordered by id, a page at a time.

        Raises:
            DataInvalid: The limit is none.
        """
        check_page(limit)
        keys = {f"agent.{agent}": "1"} if agent else {}
        records = await self.storage.records.find(CONVERSATION, keys=keys, after=after, limit=limit)
        return [Conversation.from_document(record.document) for record in records]

    async def begin(self, conversation: Conversation, turns: Iterable[ConversationTurn] = ()) -> None:
        """Keeps a new conversation with what was said in it.

        Raises:
            AgentError: There is one of that id.
        """
        put = [*(turn_put(conversation, turn) for turn in turns), conversation_put(conversation, expected=0)]
        try:
            await self._together(conversation.id, put)
        except VersionConflict:
            raise AgentError(f"there is a conversation '{conversation.id}' already", remedy="take another id") from None

    async def keep(self, conversation: Conversation, *, expected: int) -> None:
        """Keeps the conversation in place of a version of its record.

        Raises:
            VersionConflict: Somebody else has changed it.
        """
        put = conversation_put(conversation)
        await self.storage.records.put(put.kind, put.id, put.document, keys=put.keys, expected=expected)

    async def change(self, conversation_id: str, change: Callable[[Conversation], Conversation]) -> Conversation:
        """The conversation after a change, which is made again where somebody else was quicker.

        Raises:
            ConversationNotFound: There is no such conversation.
        """
        while True:
            record = await self.record(conversation_id)
            changed = change(Conversation.from_document(record.document))
            try:
                await self.keep(changed, expected=record.version)
            except VersionConflict:
                continue
            return changed

    async def turns(self, conversation: Conversation, after: int, last: int) -> AsyncIterator[ConversationTurn]:
        """The turns from the one behind ``after`` to the last one, in order."""
        keys = {CONVERSATION: conversation.id}
        while after < last:
            limit = min(_PAGE, last - after)
            start = turn_id(conversation, after)
            page = await self.storage.records.find(TURN, keys=keys, after=start, limit=limit)
            for record in page:
                yield ConversationTurn.from_document(record.document)
            if not page:
                return
            after += len(page)

    async def remove(self, conversation_id: str, *, expected: int) -> None:
        """Removes a conversation and all that was said in it; what is left of one that is gone, too.

        Args:
            conversation_id: Its id.
            expected: The version of its record; 0 where there is none any more.

        Raises:
            VersionConflict: Somebody else has changed it.
        """
        if (turns := await self._turns_gone(conversation_id)) or expected:
            await self._together(conversation_id, [Gone(CONVERSATION, conversation_id, expected=expected), *turns])

    async def clear(self, cleared: Conversation, *, expected: int) -> None:
        """Removes all that was said, and keeps the conversation without it in place of a version of its record.

        Raises:
            VersionConflict: Somebody else has changed it.
        """
        turns = await self._turns_gone(cleared.id)
        await self._together(cleared.id, [conversation_put(cleared, expected=expected), *turns])

    async def _turns_gone(self, conversation_id: str) -> list[Gone]:
        gone: list[Gone] = []
        keys, after = {CONVERSATION: conversation_id}, ""
        while page := await self.storage.records.find(TURN, keys=keys, after=after, limit=_PAGE):
            gone += [Gone(TURN, record.id) for record in page]
            after = page[-1].id
        return gone

    async def _together(self, conversation_id: str, changes: Sequence[Put | Gone]) -> None:
        """Makes all of these changes, or none."""
        await self.storage.streams.append(f"conversation:{conversation_id}", [], after=0, put=changes)


def turn_id(conversation: Conversation, number: int) -> str:
    """The id of a turn among the records: those of a conversation are in order."""
    return f"{conversation.id}/{number:08d}"


def turn_put(conversation: Conversation, turn: ConversationTurn) -> Put:
    """The record of a turn."""
    return Put(TURN, turn_id(conversation, turn.number), turn.to_document(), {CONVERSATION: conversation.id})


def conversation_put(conversation: Conversation, *, expected: int | None = None) -> Put:
    """The record of a conversation in place of a version, which is found by all who have taken part."""
    agents = dict.fromkeys((conversation.agent_id, *conversation.agents))
    keys = {f"agent.{agent_id}": "1" for agent_id in agents}
    return Put(CONVERSATION, conversation.id, conversation.to_document(), keys, expected=expected)
