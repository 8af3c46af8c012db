"""What was heard of an answer before it was given up, so that no end of it says what it took."""

from __future__ import annotations

import json
from typing import Any

import attrs

from circuit_breaker.data import thaw
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.pricing import UNPRICED, cost_of
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse, Choice
from circuit_breaker.llm.stream import StreamEvent, StreamStarted, TextDelta, ThinkingDelta, ToolCallDelta
from circuit_breaker.llm.tokens import count_tokens, estimated
from circuit_breaker.llm.usage import Usage

__all__ = ["Heard", "read_by"]


@attrs.define(eq=False)
class Heard:
    """What has come of one answer.

    Attributes:
        anything: Whether the model has begun to answer.
    """

    anything: bool = False
    _model: str = ""
    _provider: str = ""
    _pieces: list[str] = attrs.field(factory=list)
    _calls: set[int] = attrs.field(factory=set)

    def hear(self, event: StreamEvent) -> None:
        """Notes what comes."""
        self.anything = True
        match event:
            case StreamStarted():
                self._model, self._provider = event.model, event.provider
            case TextDelta() | ThinkingDelta():
                self._pieces.append(event.text)
            case ToolCallDelta():
                self._pieces += [event.name] * (event.call not in self._calls) + [event.arguments]
                self._calls.add(event.call)

    def partial(self, request: ChatCompletionRequest, model: Any) -> ChatCompletionResponse:
        """The answer of which there was no end, with what it took by estimate."""
        said = "".join(self._pieces)
        usage = Usage(input_tokens=read_by(request), output_tokens=estimated(said), estimated=True)
        name = self._model or request.model
        known = getattr(model, "profile", None)
        profile = None if known is None else known(name)
        return ChatCompletionResponse(
            id="",
            model=name,
            provider=self._provider,
            choices=(Choice(message=ChatMessage("assistant", said), finish_reason="error"),),
            usage=usage,
            cost=UNPRICED if profile is None else cost_of(usage, profile),
        )


def read_by(request: ChatCompletionRequest) -> int:
    """About how many tokens there are to read."""
    shape = request.response_format.schema if request.response_format is not None else None
    beside = [f"{tool.name} {tool.description} {json.dumps(thaw(tool.parameters))}" for tool in request.tools]
    beside += [json.dumps(thaw(shape))] if shape is not None else []
    return count_tokens(request.messages, request.model).tokens + sum(map(estimated, beside))
