"""What may stand beside an operator: each check gives the constant to keep, or refuses it where it is written.

Each is called with the constant and the place to name in a message, and raises :class:`RuleInvalid`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from circuit_breaker.errors import RuleInvalid, nearest
from circuit_breaker.lazy import deferred
from circuit_breaker.rules.constant import frozen, kind_of

__all__ = [
    "KINDS",
    "SIZES",
    "any_constant",
    "bounds",
    "kind",
    "no_constant",
    "orderable",
    "pattern",
    "sizes",
    "text",
    "values",
]

compile_pattern = deferred("circuit_breaker.rules.expression.pattern", "compile_pattern")


def any_constant(value: Any, where: str) -> Any:
    """Any JSON value."""
    return frozen(value, where=where)


def no_constant(value: Any, where: str) -> Any:
    """Nothing."""
    if value is not None:
        raise RuleInvalid(f"{where} takes no value, got {value!r}")


def orderable(value: Any, where: str) -> Any:
    """A number or a text."""
    if kind_of(value) not in {"number", "text"}:
        raise RuleInvalid(f"{where}: {value!r} has no order", remedy="order against a number or a text")
    return frozen(value, where=where)


def text(value: Any, where: str) -> Any:
    """A text."""
    if not isinstance(value, str):
        raise RuleInvalid(f"{where}: {value!r} is no text")
    return value


def pattern(value: Any, where: str) -> Any:
    """A pattern that can be compiled."""
    compile_pattern(text(value, where))
    return value


def values(value: Any, where: str) -> Any:
    """A list of at least one JSON value."""
    if not isinstance(value, (list, tuple)) or not value:
        raise RuleInvalid(f"{where}: {value!r} is no list of values", remedy="name at least one value")
    return frozen(value, where=where)


def bounds(value: Any, where: str) -> Any:
    """A pair of numbers or texts, the lower first."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise RuleInvalid(f"{where}: {value!r} is no pair of bounds", remedy="give the lowest and the highest value")
    low, high = (orderable(bound, where) for bound in value)
    if kind_of(low) != kind_of(high) or low > high:
        raise RuleInvalid(f"{where}: nothing is between {low!r} and {high!r}", remedy="give the lower bound first")
    return (low, high)


SIZES: Final = {"minimum": ">=", "maximum": "<=", "exactly": "=="}


def sizes(value: Any, where: str) -> Any:
    """Lengths: ``minimum``, ``maximum``, ``exactly``."""
    if not isinstance(value, Mapping) or not value or not value.keys() <= SIZES.keys():
        raise RuleInvalid(f"{where}: {value!r} says no length", remedy="give minimum, maximum or exactly")
    if not all(isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in value.values()):
        raise RuleInvalid(f"{where}: a length is a whole number from 0, got {dict(value)!r}")
    if value.get("minimum", 0) > value.get("maximum", value.get("minimum", 0)):
        raise RuleInvalid(f"{where}: the minimum {value['minimum']} is above the maximum {value['maximum']}")
    return frozen({name: value[name] for name in SIZES if name in value}, where=where)


def _of_kind(kind: str) -> Callable[[Any], bool]:
    return lambda seen: kind_of(seen) == kind


KINDS: Final[dict[str, Callable[[Any], bool]]] = {
    **{kind: _of_kind(kind) for kind in ("number", "text", "boolean", "list", "object")},
    "null": lambda seen: seen is None,
    "integer": lambda seen: kind_of(seen) == "number" and (isinstance(seen, int) or seen.is_integer()),
}


def kind(value: Any, where: str) -> Any:
    """The name of a kind of value."""
    if not isinstance(value, str) or value not in KINDS:
        raise RuleInvalid(f"{where}: there is no kind {value!r}", remedy=nearest(str(value), KINDS))
    return value
