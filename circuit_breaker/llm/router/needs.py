"""Needs: what a request asks of whatever model answers it, and how much of it there is to read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

import attrs

from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.parts import File, Image, Text, Thinking, ToolCall, ToolResult
from circuit_breaker.llm.patience import PATIENCE
from circuit_breaker.llm.profile import ModelProfile
from circuit_breaker.llm.request import ChatCompletionRequest

__all__ = ["BYTES_A_TOKEN", "Needs", "answers_of", "most_answer", "needs_of", "shortened", "size_of"]

BYTES_A_TOKEN = 4
IMAGE_TOKENS = 5_000
"""More than any vendor takes for an image that it has scaled down."""
MESSAGE_TOKENS = 8
"""What the marks around a message take at most."""
COMPLAINT_TOKENS = 2_000
"""What telling a model of the faults of its answer takes at most."""
ANSWER_TOKENS = 1_000
"""What an answer takes where nobody says, for comparing prices."""

_LIMITS: Final = frozenset({"maxtokens", "maxcompletiontokens", "maxoutputtokens", "numpredict"})
"""What vendors call the most tokens of an answer, without underscores."""
_COUNTS: Final = frozenset({"n", "bestof", "candidatecount"})
"""What they call the number of answers."""


@attrs.frozen(kw_only=True)
class Needs:
    """What a request needs.

    Attributes:
        capabilities: Some of :data:`circuit_breaker.llm.profile.CAPABILITIES`.
        size: Bytes of text in it; files count as their data.
        images: How many images.
        messages: How many messages.
        answer: The most tokens of all answers together, or None where the request does not say.
        formed: Whether the answer must have a form; a provider may then ask for it again until it has.
        repairs: How often it may.
    """

    capabilities: frozenset[str] = frozenset()
    size: int = 0
    images: int = 0
    messages: int = 0
    answer: int | None = None
    formed: bool = False
    repairs: int = PATIENCE.repairs

    @property
    def likely_tokens(self) -> int:
        """About how many tokens it takes to read it."""
        return self.size // BYTES_A_TOKEN + self.messages * MESSAGE_TOKENS + self.images * IMAGE_TOKENS // 4

    @property
    def most_tokens(self) -> int:
        """The most tokens that it can take: no vocabulary makes more than one of a byte."""
        return self.size + self.messages * MESSAGE_TOKENS + self.images * IMAGE_TOKENS

    def worst(self, answer: int, *, rounds: int | None = None) -> tuple[int, int]:
        """The most tokens of input and of output that a call can take, whose answers have at most so many.

        An answer that has not the form that was asked for is shown to the model with what is wrong about it.

        Args:
            answer: The most tokens of an answer.
            rounds: How often it is asked for; as often as it may be unless given.
        """
        rounds = min(rounds or 1 + self.repairs, 1 + self.repairs) if self.formed else 1
        shown = rounds * (rounds - 1) // 2 * (answer + COMPLAINT_TOKENS)
        return rounds * self.most_tokens + shown, rounds * answer

    def missing(self, profile: ModelProfile) -> str:
        """Why a model cannot do it, in words; empty when it can."""
        if lacking := self.capabilities - profile.capabilities:
            return f"cannot do {', '.join(sorted(lacking))}"
        wanted = self.likely_tokens + (self.answer or 0)
        if profile.context_tokens is not None and wanted > profile.context_tokens:
            return f"reads {profile.context_tokens:,} tokens, about {wanted:,} are needed"
        return ""


def needs_of(request: ChatCompletionRequest) -> Needs:
    """What the request needs."""
    sizes = [_size(message) for message in request.messages]
    tools = sum(
        len(tool.name) + len(tool.description) + _json_size(tool.parameters) + MESSAGE_TOKENS for tool in request.tools
    )
    form = request.response_format
    schema = _json_size(form.schema) + 2 * size_of(form.description) if form is not None and form.schema else 0
    return Needs(
        capabilities=_capabilities(request),
        size=sum(sizes) + 2 * tools + schema,
        images=sum(isinstance(part, Image) for message in request.messages for part in message.parts),
        messages=len(sizes),
        answer=most_answer(request),
        formed=form is not None and form.kind != "text",
    )


def most_answer(request: ChatCompletionRequest) -> int | None:
    """The most tokens of all answers together, or None where the request does not say.

    What it says in a vendor's own words counts as well, in whichever vendor's: the greatest of all.
    """
    limits = [*_told(request.extra, _LIMITS), *(() if request.max_tokens is None else (request.max_tokens,))]
    return max(limits) * answers_of(request) if limits else None


def answers_of(request: ChatCompletionRequest) -> int:
    """How many answers there can be, in whichever words the request says so."""
    return max(request.n, *_told(request.extra, _COUNTS), 1)


def shortened(request: ChatCompletionRequest, most: int) -> ChatCompletionRequest:
    """The request, with answers that have no more tokens than these together, and at least one each.

    Only our own word says so then: of two limits, a vendor may take the greater, or refuse both.
    """
    each = max(1, most // answers_of(request))
    if request.max_tokens is not None:
        each = min(each, request.max_tokens)
    return attrs.evolve(request, max_tokens=each, extra=_without(request.extra, _LIMITS))


def _without(extra: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """The members whose names are others, also in objects; one of which nothing is left goes as well."""
    inner = {name: _rest(value, names) if isinstance(value, Mapping) else value for name, value in extra.items()}
    kept = _rest(inner, names)
    return {name: value for name, value in kept.items() if value or not extra[name]}


def _rest(members: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if not _is_one(name, names)}


def _is_one(name: Any, names: frozenset[str]) -> bool:
    return str(name).replace("_", "").lower() in names


def _told(extra: Mapping[str, Any], names: frozenset[str]) -> list[int]:
    """The numbers that members of such a name have, at the top or in an object there."""
    inner = [pair for value in extra.values() if isinstance(value, Mapping) for pair in value.items()]
    found = (value for name, value in (*extra.items(), *inner) if _is_one(name, names))
    return [math.ceil(value) for value in found if isinstance(value, (int, float)) and math.isfinite(value)]


def _capabilities(request: ChatCompletionRequest) -> frozenset[str]:
    found = {part.ability for message in request.messages for part in message.parts if isinstance(part, (Image, File))}
    if request.tools:
        found.add("tools")
    if request.response_format is not None and request.response_format.kind != "text":
        found.add(request.response_format.kind)
    if request.reasoning_effort not in {None, "none"}:
        found.add("thinking")
    return frozenset(found)


def _size(message: ChatMessage) -> int:
    return sum(_part_size(part) for part in message.parts)


def _part_size(part: object) -> int:
    match part:
        case Text(text=text) | Thinking(text=text):
            return size_of(text)
        case ToolResult(content=content, name=name):
            return size_of(content) + len(name)
        case ToolCall(arguments=arguments, name=name):
            return size_of(arguments) + size_of(name)
        case File(data=str(data)):
            return len(data)
    return 0


def size_of(text: str) -> int:
    """The bytes of a text."""
    return len(text) if text.isascii() else len(text.encode(errors="replace"))


def _json_size(document: Mapping[str, Any]) -> int:
    return len(json.dumps(document, default=str))
