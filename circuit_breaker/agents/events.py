"""The events of an execution: one union, numbered without a gap, written once and never changed.

The bytes of :func:`encode` are what is kept and what every follower gets, whether he listens live or comes later.
Wire names and keys are the same over every transport.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from circuit_breaker.errors import DataInvalid

__all__ = [
    "AgentEvent",
    "ContentChunk",
    "ErrorEvent",
    "ExecutionComplete",
    "ExecutionStart",
    "Thinking",
    "ToolCallEvent",
    "ToolResultEvent",
    "UsageUpdate",
    "decode",
    "encode",
    "is_last",
    "whole",
]

Ended = Literal["failed", "cancelled", "timed_out"]


class _Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """What every event has.

    Attributes:
        execution_id: Whose event it is.
        sequence: Its number in the execution: 1 for the first, and no gap.
        timestamp: When it happened (UTC).
    """

    execution_id: str
    sequence: int
    timestamp: datetime


class ExecutionStart(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="execution_start"):
    """The execution has begun.

    Attributes:
        agent_id: Who works.
        agent_version: By which version of the definition.
        conversation_id: The conversation that it belongs to, if any.
        parent_id: The execution that wanted it, if any.
    """

    agent_id: str
    agent_version: str
    conversation_id: str = ""
    parent_id: str = ""


class Thinking(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="thinking"):
    """What the agent is about.

    Attributes:
        status: ``"calling_model"``, ``"thought"``, ``"repeating"``, ``"approval_needed"``, ``"resumed"`` or
            ``"retrying"``.
        content: The thought, or what it is about in words.
        progress: How much of the work is done, in percent, where that is known.
        iteration: Which call of the model it belongs to; 0 for none.
        void_after: All content of a number above this, up to here, does not count: it was part of an answer that broke
            off. None where nothing is withdrawn.
        details: More, by ``status``: the calls that a person must decide on, with their ``digest``.
    """

    status: str
    content: str = ""
    progress: float | None = None
    iteration: int = 0
    void_after: int | None = None
    details: dict[str, Any] | None = None


class ContentChunk(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="content_chunk"):
    """A piece of what the model says; those of the last iteration that count are, together, the final response.

    Attributes:
        content: The text.
        iteration: Which call of the model it belongs to.
    """

    content: str
    iteration: int = 0


class ToolCallEvent(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="tool_call"):
    """A tool is called.

    Attributes:
        tool_name: The tool.
        call_id: Which call; its result has the same.
        arguments: What it is called with.
    """

    tool_name: str
    call_id: str
    arguments: dict[str, Any]
    iteration: int = 0


class ToolResultEvent(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="tool_result"):
    """A tool has given its result, or a part of it.

    Attributes:
        tool_name: The tool.
        call_id: Which call.
        result: What it gave: any JSON; a text that is too large is shortened, and ``truncated`` says so.
        is_error: Whether it failed.
        partial: Whether more of this call follows.
        seconds: How long it took, once it is whole.
    """

    tool_name: str
    call_id: str
    result: Any = None
    is_error: bool = False
    partial: bool = False
    truncated: bool = False
    seconds: float = 0.0
    iteration: int = 0


class UsageUpdate(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="usage_update"):
    """What the execution has taken so far, all calls of models together.

    Attributes:
        usage: Tokens by kind: ``input_tokens``, ``output_tokens``, ``total_tokens`` and more.
        dollars: US dollars as decimal text; None where nothing is priced.
        unpriced_calls: How many calls have no known price.
    """

    usage: dict[str, Any]
    dollars: str | None = None
    unpriced_calls: int = 0


class ExecutionComplete(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="execution_complete"):
    """The execution is over, and there is an answer. The last event.

    Attributes:
        final_response: What the agent said at the end.
        output: The answer as a value: what fits the output schema, or ``{"text": ...}``.
        usage: As in :class:`UsageUpdate`, of all calls.
        dollars: US dollars as decimal text; None where nothing is priced.
        model: The model that answered last.
        provider: Who served it.
        finish_reason: Why the answer ended: ``"stop"``, ``"length"``, or the limit that ended the work.
    """

    final_response: str
    output: Any = None
    usage: dict[str, Any] = {}
    dollars: str | None = None
    unpriced_calls: int = 0
    model: str = ""
    provider: str = ""
    finish_reason: str = ""


class ErrorEvent(_Event, frozen=True, kw_only=True, omit_defaults=True, tag="error"):
    """The execution is over without an answer. The last event.

    Attributes:
        status: ``"failed"``, ``"cancelled"`` or ``"timed_out"``.
        error: What happened, in words.
        code: The stable code of the error.
        remedy: What to do.
        usage: What was taken all the same.
    """

    status: Ended
    error: str
    code: str
    remedy: str = ""
    usage: dict[str, Any] = {}
    dollars: str | None = None
    unpriced_calls: int = 0


AgentEvent = (
    ExecutionStart
    | Thinking
    | ContentChunk
    | ToolCallEvent
    | ToolResultEvent
    | UsageUpdate
    | ExecutionComplete
    | ErrorEvent
)


_ENCODER: Final = msgspec.json.Encoder(decimal_format="string", order="deterministic")
_DECODER: Final[msgspec.json.Decoder[AgentEvent]] = msgspec.json.Decoder(AgentEvent)


def encode(event: AgentEvent) -> bytes:
    """The event as JSON in UTF-8, on one line; half a character, which a broken text may have, becomes ``?``."""
    try:
        return _ENCODER.encode(event)
    except UnicodeEncodeError:
        return _ENCODER.encode(msgspec.convert(whole(msgspec.to_builtins(event)), type=type(event)))


def whole(value: Any) -> Any:
    """The JSON value without half characters, which no file can hold; the same where there are none."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {whole(name): whole(inner) for name, inner in value.items()}
    return [whole(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def decode(document: bytes | str) -> AgentEvent:
    """The event that :func:`encode` wrote.

    Raises:
        DataInvalid: It is none.
    """
    try:
        return _DECODER.decode(document)
    except msgspec.MsgspecError as error:
        raise DataInvalid(f"this is no event of an execution: {error}") from error


def is_last(event: AgentEvent) -> bool:
    """Whether no event of the execution follows."""
    return isinstance(event, ExecutionComplete | ErrorEvent)
