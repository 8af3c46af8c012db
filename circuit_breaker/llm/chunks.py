"""Chunks: the events of a stream in the shape of OpenAI's ``chat.completion.chunk``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import attrs

from circuit_breaker.llm.compatible_usage import usage_document
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.stream import (
    StreamContinued,
    StreamEnded,
    StreamEvent,
    StreamStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from circuit_breaker.llm.usage import Usage

__all__ = ["ChatCompletionChunk", "ChunkChoice", "ChunkWriter", "Delta", "chunk_document"]


@attrs.frozen
class Delta:
    """What is new of a message.

    Attributes:
        content: The next piece of the text, or None.
        role: Who speaks, in the first chunk of an answer.
        reasoning_content: The next piece of a thought, or None.
        tool_calls: Pieces of calls of tools, as OpenAI tells them.
    """

    content: str | None = None
    role: str | None = None
    reasoning_content: str | None = None
    tool_calls: tuple[dict[str, Any], ...] = ()


@attrs.frozen
class ChunkChoice:
    """What is new of one answer.

    Attributes:
        delta: What is new.
        index: Which of several answers.
        finish_reason: Why it ended, in its last chunk.
        logprobs: How likely its tokens were, all of them in its last chunk, where they were asked for.
    """

    delta: Delta
    index: int = 0
    finish_reason: str | None = None
    logprobs: Any = None


@attrs.frozen
class ChatCompletionChunk:
    """A piece of a streamed response.

    Attributes:
        id: The same in all chunks of a response.
        model: The model that answers.
        choices: What is new; empty in the last chunk, which has the usage.
        created: Seconds since 1970.
        usage: The tokens, in the last chunk.
        response: The whole response, in the last chunk.
        continued_by: In the first chunk of another model that goes on with an answer that broke off, who that is.
    """

    id: str
    model: str
    choices: tuple[ChunkChoice, ...]
    created: int = 0
    usage: Usage | None = None
    response: ChatCompletionResponse | None = None
    continued_by: str = ""

    @property
    def object(self) -> str:
        """What kind of thing it is, in OpenAI's words."""
        return "chat.completion.chunk"


class ChunkWriter:
    """Writes the chunks of one stream."""

    def __init__(self) -> None:
        self._id = ""
        self._model = ""
        self._created = int(time.time())
        self._begun: set[int] = set()
        self._called: set[tuple[int, int]] = set()

    def chunks(self, event: StreamEvent) -> Iterator[ChatCompletionChunk]:
        """The chunks that tell of an event; :class:`StreamFailed` has none, for that is an error."""
        if type(event) is TextDelta:
            yield self._chunk(event.index, content=event.text)
        elif type(event) is ThinkingDelta:
            yield self._chunk(event.index, reasoning_content=event.text)
        elif type(event) is ToolCallDelta:
            yield self._chunk(event.index, tool_calls=(self._call(event),))
        elif type(event) is StreamStarted:
            self._id, self._model = event.id, event.model
        elif type(event) is StreamContinued:
            self._model = event.model
            yield ChatCompletionChunk(
                self._id, event.model, (), self._created, continued_by=f"{event.provider}/{event.model}"
            )
        elif type(event) is StreamEnded:
            yield from self._end(event.response)

    def _chunk(self, index: int, **new: Any) -> ChatCompletionChunk:
        role = None
        if index not in self._begun:
            self._begun.add(index)
            role = "assistant"
        delta = Delta(role=role, **new)
        return ChatCompletionChunk(self._id, self._model, (ChunkChoice(delta, index),), self._created)

    def _call(self, event: ToolCallDelta) -> dict[str, Any]:
        """A piece of a call: id and name come with the first only."""
        place = (event.index, event.call)
        if place in self._called:
            return {"index": event.call, "function": {"arguments": event.arguments}}
        self._called.add(place)
        function = {"name": event.name, "arguments": event.arguments}
        return {"index": event.call, "id": event.id, "type": "function", "function": function}

    def _end(self, response: ChatCompletionResponse) -> Iterator[ChatCompletionChunk]:
        for choice in response.choices:
            ended = ChunkChoice(Delta(), choice.index, choice.compatible_reason, choice.extra.get("logprobs"))
            yield ChatCompletionChunk(self._id, self._model, (ended,), self._created)
        yield ChatCompletionChunk(self._id, response.model, (), self._created, usage=response.usage, response=response)


def chunk_document(chunk: ChatCompletionChunk) -> dict[str, Any]:
    """The chunk as the data of a server-sent event."""
    document: dict[str, Any] = {
        "id": chunk.id,
        "object": chunk.object,
        "created": chunk.created,
        "model": chunk.model,
        "choices": [_choice_document(choice) for choice in chunk.choices],
    }
    if chunk.usage is not None:
        document["usage"] = usage_document(chunk.usage)
    if chunk.continued_by:
        document["circuit_breaker"] = {"continued_by": chunk.continued_by}
    return document


def _choice_document(choice: ChunkChoice) -> dict[str, Any]:
    told = {"role": choice.delta.role, "content": choice.delta.content}
    told["reasoning_content"] = choice.delta.reasoning_content
    delta: dict[str, Any] = {name: value for name, value in told.items() if value is not None}
    if choice.delta.tool_calls:
        delta["tool_calls"] = list(choice.delta.tool_calls)
    return {"index": choice.index, "delta": delta, "logprobs": choice.logprobs, "finish_reason": choice.finish_reason}
