"""OpenAI's responses, which models that think first are asked by: what they thought can be given back to them.

Source: https://platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from circuit_breaker.llm.adapting import Draft
from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.encoding import decoded
from circuit_breaker.llm.failures import VendorFault
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.parts import File, Image, Part, Text, Thinking, ToolCall, ToolResult
from circuit_breaker.llm.providers.extras import over
from circuit_breaker.llm.providers.openai_chat import KINDS, fault_of
from circuit_breaker.llm.providers.openai_messages import file_of
from circuit_breaker.llm.providers.openai_responses_answers import ResponsesReader, read_response
from circuit_breaker.llm.request import ToolDefinition
from circuit_breaker.llm.strict_schema import strict

__all__ = ["ResponsesDialect"]

_NAMES: Final[Mapping[str, str]] = {"max_tokens": "max_output_tokens", "max_completion_tokens": "max_output_tokens"}
_LACKING: Final = ("seed", "n", "stop", "frequency_penalty", "presence_penalty")


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
        read_response(document, assembly)

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
