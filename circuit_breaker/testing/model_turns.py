"""The turns of a scripted model: what it answers, and the response that this comes to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from circuit_breaker.errors import CircuitBreakerError, ConnectionFailed
from circuit_breaker.invocation import inline
from circuit_breaker.llm.messages import ChatMessage, assistant
from circuit_breaker.llm.parts import Part, Thinking, ToolCall
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse, Choice, FinishReason
from circuit_breaker.llm.tokens import count_tokens, estimated
from circuit_breaker.llm.usage import Usage

__all__ = ["ModelTurn", "break_of", "response_of", "turn_of"]


@attrs.frozen(kw_only=True)
class ModelTurn:
    """One answer of a scripted model, where a text or a call alone is not enough.

    Attributes:
        says: A text, parts, a message, an exception to raise, or :data:`HANG`.
        calls: Tools that the model calls, each as a :class:`ToolCall` or as a name with arguments.
        thinks: What it thinks before.
        after: Seconds before the answer begins.
        between: Seconds between two pieces of a stream.
        pieces: Characters of a piece of a stream.
        breaks_after: After how many pieces the stream breaks off, or None.
        error: What it breaks off with.
        usage: The tokens; counted (and said to be an estimate) unless given.
        finish_reason: Why the answer ends; by what it holds unless given.
    """

    says: Any = ""
    calls: tuple[ToolCall | tuple[str, str | Mapping[str, Any]], ...] = ()
    thinks: str = ""
    after: float = 0.0
    between: float = 0.0
    pieces: int = 8
    breaks_after: int | None = None
    error: CircuitBreakerError | None = None
    usage: Usage | None = None
    finish_reason: FinishReason | None = None


async def turn_of(given: Any, request: ChatCompletionRequest) -> ModelTurn:
    """The turn that something in a script stands for."""
    if isinstance(given, ModelTurn):
        return given
    if isinstance(given, type):
        return ModelTurn(says=given)
    if isinstance(given, ToolCall):
        return ModelTurn(calls=(given,))
    if callable(given):
        return await turn_of(await inline(given, request), request)
    return ModelTurn(says=given)


def response_of(
    turn: ModelTurn, request: ChatCompletionRequest, *, provider: str, number: int
) -> ChatCompletionResponse:
    """The response to the request of that number."""
    if isinstance(turn.says, ChatCompletionResponse):
        return turn.says
    message = _message(turn, number)
    reason = turn.finish_reason or ("tool_calls" if message.tool_calls else "stop")
    return ChatCompletionResponse(
        id=f"{provider}-{number}",
        model=request.model,
        provider=provider,
        choices=(Choice(message=message, finish_reason=reason),),
        usage=turn.usage or _usage(request, message),
    )


def break_of(turn: ModelTurn, provider: str, model: str) -> CircuitBreakerError:
    """What the answer breaks off with."""
    return turn.error or ConnectionFailed("the connection broke, as the script says", provider=provider, model=model)


def _message(turn: ModelTurn, number: int) -> ChatMessage:
    said = turn.says if isinstance(turn.says, ChatMessage) else assistant(*_parts(turn.says))
    thoughts = (Thinking(text=turn.thinks),) if turn.thinks else ()
    calls = (_call(call, f"call_{number}_{at}") for at, call in enumerate(turn.calls))
    return ChatMessage("assistant", (*thoughts, *said.parts, *calls))


def _parts(said: Any) -> Sequence[str | Part]:
    return said if isinstance(said, (list, tuple)) else (said,)


def _call(call: ToolCall | tuple[str, Any], call_id: str) -> ToolCall:
    if isinstance(call, ToolCall):
        return call
    name, arguments = call
    return ToolCall(id=call_id, name=name, arguments=_text(arguments))


def _text(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(dict(arguments), ensure_ascii=False)


def _usage(request: ChatCompletionRequest, message: ChatMessage) -> Usage:
    answered = int(count_tokens(message))
    thought = estimated(message.thinking)
    return Usage(
        input_tokens=int(count_tokens(request.messages)),
        output_tokens=answered,
        reasoning_tokens=thought,
        estimated=True,
    )
