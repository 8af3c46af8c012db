"""OpenAI's chat completions, which many servers imitate: our requests as its documents, its answers as ours.

Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from circuit_breaker.llm.encoding import decoded
from circuit_breaker.llm.failures import VendorFault, http_failure
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.parts import File, Image, Text, ToolCall
from circuit_breaker.llm.request import ToolDefinition
from circuit_breaker.llm.response import FinishReason
from circuit_breaker.llm.sse import EventDecoder, ServerEvent
from circuit_breaker.llm.strict_schema import strict
from circuit_breaker.llm.usage import Usage

__all__ = ["KINDS", "ChatDialect", "content_of", "fault_of", "usage_of"]

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
            "messages": [one for message in request.messages for one in _messages(message, draft)],
        }
        if request.tools:
            body["tools"] = [_tool(tool, draft) for tool in request.tools]
            body |= _choice(draft)
        if draft.plan.how == "native":
            body["response_format"] = _form(draft)
        body = {**body, **request.extra, "model": request.model, "messages": body["messages"], "stream": draft.stream}
        if draft.stream and "stream_options" not in draft.profile.refused:
            body.setdefault("stream_options", {"include_usage": True})
        return body

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
        chunk = decoded(event.data)
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
    if len(document) > 5:
        for name in document.keys() - _KNOWN:
            if document[name] is not None:
                assembly.extra[name] = document[name]


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


def _form(draft: Draft) -> dict[str, Any]:
    """The form of the answer."""
    form, plan = draft.plan.form, draft.plan
    if form is None or form.kind == "json_object":
        return {"type": "json_object"}
    schema, is_strict = plan.sent or {}, form.strict
    if is_strict and draft.profile.schema_dialect == "openai_strict":
        schema, is_strict = strict(schema, draft.lose, "response_format.schema")
    name = draft.names.vendor(form.name)
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": is_strict}}


def _tool(tool: ToolDefinition, draft: Draft) -> dict[str, Any]:
    function: dict[str, Any] = {"name": draft.names.vendor(tool.name), "parameters": tool.parameters}
    if tool.description:
        function["description"] = tool.description
    if tool.strict and draft.profile.schema_dialect == "openai_strict":
        function["parameters"], function["strict"] = strict(
            tool.parameters, draft.lose, f"tools.{tool.name}", optional=False
        )
    elif tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _choice(draft: Draft) -> dict[str, Any]:
    choice = draft.request.tool_choice
    if choice == "auto":
        return {}
    if choice in ("none", "required"):
        return {"tool_choice": choice}
    return {"tool_choice": {"type": "function", "function": {"name": draft.names.vendor(choice)}}}


def _messages(message: ChatMessage, draft: Draft) -> list[dict[str, Any]]:
    """The vendor's messages that say what one of ours says: each result of a tool has one of its own."""
    found: list[dict[str, Any]] = [
        {"role": "tool", "tool_call_id": result.call_id, "content": result.content} for result in message.tool_results
    ]
    rest = [part for part in message.parts if isinstance(part, (Text, Image, File))]
    calls = [_call(call, draft) for call in message.tool_calls]
    if rest or calls or not found:
        one: dict[str, Any] = {**message.extra, "role": message.role if message.role != "tool" else "user"}
        one["content"] = content_of(rest) if rest else (None if calls else "")
        if message.name:
            one["name"] = message.name
        if calls:
            one["tool_calls"] = calls
        found.append(one)
    return found


def _call(call: ToolCall, draft: Draft) -> dict[str, Any]:
    function = {"name": draft.names.vendor(call.name), "arguments": call.arguments or "{}"}
    return {**call.extra, "id": call.id, "type": "function", "function": function}


def content_of(parts: Sequence[Text | Image | File]) -> str | list[dict[str, Any]]:
    """The content: a text where there is nothing else."""
    texts = [part.text for part in parts if isinstance(part, Text)]
    if len(texts) == len(parts):
        return "".join(texts)
    return [_part(part) for part in parts]


def _part(part: Text | Image | File) -> dict[str, Any]:
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Image():
            image = {"url": part.url or f"data:{part.media_type};base64,{part.data}"}
            return {"type": "image_url", "image_url": image | ({"detail": part.detail} if part.detail else {})}
        case File():
            return {"type": "file", "file": file_of(part)}


def file_of(file: File) -> dict[str, Any]:
    """A file as OpenAI takes it."""
    if file.file_id:
        return {"file_id": file.file_id}
    return {"filename": file.name or "file", "file_data": f"data:{file.media_type};base64,{file.data or ''}"}
