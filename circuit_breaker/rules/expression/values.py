"""The values of expressions: their kinds, equality, order, and the way into them.

Values are plain JSON as Python has it, with the kinds of CEL: ``bool`` is no number, ``int`` and ``double`` compare
with each other by their exact numeric value, values of different kinds are never equal and never in order. Typed data
counts as a map of its declared attrs fields; nothing else of an object can be reached.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import attrs

from circuit_breaker.errors import EvaluationFailed
from circuit_breaker.rules.constant import told
from circuit_breaker.rules.expression.budget import Budget

__all__ = [
    "NESTING",
    "ORDERINGS",
    "Missing",
    "TypeName",
    "Unanswerable",
    "contains",
    "describe",
    "equal",
    "index",
    "kind",
    "mapping",
    "order",
    "select",
]

NESTING: Final = 64
"""How deep lists and maps that are compared may be nested."""

ORDERINGS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Unanswerable(EvaluationFailed):
    """The value cannot be computed; ``&&`` and ``||`` absorb this where the other side decides."""


class Missing(Unanswerable):
    """A path leads nowhere.

    Attributes:
        path: The dotted path as far as it is known, such as ``"data.author.name"``.
    """

    def __init__(self, path: str, why: str = "") -> None:
        self.path = path
        super().__init__(f"'{path}' is missing{why}")


@attrs.frozen
class TypeName:
    """The value of ``type(x)``: the name of a kind, such as ``int`` or ``null_type``."""

    name: str

    def __str__(self) -> str:
        return self.name


_KINDS: Final[dict[type, str]] = {
    bool: "bool",
    int: "int",
    float: "double",
    str: "string",
    type(None): "null_type",
    list: "list",
    tuple: "list",
    dict: "map",
    TypeName: "type",
}


@lru_cache(maxsize=1024)
def _kind_of_type(cls: type) -> str:
    for base in cls.__mro__:
        if base in _KINDS:
            return _KINDS[base]
    if issubclass(cls, Mapping) or attrs.has(cls):
        return "map"
    return ""


@lru_cache(maxsize=1024)
def _fields(cls: type) -> frozenset[str]:
    return frozenset(field.name for field in attrs.fields(cls)) if attrs.has(cls) else frozenset()


def kind(value: object) -> str:
    """The CEL name of the value's type.

    Raises:
        Unanswerable: When the value is nothing that JSON knows.
    """
    cls: Any = type(value)
    name = _KINDS.get(cls) or _kind_of_type(cls)
    if not name:
        raise Unanswerable(f"a value of type {type(value).__name__} is no JSON")
    return name


def mapping(value: object) -> Mapping[Any, Any]:
    """A value of kind ``map`` as a mapping: itself, or the declared fields of typed data."""
    if isinstance(value, (dict, Mapping)):
        return value
    return {field.name: told(getattr(value, field.name)) for field in attrs.fields(type(value))}  # type: ignore[arg-type]


def select(holder: object, name: str, path: str) -> Any:
    """The field ``name`` of a map or of typed data.

    Raises:
        Missing: When there is no such field; ``path`` is what the message names.
    """
    if isinstance(holder, (dict, Mapping)):
        if name in holder:
            return holder[name]
        raise Missing(path)
    cls: Any = type(holder)
    if name in _fields(cls):
        return told(getattr(holder, name))
    raise Missing(path, "" if attrs.has(cls) else f": what should hold it is a {kind(holder)}")


def index(holder: object, key: object, path: str) -> Any:
    """``holder[key]`` of a list (whole numbers from 0) or a map (texts and whole numbers).

    Raises:
        Missing: When there is no such element.
        Unanswerable: When the holder has no elements, or the key is of the wrong kind.
    """
    holder_kind, key_kind = kind(holder), kind(key)
    if holder_kind == "list":
        position = _position(key, key_kind)
        if 0 <= position < len(holder):  # type: ignore[arg-type]
            return holder[position]  # type: ignore[index]
        raise Missing(f"{path}[{position}]", f": the list has {len(holder)} elements")  # type: ignore[arg-type]
    if holder_kind != "map":
        raise Unanswerable(f"a {holder_kind} has no elements")
    if _is_key(key_kind) and key in (entries := mapping(holder)):
        return entries[key]
    raise Missing(f"{path}[{describe(key)}]")


def _position(key: Any, key_kind: str) -> int:
    if key_kind == "int" or (key_kind == "double" and key.is_integer()):
        return int(key)
    raise Unanswerable(f"a list has no element {describe(key)}: whole numbers from 0 name its elements")


def _is_key(key_kind: str) -> bool:
    """Whether a map can hold such a key; bool is none, although Python takes True for 1."""
    return key_kind in ("string", "int", "double")


def contains(needle: object, holder: object, *, budget: Budget | None = None) -> bool:
    """``needle in holder``: an equal element of a list, or a key of a map.

    Raises:
        Unanswerable: When the holder is neither, or the needle can be no key.
    """
    holder_kind = kind(holder)
    if holder_kind == "list":
        if budget is not None:
            budget.spend_elements(len(holder))  # type: ignore[arg-type]
        return any(equal(needle, element, budget=budget) for element in holder)  # type: ignore[attr-defined]
    needle_kind = kind(needle)
    if holder_kind != "map" or needle_kind in ("list", "map", "null_type", "type"):
        raise Unanswerable(f"cannot look for a {needle_kind} in a {holder_kind}")
    return _is_key(needle_kind) and needle in mapping(holder)


def equal(left: object, right: object, *, budget: Budget | None = None, depth: int = 0) -> bool:
    """Whether two values are equal: ``1 == 1.0``, ``1 != true``, ``1 != '1'``, and so inside lists and maps.

    Raises:
        Unanswerable: When a value is no JSON, or nested deeper than :data:`NESTING`.
        Exhausted: When the budget does not allow to compare so much.
    """
    left_kind, right_kind = kind(left), kind(right)
    if left_kind != right_kind:
        return {left_kind, right_kind} == {"int", "double"} and left == right
    if left_kind == "string" and budget is not None:
        budget.spend_characters(len(left))  # type: ignore[arg-type]
    if left_kind not in ("list", "map"):
        return left == right
    if depth == NESTING:
        raise Unanswerable(f"cannot compare values nested deeper than {NESTING}")
    return (_equal_lists if left_kind == "list" else _equal_maps)(left, right, budget, depth + 1)


def _equal_lists(left: Any, right: Any, budget: Budget | None, depth: int) -> bool:
    if len(left) != len(right):
        return False
    if budget is not None:
        budget.spend_elements(len(left))
    return all(equal(one, other, budget=budget, depth=depth) for one, other in zip(left, right, strict=True))


def _equal_maps(left: Any, right: Any, budget: Budget | None, depth: int) -> bool:
    left, right = mapping(left), mapping(right)
    if len(left) != len(right):
        return False
    if budget is not None:
        budget.spend_elements(len(left))
    return all(key in right and equal(value, right[key], budget=budget, depth=depth) for key, value in left.items())


def order(symbol: str, left: Any, right: Any) -> bool:
    """``left symbol right`` for one of ``< <= > >=``: numbers with numbers, texts with texts, bools with bools.

    Raises:
        Unanswerable: When the values have no order.
    """
    kinds = {kind(left), kind(right)}
    if kinds <= {"int", "double"} or kinds in ({"string"}, {"bool"}):
        return ORDERINGS[symbol](left, right)
    raise Unanswerable(f"not comparable: {kind(left)} {symbol} {kind(right)}")


def describe(value: object, *, most: int = 60) -> str:
    """The value as an expression would write it, shortened to ``most`` characters; what is nested is left out."""
    if isinstance(value, (list, tuple)):
        text = f"[{', '.join(_scalar(element, most) for element in value[:most])}]"
    else:
        text = _scalar(value, most)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _scalar(value: object, most: int) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return repr(value[:most])
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, (int, float, TypeName)):
        return str(value)
    return "[…]" if isinstance(value, (list, tuple)) else "{…}"
