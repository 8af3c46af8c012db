"""Our messages and tools as OpenAI's chat completions have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from circuit_breaker.llm.adapting import Draft
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.parts import File, Image, Text, ToolCall
from circuit_breaker.llm.request import ToolDefinition
from circuit_breaker.llm.strict_schema import strict

__all__ = ["choice_of", "content_of", "file_of", "form_of", "messages_of", "tool_of"]


def form_of(draft: Draft) -> dict[str, Any]:
    """The form of the answer."""
    form, plan = draft.plan.form, draft.plan
    if form is None or form.kind == "json_object":
        return {"type": "json_object"}
    schema, is_strict = plan.sent or {}, form.strict
    if is_strict and draft.profile.schema_dialect == "openai_strict":
        schema, is_strict = strict(schema, draft.lose, "response_format.schema")
    told = {"description": form.description} if form.description else {}
    name = draft.names.vendor(form.name)
    return {"type": "json_schema", "json_schema": {"name": name, **told, "schema": schema, "strict": is_strict}}


def tool_of(tool: ToolDefinition, draft: Draft) -> dict[str, Any]:
    """A tool as the model is told of it."""
    function: dict[str, Any] = {"name": draft.names.vendor(tool.name), "parameters": tool.parameters}
    if tool.description:
        function["description"] = tool.description
    if tool.strict and draft.profile.schema_dialect == "openai_strict":
        function["parameters"], function["strict"] = strict(
            tool.parameters, draft.lose, f"tools.{tool.name}", optional=False
        )
    elif tool.strict is not None:
        function["strict"] = tool.strict
    return {**tool.extra, "type": "function", "function": function}


def choice_of(draft: Draft) -> dict[str, Any]:
    """Which tools may be called, where that is not for the model to choose."""
    choice = draft.request.tool_choice
    if choice == "auto":
        return {}
    if choice in ("none", "required"):
        return {"tool_choice": choice}
    return {"tool_choice": {"type": "function", "function": {"name": draft.names.vendor(choice)}}}


def messages_of(message: ChatMessage, draft: Draft) -> list[dict[str, Any]]:
    """The vendor's messages that say what one of ours says: each result of a tool has one of its own."""
    found: list[dict[str, Any]] = [
        {**result.extra, "role": "tool", "tool_call_id": result.call_id, "content": result.content}
        for result in message.tool_results
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
    cached = any("cache_control" in part.extra for part in parts if isinstance(part, Text))
    if len(texts) == len(parts) and not cached:
        return "".join(texts)
    return [_part(part) for part in parts]


def _part(part: Text | Image | File) -> dict[str, Any]:
    match part:
        case Text():
            return {**_cached(part), "type": "text", "text": part.text}
        case Image():
            image = {"url": part.url or f"data:{part.media_type};base64,{part.data}"}
            detail = {"detail": part.detail} if part.detail else {}
            return {**_cached(part), "type": "image_url", "image_url": image | detail}
        case File() if part.is_audio and part.data:
            return {**_cached(part), "type": "input_audio", "input_audio": {"data": part.data, "format": _format(part)}}
        case File():
            return {**_cached(part), "type": "file", "file": file_of(part)}


def _cached(part: Text | Image | File) -> dict[str, Any]:
    """How long the vendor is to keep what stands before, which servers that pass it on to Anthropic take."""
    return {"cache_control": part.extra["cache_control"]} if "cache_control" in part.extra else {}


def _format(audio: File) -> str:
    """What OpenAI calls a kind of recording."""
    kind = audio.media_type.removeprefix("audio/").removeprefix("x-")
    return {"mpeg": "mp3", "wave": "wav"}.get(kind, kind)


def file_of(file: File) -> dict[str, Any]:
    """A file as OpenAI takes it."""
    if file.file_id:
        return {"file_id": file.file_id}
    return {"filename": file.name or "file", "file_data": f"data:{file.media_type};base64,{file.data or ''}"}
