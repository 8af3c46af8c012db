"""The office of conversations: they are begun, read, changed, cleared, exported and removed here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Self

import attrs

from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.agents.conversations.conversation import Conversation, ConversationTurn, as_markdown, title_of
from circuit_breaker.agents.conversations.exchange import exported, restored
from circuit_breaker.agents.conversations.line import ConversationLine
from circuit_breaker.agents.conversations.recollection import Recollection
from circuit_breaker.agents.conversations.records import ConversationRecords
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.identity import is_text
from circuit_breaker.agents.ports import AgentStorage
from circuit_breaker.agents.roster import Roster
from circuit_breaker.agents.store import AgentStore
from circuit_breaker.data import thaw
from circuit_breaker.engine.ids import new_id
from circuit_breaker.engine.ports import Clock
from circuit_breaker.engine.records import Record
from circuit_breaker.errors import AgentError, AgentNotFound, ConversationNotFound, DataInvalid

__all__ = ["Conversations"]

Conceal = Callable[[AgentDefinition, str, Any], Any]


def _as_it_is(_: AgentDefinition, __: str, value: Any) -> Any:
    return value


@attrs.frozen(eq=False)
class Conversations:
    """The conversations of an engine of agents, as ``agents.conversations``.

    Attributes:
        store: Who knows agents and executions.
        records: Where conversations are kept.
        line: Who knows whose turn it is.
        recollection: Who remembers for agents.
        clock: The time.
        conceal: Gives what is kept of a JSON value, by the agent and the id of the conversation.
    """

    store: AgentStore
    records: ConversationRecords
    line: ConversationLine
    recollection: Recollection
    clock: Clock
    conceal: Conceal = _as_it_is

    @classmethod
    def over(
        cls,
        storage: AgentStorage,
        store: AgentStore,
        clock: Clock,
        *,
        roster: Roster | None = None,
        poll: float = 0.25,
        conceal: Conceal = _as_it_is,
    ) -> Self:
        """The conversations of a storage.

        Args:
            storage: Where everything is kept.
            store: Who knows agents and executions.
            clock: The time.
            roster: The executions that this process carries out.
            poll: Seconds between two looks at a conversation in which somebody else has the turn.
            conceal: Gives what is kept of a JSON value, by the agent and the id of the conversation.
        """
        records = ConversationRecords(storage)
        line = ConversationLine(records, store, roster or Roster(), poll)
        return cls(store, records, line, Recollection(records, line, clock, conceal), clock, conceal)

    async def create(
        self,
        agent_id: str,
        *,
        id: str = "",  # noqa: A002 - the word of the field
        title: str = "",
        context: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Conversation:
        """A new conversation with an agent.

        Args:
            agent_id: With whom.
            id: Its id; made unless given.
            title: What people call it; the beginning of what is said first unless given.
            context: For whom and where: the context of every execution in it that is given none.
            metadata: Whatever else belongs to it.

        Raises:
            AgentNotFound: There is no such agent.
            AgentError: There is a conversation of that id.
            DataInvalid: The id, the title or the context is none.
        """
        definition = await self.store.get(agent_id)
        _check_title(title)
        now, made = self.clock.now(), id or new_id()
        begun = Conversation(
            id=made,
            agent_id=agent_id,
            title=self.conceal(definition, made, title),
            context=self.conceal(definition, made, ExecutionContext.from_document(context or {}).lasting()),
            metadata=self.conceal(definition, made, dict(metadata or {})),
            created_at=now,
            updated_at=now,
        )
        await self.records.begin(begun)
        return begun

    async def get(self, conversation_id: str) -> Conversation:
        """The conversation as it stands.

        Raises:
            ConversationNotFound: There is none.
        """
        return await self.records.get(conversation_id)

    async def listed(self, *, agent: str = "", after: str = "", limit: int = 100) -> list[Conversation]:
        """The conversations, or those in which an agent has taken part, ordered by id, a page at a time."""
        return await self.records.listed(agent=agent, after=after, limit=limit)

    async def turns(self, conversation_id: str, *, after: int = 0, limit: int | None = None) -> list[ConversationTurn]:
        """The turns whose number is above ``after``, in order; what was cleared away is gone.

        Raises:
            ConversationNotFound: There is no such conversation.
        """
        conversation = await self.get(conversation_id)
        first = max(after, conversation.cleared)
        last = conversation.turns if limit is None else min(conversation.turns, first + limit)
        return [turn async for turn in self.records.turns(conversation, first, last)]

    async def change(
        self, conversation_id: str, *, title: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> Conversation:
        """The conversation with another title or other metadata.

        Raises:
            ConversationNotFound: There is no such conversation.
            DataInvalid: The title or the metadata is none.
            AgentInvalid: Its agent names a guardrail that is not given here.
        """
        if title is not None:
            _check_title(title)
        known = await self.get(conversation_id)
        conceal = await self._concealing(known.id, known.agent_id)
        given = {"title": title, "metadata": metadata}
        changes = {name: conceal(value) for name, value in given.items() if value is not None}
        changes["updated_at"] = self.clock.now()
        return await self.records.change(conversation_id, lambda before: attrs.evolve(before, **changes))

    async def _concealing(self, owner: str, *agent_ids: str) -> Callable[[Any], Any]:
        """Gives what is kept of a value in a conversation: by the first of these agents that is known here."""
        for agent_id in agent_ids:
            with suppress(AgentNotFound):
                return partial(self.conceal, await self.store.get(agent_id), owner)
        return lambda value: value

    async def clear(self, conversation_id: str) -> Conversation:
        """The conversation, in which nothing was said any more: its turns, its summary and the title made of them go.

        Raises:
            ConversationNotFound: There is no such conversation.
            AgentError: An execution has its turn in it.
            VersionConflict: Somebody else has changed it meanwhile.
        """
        record, before = await self._at_rest(conversation_id)
        first = await self.turns(conversation_id, limit=1)
        made = title_of(first[0].messages) if first else ""
        cleared = attrs.evolve(
            before,
            title="" if before.title == made else before.title,
            cleared=before.turns,
            summary="",
            summarised=before.messages,
            updated_at=self.clock.now(),
        )
        await self.records.clear(cleared, expected=record.version)
        return cleared

    async def delete(self, conversation_id: str) -> bool:
        """Whether there was such a conversation, which is gone now, with all that was said in it.

        Raises:
            AgentError: An execution has its turn in it.
            VersionConflict: Somebody else has changed it meanwhile.
        """
        try:
            record, _ = await self._at_rest(conversation_id)
        except ConversationNotFound:
            await self.records.remove(conversation_id, expected=0)
            return False
        await self.records.remove(conversation_id, expected=record.version)
        return True

    async def _at_rest(self, conversation_id: str) -> tuple[Record, Conversation]:
        record = await self.records.record(conversation_id)
        conversation = Conversation.from_document(record.document)
        if await self.line.is_taken(conversation):
            raise AgentError(
                f"execution '{conversation.holder}' has its turn in conversation '{conversation_id}'",
                remedy="wait until it is over, or cancel it",
            )
        return record, conversation

    # For people and other programs

    async def export(self, conversation_id: str) -> dict[str, Any]:
        """The conversation as a JSON document, for :meth:`restore`.

        Raises:
            ConversationNotFound: There is no such conversation.
        """
        return exported(await self.get(conversation_id), await self.turns(conversation_id))

    async def as_markdown(self, conversation_id: str) -> str:
        """The conversation for people to read.

        Raises:
            ConversationNotFound: There is no such conversation.
        """
        return as_markdown(await self.get(conversation_id), await self.turns(conversation_id))

    async def restore(self, document: Any, *, id: str = "") -> Conversation:  # noqa: A002 - the word of the field
        """The conversation that :meth:`export` wrote, kept here from now on.

        What the guardrails of its agents hide is hidden in it, as far as these agents are known here.

        Args:
            document: What it wrote.
            id: An id in place of the one that it had.

        Raises:
            DataInvalid: The document is no conversation; nothing is kept.
            AgentError: There is a conversation of that id.
            AgentInvalid: An agent names a guardrail that is not given here.
        """
        conversation, turns = restored(document)
        if id:
            conversation = attrs.evolve(conversation, id=id)
        conversation = await self._concealed(conversation)
        await self.records.begin(conversation, [await self._concealed_turn(conversation, turn) for turn in turns])
        return conversation

    async def _concealed(self, conversation: Conversation) -> Conversation:
        conceal = await self._concealing(conversation.id, conversation.agent_id)
        kept = {
            name: conceal(thaw(getattr(conversation, name))) for name in ("title", "context", "metadata", "summary")
        }
        return attrs.evolve(conversation, **kept)

    async def _concealed_turn(self, conversation: Conversation, turn: ConversationTurn) -> ConversationTurn:
        conceal = await self._concealing(conversation.id, turn.agent_id, conversation.agent_id)
        return attrs.evolve(turn, messages=map(conceal, turn.messages))


def _check_title(title: Any) -> None:
    if not is_text(title):
        raise DataInvalid(f"title={title!r:.60}: a title is a text", remedy="give a text, or none")
