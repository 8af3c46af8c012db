"""Arithmetic written as text, worked out with decimal numbers and bounded work.

::

    sum     = product (("+" | "-") product)*
    product = sign (("*" | "/" | "//" | "%") sign)*
    sign    = ("+" | "-") sign | power
    power   = atom (("**" | "^") sign)?
    atom    = number | constant | function "(" [sum ("," sum)*] ")" | "(" sum ")"

It is read by a parser of its own and never given to Python. Numbers have 34 digits (as decimal128 of IEEE 754 has) and
exponents up to 9,999; what is larger is an error and not a long wait.
"""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Final

__all__ = ["ArithmeticFault", "worked_out"]

LONGEST: Final = 1000
DEEPEST: Final = 40

_EXACT: Final = decimal.Context(
    prec=34,
    Emax=9999,
    Emin=-9999,
    traps=[decimal.Overflow, decimal.InvalidOperation, decimal.DivisionByZero],
)
_TOKEN: Final = re.compile(r"\s*(?:((?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,5})?)|([a-z]\w*)|(\*\*|//|.))")
_SIGNS: Final = {"×": "*", "·": "*", "÷": "/", "−": "-", "^": "**", "π": "pi"}


class ArithmeticFault(ValueError):
    """The text is no arithmetic, or has no result."""


def worked_out(text: str) -> Decimal:
    """The value of an arithmetic expression.

    Raises:
        ArithmeticFault: It is too long, nested too deep, no arithmetic, or has no finite result.
    """
    if len(text) > LONGEST:
        raise ArithmeticFault(f"the expression has {len(text)} characters, and may have {LONGEST}")
    reading = _Reading(text)
    try:
        found = reading.sum(0)
    except decimal.DecimalException as error:
        raise ArithmeticFault(f"{text!r} has no result: {_why(error)}") from error
    reading.end()
    if not found.is_finite():
        raise ArithmeticFault(f"{text!r} has no finite result")
    return found


def _why(error: decimal.DecimalException) -> str:
    if isinstance(error, decimal.Overflow):
        return "a number is too large"
    division = (decimal.DivisionByZero, decimal.DivisionUndefined)
    found = error.args[0] if error.args else None
    kinds = tuple(found) if isinstance(found, list) else (type(error),)
    return "a division by zero" if any(issubclass(kind, division) for kind in kinds) else "it is not defined"


class _Reading:
    """One pass over the text, which works out what it reads."""

    def __init__(self, text: str) -> None:
        for sign, plain in _SIGNS.items():
            text = text.replace(sign, plain)
        self._tokens = list(_tokens(text))
        self._at = 0

    def sum(self, depth: int) -> Decimal:
        if depth > DEEPEST:
            raise ArithmeticFault(f"the expression is nested more than {DEEPEST} deep")
        value = self._product(depth)
        while self._next() in ("+", "-"):
            sign, other = self._take(), self._product(depth)
            value = _EXACT.add(value, other) if sign == "+" else _EXACT.subtract(value, other)
        return value

    def end(self) -> None:
        if self._next():
            raise self._unexpected()

    def _product(self, depth: int) -> Decimal:
        value = self._sign(depth)
        while self._next() in _PRODUCTS:
            value = _PRODUCTS[self._take()](value, self._sign(depth))
        return value

    def _sign(self, depth: int) -> Decimal:
        if depth > DEEPEST:
            raise ArithmeticFault(f"the expression is nested more than {DEEPEST} deep")
        if self._next() in ("+", "-"):
            sign, value = self._take(), self._sign(depth + 1)
            return _EXACT.minus(value) if sign == "-" else value
        return self._power(depth)

    def _power(self, depth: int) -> Decimal:
        base = self._atom(depth)
        if self._next() != "**":
            return base
        self._take()
        return _EXACT.power(base, self._sign(depth + 1))

    def _atom(self, depth: int) -> Decimal:
        token = self._take()
        if token[:1].isdigit() or (token[:1] == "." and len(token) > 1):
            return _EXACT.create_decimal(token)
        if token == "(":  # noqa: S105 - a parenthesis
            value = self.sum(depth + 1)
            self._expect(")")
            return value
        if token in _CONSTANTS:
            return _CONSTANTS[token]
        if token in _FUNCTIONS:
            return _applied(token, self._arguments(depth))
        self._at -= 1
        raise self._unexpected()

    def _arguments(self, depth: int) -> list[Decimal]:
        self._expect("(")
        found = [self.sum(depth + 1)]
        while self._next() == ",":
            self._take()
            found.append(self.sum(depth + 1))
        self._expect(")")
        return found

    def _next(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._next()
        self._at += 1
        return token

    def _expect(self, token: str) -> None:
        if self._take() != token:
            self._at -= 1
            raise self._unexpected(f"'{token}'")

    def _unexpected(self, wanted: str = "a number") -> ArithmeticFault:
        if not self._next():
            return ArithmeticFault(f"the expression ends where {wanted} should follow")
        token, place = self._tokens[self._at]
        return ArithmeticFault(
            f"{token!r} at position {place} is not understood; known: + - * / // % ** ( ) {_known()}"
        )


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    place, end = 0, len(text.rstrip())
    while place < end:
        found = _TOKEN.match(text, place)
        if found is None:
            raise ArithmeticFault(f"nothing can be read at position {place}")
        yield found[1] or found[2] or found[3], found.end() - len(found[1] or found[2] or found[3])
        place = found.end()


def _known() -> str:
    return " ".join([*_CONSTANTS, *_FUNCTIONS])


def _applied(name: str, given: list[Decimal]) -> Decimal:
    least, most, function = _FUNCTIONS[name]
    if not least <= len(given) <= most:
        raise ArithmeticFault(f"{name}() takes {least if least == most else f'{least} or more'} numbers")
    try:
        return function(*given)
    except (ValueError, OverflowError, TypeError) as error:
        raise ArithmeticFault(f"{name}({', '.join(map(str, given))}) is not defined") from error


def _by_float(function: Callable[[float], float]) -> Callable[..., Decimal]:
    return lambda value: Decimal(repr(function(float(value))))


def _factorial(value: Decimal) -> Decimal:
    if value != value.to_integral_value() or not 0 <= value <= 1000:
        raise ValueError(value)
    return _EXACT.create_decimal(math.factorial(int(value)))


def _rounded(value: Decimal, places: Decimal = Decimal(0)) -> Decimal:
    if places != places.to_integral_value() or abs(places) > 30:
        raise ValueError(places)
    return value.quantize(Decimal(1).scaleb(-int(places)), decimal.ROUND_HALF_EVEN, _EXACT)


def _whole(rounding: str) -> Callable[..., Decimal]:
    return lambda value: value.to_integral_value(rounding, _EXACT)


def _floor_divided(one: Decimal, other: Decimal) -> Decimal:
    return _whole(decimal.ROUND_FLOOR)(_EXACT.divide(one, other))


def _modulo(one: Decimal, other: Decimal) -> Decimal:
    """The rest with the sign of the divisor, as in Python and in mathematics."""
    rest = _EXACT.remainder(one, other)
    return _EXACT.add(rest, other) if rest and (rest < 0) != (other < 0) else rest


_PRODUCTS: Final[Mapping[str, Callable[[Decimal, Decimal], Decimal]]] = {
    "*": _EXACT.multiply,
    "/": _EXACT.divide,
    "//": _floor_divided,
    "%": _modulo,
}
_CONSTANTS: Final = {
    "pi": Decimal("3.141592653589793238462643383279503"),
    "e": Decimal("2.718281828459045235360287471352662"),
}
_FUNCTIONS: Final[Mapping[str, tuple[int, int, Callable[..., Decimal]]]] = {
    "abs": (1, 1, _EXACT.abs),
    "round": (1, 2, _rounded),
    "floor": (1, 1, _whole(decimal.ROUND_FLOOR)),
    "ceil": (1, 1, _whole(decimal.ROUND_CEILING)),
    "sqrt": (1, 1, _EXACT.sqrt),
    "exp": (1, 1, _EXACT.exp),
    "ln": (1, 1, _EXACT.ln),
    "log10": (1, 1, _EXACT.log10),
    "min": (1, 100, min),
    "max": (1, 100, max),
    "factorial": (1, 1, _factorial),
    "sin": (1, 1, _by_float(math.sin)),
    "cos": (1, 1, _by_float(math.cos)),
    "tan": (1, 1, _by_float(math.tan)),
    "asin": (1, 1, _by_float(math.asin)),
    "acos": (1, 1, _by_float(math.acos)),
    "atan": (1, 1, _by_float(math.atan)),
}
