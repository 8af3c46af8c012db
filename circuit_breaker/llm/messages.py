"""Messages: who says what in a conversation, in a form that every vendor's can be made of and read into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, get_args

import attrs

from circuit_breaker.llm.parts import EXTRA, File, Image, Part, Text, Thinking, ToolCall, ToolResult

__all__ = ["ROLES", "ChatMessage", "Role", "assistant", "system", "tool_result", "user"]

Role = Literal["system", "user", "assistant", "tool"]
ROLES: Final = get_args(Role)

_KINDS: Final = (Text, Image, File, Thinking, ToolCall, ToolResult)


def _parts(content: Any) -> tuple[Part, ...]:
    """The parts of a content: a text, a part, several parts, or nothing."""
    if content is None or content == "":
        return ()
    if isinstance(content, str):
        return (Text(content),)
    if isinstance(content, _KINDS):
        return (content,)
    if isinstance(content, tuple) and all(isinstance(part, _KINDS) for part in content):
        return content
    if isinstance(content, Iterable):
        return tuple(part for inner in content for part in _parts(inner))
    raise TypeError(f"the content of a message is a text or parts, not {content!r:.80}")


def _role(instance: ChatMessage, _: Any, role: str) -> None:
    del instance
    if role not in ROLES:
        raise ValueError(f"the role of a message is one of {', '.join(ROLES)}, not {role!r:.40}")


@attrs.frozen
class ChatMessage:
    """One message.

    Attributes:
        role: Who says it: ``"system"``, ``"user"``, ``"assistant"`` or ``"tool"``.
        parts: What it is made of, in order. A text, one part or several may be given.
        name: Who of several users or agents says it, or None.
        extra: Members of a vendor's that we do not know.
    """

    role: Role = attrs.field(validator=_role)
    parts: tuple[Part, ...] = attrs.field(default=(), converter=_parts)
    name: str | None = attrs.field(default=None, kw_only=True)
    extra: Mapping[str, Any] = attrs.field(default=EXTRA, kw_only=True, repr=False)

    @property
    def content(self) -> str:
        """The texts in it, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def thinking(self) -> str:
        """What is readable of the thoughts in it, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Thinking))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls of tools in it."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))

    @property
    def tool_results(self) -> tuple[ToolResult, ...]:
        """The results of tools in it."""
        return tuple(part for part in self.parts if isinstance(part, ToolResult))

    def plus(self, *parts: Part) -> ChatMessage:
        """The message with these parts more."""
        return attrs.evolve(self, parts=(*self.parts, *parts))


def system(text: str) -> ChatMessage:
    """What the model is told to be and to do."""
    return ChatMessage("system", text)


def user(*content: str | Part, name: str | None = None) -> ChatMessage:
    """What a person says or shows."""
    return ChatMessage("user", content, name=name)


def assistant(*content: str | Part) -> ChatMessage:
    """What the model said, or which tools it called."""
    return ChatMessage("assistant", content)


def tool_result(call: ToolCall, content: str, *, is_error: bool = False) -> ChatMessage:
    """What a tool gave for a call."""
    return ChatMessage("tool", ToolResult(call_id=call.id, name=call.name, content=content, is_error=is_error))


def conversation(messages: Sequence[ChatMessage | Mapping[str, Any]]) -> tuple[ChatMessage, ...]:
    """The messages; a mapping of role and content is one too."""
    return tuple(
        message if isinstance(message, ChatMessage) else ChatMessage(message["role"], message.get("content"))
        for message in messages
    )
