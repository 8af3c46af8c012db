"""The constants of conditions: JSON values, frozen; and their equality, which is JSON's."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

from circuit_breaker.errors import RuleInvalid
from circuit_breaker.lazy import deferred

__all__ = ["exact", "frozen", "kind_of", "plain", "same", "spelled", "told"]

DEEPEST: Final = 64
unstructure = deferred("circuit_breaker.wire", "unstructure")


def frozen(value: Any, *, where: str, depth: int = 0) -> Any:
    """The JSON value with lists as tuples and objects as read-only mappings.

    Raises:
        RuleInvalid: It is no JSON value, is no finite number, or is nested deeper than 64.
    """
    if value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if depth < DEEPEST:
        if isinstance(value, (list, tuple)):
            return tuple(frozen(inner, where=where, depth=depth + 1) for inner in value)
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            items = {key: frozen(inner, where=where, depth=depth + 1) for key, inner in value.items()}
            return MappingProxyType(items)
    raise RuleInvalid(
        f"{where}: {value!r} cannot be compared with",
        remedy="use JSON: text, finite numbers, booleans, None, lists and dicts with text keys, at most 64 deep",
    )


def plain(value: Any) -> Any:
    """The value as dicts and lists, for a document; of typed data the declared attrs fields."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if attrs.has(type(value)):
        return {field.name: plain(told(getattr(value, field.name))) for field in attrs.fields(type(value))}
    return value


def told(value: Any) -> Any:
    """What a rule sees of the value of a typed field: its JSON, as the journal keeps it; typed data stays as it is."""
    kind = type(value)
    return value if kind in _JSON or attrs.has(kind) else unstructure(value)


_JSON: Final = frozenset({str, int, float, bool, type(None)})


def exact(value: Any) -> str:
    """A text that is equal for equal JSON only, so that True, 1 and 1.0 stay apart."""
    return _EXACT.encode(value)


def _document(value: Any) -> Any:
    """What stands in JSON for a mapping that is no dict, and for typed data.

    Raises:
        TypeError: Nothing does.
    """
    if (found := plain(value)) is value:
        raise TypeError(f"{value!r:.80} is no JSON")
    return found


_EXACT: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=_document)


def spelled(value: Any, *, most: int = 200) -> str:
    """The value as JSON text for people, cut after ``most`` characters."""
    text = json.dumps(plain(value), ensure_ascii=False)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def kind_of(value: Any) -> str:
    """Which kind of JSON value it is: null, boolean, number, text, list, object; or other."""
    if value is None:
        return "null"
    for kind, name in _KINDS:
        if isinstance(value, kind):
            return name
    return "other"


_KINDS: Final[tuple[tuple[Any, str], ...]] = (
    (bool, "boolean"),
    ((int, float), "number"),
    (str, "text"),
    ((list, tuple), "list"),
    (Mapping, "object"),
)


def same(one: Any, other: Any) -> bool:
    """Equality of JSON: True is not 1, 1 is 1.0, also inside of lists and objects."""
    kind = kind_of(one)
    if kind != kind_of(other):
        return False
    if kind == "list":
        return len(one) == len(other) and all(map(same, one, other))
    if kind == "object":
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)
