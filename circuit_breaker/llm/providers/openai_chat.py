"""OpenAI's chat completions, which many servers imitate: our requests as its documents, its answers as ours.

Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from circuit_breaker.errors import (
    AuthenticationFailed,
    ContentFiltered,
    ContextTooLong,
    LLMError,
    ModelNotFound,
    ProviderOverloaded,
    QuotaExhausted,
    RateLimitExceeded,
)
from circuit_breaker.llm.adapting import Draft
from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.encoding import decoded_piece
from circuit_breaker.llm.failures import VendorFault, http_failure
from circuit_breaker.llm.providers.extras import over
from circuit_breaker.llm.providers.openai_messages import choice_of, form_of, messages_of, tool_of
from circuit_breaker.llm.response import FinishReason
from circuit_breaker.llm.sse import EventDecoder, ServerEvent
from circuit_breaker.llm.usage import Usage

__all__ = ["KINDS", "ChatDialect", "fault_of", "usage_of"]

KINDS: Final[Mapping[str, type[LLMError]]] = {
    "context_length_exceeded": ContextTooLong,
    "content_filter": ContentFiltered,
    "content_policy_violation": ContentFiltered,
    "insufficient_quota": QuotaExhausted,
    "billing_hard_limit_reached": QuotaExhausted,
    "invalid_api_key": AuthenticationFailed,
    "model_not_found": ModelNotFound,
    "DeploymentNotFound": ModelNotFound,
    "rate_limit_exceeded": RateLimitExceeded,
    "server_error": ProviderOverloaded,
    "overloaded_error": ProviderOverloaded,
    "exceed_context_size_error": ContextTooLong,
}

_REASONS: Final[Mapping[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
_KNOWN: Final = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "error", "prompt_filter_results", "obfuscation"}
)

_KNOWN_OF_CHOICE: Final = frozenset({"index", "delta", "message", "finish_reason", "stop_reason"})
_KNOWN_OF_MESSAGE: Final = frozenset(
    {"role", "content", "refusal", "reasoning_content", "reasoning", "tool_calls", "function_call"}
)
_COUNTED: Final[Mapping[str, Any]] = {
    "prompt_tokens": None,
    "completion_tokens": None,
    "total_tokens": None,
    "prompt_tokens_details": {"cached_tokens": None, "cache_write_tokens": None},
    "completion_tokens_details": {"reasoning_tokens": None},
}


class ChatDialect:
    """Chat completions.

    Args:
        kind: The kind of the provider that speaks it.
    """

    kinds = KINDS

    def __init__(self, kind: str = "openai") -> None:
        self.kind = kind

    def path(self, draft: Draft) -> str:
        """Where the request goes."""
        del draft
        return "chat/completions"

    def body(self, draft: Draft) -> dict[str, Any]:
        """The request as the vendor takes it."""
        request, members = draft.request, dict(draft.members)
        body: dict[str, Any] = {
            **members,
            "messages": [one for message in request.messages for one in messages_of(message, draft)],
        }
        if request.tools:
            body["tools"] = [tool_of(tool, draft) for tool in request.tools]
            body |= choice_of(draft)
        if draft.plan.how == "native":
            body["response_format"] = form_of(draft)
        body |= {"model": request.model, "stream": draft.stream}
        if draft.stream and "stream_options" not in draft.profile.refused:
            body["stream_options"] = {"include_usage": True}
        return over(request.extra, body)

    def read(self, document: Any, assembly: Assembly) -> None:
        """Tells the assembly of a whole answer."""
        _begin(document, assembly)
        for choice in document["choices"]:
            _take_choice(choice, choice["message"], assembly)
        _end(document, assembly)

    def reader(self, assembly: Assembly) -> ChatReader:
        """What reads a streamed answer."""
        return ChatReader(assembly, self.kinds)

    def fault(self, document: Any) -> VendorFault | None:
        """What the vendor says is wrong."""
        return fault_of(document)


class ChatReader:
    """Reads a streamed answer."""

    def __init__(self, assembly: Assembly, kinds: Mapping[str, type[LLMError]]) -> None:
        self.decoder = EventDecoder()
        self.over = False
        self._assembly = assembly
        self._kinds = kinds

    def take(self, event: ServerEvent) -> None:
        """Tells the assembly of an event.

        Raises:
            LLMError: The event is an error.
        """
        if event.data.startswith(b"[DONE]"):
            self._done()
            return
        if not event.data.strip():
            return
        chunk = decoded_piece(event.data)
        if chunk.get("error"):
            raise http_failure(self._assembly.asked, fault_of(chunk) or VendorFault(), kinds=self._kinds)
        _begin(chunk, self._assembly)
        for choice in chunk.get("choices") or ():
            _take_choice(choice, choice.get("delta") or {}, self._assembly)
        _end(chunk, self._assembly)

    def _done(self) -> None:
        """The server says that it is over; one that never says why has stopped."""
        self.over = True
        self._assembly.close()


def _begin(document: Any, assembly: Assembly) -> None:
    assembly.started(
        id=document.get("id") or "", model=document.get("model") or "", created=document.get("created") or 0
    )


def _end(document: Any, assembly: Assembly) -> None:
    usage = document.get("usage")
    if usage:
        assembly.usage = usage_of(usage)
        assembly.members.count(_COUNTED, usage)
    if len(document) > 5:
        more = {name: value for name, value in document.items() if value is not None and name not in _KNOWN}
        if more:
            assembly.members.keep(more)


def _take_choice(choice: Any, message: Any, assembly: Assembly) -> None:
    """Tells of one choice: what is new of its message, and why it ended."""
    index = choice.get("index") or 0
    thought = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(thought, str):
        assembly.thinking(thought, index=index)
    content = message.get("content")
    if content:
        assembly.text(content if isinstance(content, str) else _joined(content), index=index)
    if message.get("refusal"):
        assembly.refusal(message["refusal"], index=index)
    for call in message.get("tool_calls") or ():
        _take_call(call, assembly, index)
    if message.get("function_call"):
        function = message["function_call"]
        assembly.call(function.get("arguments"), at=0, name=function.get("name"), index=index)
    raw = choice.get("finish_reason")
    if raw:
        assembly.finish(_REASONS.get(raw, "other"), raw, index=index)
    usual = 3 if choice.get("logprobs", 1) is not None else 4
    if len(choice) > usual or len(message) > 2:
        _note(choice, message, assembly, index)


def _note(choice: Any, message: Any, assembly: Assembly, index: int) -> None:
    """Keeps what we do not know of a choice and of its message, such as the probabilities of its tokens."""
    found = {name: value for name, value in choice.items() if name not in _KNOWN_OF_CHOICE and value is not None}
    more = {name: value for name, value in message.items() if name not in _KNOWN_OF_MESSAGE and value}
    if more:
        found["message"] = more
    if found:
        assembly.note(found, index=index)


def _take_call(call: Any, assembly: Assembly, index: int) -> None:
    function = call.get("function") or {}
    known = {"id", "type", "index", "function"}
    extra = {name: value for name, value in call.items() if name not in known} if len(call) > 4 else {}
    assembly.call(
        function.get("arguments"),
        at=call.get("index"),
        id=call.get("id"),
        name=function.get("name"),
        index=index,
        extra=extra,
    )


def _joined(content: Any) -> str:
    """The text of a content in parts."""
    return "".join(part.get("text") or "" for part in content)


def usage_of(usage: Mapping[str, Any]) -> Usage:
    """The tokens that it tells of; what it leaves out is 0."""
    read = usage.get("prompt_tokens_details") or {}
    written = usage.get("completion_tokens_details") or {}
    return Usage(
        input_tokens=usage.get("prompt_tokens") or 0,
        output_tokens=usage.get("completion_tokens") or 0,
        cached_tokens=read.get("cached_tokens") or 0,
        cache_write_tokens=read.get("cache_write_tokens") or 0,
        reasoning_tokens=written.get("reasoning_tokens") or 0,
    )


def fault_of(document: Any) -> VendorFault | None:
    """What is wrong, in any of the forms that servers have for it."""
    told = document.get("error", document) if isinstance(document, dict) else document
    if isinstance(told, str):
        return VendorFault(message=told)
    if not isinstance(told, dict):
        return None
    message = told.get("message") or told.get("detail") or told.get("msg") or ""
    inner = (told.get("innererror") or {}).get("code") == "ResponsibleAIPolicyViolation"
    code = "content_filter" if inner else _text(told.get("code"))
    return VendorFault(message=_text(message), type=_text(told.get("type")), code=code)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
