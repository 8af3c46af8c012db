"""JSON Schema written out in full, for vendors that know of no references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

__all__ = ["HARMLESS", "Uncarried", "Written"]

_MOST: Final = 5000
"""Schemas within one that is written out in full."""

HARMLESS: Final = frozenset(
    {"$schema", "$id", "$comment", "$anchor", "$defs", "definitions", "default", "example", "examples", "deprecated",
     "readOnly", "writeOnly", "contentMediaType", "contentEncoding"}
)  # fmt: skip
"""Keywords that say nothing of a value."""

_ADDED: Final = {"properties", "required", "title", "description"}


class Uncarried(ValueError):
    """The dialect has no words for it."""


class Written:
    """Writes a schema out in full: what references lead to stands in their place, and the sum for ``allOf``."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = _MOST

    def out(self, schema: Any, inside: tuple[str, ...] = ()) -> Any:
        """The schema in full.

        Raises:
            Uncarried: It contains itself, or is too large.
        """
        if not isinstance(schema, Mapping):
            return schema
        self._left -= 1
        if self._left < 0:
            raise Uncarried(f"it has more than {_MOST} parts when its references are written out")
        if "$ref" in schema:
            return self._followed(schema, inside)
        found = {name: self._inner(name, value, inside) for name, value in schema.items() if name not in HARMLESS}
        for more in found.pop("allOf", ()):
            found = _both(found, more)
        return found

    def _followed(self, schema: Mapping[str, Any], inside: tuple[str, ...]) -> Any:
        reference = schema["$ref"]
        if reference in inside:
            raise Uncarried("it contains itself")
        inside = (*inside, reference)
        target = self.out(self._target(reference), inside)
        siblings = {name: value for name, value in schema.items() if name != "$ref"}
        return _both(target, self.out(siblings, inside)) if siblings else target

    def _target(self, reference: str) -> Any:
        found: Any = self._root
        for step in filter(None, reference.removeprefix("#").split("/")):
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping):
            raise Uncarried(f"'{reference}' leads nowhere")
        return found

    def _inner(self, name: str, value: Any, inside: tuple[str, ...]) -> Any:
        if name == "properties":
            return {key: self.out(inner, inside) for key, inner in value.items()}
        if name in ("items", "additionalProperties"):
            return self.out(value, inside)
        if name in ("anyOf", "oneOf", "allOf"):
            return [self.out(inner, inside) for inner in value]
        return list(value) if isinstance(value, (list, tuple)) else value


def _both(schema: Any, more: Any) -> dict[str, Any]:
    """What fits both, as far as it can be said without ``allOf``.

    Raises:
        Uncarried: It cannot be said.
    """
    if not (isinstance(schema, Mapping) and isinstance(more, Mapping)):
        raise Uncarried("a part of it says nothing of the value")
    for name in schema.keys() & more.keys() - _ADDED:
        if schema[name] != more[name]:
            raise Uncarried(f"two parts of it want different values of '{name}'")
    found = {**schema, **more}
    if "properties" in schema and "properties" in more:
        shared = schema["properties"].keys() & more["properties"].keys()
        both = {name: _both(schema["properties"][name], more["properties"][name]) for name in shared}
        found["properties"] = {**schema["properties"], **more["properties"], **both}
    if "required" in schema and "required" in more:
        found["required"] = list(dict.fromkeys([*schema["required"], *more["required"]]))
    return found
