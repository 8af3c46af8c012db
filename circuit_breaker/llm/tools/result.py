"""What a model is shown of what a tool gave: a text within limits and without secrets."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from circuit_breaker.lazy import deferred
from circuit_breaker.llm.discretion import without_keys
from circuit_breaker.llm.parts import ToolCall, ToolResult
from circuit_breaker.llm.tools.context import ToolContext

__all__ = ["as_json", "failed", "redacted", "shown"]

unstructure = deferred("circuit_breaker.wire", "unstructure")


def shown(call: ToolCall, given: Any, context: ToolContext) -> ToolResult:
    """The result of a call: a text as it is, anything else as JSON.

    Raises:
        ValueError: It is no JSON.
        TypeError: The same.
    """
    text = given if isinstance(given, str) else _json(given)
    return ToolResult(call_id=call.id, name=call.name, content=_cut(context.redact(text), context.limits.output))


def failed(call: ToolCall, told: Mapping[str, Any], context: ToolContext, fallback: Any) -> ToolResult:
    """The result of a call that failed: what is said of it, and what stands in for a result."""
    result = as_json({**_without_keys(dict(told)), "fallback": fallback})
    content = _cut(_json(redacted(result, context.redact)), context.limits.output)
    return ToolResult(call_id=call.id, name=call.name, content=content, is_error=True)


def redacted(value: Any, redact: Callable[[str], str]) -> Any:
    """The JSON value with what becomes of each text in it, keys of objects too; a number that is changed is a text."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {redact(str(name)): redacted(inner, redact) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [redacted(inner, redact) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool):
        written = str(value)
        changed = redact(written)
        return value if changed == written else changed
    return value


def as_json(value: Any) -> Any:
    """What a tool gave, as JSON has it: typed data as objects, keys as texts.

    Raises:
        ValueError: It is no JSON.
        TypeError: The same.
    """
    return json.loads(_json(value))


def _without_keys(told: Any) -> Any:
    if isinstance(told, dict):
        return {name: _without_keys(inner) for name, inner in told.items()}
    if isinstance(told, list):
        return [_without_keys(inner) for inner in told]
    return without_keys(told) if isinstance(told, str) else told


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    """A value that JSON does not know: typed data as an object, other things by their usual text.

    Raises:
        TypeError: There is none.
    """
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    if isinstance(value, Mapping):
        return dict(value)
    made = unstructure(value)
    if made is value:
        raise TypeError(f"a tool gave a {type(value).__name__}, which is no JSON")
    return made


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return f"{text[:most]}\n… (cut: {most:,} of {len(text):,} characters are shown)"
