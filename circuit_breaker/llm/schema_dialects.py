"""JSON Schema in the dialects of Anthropic and Google; what a dialect cannot carry is checked on our side.

Sources: https://ai.google.dev/api/caching#Schema and
https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from circuit_breaker.errors import RuleInvalid
from circuit_breaker.llm.schema_written import HARMLESS, Uncarried, Written
from circuit_breaker.rules.schema import checked

__all__ = ["Lose", "anthropic_schema", "gemini_schema"]

Lose = Callable[[str, Any, str], None]

_GEMINI: Final = frozenset(
    {"title", "description", "nullable", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems",
     "maxItems", "propertyOrdering"}
)  # fmt: skip
_GEMINI_FORMATS: Final = frozenset({"date-time", "enum", "float", "double", "int32", "int64"})
_ANTHROPIC: Final = frozenset({"title", "description", "type", "enum", "const", "required"})
_ANTHROPIC_FORMATS: Final = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)


def gemini_schema(schema: Mapping[str, Any], lose: Lose, place: str) -> dict[str, Any] | None:
    """The schema in Google's subset of OpenAPI's, or None where that cannot carry it.

    Args:
        schema: JSON Schema.
        lose: Told of each constraint that is left to us to check.
        place: Where the schema stands in the request.
    """
    return _carried(schema, _gemini, lose, place)


def anthropic_schema(schema: Mapping[str, Any], lose: Lose, place: str) -> dict[str, Any] | None:
    """The schema in the form that Anthropic can keep a model to, or None where that cannot carry it.

    Args:
        schema: JSON Schema.
        lose: Told of each constraint that is left to us to check.
        place: Where the schema stands in the request.
    """
    return _carried(schema, _anthropic, lose, place)


def _carried(
    schema: Mapping[str, Any], narrow: Callable[[Any, set[str]], dict[str, Any]], lose: Lose, place: str
) -> dict[str, Any] | None:
    """The schema as the vendor takes it, or None.

    Raises:
        RuleInvalid: It is none.
    """
    lost: set[str] = set()
    try:
        found = narrow(Written(schema).out(schema), lost)
    except (Uncarried, RecursionError) as error:
        why = str(error) if isinstance(error, Uncarried) else "it is nested too deep"
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        _check(schema, place)
        why = f"a part of it cannot be read: {error}"
    else:
        for keyword in sorted(lost):
            lose(place, "checked", f"the vendor takes no '{keyword}'")
        return found
    lose(place, "checked", f"the vendor's dialect of JSON Schema cannot carry it: {why}")
    return None


def _check(schema: Mapping[str, Any], place: str) -> None:
    """Lets a schema pass.

    Raises:
        RuleInvalid: It is none.
    """
    try:
        checked(schema, place)
    except RuleInvalid as error:
        raise RuleInvalid(f"{place}: {error.message}", remedy="correct the schema") from error


def _types(schema: Mapping[str, Any]) -> list[str]:
    """The types that a value may have; empty where the schema does not say."""
    told = schema.get("type")
    if told is None:
        if "properties" in schema:
            return ["object"]
        if "items" in schema:
            return ["array"]
        values = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]
        return list(dict.fromkeys(map(_type_of, values)))
    return [told] if isinstance(told, str) else list(told)


def _type_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case Mapping():
            return "object"
        case _:
            return "array"


def _alternatives(schema: Mapping[str, Any], lost: set[str]) -> Iterable[Any]:
    if "oneOf" in schema and "anyOf" not in schema:
        lost.add("oneOf")
        return tuple(schema["oneOf"])
    return tuple(schema.get("anyOf", ()))


# Google


def _gemini(schema: Any, lost: set[str]) -> dict[str, Any]:
    """The schema in Google's subset.

    Raises:
        Uncarried: It cannot carry it.
    """
    if not isinstance(schema, Mapping):
        raise Uncarried("a part of it says nothing of the value")
    alternatives = _alternatives(schema, lost)
    if alternatives:
        return _gemini_any(schema, alternatives, lost)
    types = _types(schema)
    named = [kind for kind in types if kind != "null"]
    if len(named) > 1:
        return _gemini_any(schema, [{**schema, "type": kind} for kind in types], lost)
    if not named:
        raise Uncarried("a part of it has no type")
    found = {"type": named[0], **{name: value for name, value in schema.items() if name in _GEMINI}}
    if "null" in types:
        found["nullable"] = True
    return found | dict(_gemini_rest(schema, named[0], lost))


def _gemini_rest(schema: Mapping[str, Any], kind: str, lost: set[str]) -> Iterator[tuple[str, Any]]:
    """What the type says more, and what is lost."""
    lost.update(schema.keys() - _GEMINI - HARMLESS - _GEMINI_SAID)
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if values is not None and kind == "string" and all(isinstance(value, (str, type(None))) for value in values):
        yield "enum", [value for value in values if value is not None]
    elif values is not None:
        lost.add("enum")
    if schema.get("format") in _GEMINI_FORMATS:
        yield "format", schema["format"]
    elif "format" in schema:
        lost.add("format")
    if kind == "array":
        yield "items", _gemini(schema.get("items", True), lost)
    if kind == "object":
        yield from _gemini_object(schema, lost)


_GEMINI_SAID: Final = frozenset(
    {"type", "enum", "const", "format", "items", "properties", "required", "additionalProperties", "anyOf", "oneOf"}
)


def _gemini_object(schema: Mapping[str, Any], lost: set[str]) -> Iterator[tuple[str, Any]]:
    properties = schema.get("properties") or {}
    more = schema.get("additionalProperties")
    if not properties or isinstance(more, Mapping):
        # Google gives an empty object for one whose members are not named.
        raise Uncarried("it has an object whose members it does not name")
    if more is False:
        lost.add("additionalProperties")
    yield "properties", {name: _gemini(inner, lost) for name, inner in properties.items()}
    required = [name for name in schema.get("required", ()) if name in properties]
    if required:
        yield "required", required


def _gemini_any(schema: Mapping[str, Any], alternatives: Iterable[Any], lost: set[str]) -> dict[str, Any]:
    """One of several; null among them is a value that may be null."""
    told = {name: schema[name] for name in ("title", "description") if name in schema}
    beside = schema.keys() - {"anyOf", "oneOf", "type", "title", "description"} - HARMLESS
    alternatives = list(alternatives)
    nullable = any(_is_null(one) for one in alternatives)
    found = [_gemini(one, lost) for one in alternatives if not _is_null(one)]
    if "anyOf" in schema or "oneOf" in schema:
        lost.update(beside)
    if not found:
        raise Uncarried("a part of it has no type")
    narrow = {**found[0], **told} if len(found) == 1 else {"anyOf": found, **told}
    return {**narrow, "nullable": True} if nullable else narrow


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") in ("null", ["null"])


# Anthropic


def _anthropic(schema: Any, lost: set[str]) -> dict[str, Any]:
    """The schema with every object closed.

    Raises:
        Uncarried: It cannot be.
    """
    if not isinstance(schema, Mapping):
        raise Uncarried("a part of it says nothing of the value")
    found = {name: value for name, value in schema.items() if name in _ANTHROPIC}
    alternatives = _alternatives(schema, lost)
    if alternatives:
        found["anyOf"] = [_anthropic(one, lost) for one in alternatives]
    types = _types(schema)
    if not types and not alternatives:
        raise Uncarried("a part of it has no type")
    if "object" in types:
        found |= _anthropic_object(schema, lost)
    if "array" in types:
        found["items"] = _anthropic(schema.get("items", True), lost)
        if schema.get("minItems") in (0, 1):
            found["minItems"] = schema["minItems"]
    if schema.get("format") in _ANTHROPIC_FORMATS:
        found["format"] = schema["format"]
    said = _ANTHROPIC | HARMLESS | found.keys() | {"oneOf", "additionalProperties"}
    lost.update(schema.keys() - said)
    return found


def _anthropic_object(schema: Mapping[str, Any], lost: set[str]) -> dict[str, Any]:
    properties = schema.get("properties") or {}
    if not properties or isinstance(schema.get("additionalProperties"), Mapping):
        raise Uncarried("it has an object whose members it does not name")
    named = {name: _anthropic(inner, lost) for name, inner in properties.items()}
    required = [name for name in schema.get("required", ()) if name in properties]
    closed: dict[str, Any] = {"properties": named, "required": required, "additionalProperties": False}
    return closed
