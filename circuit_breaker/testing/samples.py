"""Samples: values that fit a JSON Schema, for a script that has to answer in some form."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["sample"]

_DEEPEST: Final = 12
_MOST_ITEMS: Final = 100
_TEXT: Final = "sample"
_FORMATS: Final = {
    "date": "2026-01-17",
    "date-time": "2026-01-17T12:00:00Z",
    "time": "12:00:00Z",
    "email": "someone@example.org",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def sample(schema: Any) -> Any:
    """A JSON value that fits the schema: the first that is named in it, or the least that has all that is required.

    It is meant for the schemas that people write for answers. What only a search would find, such as a text for a
    ``pattern`` or a value for ``not``, is not looked for; check the value where it matters.
    """
    return _Sampling(schema).value(schema, 0)


class _Sampling:
    """The samples of one schema, whose references lead to its own parts."""

    def __init__(self, root: Any) -> None:
        self._root = root

    def value(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, Mapping) or depth > _DEEPEST:
            return None
        schema = self._plain(schema)
        for named in ("const", "default"):
            if named in schema:
                return schema[named]
        for named in ("enum", "examples"):
            if schema.get(named):
                return schema[named][0]
        made = _MAKERS.get(_kind(schema))
        return None if made is None else made(self, schema, depth)

    def _plain(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The schema with what it refers to, and with the first of its choices."""
        for _ in range(_DEEPEST):
            chosen = [schema[one][0] for one in ("anyOf", "oneOf") if schema.get(one)]
            parts = [*schema.get("allOf", ()), *chosen]
            if "$ref" in schema:
                parts.append(self._referred(schema["$ref"]))
            if not parts:
                break
            own = {name: inner for name, inner in schema.items() if name not in ("$ref", "allOf", "anyOf", "oneOf")}
            schema = _joined([part for part in (*parts, own) if isinstance(part, Mapping)])
        return schema

    def _referred(self, reference: str) -> Any:
        found = self._root
        for name in reference.removeprefix("#").strip("/").split("/"):
            if name:
                found = found.get(name.replace("~1", "/").replace("~0", "~"), {}) if isinstance(found, Mapping) else {}
        return found

    def object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        members = schema.get("properties", {})
        wanted = [*members, *(name for name in schema.get("required", ()) if name not in members)]
        required = set(schema.get("required", ()))
        names = wanted if depth == 0 else [name for name in wanted if name in required]
        return {name: self.value(members.get(name, {"type": "string"}), depth + 1) for name in names}

    def array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        first = [self.value(one, depth + 1) for one in schema.get("prefixItems", ())]
        more = min(_MOST_ITEMS, max(0, schema.get("minItems", 0) - len(first)))
        return first + [self.value(schema.get("items", {}), depth + 1) for _ in range(more)]

    def number(self, schema: Mapping[str, Any], _: int) -> Any:
        whole = _kind(schema) == "integer"
        step = schema.get("multipleOf", 1 if whole else None)
        least, above = schema.get("minimum"), schema.get("exclusiveMinimum")
        most, below = schema.get("maximum"), schema.get("exclusiveMaximum")
        bounds = [bound for bound in (least, above) if bound is not None]
        low = max(bounds, default=min([0, *(bound for bound in (most, below) if bound is not None)]))
        if step is None:
            return _between(low, most, below) if low in {above, below} else low
        found = math.ceil(low / step) * step
        if found in {above, below}:
            found += step if found == above else -step
        return found

    def string(self, schema: Mapping[str, Any], _: int) -> Any:
        text: str = _FORMATS.get(schema.get("format", ""), _TEXT)
        text += "." * min(10_000, max(0, schema.get("minLength", 0) - len(text)))
        return text[: schema.get("maxLength", len(text))]


def _truth(_: _Sampling, __: Mapping[str, Any], ___: int) -> bool:
    return True


_MAKERS: Final[Mapping[str, Callable[[_Sampling, Mapping[str, Any], int], Any]]] = {
    "object": _Sampling.object,
    "array": _Sampling.array,
    "number": _Sampling.number,
    "integer": _Sampling.number,
    "string": _Sampling.string,
    "boolean": _truth,
}


def _kind(schema: Mapping[str, Any]) -> str:
    """The type, or what the schema says something about."""
    kind = schema.get("type")
    if isinstance(kind, (list, tuple)):
        return str(kind[0]) if kind else ""
    if kind is not None:
        return str(kind)
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


def _between(low: float, most: float | None, below: float | None) -> float:
    """A number above or below one that is not meant itself."""
    bounds = [bound for bound in (most, below) if bound is not None and bound > low]
    if bounds:
        return (low + min(bounds)) / 2
    return low - 1 if low == below else low + 1


def _joined(schemas: list[Mapping[str, Any]]) -> dict[str, Any]:
    """All that the schemas say; their members and what they require are put together."""
    whole: dict[str, Any] = {}
    for schema in schemas:
        members = {**whole.get("properties", {}), **schema.get("properties", {})}
        required = [*whole.get("required", ()), *schema.get("required", ())]
        whole |= schema
        whole |= {"properties": members} if members else {}
        whole |= {"required": required} if required else {}
    return whole
