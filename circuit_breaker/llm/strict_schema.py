"""JSON Schema in the narrow dialect that OpenAI can keep a model to; what it cannot carry is checked on our side.

Every object says all of its members, each of them is required, and no other is allowed; one that may be left out may be
null instead. Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["strict", "without_nulls"]

Lose = Callable[[str, Any, str], None]

_UNSUPPORTED: Final = frozenset(
    {"allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else", "oneOf", "patternProperties",
     "propertyNames", "minProperties", "maxProperties", "contains", "minContains", "maxContains", "uniqueItems",
     "unevaluatedItems", "unevaluatedProperties", "prefixItems", "contentEncoding", "contentMediaType", "minLength",
     "maxLength", "default", "examples", "$schema", "$id", "$comment"}
)  # fmt: skip
_HARMLESS: Final = frozenset({"default", "examples", "$schema", "$id", "$comment"})
_SCHEMAS: Final = ("$defs", "definitions", "properties")


def strict(
    schema: Mapping[str, Any], lose: Lose, place: str, *, optional: bool = True
) -> tuple[Mapping[str, Any], bool]:
    """The schema in the narrow dialect, and whether that can carry it; the schema itself where it cannot.

    Args:
        schema: JSON Schema of an object.
        lose: Told of each constraint that is left to us to check.
        place: Where the schema stands in the request.
        optional: Whether members that may be left out may be null instead; :func:`without_nulls` takes these out.
    """
    lost: list[str] = []
    try:
        narrow = _narrow(schema, lost)
    except ValueError as error:
        lose(place, "checked", f"the vendor cannot be held to it, for {error}")
        return schema, False
    if not optional and _has_optional(schema):
        lose(place, "checked", "the vendor cannot be held to it, for it has members that may be left out")
        return schema, False
    for keyword in sorted(set(lost)):
        lose(place, "checked", f"the vendor takes no '{keyword}'")
    return narrow, True


def _narrow(schema: Any, lost: list[str]) -> Any:
    """The schema without what the dialect does not have.

    Raises:
        ValueError: It has an object whose members nobody knows.
    """
    if not isinstance(schema, Mapping):
        raise ValueError("a part of it is no object")  # noqa: TRY004 - a schema may be true or false
    if "oneOf" in schema and "anyOf" not in schema:
        lost.append("oneOf")
        schema = {"anyOf": schema["oneOf"], **{name: value for name, value in schema.items() if name != "oneOf"}}
    lost.extend(schema.keys() & (_UNSUPPORTED - _HARMLESS))
    found = {name: _inner(name, value, lost) for name, value in schema.items() if name not in _UNSUPPORTED}
    return _closed(found, schema) if _is_object(schema) else found


def _is_object(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "object" or "properties" in schema or (isinstance(kind, (list, tuple)) and "object" in kind)


def _inner(name: str, value: Any, lost: list[str]) -> Any:
    if name in _SCHEMAS:
        return {key: _narrow(inner, lost) for key, inner in value.items()}
    if name == "items":
        return _narrow(value, lost)
    if name == "anyOf":
        return [_narrow(inner, lost) for inner in value]
    return value


def _closed(found: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """An object whose members are all required, and no others allowed.

    Raises:
        ValueError: It says of no member what it is.
    """
    properties = found.get("properties")
    if properties is None or schema.get("additionalProperties") not in (None, False, True):
        raise ValueError("it has an object whose members it does not name")
    required = schema.get("required", ())
    named = {name: inner if name in required else _or_null(inner) for name, inner in properties.items()}
    return {**found, "properties": named, "required": list(named), "additionalProperties": False}


def _or_null(schema: Any) -> Any:
    """The schema, or null."""
    kind = schema.get("type")
    if isinstance(kind, str) and "enum" not in schema and "const" not in schema:
        return schema if kind == "null" else {**schema, "type": [kind, "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def _has_optional(schema: Any) -> bool:
    """Whether a member of the schema, or of one inside of it, may be left out."""
    if isinstance(schema, (list, tuple)):
        return any(map(_has_optional, schema))
    if not isinstance(schema, Mapping):
        return False
    left_out = isinstance(schema.get("properties"), Mapping) and schema["properties"].keys() - schema.get(
        "required", ()
    )
    return bool(left_out) or any(map(_has_optional, schema.values()))


def without_nulls(schema: Any, value: Any) -> Any:
    """The value without those null members that its schema lets one leave out."""
    return _pruned(schema, value, schema)


def _pruned(schema: Any, value: Any, root: Any) -> Any:
    if not isinstance(schema, Mapping):
        return value
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return _pruned(_referred(root, reference), value, root)
    if isinstance(value, list):
        return [_pruned(schema.get("items"), one, root) for one in value]
    if not isinstance(value, dict):
        return value
    properties, required = schema.get("properties", {}), schema.get("required", ())
    return {
        name: _pruned(properties.get(name), inner, root)
        for name, inner in value.items()
        if inner is not None or name in required or name not in properties
    }


def _referred(root: Any, reference: str) -> Any:
    """What a reference inside of the schema leads to, or None."""
    found = root
    for step in reference.removeprefix("#/").split("/"):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
