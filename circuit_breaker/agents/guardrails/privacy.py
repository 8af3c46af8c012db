"""Privacy: personal data on its way between an execution, its model and its tools."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import attrs

from circuit_breaker.agents.guardrails.hiding import Hider, HidingStream
from circuit_breaker.agents.guardrails.personal import PersonalData
from circuit_breaker.data import thaw
from circuit_breaker.llm.loop.form import read
from circuit_breaker.llm.loop.model import Answering
from circuit_breaker.llm.messages import ChatMessage, assistant
from circuit_breaker.llm.parts import EXTRA, Part, Text, Thinking, ToolCall, ToolResult
from circuit_breaker.llm.provider import EventStream
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.stream import (
    StreamEnded,
    StreamEvent,
    StreamFailed,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnded,
)
from circuit_breaker.llm.structured import Plan, reading

__all__ = ["Privacy", "PrivateModel"]

_ANY_JSON: Final = Plan(how="prompt", schema={})


@attrs.frozen(eq=False)
class Privacy:
    """Personal data of one execution: hidden in all that it has, and restored for whom it is meant.

    Attributes:
        guard: What is hidden, and how.
        owner: The id of its conversation, or its own.
        hider: What hides it.
    """

    guard: PersonalData
    owner: str
    hider: Hider = attrs.field(init=False)

    @hider.default
    def _hider(self) -> Hider:
        return self.guard.hider(self.owner)

    def restored(self, value: Any) -> Any:
        """The value as it was, as far as anybody here knows."""
        return self.guard.restored(self.owner, value) if self.guard.reversible else value

    def around(self, value: Any) -> Any:
        """A context as it is kept; what is under a name such as ``user_id`` stays: executions are found by it."""
        if not isinstance(value, Mapping):
            return self.hider.value(value)
        return {name: inner if _is_id(name, inner) else self.around(inner) for name, inner in value.items()}

    # What the model is sent, and what it says

    def sent(self, request: ChatCompletionRequest) -> ChatCompletionRequest:
        """The request as the model is sent it."""
        if not self.guard.told:
            return request
        messages = (self._changed(one, self.restored, self.restored) for one in request.messages)
        return attrs.evolve(request, messages=tuple(messages))

    def heard(self, response: ChatCompletionResponse, request: ChatCompletionRequest) -> ChatCompletionResponse:
        """The response as it is kept; of the vendor's own members those of messages alone, which go back to it."""
        tools = frozenset(tool.name for tool in request.tools)
        choices = tuple(
            attrs.evolve(one, message=self._named(self.message(one.message), tools), extra=EXTRA)
            for one in response.choices
        )
        read_already = response.parsed if response.parsed is not None else self._read(response, request)
        parsed = None if read_already is None else self.hider.value(thaw(read_already))
        return attrs.evolve(response, choices=choices, parsed=parsed, extra=EXTRA)

    def _read(self, response: ChatCompletionResponse, request: ChatCompletionRequest) -> Any:
        """The answer as a value, where it fits the form that was asked for with the values behind placeholders."""
        form = request.response_format
        if form is None or form.kind == "text" or not response.choices:
            return None
        if (found := reading(_ANY_JSON, response)).value is None:
            return None
        said = assistant(json.dumps(self.restored(found.value)))
        restored = attrs.evolve(response, choices=(attrs.evolve(response.choices[0], message=said),))
        return read(form, restored).value

    def message(self, message: ChatMessage) -> ChatMessage:
        """The message as it is kept."""
        changed = self._changed(message, self.hider.json_text, self.hider.value)
        parts = tuple(self._identified(part) for part in changed.parts)
        return attrs.evolve(changed, parts=parts, name=changed.name and self.hider.text(changed.name))

    def _named(self, message: ChatMessage, tools: Collection[str]) -> ChatMessage:
        """The message without what is personal in names of tools that there are not."""
        parts = (
            attrs.evolve(part, name=self.hider.text(part.name))
            if isinstance(part, ToolCall) and part.name not in tools
            else part
            for part in message.parts
        )
        return attrs.evolve(message, parts=tuple(parts))

    def _identified(self, part: Part) -> Part:
        match part:
            case ToolCall():
                return attrs.evolve(part, id=self._id(part.id))
            case ToolResult():
                return attrs.evolve(part, call_id=self._id(part.call_id))
        return part

    def _id(self, given: str) -> str:
        """The id of a call; where something personal is in it, another one, which is its own still."""
        if self.hider.text(given) == given:
            return given
        return self.guard.vault.placeholder(self.owner, "call", given).strip("[]")

    def _changed(self, message: ChatMessage, text: Callable[[str], str], value: Callable[[Any], Any]) -> ChatMessage:
        parts = (self._with_extra(self._part(part, text), value) for part in _joined(message.parts))
        return attrs.evolve(message, parts=tuple(parts), extra=_extra(message.extra, value))

    def _part(self, part: Part, change: Callable[[str], str]) -> Part:
        match part:
            case Text():
                return attrs.evolve(part, text=change(part.text))
            case ToolCall():
                return attrs.evolve(part, arguments=change(part.arguments))
            case ToolResult():
                return attrs.evolve(part, content=change(part.content))
            case Thinking():
                changed = change(part.text)
                signed = changed == part.text or self.guard.told  # a signature is for the very text only
                return attrs.evolve(part, text=changed, signature=part.signature if signed else None)
        return part

    def _with_extra(self, part: Part, change: Callable[[Any], Any]) -> Part:
        return part if isinstance(part, Thinking) else attrs.evolve(part, extra=_extra(part.extra, change))


def _is_id(name: str, value: Any) -> bool:
    return (name == "id" or name.endswith("_id")) and not isinstance(value, (Mapping, list, tuple))


def _extra(extra: Mapping[str, Any], change: Callable[[Any], Any]) -> Mapping[str, Any]:
    changed: Mapping[str, Any] = change(thaw(extra)) if extra else extra
    return changed


def _joined(parts: tuple[Part, ...]) -> Iterator[Part]:
    """The parts, neighbouring texts as one: what is hidden may lie across their border."""
    held: Text | None = None
    for part in parts:
        if isinstance(part, Text):
            held = part if held is None else attrs.evolve(held, text=held.text + part.text)
            continue
        if held is not None:
            yield held
            held = None
        yield part
    if held is not None:
        yield held


@attrs.frozen
class PrivateModel:
    """A model behind the privacy of an execution.

    Attributes:
        model: Who answers.
        privacy: What is hidden of it.
    """

    model: Answering
    privacy: Privacy

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    async def complete(self, request: ChatCompletionRequest) -> ChatCompletionResponse:
        """The answer, whole."""
        return self.privacy.heard(await self.model.complete(self.privacy.sent(request)), request)

    @asynccontextmanager
    async def stream(self, request: ChatCompletionRequest) -> AsyncIterator[EventStream]:
        """The answer as it comes, as far as nothing in it can still turn out to be personal."""
        async with self.model.stream(self.privacy.sent(request)) as events:
            yield _PrivateStream(_hidden(events, self.privacy, request))


@attrs.frozen
class _PrivateStream:
    events: AsyncIterator[StreamEvent]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        return await anext(self.events)


_Delta = type[TextDelta] | type[ThinkingDelta]


async def _hidden(events: EventStream, privacy: Privacy, request: ChatCompletionRequest) -> AsyncIterator[StreamEvent]:
    """The events; pieces of calls of tools are left out, which come whole in the response."""
    flowing: dict[tuple[_Delta, int], HidingStream] = {}
    async for event in events:
        match event:
            case TextDelta() | ThinkingDelta():
                key = type(event), event.index
                for piece in _ended(flowing, [other for other in flowing if other[1] == event.index and other != key]):
                    yield piece
                stream = flowing.setdefault(key, privacy.hider.stream())
                if text := stream.push(event.text):
                    yield attrs.evolve(event, text=text)
            case ToolCallDelta() | ToolCallEnded():
                for piece in _ended(flowing, [key for key in flowing if key[1] == event.index]):
                    yield piece
            case StreamEnded():
                for piece in _ended(flowing, list(flowing)):
                    yield piece
                yield StreamEnded(privacy.heard(event.response, request))
            case StreamFailed():
                partial = privacy.heard(event.partial, request)
                yield attrs.evolve(event, partial=partial)  # what is held back may be half of it
            case _:
                yield event


def _ended(flowing: dict[tuple[_Delta, int], HidingStream], keys: list[tuple[_Delta, int]]) -> Iterator[StreamEvent]:
    for kind, index in keys:
        if text := flowing.pop((kind, index)).end():
            yield kind(text=text, index=index)
