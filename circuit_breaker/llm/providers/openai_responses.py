"""OpenAI's responses, which models that think first are asked by: what they thought can be given back to them.

Source: https://platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from circuit_breaker.llm.adapting import Draft
from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.encoding import decoded, decoded_piece, json_text
from circuit_breaker.llm.failures import VendorFault, http_failure
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.parts import File, Image, Part, Text, Thinking, ToolCall, ToolResult
from circuit_breaker.llm.providers.extras import over
from circuit_breaker.llm.providers.openai_chat import KINDS, fault_of
from circuit_breaker.llm.providers.openai_messages import file_of
from circuit_breaker.llm.request import ToolDefinition
from circuit_breaker.llm.response import FinishReason
from circuit_breaker.llm.sse import EventDecoder, ServerEvent
from circuit_breaker.llm.strict_schema import strict
from circuit_breaker.llm.usage import Usage

__all__ = ["ResponsesDialect"]

_NAMES: Final[Mapping[str, str]] = {"max_tokens": "max_output_tokens", "max_completion_tokens": "max_output_tokens"}
_LACKING: Final = ("seed", "n", "stop", "frequency_penalty", "presence_penalty")
_ENDINGS: Final[Mapping[str, FinishReason]] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_KNOWN: Final = frozenset(
    "id object created_at model output usage error status incomplete_details instructions max_output_tokens metadata "
    "parallel_tool_calls temperature text tool_choice tools top_p truncation user reasoning store "
    "previous_response_id background".split()
)


_COUNTED: Final[Mapping[str, Any]] = {
    "input_tokens": None,
    "output_tokens": None,
    "total_tokens": None,
    "input_tokens_details": {"cached_tokens": None, "cache_write_tokens": None},
    "output_tokens_details": {"reasoning_tokens": None},
}


class ResponsesDialect:
    """Responses. Nothing is kept at the vendor's: what the model thought comes encrypted, and goes back."""

    kind = "openai"
    kinds = KINDS

    def path(self, draft: Draft) -> str:
        """Where the request goes."""
        del draft
        return "responses"

    def body(self, draft: Draft) -> dict[str, Any]:
        """The request as the vendor takes it."""
        request = draft.request
        body: dict[str, Any] = {**_members(draft), "store": False}
        if request.tools:
            body["tools"] = [_tool(tool, draft) for tool in request.tools]
            if request.tool_choice != "auto":
                body["tool_choice"] = _choice(draft)
        if draft.plan.how == "native":
            body["text"] = {"format": _form(draft)}
        if draft.profile.can("thinking"):
            body["include"] = ["reasoning.encrypted_content", *request.extra.get("include", ())]
        messages = [one for message in request.messages for one in _items(message, draft)]
        return over(request.extra, {**body, "model": request.model, "input": messages, "stream": draft.stream})

    def read(self, document: Any, assembly: Assembly) -> None:
        """Tells the assembly of a whole answer."""
        _begin(document, assembly)
        for place, item in enumerate(document["output"]):
            _read_item(item, place, assembly)
        _end(document, assembly)

    def reader(self, assembly: Assembly) -> ResponsesReader:
        """What reads a streamed answer."""
        return ResponsesReader(assembly)

    def fault(self, document: Any) -> VendorFault | None:
        """What the vendor says is wrong."""
        return fault_of(document)


def _members(draft: Draft) -> dict[str, Any]:
    """How to answer, in the names of this interface."""
    found: dict[str, Any] = {}
    for name, value in draft.members.items():
        if name in _LACKING:
            draft.lose(name, "dropped", "the responses interface has no such member")
        elif name == "reasoning_effort":
            found["reasoning"] = {"effort": value, "summary": "auto"}
        else:
            found[_NAMES.get(name, name)] = value
    return found


def _tool(tool: ToolDefinition, draft: Draft) -> dict[str, Any]:
    found: dict[str, Any] = {**tool.extra, "type": "function", "name": draft.names.vendor(tool.name)}
    found["parameters"] = tool.parameters
    found["strict"] = False  # the interface would be strict if nothing were said
    if tool.strict:
        found["parameters"], found["strict"] = strict(tool.parameters, draft.lose, f"tools.{tool.name}", optional=False)
    return found | ({"description": tool.description} if tool.description else {})


def _choice(draft: Draft) -> Any:
    choice = draft.request.tool_choice
    return choice if choice in ("none", "required") else {"type": "function", "name": draft.names.vendor(choice)}


def _form(draft: Draft) -> dict[str, Any]:
    form, plan = draft.plan.form, draft.plan
    if form is None or form.kind == "json_object":
        return {"type": "json_object"}
    schema, is_strict = plan.sent or {}, form.strict
    if is_strict:
        schema, is_strict = strict(schema, draft.lose, "response_format.schema")
    told = {"description": form.description} if form.description else {}
    name = draft.names.vendor(form.name)
    return {"type": "json_schema", "name": name, **told, "schema": schema, "strict": is_strict}


def _items(message: ChatMessage, draft: Draft) -> list[dict[str, Any]]:
    """The items that say what one of our messages says; texts and images that stand together are one."""
    found: list[dict[str, Any]] = []
    content: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, (Text, Image, File)):
            content.append(_content(part, message.role))
            continue
        found += _said(message, content)
        content = []
        found += _item(part, draft)
    return [*found, *_said(message, content)]


def _said(message: ChatMessage, content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    role = "user" if message.role == "tool" else message.role
    return [{"role": role, "content": content}] if content else []


def _content(part: Text | Image | File, role: str) -> dict[str, Any]:
    match part:
        case Text():
            return {"type": "output_text" if role == "assistant" else "input_text", "text": part.text}
        case Image():
            url = part.url or f"data:{part.media_type};base64,{part.data}"
            return {"type": "input_image", "image_url": url, "detail": part.detail or "auto"}
        case File():
            return {"type": "input_file", **({"file_url": part.url} if part.url else file_of(part))}


def _item(part: Part, draft: Draft) -> list[dict[str, Any]]:
    match part:
        case ToolCall():
            name = draft.names.vendor(part.name)
            return [{"type": "function_call", "call_id": part.id, "name": name, "arguments": part.arguments or "{}"}]
        case ToolResult():
            return [{"type": "function_call_output", "call_id": part.call_id, "output": part.content}]
        case Thinking() if part.provider == "openai" and part.signature:
            return [decoded(part.signature)]
        case _:
            return []


def _begin(document: Any, assembly: Assembly) -> None:
    created = int(document.get("created_at") or 0)
    assembly.started(id=document.get("id") or "", model=document.get("model") or "", created=created)


def _read_item(item: Any, place: int, assembly: Assembly) -> None:
    match item.get("type"):
        case "message":
            for content in item.get("content") or ():
                assembly.text(content.get("text"))
                assembly.refusal(content.get("refusal"))
        case "function_call":
            assembly.call(item.get("arguments"), at=place, id=item.get("call_id"), name=item.get("name"))
        case "reasoning":
            for number, summary in enumerate(item.get("summary") or ()):
                assembly.thinking(("\n\n" if number else "") + (summary.get("text") or ""))
            _sign(item, assembly)


def _sign(item: Any, assembly: Assembly) -> None:
    """The thought is complete: what goes back is the item as it came."""
    if item.get("encrypted_content"):
        kept = {name: item.get(name) for name in ("type", "id", "summary", "encrypted_content")}
        assembly.thinking("", signature=json_text(kept))
    assembly.thought_ended()


def _end(document: Any, assembly: Assembly) -> None:
    """Why it ended, and the tokens.

    Raises:
        LLMError: It failed.
    """
    if document.get("error") or document.get("status") == "failed":
        raise http_failure(assembly.asked, fault_of(document) or VendorFault(), kinds=KINDS)
    reason = (document.get("incomplete_details") or {}).get("reason") or ""
    assembly.finish(_ENDINGS.get(reason, "other") if reason else "stop", reason or document.get("status") or "")
    if document.get("usage"):
        assembly.usage = _usage(document["usage"])
        assembly.counted_beyond(_COUNTED, document["usage"])
    for name in document.keys() - _KNOWN:
        if document[name] is not None:
            assembly.extra[name] = document[name]


def _usage(usage: Mapping[str, Any]) -> Usage:
    read, written = usage.get("input_tokens_details") or {}, usage.get("output_tokens_details") or {}
    return Usage(
        input_tokens=usage.get("input_tokens") or 0,
        output_tokens=usage.get("output_tokens") or 0,
        cached_tokens=read.get("cached_tokens") or 0,
        cache_write_tokens=read.get("cache_write_tokens") or 0,
        reasoning_tokens=written.get("reasoning_tokens") or 0,
    )


class ResponsesReader:
    """Reads a streamed answer."""

    def __init__(self, assembly: Assembly) -> None:
        self.decoder = EventDecoder()
        self.over = False
        self._assembly = assembly
        self._written: set[int] = set()
        """Calls whose arguments have come piece by piece."""

    def take(self, event: ServerEvent) -> None:
        """Tells the assembly of an event.

        Raises:
            LLMError: The event is an error.
        """
        if not event.data.strip() or event.data.startswith(b"[DONE]"):
            return
        told = decoded_piece(event.data)
        kind = told.get("type") or event.event
        match kind:
            case "response.output_text.delta":
                self._assembly.text(told.get("delta"))
            case "response.refusal.delta":
                self._assembly.refusal(told.get("delta"))
            case "response.reasoning_summary_text.delta":
                self._assembly.thinking(told.get("delta"))
            case "response.reasoning_summary_part.added" if told.get("summary_index"):
                self._assembly.thinking("\n\n")
            case "response.created":
                _begin(told["response"], self._assembly)
            case "response.completed" | "response.incomplete" | "response.failed":
                self._end(told["response"])
            case "error":
                raise http_failure(self._assembly.asked, fault_of(told) or VendorFault(), kinds=KINDS)
            case _:
                self._item(kind, told)

    def _item(self, kind: str, told: Any) -> None:
        place = told.get("output_index", 0)
        match kind:
            case "response.output_item.added" if told["item"].get("type") == "function_call":
                self._call(told["item"], place)
            case "response.function_call_arguments.delta":
                self._written.add(place)
                self._assembly.call(told.get("delta"), at=place)
            case "response.function_call_arguments.done":
                self._whole(told, place)
            case "response.output_item.done":
                self._done(told["item"], place)

    def _call(self, item: Any, place: int) -> None:
        self._assembly.call("", at=place, id=item.get("call_id"), name=item.get("name"))

    def _whole(self, told: Any, place: int) -> None:
        """The arguments, where they did not come piece by piece."""
        if place not in self._written:
            self._written.add(place)
            self._assembly.call(told.get("arguments"), at=place)

    def _done(self, item: Any, place: int) -> None:
        if item.get("type") == "function_call":
            self._whole(item, place)
            self._assembly.call_ended(at=place)
        elif item.get("type") == "reasoning":
            _sign(item, self._assembly)

    def _end(self, document: Any) -> None:
        _begin(document, self._assembly)
        _end(document, self._assembly)
        self.over = True
