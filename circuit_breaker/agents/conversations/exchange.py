"""The exchange of conversations: what is exported, looked at closely when it comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import attrs

from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.agents.conversations.conversation import Conversation, ConversationTurn
from circuit_breaker.agents.identity import is_text
from circuit_breaker.errors import DataInvalid
from circuit_breaker.llm.tokens import count_tokens
from circuit_breaker.llm.units import Counted, Unit, with_message

__all__ = ["exported", "restored"]

FORMAT: Final = 1
_REMEDY: Final = "give what export() has made"
_LONGEST_NAME: Final = 400
_MOST: Final = 10_000_000
_MOST_FAULTS: Final = 10


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
        DataInvalid: Something is wrong with it; the first faults are named together.
    """
    if not isinstance(document, Mapping) or document.get("circuit_breaker") != FORMAT:
        raise DataInvalid("the document is no conversation of this form", remedy=_REMEDY)
    if not isinstance(document.get("conversation"), Mapping) or not isinstance(document.get("turns"), list):
        raise DataInvalid("the document has no conversation, or no turns", remedy=_REMEDY)
    if faults := list(_faults(document)):
        more = f"; and {len(faults) - _MOST_FAULTS} more" if len(faults) > _MOST_FAULTS else ""
        raise DataInvalid("; ".join(faults[:_MOST_FAULTS]) + more, remedy=_REMEDY)
    found = Conversation.from_document(document["conversation"])
    conversation = attrs.evolve(found, holder="", context=ExecutionContext.from_document(found.context).lasting())
    turns = [ConversationTurn.from_document(turn) for turn in document["turns"]]
    _check(conversation, turns)
    return conversation, turns


# Each by itself: types and bounds


def _is_name(value: Any) -> bool:
    return is_text(value) and 0 < len(value) <= _LONGEST_NAME


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_name, value))


def _is_number(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MOST


def _is_moment(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


_Fits = tuple[Callable[[Any], bool], str]
_NAME: Final = (_is_name, "no id")
_NUMBER: Final = (_is_number, f"no number from 0 to {_MOST}")
_MOMENT: Final = (_is_moment, "no time with its zone, such as 2026-01-31T12:00:00+00:00")
_TEXT: Final = (is_text, "no text")
_CONVERSATION: Final[Mapping[str, _Fits]] = {
    "agent_id": _NAME,
    "agents": (_are_names, "no list of ids"),
    **dict.fromkeys(("title", "summary"), _TEXT),
    **dict.fromkeys(("turns", "cleared", "messages", "summarised"), _NUMBER),
    **dict.fromkeys(("created_at", "updated_at"), _MOMENT),
}
_TURN: Final[Mapping[str, _Fits]] = {
    "agent_id": _NAME,
    "execution_id": _TEXT,
    **dict.fromkeys(("number", "first"), _NUMBER),
    "at": _MOMENT,
}


def _faults(document: Mapping[str, Any]) -> Iterator[str]:
    yield from _misfits("conversation", document["conversation"], _CONVERSATION)
    for place, turn in enumerate(document["turns"]):
        yield from _misfits(f"turns[{place}]", turn, _TURN)


def _misfits(place: str, given: Any, members: Mapping[str, _Fits]) -> Iterator[str]:
    if not isinstance(given, Mapping):
        yield f"{place}: {given!r:.60} is no object"
        return
    for name, (fits, what) in members.items():
        if name in given and not fits(given[name]):
            yield f"{place}.{name}: {given[name]!r:.60} is {what}"


# All of it together


def _check(conversation: Conversation, turns: Sequence[ConversationTurn]) -> None:
    before = conversation.cleared
    if len(turns) != conversation.turns - before or any(one.number != at for at, one in enumerate(turns, before + 1)):
        raise DataInvalid("the turns of the conversation are not complete", remedy=_REMEDY)
    place = turns[0].first if turns else conversation.messages
    for turn in turns:
        if turn.first != place:
            raise DataInvalid(f"turn {turn.number} of the conversation does not follow the one before", remedy=_REMEDY)
        place += len(turn.messages)
        _check_calls(turn)
    if place != conversation.messages:
        raise DataInvalid(f"the conversation has {place} messages, not {conversation.messages}", remedy=_REMEDY)
    if conversation.summarised > place:
        raise DataInvalid(f"of {place} messages {conversation.summarised} cannot be summarised", remedy=_REMEDY)


def _check_calls(turn: ConversationTurn) -> None:
    """Nothing, when each result of a tool belongs to a call of the same turn, and each call has one."""
    units: tuple[Unit, ...] = ()
    for message in turn.messages:
        units = with_message(units, Counted(message, count_tokens(message)))
    given = {result.call_id for message in turn.messages for result in message.tool_results}
    if left := [call.id for message in turn.messages for call in message.tool_calls if call.id not in given]:
        raise DataInvalid(f"turn {turn.number}: the call '{left[0]:.60}' of a tool has no result", remedy=_REMEDY)
