"""What each vendor refuses in a conversation, as its documents and errors say, found in the document that goes out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def custom_faults(body: dict[str, Any], own: frozenset[str] = frozenset({"cache_control"})) -> Iterator[str]:
    """What servers refuse that speak as OpenAI does."""
    waiting: set[str] = set()
    seen: set[str] = set()
    for message in body["messages"]:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                yield f"a result of no call before it: {message['tool_call_id']}"
            waiting.discard(message["tool_call_id"])
            continue
        calls = message.get("tool_calls", [])
        yield from _unanswered(waiting)
        waiting = {call["id"] for call in calls}
        if len(waiting) < len(calls) or waiting & seen:
            yield f"an id twice: {waiting}"
        seen |= waiting
        for call in calls:
            yield from _call(call, own)
        if not message["content"] and not calls:
            yield "a message says nothing"
        media = [part for part in message["content"] or () if isinstance(part, dict) and part["type"] != "text"]
        if message["role"] != "user" and media:
            yield f"an image of the {message['role']}'s"
    yield from _unanswered(waiting)


def _unanswered(waiting: set[str]) -> Iterator[str]:
    if waiting:
        yield f"calls without a result: {sorted(waiting)}"


def _call(call: dict[str, Any], own: frozenset[str]) -> Iterator[str]:
    if not NAME.fullmatch(call["function"]["name"]):
        yield f"a name that is not taken: {call}"
    if not 0 < len(call["id"]) <= 40:
        yield f"an id of {len(call['id'])} characters"
    for name in call.keys() - {"id", "type", "function"} - own:
        yield f"unknown in a call: {name}"


def openai_faults(body: dict[str, Any]) -> Iterator[str]:
    """What OpenAI refuses, in either of its interfaces."""
    yield from custom_faults(body, frozenset()) if "messages" in body else _responses_faults(body)


def _responses_faults(body: dict[str, Any]) -> Iterator[str]:
    items = body["input"]
    calls = [item["call_id"] for item in items if item.get("type") == "function_call"]
    results = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
    if sorted(calls) != sorted(results) or len(set(calls)) < len(calls):
        yield f"calls {calls}, but results {results}"
    for item, after in pairwise([*items, {}]):
        follows = after.get("type") in ("message", "function_call", "reasoning") or after.get("role") == "assistant"
        if item.get("type") == "reasoning" and not follows:
            yield "a thought with nothing behind it"


def ollama_faults(body: dict[str, Any]) -> Iterator[str]:
    """What Ollama cannot make sense of."""
    waiting: list[str] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            if not waiting or message["tool_name"] != waiting.pop(0):
                yield f"a result of no call before it: {message['tool_name']}"
            continue
        if waiting:
            yield f"calls without a result: {waiting}"
        calls = message.get("tool_calls", [])
        waiting = [call["function"]["name"] for call in calls]
        if not all(isinstance(call["function"]["arguments"], dict) for call in calls):
            yield "arguments that are no object"
    if waiting:
        yield f"calls without a result: {waiting}"


def anthropic_faults(body: dict[str, Any]) -> Iterator[str]:
    """What Anthropic refuses in messages."""
    messages = body["messages"]
    yield from _turns(["" if one["role"] == "user" else "model" for one in messages])
    seen: set[str] = set()
    for message, after in pairwise([*messages, {"content": []}]):
        blocks = message["content"]
        if not blocks:
            yield "a message says nothing"
        ids = [block["id"] for block in blocks if block["type"] == "tool_use"]
        results = [block["tool_use_id"] for block in after["content"] if block["type"] == "tool_result"]
        heads = [block["type"] == "tool_result" for block in after["content"]]
        if sorted(ids) != sorted(results) or len(set(ids)) < len(ids) or seen & set(ids):
            yield f"calls {ids}, but results {results}"
        if heads != sorted(heads, reverse=True):
            yield "a result behind something else"
        seen |= set(ids)
        for block in blocks:
            yield from _block(block, message["role"])
        if "tool_use" in (types := [block["type"] for block in blocks]):
            if "thinking" in types[types.index("tool_use") :]:
                yield "a thought behind a call"
            if not body.get("tools"):
                yield "calls, but no tools"
    last = messages[-1]["content"][-1]
    if messages[-1]["role"] == "assistant" and last["type"] == "text" and last["text"] != last["text"].rstrip():
        yield "blanks at the end"


def _turns(sides: list[str]) -> Iterator[str]:
    if not sides or sides[0]:
        yield "the user does not begin"
    if any(one == other for one, other in pairwise(sides)):
        yield f"the same twice in a row: {sides}"


def _block(block: dict[str, Any], role: str) -> Iterator[str]:
    match block["type"]:
        case "text":
            if not block["text"].strip():
                yield "a text of blanks"
        case "tool_use":
            if role != "assistant" or not NAME.fullmatch(block["name"]) or not NAME.fullmatch(block["id"]):
                yield f"no call: {block}"
            if not isinstance(block["input"], dict):
                yield "arguments that are no object"
        case "tool_result" | "image" | "document":
            if role != "user":
                yield f"a {block['type']} of the model's"
        case "thinking":
            if role != "assistant" or not block["signature"]:
                yield "a thought that is not its own"


def google_faults(body: dict[str, Any]) -> Iterator[str]:
    """What Google refuses in contents."""
    contents = body["contents"]
    yield from _turns(["" if one["role"] == "user" else "model" for one in contents])
    for content, after in pairwise([*contents, {"parts": []}]):
        parts = content["parts"]
        if not parts:
            yield "a content without parts"
        calls = [part["functionCall"] for part in parts if "functionCall" in part]
        results = [part["functionResponse"] for part in after["parts"] if "functionResponse" in part]
        if [call["name"] for call in calls] != [result["name"] for result in results]:
            yield f"calls {calls}, but results {results}"
        if [call.get("id") for call in calls] != [result.get("id") for result in results]:
            yield "ids that do not match"
        if calls and content["role"] != "model":
            yield "a call of the user's"
        for result in results:
            if not isinstance(result["response"], dict):
                yield "a result that is no object"
        for part in parts:
            if "text" in part and not part["text"].strip() and "thoughtSignature" not in part:
                yield "a text of blanks"


FAULTS = {
    "openai": openai_faults,
    "custom": custom_faults,
    "ollama": ollama_faults,
    "anthropic": anthropic_faults,
    "google": google_faults,
}
