"""Anthropic's messages: our requests as its documents.

Source: https://platform.claude.com/docs/en/api/messages
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any, Final

from circuit_breaker.errors import LLMError
from circuit_breaker.llm.adapting import Draft
from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.encoding import decoded
from circuit_breaker.llm.failures import VendorFault
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.parts import File, Image, Part, Text, Thinking, ToolCall, ToolResult
from circuit_breaker.llm.providers.anthropic_answers import KINDS, MessageReader, fault_of, read_message
from circuit_breaker.llm.providers.anthropic_thinking import thinking_members
from circuit_breaker.llm.providers.blocks import blocks_by_turn, in_data, object_of, system_texts
from circuit_breaker.llm.providers.extras import over
from circuit_breaker.llm.request import ToolDefinition
from circuit_breaker.llm.schema_dialects import anthropic_schema
from circuit_breaker.llm.structured import instruction

__all__ = ["MessagesDialect"]

MOST_TOKENS: Final = 4096
"""Of an answer, where neither the request nor the profile says it: the vendor wants a number."""

_SAME: Final = ("max_tokens", "temperature", "top_p", "top_k")
_CHOICES: Final[Mapping[str, str]] = {"auto": "auto", "none": "none", "required": "any"}
_TOP: Final = frozenset({"anyOf", "oneOf", "allOf"})


class MessagesDialect:
    """Messages, as Anthropic has them."""

    kind = "anthropic"
    kinds: Mapping[str, type[LLMError]] = KINDS

    def path(self, draft: Draft) -> str:
        """Where the request goes."""
        del draft
        return "v1/messages"

    def body(self, draft: Draft) -> dict[str, Any]:
        """The request as the vendor takes it."""
        request = draft.request
        output, told = _form(draft)
        body: dict[str, Any] = {
            "max_tokens": draft.profile.max_output_tokens or MOST_TOKENS,
            **{name: draft.members[name] for name in _SAME if name in draft.members},
            **_system(draft, told),
            **_tools(draft),
            **_metadata(draft),
        }
        if "stop" in draft.members:
            body["stop_sequences"] = list(draft.members["stop"])
        body |= thinking_members(draft, body, output)
        body |= {"model": request.model, "messages": _turns(draft), "stream": draft.stream}
        return over(request.extra, body)

    def read(self, document: Any, assembly: Assembly) -> None:
        """Tells the assembly of a whole answer."""
        read_message(document, assembly)

    def reader(self, assembly: Assembly) -> MessageReader:
        """What reads a streamed answer."""
        return MessageReader(assembly)

    def fault(self, document: Any) -> VendorFault | None:
        """What the vendor says is wrong."""
        return fault_of(document)


def _turns(draft: Draft) -> list[dict[str, Any]]:
    turns = blocks_by_turn(draft.request.messages, lambda message: _blocks(message, draft))
    if turns and turns[-1][0] == "assistant":
        _without_end(turns[-1][1])
    return [{"role": side, "content": blocks} for side, blocks in turns]


def _without_end(blocks: list[dict[str, Any]]) -> None:
    """Takes the blanks off the end of what the model is to go on with, which the vendor refuses."""
    if blocks and blocks[-1].get("type") == "text":
        blocks[-1]["text"] = blocks[-1]["text"].rstrip()


def _blocks(message: ChatMessage, draft: Draft) -> Iterator[dict[str, Any]]:
    for part in message.parts:
        yield _block(part, draft)


def _block(part: Part, draft: Draft) -> dict[str, Any]:
    match part:
        case Text():
            return _text(part)
        case Image():
            return {"type": "image", "source": _source(in_data(part)), **_own(part)}
        case File():
            return {**_document(in_data(part)), **_own(part)}
        case Thinking():
            return _thought(part)
        case ToolCall():
            name = draft.names.vendor(part.name)
            return {"type": "tool_use", "id": part.id, "name": name, "input": object_of(part, draft), **_own(part)}
        case ToolResult():
            return {**_result(part), **_own(part)}


def _own(part: Image | File | ToolCall | ToolResult) -> dict[str, Any]:
    return {"cache_control": part.extra["cache_control"]} if "cache_control" in part.extra else {}


def _text(text: Text) -> dict[str, Any]:
    own = {name: text.extra[name] for name in ("cache_control", "citations") if name in text.extra}
    return {"type": "text", "text": text.text, **own}


def _thought(thought: Thinking) -> dict[str, Any]:
    """The thought as the vendor gave it; see :mod:`~circuit_breaker.llm.providers.anthropic_answers` for its blocks."""
    if thought.redacted is None:
        return {"type": "thinking", "thinking": thought.text, "signature": thought.signature}
    if thought.redacted.startswith("{"):
        block: dict[str, Any] = decoded(thought.redacted)
        return block
    return {"type": "redacted_thinking", "data": thought.redacted}


def _result(result: ToolResult) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": result.call_id}
    if result.content:
        block["content"] = result.content
    return block | ({"is_error": True} if result.is_error else {})


def _source(media: Image | File) -> dict[str, Any]:
    if media.url:
        return {"type": "url", "url": media.url}
    return {"type": "base64", "media_type": media.media_type, "data": media.data or ""}


def _document(file: File) -> dict[str, Any]:
    if file.file_id:
        source: dict[str, Any] = {"type": "file", "file_id": file.file_id}
    elif file.data and file.media_type.startswith("text/"):
        text = base64.b64decode(file.data).decode("utf-8", "replace")
        source = {"type": "text", "media_type": "text/plain", "data": text}
    else:
        source = _source(file)
    return {"type": "document", "source": source, **({"title": file.name} if file.name else {})}


def _system(draft: Draft, told: str) -> dict[str, Any]:
    texts = system_texts(draft.request.messages)
    blocks = [_text(text) for text in texts] + ([{"type": "text", "text": told}] if told else [])
    if not blocks:
        return {}
    plain = len(blocks) == 1 and len(blocks[0]) == 2
    return {"system": blocks[0]["text"] if plain else blocks}


def _metadata(draft: Draft) -> dict[str, Any]:
    told = dict(draft.members.get("metadata", {}))
    who = draft.members.get("user") or told.pop("user_id", None)
    if told:
        draft.lose("metadata", "dropped", f"the vendor takes user_id only, not {', '.join(sorted(told))}")
    return {"metadata": {"user_id": who}} if who else {}


def _form(draft: Draft) -> tuple[dict[str, Any], str]:
    """How the form of the answer is asked for: a member, or else what the model is told."""
    plan = draft.plan
    if plan.how != "native" or plan.sent is None:
        return {}, ""
    schema = anthropic_schema(plan.sent, draft.lose, "response_format.schema")
    if schema is None:
        return {}, instruction(plan.sent)
    return {"format": {"type": "json_schema", "schema": schema}}, ""


def _tools(draft: Draft) -> dict[str, Any]:
    tools, choice = draft.request.tools, draft.request.tool_choice
    if not tools:
        return _past_tools(draft)
    found: dict[str, Any] = {"tools": [_tool(tool, draft) for tool in tools]}
    chosen: dict[str, Any] = {"type": _CHOICES.get(choice, "tool")}
    if choice not in _CHOICES:
        chosen["name"] = draft.names.vendor(choice)
    if draft.members.get("parallel_tool_calls") is False and choice != "none":
        chosen["disable_parallel_tool_use"] = True
    return found if chosen == {"type": "auto"} else {**found, "tool_choice": chosen}


def _past_tools(draft: Draft) -> dict[str, Any]:
    """The tools that were called before: the vendor wants to know them, although none may be called any more."""
    calls = (call for message in draft.request.messages for call in message.tool_calls)
    names = dict.fromkeys(draft.names.vendor(call.name) for call in calls)
    if not names:
        return {}
    return {
        "tools": [{"name": name, "input_schema": {"type": "object"}} for name in names],
        "tool_choice": {"type": "none"},
    }


def _tool(tool: ToolDefinition, draft: Draft) -> dict[str, Any]:
    place = f"tools.{tool.name}"
    schema: dict[str, Any] | None = None
    if tool.strict and draft.profile.can("json_schema"):
        schema = anthropic_schema(tool.parameters, draft.lose, place)
    strict = {"strict": True} if schema is not None else {}
    if schema is None:
        schema = _open(tool.parameters, draft, place)
    described = {"description": tool.description} if tool.description else {}
    return {**tool.extra, "name": draft.names.vendor(tool.name), **described, "input_schema": schema, **strict}


def _open(parameters: Mapping[str, Any], draft: Draft, place: str) -> dict[str, Any]:
    """The schema as a tool may have it: an object, and no alternatives of objects."""
    for keyword in sorted(_TOP & parameters.keys()):
        draft.lose(place, "checked", f"the vendor takes no '{keyword}' for all of the arguments")
    return {"type": "object", **{name: value for name, value in parameters.items() if name not in _TOP}}
