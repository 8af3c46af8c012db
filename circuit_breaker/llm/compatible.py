"""The compatible face: requests, responses, chunks and errors as the documents that OpenAI's API has for them.

Source: https://platform.openai.com/docs/api-reference/chat. What a client's document says that we do not know reaches
a vendor only where the profile of the model lists it; what we do not know of an answer passes through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from circuit_breaker.errors import (
    APIError,
    AuthenticationFailed,
    BudgetExceeded,
    CircuitBreakerError,
    ContentFiltered,
    ContextTooLong,
    DocumentInvalid,
    LLMError,
    ModelNotFound,
    NoProviderAvailable,
    ProviderNotFound,
    RateLimitExceeded,
    RequestRefused,
    ResponseTimeout,
)
from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.compatible_messages import message_document
from circuit_breaker.llm.compatible_usage import usage_document
from circuit_breaker.llm.failures import Asked
from circuit_breaker.llm.providers.extras import over
from circuit_breaker.llm.providers.openai_chat import ChatDialect
from circuit_breaker.llm.request import ChatCompletionRequest, ResponseFormat, RoutingOptions, ToolDefinition
from circuit_breaker.llm.response import ChatCompletionResponse, Choice

__all__ = [
    "error_document",
    "request_document",
    "response_document",
    "response_from",
    "status_of",
]

_SAME: Final = (
    "temperature", "max_tokens", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed",
    "parallel_tool_calls", "reasoning_effort", "user",
)  # fmt: skip


def request_document(request: ChatCompletionRequest) -> dict[str, Any]:
    """The request as the body of ``POST /v1/chat/completions``; what has its default value is left out."""
    document: dict[str, Any] = {
        "model": request.model,
        "messages": [document for message in request.messages for document in message_document(message)],
        **{name: value for name in _SAME if (value := getattr(request, name)) is not None},
    }
    if request.stop:
        document["stop"] = list(request.stop)
    if request.n != 1:
        document["n"] = request.n
    if request.tools:
        document["tools"] = [_tool_document(tool) for tool in request.tools]
    if request.tool_choice != "auto":
        document["tool_choice"] = _choice_document(request.tool_choice)
    if request.response_format is not None:
        document["response_format"] = _format_document(request.response_format)
    if request.stream:
        document["stream"] = True
    if request.metadata:
        document["metadata"] = dict(request.metadata)
    if request.circuit_breaker != RoutingOptions():
        document["circuit_breaker"] = _options_document(request.circuit_breaker)
    unknown = {name: value for name, value in request.unknown.items() if "." not in name}
    return {**unknown, **request.extra, **document}


def _tool_document(tool: ToolDefinition) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": tool.parameters}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {**tool.extra, "type": "function", "function": function}


def _choice_document(choice: str) -> Any:
    return choice if choice in {"none", "required"} else {"type": "function", "function": {"name": choice}}


def _format_document(form: ResponseFormat) -> dict[str, Any]:
    if form.kind != "json_schema":
        return {"type": form.kind}
    told = {"description": form.description} if form.description else {}
    schema = {"name": form.name, **told, "schema": form.schema or {}, "strict": form.strict}
    return {"type": "json_schema", "json_schema": schema}


def _options_document(options: RoutingOptions) -> dict[str, Any]:
    given = attrs.asdict(options, filter=lambda field, value: value not in (field.default, ()))
    return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}


def response_document(response: ChatCompletionResponse) -> dict[str, Any]:
    """The response as the answer of ``POST /v1/chat/completions``; what only we tell is in its ``circuit_breaker``."""
    return {
        **response.extra,
        "id": response.id,
        "object": response.object,
        "created": response.created,
        "model": response.model,
        "choices": [_choice_of(choice) for choice in response.choices],
        "usage": over(response.extra.get("usage") or {}, usage_document(response.usage)),
        "circuit_breaker": _told(response),
    }


def _choice_of(choice: Choice) -> dict[str, Any]:
    (message,) = message_document(choice.message)
    known = {"index": choice.index, "message": message, "finish_reason": choice.compatible_reason}
    return {"logprobs": None, **over(choice.extra, known)}


def _told(response: ChatCompletionResponse) -> dict[str, Any]:
    """What only we tell of a response."""
    told: dict[str, Any] = {"provider": response.provider, "cost": str(response.cost)}
    if response.cost.dollars is not None:
        told["dollars"] = f"{response.cost.dollars:f}"
    if response.requested_model:
        told["requested_model"] = response.requested_model
    if response.losses:
        told["losses"] = [attrs.asdict(loss) for loss in response.losses]
    if response.attempts:
        told["attempts"] = [_attempt(attempt) for attempt in response.attempts]
    if response.request_id:
        told["request_id"] = response.request_id
    return told


def _attempt(attempt: Any) -> dict[str, Any]:
    told = attrs.asdict(attempt)
    return told | {"dollars": None if told["dollars"] is None else f"{told['dollars']:f}"}


def response_from(document: Mapping[str, Any]) -> ChatCompletionResponse:
    """The response that a document tells of.

    Raises:
        ResponseInvalid: It is no complete response.
        DocumentInvalid: It is of another form.
    """
    told = document.get("circuit_breaker") or {}
    asked = Asked(provider=str(told.get("provider") or ""), model=str(document.get("model") or ""))
    assembly = Assembly(asked, kind="openai")
    try:
        ChatDialect().read({name: value for name, value in document.items() if name != "circuit_breaker"}, assembly)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise DocumentInvalid(f"this is no response of a model: {type(error).__name__}: {error}") from error
    return attrs.evolve(assembly.response(), requested_model=str(told.get("requested_model") or ""))


_STATUS: Final[tuple[tuple[type[CircuitBreakerError], int, str], ...]] = (
    (DocumentInvalid, 400, "invalid_request_error"),
    (RequestRefused, 400, "invalid_request_error"),
    (ContextTooLong, 400, "invalid_request_error"),
    (ContentFiltered, 400, "invalid_request_error"),
    (ModelNotFound, 404, "invalid_request_error"),
    (ProviderNotFound, 404, "invalid_request_error"),
    (BudgetExceeded, 429, "insufficient_quota"),
    (RateLimitExceeded, 429, "rate_limit_error"),
    (AuthenticationFailed, 502, "server_error"),  # our key at the provider's, not the caller's at ours
    (ResponseTimeout, 504, "server_error"),
    (NoProviderAvailable, 503, "server_error"),
    (APIError, 502, "server_error"),
    (LLMError, 502, "server_error"),
)


def status_of(error: CircuitBreakerError) -> int:
    """The number that HTTP has for an error."""
    return next((status for kind, status, _ in _STATUS if isinstance(error, kind)), 500)


def error_document(error: CircuitBreakerError) -> dict[str, Any]:
    """The error as OpenAI's API tells errors; ``code`` is ours."""
    kind = next((name for found, _, name in _STATUS if isinstance(error, found)), "server_error")
    return {"error": {"message": str(error), "type": kind, "param": None, "code": error.code}}
