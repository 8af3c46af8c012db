"""The functions of expressions, and what their conversions mean.

Each takes its arguments already evaluated. A method is a function whose first argument is the receiver.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

import attrs

from circuit_breaker.errors import ConditionParsingError
from circuit_breaker.rules.expression.arithmetic import INT_MAX, INT_MIN, in_range
from circuit_breaker.rules.expression.budget import Budget
from circuit_breaker.rules.expression.pattern import compile_pattern
from circuit_breaker.rules.expression.values import TypeName, Unanswerable, describe, kind, mapping

__all__ = ["FUNCTIONS", "TYPE_NAMES", "Function"]

TYPE_NAMES: Final = ("bool", "double", "int", "list", "map", "null_type", "string", "type")
"""The names that stand for the types, compared with ``type(x)``."""


_STEPS_A_PATTERN: Final = 10


@attrs.frozen
class Function:
    """One function that expressions can call.

    Attributes:
        compute: What it does: the arguments in, the value out; with ``budget=`` when it ``costs``.
        arity: The number of arguments, the receiver of a method included.
        is_global: Whether ``name(x)`` is a way to call it.
        is_method: Whether ``x.name()`` is a way to call it.
        costs: Whether its work grows with its arguments, so that it takes a budget.
    """

    compute: Callable[..., Any]
    arity: int
    is_global: bool = False
    is_method: bool = False
    costs: bool = False


def _no_overload(name: str, *arguments: object) -> Unanswerable:
    return Unanswerable(f"{name} takes no {' with '.join(kind(argument) for argument in arguments)}")


def _size(value: Any) -> int:
    value_kind = kind(value)
    if value_kind in ("string", "list"):
        return len(value)
    if value_kind == "map":
        return len(mapping(value))
    raise _no_overload("size", value)


def _on_texts(name: str, compute: Callable[[str, str], bool]) -> Function:
    def computed(text: Any, part: Any, *, budget: Budget) -> bool:
        if not (isinstance(text, str) and isinstance(part, str)):
            raise _no_overload(name, text, part)
        budget.spend_characters(len(text))
        return compute(text, part)

    return Function(computed, 2, is_method=True, costs=True)


def _matches(text: Any, pattern: Any, *, budget: Budget) -> bool:
    if not (isinstance(text, str) and isinstance(pattern, str)):
        raise _no_overload("matches", text, pattern)
    budget.spend(_STEPS_A_PATTERN + len(pattern))
    try:
        compiled = compile_pattern(pattern)
    except ConditionParsingError as error:
        raise Unanswerable(f"the pattern cannot be read: {error}") from error
    return compiled.search(text, budget=budget)


def _int(value: Any) -> int:
    value_kind = kind(value)
    if value_kind == "int":
        return in_range(value)
    if value_kind == "double" and INT_MIN < value < INT_MAX:
        return int(value)
    if value_kind == "string" and len(value) < 64 and re.fullmatch(r"[ \t\n\r\f\v]*[+-]?[0-9]+[ \t\n\r\f\v]*", value):
        return in_range(int(value))
    if value_kind in ("double", "string"):
        raise Unanswerable(f"{describe(value)} is no whole number of 64 bits")
    raise _no_overload("int", value)


def _double(value: Any) -> float:
    value_kind = kind(value)
    if value_kind in ("int", "double"):
        return float(in_range(value) if value_kind == "int" else value)
    if value_kind != "string":
        raise _no_overload("double", value)
    try:
        return float(value if value.isascii() and "_" not in value else "")
    except ValueError as error:
        raise Unanswerable(f"{describe(value)} is no number") from error


def _string(value: Any) -> str:
    value_kind = kind(value)
    if value_kind == "string":
        return str(value)
    if value_kind in ("bool", "int"):
        return describe(value)
    if value_kind == "double":
        return _double_text(value)
    raise _no_overload("string", value)


def _double_text(value: float) -> str:
    """The shortest text that reads back as the same double; with an exponent below 1e-4 and from 1e6."""
    if not math.isfinite(value):
        return str(value)
    shortest = repr(value)
    digits = re.sub(r"e.*|[-.]", "", shortest).strip("0") or "0"
    scientific = f"{value:.{len(digits) - 1}e}"
    exponent = int(scientific.partition("e")[2])
    return shortest.removesuffix(".0") if -4 <= exponent < 6 else scientific


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise _no_overload("bool", value)
    if value in ("true", "True", "TRUE", "t", "1"):
        return True
    if value in ("false", "False", "FALSE", "f", "0"):
        return False
    raise Unanswerable(f"{describe(value)} is neither true nor false")


FUNCTIONS: Final[dict[str, Function]] = {
    "size": Function(_size, 1, is_global=True, is_method=True),
    "contains": _on_texts("contains", lambda text, part: part in text),
    "startsWith": _on_texts("startsWith", str.startswith),
    "endsWith": _on_texts("endsWith", str.endswith),
    "matches": Function(_matches, 2, is_global=True, is_method=True, costs=True),
    "int": Function(_int, 1, is_global=True),
    "double": Function(_double, 1, is_global=True),
    "string": Function(_string, 1, is_global=True),
    "bool": Function(_bool, 1, is_global=True),
    "type": Function(lambda value: TypeName(kind(value)), 1, is_global=True),
    "dyn": Function(lambda value: value, 1, is_global=True),
}
"""Every function by its name."""
