"""A conversation with agents, and one turn of it: values, and the documents that they are kept and exported as."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Self

import attrs

from circuit_breaker.data import EMPTY, Data, freeze_optional, thaw
from circuit_breaker.errors import DataInvalid
from circuit_breaker.llm.documents import messages_from_document, to_document
from circuit_breaker.llm.messages import ChatMessage, user
from circuit_breaker.llm.parts import Text, ToolCall, ToolResult
from circuit_breaker.llm.several import texts_of

__all__ = ["Conversation", "ConversationTurn", "as_markdown", "check_conversation_id", "heard", "title_of"]

_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}")
_LONGEST_TITLE: Final = 60


def _object(value: Any) -> Data:
    return freeze_optional(value, where="conversation")


def check_conversation_id(value: Any) -> None:
    """Nothing, when a conversation can have that id.

    Raises:
        DataInvalid: It cannot.
    """
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise DataInvalid(
            f"{value!r:.60} is no id of a conversation",
            remedy="use letters, digits, '_', '.', ':' and '-', at most 100",
        )


def _id(_: Any, __: Any, value: Any) -> None:
    check_conversation_id(value)


@attrs.frozen(kw_only=True)
class Conversation:
    """A conversation as it stands. Immutable; a change is a new value.

    Attributes:
        id: Its id.
        agent_id: With whom it began.
        title: What people call it; the beginning of what was said first unless given.
        context: For whom and where: what every execution in it is given, as :class:`ExecutionContext` has it.
        metadata: Whatever else belongs to it, as JSON.
        agents: Who has taken part.
        turns: The number of the last turn.
        cleared: The number of the last turn that was cleared away.
        messages: How many messages its turns have had, those that were cleared away included.
        summary: What is known of what a model is not shown any more.
        summarised: How many messages, from the first one on, that covers.
        holder: The execution whose turn it is or was.
        created_at: When it began (UTC).
        updated_at: When it was said last in it, or it was changed (UTC).
    """

    id: str = attrs.field(validator=_id)
    agent_id: str
    title: str = ""
    context: Data = attrs.field(default=EMPTY, converter=_object)
    metadata: Data = attrs.field(default=EMPTY, converter=_object)
    agents: tuple[str, ...] = attrs.field(default=(), converter=texts_of)
    turns: int = 0
    cleared: int = 0
    messages: int = 0
    summary: str = ""
    summarised: int = 0
    holder: str = ""
    created_at: datetime
    updated_at: datetime

    def to_document(self) -> dict[str, Any]:
        """The conversation as a JSON object, without what was said."""
        document = {name: thaw(getattr(self, name)) for name in attrs.fields_dict(Conversation)}
        moments = {name: document[name].isoformat() for name in ("created_at", "updated_at")}
        return document | moments | {"agents": list(self.agents)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The conversation that :meth:`to_document` wrote.

        Raises:
            DataInvalid: It is none.
        """
        try:
            known = {name: value for name, value in document.items() if name in attrs.fields_dict(Conversation)}
            moments = {name: datetime.fromisoformat(known[name]) for name in ("created_at", "updated_at")}
            return cls(**known | moments)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, DataInvalid):
                raise
            raise DataInvalid(f"the document is no conversation: {error!r:.200}") from error

    def after(self, turn: ConversationTurn) -> Self:
        """The conversation once that turn is over."""
        agents: Any = dict.fromkeys((*self.agents, turn.agent_id))
        return attrs.evolve(
            self,
            turns=turn.number,
            messages=turn.first + len(turn.messages),
            agents=agents,
            title=self.title or title_of(turn.messages),
            updated_at=turn.at,
        )


@attrs.frozen(kw_only=True)
class ConversationTurn:
    """What was said in one execution: all of it, or it is not there.

    Attributes:
        number: Counted from 1.
        first: How many messages were before.
        agent_id: Who answered.
        execution_id: In which execution; its events tell the rest.
        messages: What was asked, which tools were called, what they gave, and the answer.
        at: When it was over (UTC).
    """

    number: int
    first: int
    agent_id: str
    execution_id: str
    messages: tuple[ChatMessage, ...] = attrs.field(converter=tuple)
    at: datetime

    def to_document(self) -> dict[str, Any]:
        """The turn as a JSON object."""
        document = {name: getattr(self, name) for name in attrs.fields_dict(ConversationTurn)}
        return document | {"messages": to_document(list(self.messages)), "at": self.at.isoformat()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The turn that :meth:`to_document` wrote.

        Raises:
            DataInvalid: It is none.
        """
        try:
            members = {name: document[name] for name in attrs.fields_dict(ConversationTurn)}
            messages = messages_from_document(thaw(members["messages"]))
            return cls(**members | {"messages": messages, "at": datetime.fromisoformat(members["at"])})
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, DataInvalid):
                raise
            raise DataInvalid(f"the document is no turn of a conversation: {error!r:.200}") from error


def title_of(messages: Iterable[ChatMessage]) -> str:
    """The beginning of what a person said first."""
    said = next((message.content for message in messages if message.role == "user"), "")
    line = " ".join(said.split())
    return line if len(line) <= _LONGEST_TITLE else f"{line[: _LONGEST_TITLE - 1]}…"


VOICE: Final = "voice"
"""The key of an agent's metadata that says what the ids begin with of all agents that speak as one."""


def heard(turn: ConversationTurn, agent_id: str, *, voice: str = "") -> Iterator[tuple[int, ChatMessage]]:
    """What an agent is shown of a turn: each message with its place in the conversation.

    What another agent said is told as said by that one, and the tools that it called are left out.

    Args:
        turn: The turn.
        agent_id: The agent.
        voice: What the ids begin with of those that speak as one with it; empty for itself alone.
    """
    own = turn.agent_id == agent_id or bool(voice and turn.agent_id.startswith(voice))
    for place, message in enumerate(turn.messages, turn.first):
        if own or message.role == "user":
            yield place, message
        elif message.role == "assistant" and message.content:
            yield place, user(f"[{turn.agent_id} said] {message.content}")


def as_markdown(conversation: Conversation, turns: Sequence[ConversationTurn]) -> str:
    """The conversation for people to read."""
    lines = [f"# {conversation.title or conversation.id}", ""]
    if conversation.cleared:
        lines += [f"*{conversation.cleared} turns were cleared away.*", ""]
    for turn in turns:
        for message in turn.messages:
            lines += _paragraphs(message, turn)
    return "\n".join(lines)


def _paragraphs(message: ChatMessage, turn: ConversationTurn) -> Iterator[str]:
    who = {"user": "You", "assistant": turn.agent_id}.get(message.role)
    if who is not None and message.content:
        yield from (f"**{who}** ({turn.at:%Y-%m-%d %H:%M})", "", message.content, "")
    for part in message.parts:
        if isinstance(part, ToolCall):
            yield from (f"- called `{part.name}` with `{part.arguments}`", "")
        elif isinstance(part, ToolResult):
            yield from (f"- `{part.name}` {'failed' if part.is_error else 'gave'}: `{_short(part.content)}`", "")
        elif not isinstance(part, Text) and message.role == "user":
            yield from (f"- *{type(part).__name__.lower()}*", "")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else f"{line[:200]}…"
