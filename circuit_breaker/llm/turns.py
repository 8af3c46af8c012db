"""Turns: who may speak after whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from circuit_breaker.llm.messages import ChatMessage, user
from circuit_breaker.llm.parts import Thinking
from circuit_breaker.llm.placed import Placed, Told

__all__ = ["taking_turns"]

BEGIN: Final = "(The conversation goes on.)"
"""What the user says where the conversation begins with the model, and the vendor wants the user to begin."""

GO_ON: Final = "Go on."
"""What the user says where the model spoke last, and the vendor wants the user to."""


def taking_turns(
    messages: Iterable[Placed], told: Told, *, system_first: bool, alternating: bool, user_last: bool
) -> list[Placed]:
    """The messages without empty ones, in the turns that are wanted.

    Args:
        messages: The conversation.
        told: Told of what is moved and added.
        system_first: Whether what the model is told to be stands before everything else.
        alternating: Whether the user begins, and messages of one who speaks several times in a row become one.
        user_last: Whether the user, or a tool, is to have spoken last.
    """
    found = [one for one in messages if _says_something(one.message)]
    if system_first:
        found = _system_first(found, told)
    if alternating:
        found = _begun_by_user(_merged(found), told)
    if user_last and found and found[-1].message.role == "assistant" and not _paused(found[-1].message):
        told.note(found[-1].at, "role", "changed", "the user has to speak last, and is taken to say: go on")
        found.append(Placed(found[-1].at, user(GO_ON)))
    return found


def _says_something(message: ChatMessage) -> bool:
    """Whether there is more in it than thoughts: no vendor takes these alone, unless they are its own affair."""
    told = any(not isinstance(part, Thinking) or part.redacted for part in message.parts)
    return told or bool(message.extra and not message.parts)


def _paused(message: ChatMessage) -> bool:
    """Whether it ends with a block that only the vendor can read: it was in the middle of a tool of its own."""
    last = message.parts[-1]
    return isinstance(last, Thinking) and (last.redacted or "").startswith("{")


def _is_system(one: Placed) -> bool:
    return one.message.role == "system"


def _system_first(messages: Sequence[Placed], told: Told) -> list[Placed]:
    """What the model is told to be, and then the rest: a later instruction keeps its weight and loses its place."""
    first = next((number for number, one in enumerate(messages) if not _is_system(one)), len(messages))
    for one in filter(_is_system, messages[first:]):
        told.note(one.at, "role", "changed", "what the model is told to be stands first: the message was moved there")
    return sorted(messages, key=lambda one: not _is_system(one))


def _merged(messages: Iterable[Placed]) -> list[Placed]:
    """One message for several in a row of the user, or of the model."""
    found: list[Placed] = []
    for role, group in groupby(messages, key=lambda one: one.message.role):
        first, *more = group
        if role not in ("user", "assistant"):
            found.extend((first, *more))
        elif more:
            found.append(Placed(first.at, first.message.plus(*(part for one in more for part in one.message.parts))))
        else:
            found.append(first)
    return found


def _begun_by_user(messages: list[Placed], told: Told) -> list[Placed]:
    first = next((number for number, one in enumerate(messages) if not _is_system(one)), len(messages))
    if first < len(messages) and messages[first].message.role == "user":
        return messages
    at = messages[first].at if first < len(messages) else 0
    told.note(at, "role", "changed", "the user has to begin, and is taken to say that the conversation goes on")
    return [*messages[:first], Placed(at, user(BEGIN)), *messages[first:]]
