"""Pairing: every call of a tool has exactly one result, which stands right after it, and an id of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

import attrs

from circuit_breaker.llm.messages import ChatMessage, Role
from circuit_breaker.llm.names import Names
from circuit_breaker.llm.parts import EXTRA, Part, Thinking, ToolCall, ToolResult
from circuit_breaker.llm.placed import Placed, Told

__all__ = ["INTERRUPTED", "paired", "sorted_by_role"]

INTERRUPTED: Final = (
    "The call was interrupted before it gave a result. It may or may not have taken effect: check before calling again."
)
"""What stands for a result that never came."""


def sorted_by_role(messages: Iterable[Placed], told: Told) -> list[Placed]:
    """The messages with results in those of tools only, and calls and thoughts in those of the model only.

    A message that holds several of these becomes several.
    """
    return [part for one in messages for part in _sorted(one, told)]


def _sorted(one: Placed, told: Told) -> Iterator[Placed]:
    message = one.message
    owned = [(_role(part, message.role), part) for part in message.parts]
    if all(role == message.role for role, _ in owned):
        yield one
        return
    for role, group in groupby(owned, key=lambda pair: pair[0]):
        parts = tuple(part for _, part in group)
        if role is None:
            told.note(one.at, "tool_calls", "dropped", "only the model calls tools")
        else:
            yield Placed(one.at, attrs.evolve(message, role=role, parts=parts, extra=_extra(message, role)))


def _extra(message: ChatMessage, role: Role) -> Mapping[str, Any]:
    return message.extra if role == message.role else EXTRA


def _role(part: Part, role: Role) -> Role | None:
    """Who says the part; None where nobody may."""
    if isinstance(part, ToolResult):
        return "tool"
    if isinstance(part, (ToolCall, Thinking)):
        return "assistant" if role == "assistant" else None
    return "user" if role == "tool" else role


@attrs.define(eq=False)
class _Slot:
    """A call, and the place for its result.

    Attributes:
        call: The call.
        at: Where its message stood.
        id: The id that both get.
        result: What the tool gave, with the message that it was in.
    """

    call: ToolCall
    at: int
    id: str = ""
    result: tuple[Placed, ToolResult] | None = None


def paired(messages: Sequence[Placed], told: Told, *, longest: int, other: re.Pattern[str]) -> list[Placed]:
    """The conversation with every call answered, in the order of the calls, for some vendors go by that alone.

    A call without a result is told to have been interrupted; a result without a call is left out. Ids are unique, no
    longer than may be, and without what may not be in them.
    """
    slots = {
        number: [_Slot(call, one.at) for call in one.message.tool_calls]
        for number, one in enumerate(messages)
        if one.message.tool_calls
    }
    if not slots and not any(one.message.tool_results for one in messages):
        return list(messages)
    _fill(messages, slots, told)
    _identify([slot for several in slots.values() for slot in several], longest, other)
    found: list[Placed] = []
    for number, one in enumerate(messages):
        if number in slots:
            found.append(_called(one, slots[number]))
            found.extend(_answered(slots[number], told))
        elif one.message.role != "tool" or not one.message.tool_results:
            found.append(one)
    return found


def _fill(messages: Sequence[Placed], slots: Mapping[int, list[_Slot]], told: Told) -> None:
    """Puts each result into the slot of its call."""
    waiting: dict[str, list[tuple[int, _Slot]]] = {}
    for number, one in enumerate(messages):
        for slot in slots.get(number, ()):
            waiting.setdefault(slot.call.id, []).append((number, slot))
        for result in one.message.tool_results:
            home = _home(result, waiting)
            if home is None:
                told.note(one.at, "tool_results", "dropped", "a result of no call, or a second one of the same")
            else:
                home.result = (one, result)


def _home(result: ToolResult, waiting: dict[str, list[tuple[int, _Slot]]]) -> _Slot | None:
    """The call that a result is of, which waits no longer: of the latest message that has one, the first."""
    if result.call_id:
        calls = waiting.get(result.call_id, [])
    else:
        calls = [pair for several in waiting.values() for pair in several if result.name in ("", pair[1].call.name)]
    if not calls:
        return None
    latest = max(number for number, _ in calls)
    home = next(pair for pair in calls if pair[0] == latest)
    waiting[home[1].call.id].remove(home)
    return home[1]


def _identify(slots: Iterable[_Slot], longest: int, other: re.Pattern[str]) -> None:
    """Gives each call an id of its own; one that may stay as it is does."""
    slots = list(slots)
    ids = Names((slot.call.id for slot in slots if slot.call.id), other=other, longest=longest)
    used: set[str] = set()
    for slot in slots:
        wanted = slot.call.id or "call"
        slot.id, number = ids.vendor(wanted), 1
        while slot.id in used:
            number += 1
            slot.id = ids.vendor(f"{wanted}_{number}")
        used.add(slot.id)


def _called(one: Placed, slots: Sequence[_Slot]) -> Placed:
    """The message with the new ids, and no thought after a call: the vendors want what was thought first."""
    calls = iter(slots)
    parts = [_named(next(calls)) if isinstance(part, ToolCall) else part for part in one.message.parts]
    first = next(number for number, part in enumerate(parts) if isinstance(part, ToolCall))
    late = [part for part in parts[first:] if isinstance(part, Thinking)]
    if late:
        parts = [*parts[:first], *late, *(part for part in parts[first:] if not isinstance(part, Thinking))]
    if tuple(parts) == one.message.parts:
        return one
    return Placed(one.at, attrs.evolve(one.message, parts=tuple(parts)))


def _named(slot: _Slot) -> ToolCall:
    return slot.call if slot.call.id == slot.id else attrs.evolve(slot.call, id=slot.id)


def _answered(slots: Sequence[_Slot], told: Told) -> Iterator[Placed]:
    """The messages with the results: as many as they came in, and those that never came in one of their own."""
    for _, group in groupby(slots, key=lambda slot: id(slot.result and slot.result[0])):
        several = list(group)
        first = several[0]
        source = first.result[0] if first.result else Placed(first.at, ChatMessage("tool"))
        parts = tuple(map(_result, several))
        same = parts == source.message.parts
        yield source if same else Placed(source.at, attrs.evolve(source.message, parts=parts))
        if first.result is None:
            names = ", ".join(f"'{slot.call.name}'" for slot in several)
            told.note(first.at, "tool_calls", "changed", f"no result of {names}: it is told that it was interrupted")


def _result(slot: _Slot) -> ToolResult:
    if slot.result is None:
        return ToolResult(call_id=slot.id, name=slot.call.name, content=INTERRUPTED, is_error=True)
    result = slot.result[1]
    if (result.call_id, result.name) == (slot.id, slot.call.name):
        return result
    return attrs.evolve(result, call_id=slot.id, name=slot.call.name)
