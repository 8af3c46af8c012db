"""Privacy: personal data on its way between an execution, its model and its tools."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import attrs

from circuit_breaker.agents.guardrails.hiding import Hider, HidingStream
from circuit_breaker.agents.guardrails.personal import PersonalData
from circuit_breaker.data import thaw
from circuit_breaker.llm.loop.model import Answering
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.parts import Part, Text, Thinking, ToolCall, ToolResult
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
from circuit_breaker.llm.tools.base import Tool
from circuit_breaker.llm.tools.context import ToolContext
from circuit_breaker.llm.tools.toolset import Offer, Toolset
from circuit_breaker.rules.schema import misfits

__all__ = ["Privacy"]


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
        ids = {name for name in value if name == "id" or name.endswith("_id")}
        return {name: inner if name in ids else self.around(inner) for name, inner in value.items()}

    # What the model is sent, and what it says

    def sent(self, request: ChatCompletionRequest) -> ChatCompletionRequest:
        """The request as the model is sent it."""
        if not self.guard.told:
            return request
        return attrs.evolve(request, messages=tuple(self._changed(one, self.restored) for one in request.messages))

    def heard(self, response: ChatCompletionResponse) -> ChatCompletionResponse:
        """The response as it is kept."""
        choices = tuple(attrs.evolve(one, message=self.message(one.message)) for one in response.choices)
        parsed = None if response.parsed is None else self.hider.value(thaw(response.parsed))
        return attrs.evolve(response, choices=choices, parsed=parsed)

    def message(self, message: ChatMessage) -> ChatMessage:
        """The message as it is kept."""
        return self._changed(message, self.hider.json_text)

    def _changed(self, message: ChatMessage, change: Any) -> ChatMessage:
        return attrs.evolve(message, parts=tuple(self._part(part, change) for part in _joined(message.parts)))

    def _part(self, part: Part, change: Any) -> Part:
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
        return self.privacy.heard(await self.model.complete(self.privacy.sent(request)))

    @asynccontextmanager
    async def stream(self, request: ChatCompletionRequest) -> AsyncIterator[EventStream]:
        """The answer as it comes, as far as nothing in it can still turn out to be personal."""
        async with self.model.stream(self.privacy.sent(request)) as events:
            yield _PrivateStream(_hidden(events, self.privacy))


@attrs.frozen
class _PrivateStream:
    events: AsyncIterator[StreamEvent]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        return await anext(self.events)


_Delta = type[TextDelta] | type[ThinkingDelta]


async def _hidden(events: EventStream, privacy: Privacy) -> AsyncIterator[StreamEvent]:
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
                yield StreamEnded(privacy.heard(event.response))
            case StreamFailed():
                yield attrs.evolve(event, partial=privacy.heard(event.partial))  # what is held back may be half of it
            case _:
                yield event


def _ended(flowing: dict[tuple[_Delta, int], HidingStream], keys: list[tuple[_Delta, int]]) -> Iterator[StreamEvent]:
    for kind, index in keys:
        if text := flowing.pop((kind, index)).end():
            yield kind(text=text, index=index)


# What tools are given, and what they give


def private_tools(tools: Toolset, privacy: Privacy) -> Toolset:
    """The tools; each is given the values behind placeholders, and what it gives is hidden."""
    return Toolset(*(PrivateTool(offer, privacy) for offer in tools.offers))


class PrivateTool(Tool):
    """A tool behind the privacy of an execution.

    Args:
        offer: The tool as it is offered.
        privacy: What is hidden.
    """

    def __init__(self, offer: Offer, privacy: Privacy) -> None:
        self._tool, self._privacy = offer.tool, privacy
        super().__init__(
            offer.name,
            offer.tool.description,
            _relaxed(offer.tool.parameters) if privacy.guard.reversible else offer.tool.parameters,
            fallback_response=offer.tool.fallback_response,
            timeout=offer.tool.timeout,
            approval=offer.approval,
            roles=offer.roles,
        )
        self.output_schema = getattr(offer.tool, "output_schema", None)

    @property
    def is_async(self) -> bool:
        """Whether the work is done in the event loop."""
        return self._tool.is_async

    def can_handle(self, result: Any) -> bool:
        """Whether another tool may go on to this one with its result."""
        return self._tool.can_handle(result)

    def definition(self, name: str | None = None) -> Any:
        """The tool as a model is told of it."""
        return self._tool.definition(name or self.name)

    def perform(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        """What the tool gives for the values behind the arguments, hidden.

        Raises:
            ValueError: The values do not fit the schema of the tool.
        """
        restored = self._privacy.restored(arguments)
        if faults := [f"{place}: {what}" for place, what in misfits(self._tool.parameters, restored)]:
            raise ValueError("; ".join(faults))
        given = self._tool.perform(restored, context)
        return self._awaited(given) if inspect.isawaitable(given) else self._hidden(given)

    async def _awaited(self, given: Any) -> Any:
        return self._hidden(await given)

    def _hidden(self, given: Any) -> Any:
        if isinstance(given, AsyncIterator):
            return self._pieces(given)
        return self._privacy.hider.json_text(given) if isinstance(given, str) else self._privacy.hider.value(given)

    async def _pieces(self, given: AsyncIterator[Any]) -> AsyncIterator[Any]:
        stream = self._privacy.hider.stream()
        async for piece in given:
            if not isinstance(piece, str):
                yield self._privacy.hider.value(piece)
            elif text := stream.push(piece):
                yield text
        if text := stream.end():
            yield text


_TOO_STRICT: Final = ("format", "pattern", "minLength", "maxLength", "enum", "const")


def _relaxed(schema: Any) -> Any:
    """The schema without what a placeholder cannot fit; the values behind it are judged by the whole one."""
    if isinstance(schema, Mapping):
        return {
            name: {each: _relaxed(inner) for each, inner in value.items()}
            if name in ("properties", "$defs", "patternProperties") and isinstance(value, Mapping)
            else _relaxed(value)
            for name, value in schema.items()
            if name not in _TOO_STRICT
        }
    return [_relaxed(inner) for inner in schema] if isinstance(schema, list) else schema
