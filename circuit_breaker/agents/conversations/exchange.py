"""The exchange of conversations: what is exported, looked at closely when it comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from circuit_breaker.agents.conversations.conversation import Conversation, ConversationTurn
from circuit_breaker.errors import DataInvalid
from circuit_breaker.llm.tokens import count_tokens
from circuit_breaker.llm.units import Counted, Unit, with_message

__all__ = ["exported", "restored"]

FORMAT: Final = 1
_REMEDY: Final = "give what export() has made"


def exported(conversation: Conversation, turns: Sequence[ConversationTurn]) -> dict[str, Any]:
    """The conversation as a JSON document, with all that was said in it."""
    return {
        "circuit_breaker": FORMAT,
        "conversation": attrs.evolve(conversation, holder="").to_document(),
        "turns": [turn.to_document() for turn in turns],
    }


def restored(document: Any) -> tuple[Conversation, list[ConversationTurn]]:
    """The conversation that was exported, and its turns.

    Raises:
        DataInvalid: Something is wrong with it.
    """
    if not isinstance(document, Mapping) or document.get("circuit_breaker") != FORMAT:
        raise DataInvalid("the document is no conversation of this form", remedy=_REMEDY)
    if not isinstance(document.get("conversation"), Mapping) or not isinstance(document.get("turns"), list):
        raise DataInvalid("the document has no conversation, or no turns", remedy=_REMEDY)
    conversation = attrs.evolve(Conversation.from_document(document["conversation"]), holder="")
    turns = [ConversationTurn.from_document(turn) for turn in document["turns"]]
    _check(conversation, turns)
    return conversation, turns


def _check(conversation: Conversation, turns: Sequence[ConversationTurn]) -> None:
    if [turn.number for turn in turns] != list(range(conversation.cleared + 1, conversation.turns + 1)):
        raise DataInvalid("the turns of the conversation are not complete", remedy=_REMEDY)
    place = turns[0].first if turns else conversation.messages
    for turn in turns:
        if turn.first != place:
            raise DataInvalid(f"turn {turn.number} of the conversation does not follow the one before", remedy=_REMEDY)
        place += len(turn.messages)
        _check_calls(turn)
    if place != conversation.messages:
        raise DataInvalid(f"the conversation has {place} messages, not {conversation.messages}", remedy=_REMEDY)


def _check_calls(turn: ConversationTurn) -> None:
    """Nothing, when each result of a tool belongs to a call of the same turn, and each call has one."""
    units: tuple[Unit, ...] = ()
    for message in turn.messages:
        units = with_message(units, Counted(message, count_tokens(message)))
    given = {result.call_id for message in turn.messages for result in message.tool_results}
    if left := [call.id for message in turn.messages for call in message.tool_calls if call.id not in given]:
        raise DataInvalid(f"turn {turn.number}: the call '{left[0]:.60}' of a tool has no result", remedy=_REMEDY)
