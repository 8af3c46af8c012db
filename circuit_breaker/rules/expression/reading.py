"""Closures that read: paths from a root, fields, elements, and whether a field is there."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from circuit_breaker.rules.expression.source import Closure
from circuit_breaker.rules.expression.values import Missing, index, kind, mapping, select

__all__ = ["element", "field", "path", "presence"]


def path(names: tuple[str, ...]) -> Closure:
    """Reads what the names lead to; the first one is the root. Dicts are read without a call."""
    root: Closure = attrgetter(names[0])
    if len(names) == 1:
        return root
    if len(names) == 2:
        return field(root, names[1], ".".join(names))
    steps = tuple((name, ".".join(names[: depth + 2])) for depth, name in enumerate(names[1:]))

    def read(source: Any) -> Any:
        value = root(source)
        for name, where in steps:
            value = value[name] if isinstance(value, dict) and name in value else select(value, name, where)
        return value

    return read


def field(holder: Closure, name: str, where: str) -> Closure:
    """Reads ``holder.name``; ``where`` is its path for messages."""

    def read(source: Any) -> Any:
        value = holder(source)
        if isinstance(value, dict) and name in value:
            return value[name]
        return select(value, name, where)

    return read


def element(holder: Closure, key: Closure, where: str) -> Closure:
    """Reads ``holder[key]``; ``where`` is the path of the holder for messages."""

    def read(source: Any) -> Any:
        return index(holder(source), key(source), where)

    return read


def presence(holder: Closure, name: str, where: str) -> Closure:
    """Tells whether ``holder`` has the field ``name``; what should hold it must be there and have fields."""

    def read(source: Any) -> bool:
        value = holder(source)
        if kind(value) != "map":
            raise Missing(where, f": what should hold it is a {kind(value)}")
        return name in mapping(value)

    return read
