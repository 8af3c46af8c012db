"""Repair: a conversation that anybody began, so that a vendor takes it.

Vendors differ in which ids they take, who may speak after whom, what they let be said twice, and in what they want back
of what they gave. A conversation that moves from one to another, that was cut short, or that was put together by hand
breaks such a rule somewhere, and every later request is then refused. What is repaired stays a conversation of ours; it
is repaired once, for repairing it again changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal

import attrs

from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.pairing import paired, sorted_by_role
from circuit_breaker.llm.parts import EXTRA, File, Image, Part, Text, Thinking, ToolCall, ToolResult
from circuit_breaker.llm.placed import Placed, Told
from circuit_breaker.llm.profile import ModelProfile
from circuit_breaker.llm.response import Loss
from circuit_breaker.llm.turns import taking_turns

__all__ = ["HISTORIES", "HistoryRules", "repaired"]

_SORTS: Final = {"images": "image", "files": "file", "audio": "audio"}
_OTHER: Final = re.compile(r"[^a-zA-Z0-9_-]")


@attrs.frozen(kw_only=True)
class HistoryRules:
    """What a vendor wants of a conversation.

    Attributes:
        kind: The kind of provider; its own thoughts go back to it, and no other's.
        longest_id: Characters of the longest id of a call.
        other_in_id: What may not stand in one.
        system_first: Whether what the model is told to be stands before everything else.
        alternating: Whether the user begins, and user and model take turns; results of tools count as the user's.
        blanks: Whether a text may be made of blanks only.
        thinking: Which thoughts go back: its ``"own"``, or its own that are ``"signed"``.
        names: Whether it is told who of several users says something.
        model_media: Whether the model's own messages may hold images and files.
        extras: Whether messages may have members that we do not know.
        own_extras: Members of parts that are its own; those of other vendors are left out.
    """

    kind: str
    longest_id: int = 64
    other_in_id: re.Pattern[str] = _OTHER
    system_first: bool = False
    alternating: bool = False
    blanks: bool = True
    thinking: Literal["own", "signed"] = "own"
    names: bool = False
    model_media: bool = False
    extras: bool = False
    own_extras: frozenset[str] = frozenset()

    @property
    def leaves_plain(self) -> bool:
        """Whether a conversation of nothing but texts is taken as it is."""
        return self.blanks and not (self.system_first or self.alternating)

    def own(self, extra: Mapping[str, Any]) -> Mapping[str, Any]:
        """The members without those of other vendors."""
        foreign = (_OWNED - self.own_extras) & extra.keys()
        return {name: value for name, value in extra.items() if name not in foreign} if foreign else extra


_GOOGLE: Final = frozenset({"thoughtSignature", "functionCallId"})
_CACHE: Final = "cache_control"
_ANTHROPIC: Final = frozenset({_CACHE, "citations"})
_OWNED: Final = _GOOGLE | _ANTHROPIC

HISTORIES: Final[Mapping[str, HistoryRules]] = MappingProxyType(
    {
        # An id of OpenAI's has at most 40 characters, which its documents do not say and its errors do.
        "openai": HistoryRules(kind="openai", longest_id=40, names=True, extras=True),
        "custom": HistoryRules(kind="custom", longest_id=40, names=True, extras=True, own_extras=_ANTHROPIC),
        "ollama": HistoryRules(kind="ollama"),
        "anthropic": HistoryRules(
            kind="anthropic",
            system_first=True,
            alternating=True,
            blanks=False,
            thinking="signed",
            own_extras=_ANTHROPIC,
        ),
        "google": HistoryRules(
            kind="google", system_first=True, alternating=True, blanks=False, model_media=True, own_extras=_GOOGLE
        ),
    }
)
"""The rules by the kind of provider."""


def repaired(
    messages: Sequence[ChatMessage], rules: HistoryRules, profile: ModelProfile, losses: list[Loss]
) -> tuple[ChatMessage, ...]:
    """The conversation as the vendor takes it.

    Args:
        messages: The conversation.
        rules: What the vendor wants of it.
        profile: What the model can see.
        losses: What is left out or changed is added to it.
    """
    if rules.leaves_plain and all(_plain(message, rules) for message in messages):
        return tuple(messages)
    told = Told()
    placed = [_sayable(one, rules, profile, told) for one in map(Placed, range(len(messages)), messages)]
    placed = sorted_by_role(placed, told)
    placed = paired(placed, told, longest=rules.longest_id, other=rules.other_in_id)
    placed = taking_turns(
        placed,
        told,
        system_first=rules.system_first,
        alternating=rules.alternating,
        user_last=rules.alternating and "prefill" in profile.refused,
    )
    losses.extend(told.losses())
    return tuple(one.message for one in placed)


def _plain(message: ChatMessage, rules: HistoryRules) -> bool:
    """Whether there is nothing but texts in it."""
    return bool(
        message.parts
        and message.role != "tool"
        and not message.extra
        and (rules.names or message.name is None)
        and all(isinstance(part, Text) and part.text and not part.extra for part in message.parts)
    )


def _sayable(one: Placed, rules: HistoryRules, profile: ModelProfile, told: Told) -> Placed:
    """The message with what the vendor can be told of it."""
    message = one.message
    if message.name is not None and not rules.names:
        told.note(one.at, "name", "dropped", "the vendor is not told who of several says something")
        message = attrs.evolve(message, name=None)
    if message.extra:
        message = _with_members(Placed(one.at, message), rules, told)
    parts = tuple(_parts(Placed(one.at, message), rules, profile, told))
    if parts != message.parts:
        message = attrs.evolve(message, parts=parts)
    return one if message is one.message else Placed(one.at, message)


def _parts(one: Placed, rules: HistoryRules, profile: ModelProfile, told: Told) -> Iterable[Part]:
    for part in one.message.parts:
        found: Part | None = part
        match part:
            case Text():
                found = _text(part, one.at, rules, told)
            case Thinking():
                found = _thought(part, one, rules, profile, told)
            case Image() | File() if not _seen(part, one.message.role, rules, profile):
                found = _unseen(_SORTS[part.ability], one.at, told)
            case ToolCall() | ToolResult() if not profile.can("tools"):
                found = _retold(part, one.at, told)
            case ToolCall() | ToolResult() | Image() | File() if part.extra:
                found = attrs.evolve(part, extra=_own(part.extra, one.at, rules, told))
        if found is not None:
            yield found


def _text(text: Text, at: int, rules: HistoryRules, told: Told) -> Text | None:
    said = text.text if rules.blanks else text.text.strip()
    if not said:
        return None
    return text if not text.extra else attrs.evolve(text, extra=_own(text.extra, at, rules, told))


def _own(extra: Mapping[str, Any], at: int, rules: HistoryRules, told: Told) -> Mapping[str, Any]:
    """The members without those of other vendors."""
    kept = rules.own(extra)
    for name in sorted(extra.keys() - kept.keys() - _GOOGLE):
        told.note(at, name, "dropped", "another vendor's member")
    return kept


def _with_members(one: Placed, rules: HistoryRules, told: Told) -> ChatMessage:
    """The message with those of its members that the vendor knows; how long it is kept may be said of a part only."""
    message = one.message
    if rules.extras:
        return attrs.evolve(message, extra=_own(message.extra, one.at, rules, told))
    cached = message.extra.get(_CACHE) if _CACHE in rules.own_extras else None
    last = message.parts[-1] if message.parts else None
    if cached is not None and last is not None and not isinstance(last, Thinking):
        message = attrs.evolve(
            message, parts=(*message.parts[:-1], attrs.evolve(last, extra={_CACHE: cached, **last.extra}))
        )
    else:
        cached = None
    for name in sorted(message.extra.keys() - _GOOGLE - ({_CACHE} if cached is not None else set())):
        told.note(one.at, name, "dropped", "the vendor's messages have no such member")
    return attrs.evolve(message, extra=EXTRA)


def _thought(thought: Thinking, one: Placed, rules: HistoryRules, profile: ModelProfile, told: Told) -> Part | None:
    """The thought, if it is the vendor's own and as it gave it; else what the profile says."""
    sealed = bool(thought.signature or thought.redacted)
    if not sealed and not thought.text.strip():
        return None
    own = thought.provider == rules.kind and one.message.role == "assistant"
    if own and (sealed or rules.thinking == "own"):
        return thought
    if profile.foreign_thinking == "text" and thought.text.strip():
        told.note(one.at, "thinking", "changed", "another model's thought is told as text")
        return Text(f"<thinking>\n{thought.text}\n</thinking>")
    told.note(one.at, "thinking", "dropped", "a thought goes back only to the vendor that it is from")
    return None


def _retold(part: ToolCall | ToolResult, at: int, told: Told) -> Text:
    """What happened, for a model that knows of no tools."""
    told.note(at, "tool_calls", "changed", "the model calls no tools: what happened is told as text")
    if isinstance(part, ToolCall):
        return Text(f"(I used {part.name} with {part.arguments})")
    return Text(f"({part.name or 'It'} gave: {part.content or 'nothing'})")


def _seen(part: Image | File, role: str, rules: HistoryRules, profile: ModelProfile) -> bool:
    """Whether the model can look at it, from whom it is."""
    if role == "system" or (role == "assistant" and not rules.model_media):
        return False
    return profile.can(part.ability)


def _unseen(what: str, at: int, told: Told) -> Text:
    told.note(at, what, "changed", f"the model sees no {what}: a note stands for it")
    return Text(f"[{what}: not shown, for this model cannot see it]")
