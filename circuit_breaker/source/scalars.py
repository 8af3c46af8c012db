"""The core schema of YAML 1.2 (chapter 10.3): what a scalar without quotes means."""

from __future__ import annotations

import math
import re

__all__ = ["Scalar", "canonical", "resolve"]

Scalar = str | int | float | bool | None

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
INTEGER = re.compile(r"[-+]?[0-9]+")
BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
LONGEST_NUMBER = 400


def resolve(text: str) -> Scalar:
    """The value of the plain scalar: None, a boolean, an integer, a finite float, and otherwise the text itself.

    ``no``, ``on``, ``1:30``, ``1_000`` and ``2024-01-01`` are texts, ``012`` is 12 and ``0o14`` is 12.

    Raises:
        ValueError: It is a number that JSON does not have (``.inf``, ``.nan``), or too large.
    """
    if text in NULLS:
        return None
    if text in BOOLEANS:
        return BOOLEANS[text]
    if text[0] not in "+-.0123456789":
        return text
    if FLOAT.fullmatch(text):
        return _number(text)
    if BASED.fullmatch(text):
        return int(_bounded(text)[2:], 8 if text[1] == "o" else 16)
    if SPECIAL.fullmatch(text):
        raise ValueError(f"{text} is no JSON number")
    return text


def _number(text: str) -> int | float:
    if INTEGER.fullmatch(_bounded(text)):
        return int(text)
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text} is too large")
    return value


def _bounded(text: str) -> str:
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"a number of {len(text)} characters is too long; the most is {LONGEST_NUMBER}")
    return text


def canonical(value: Scalar) -> str:
    """The value, which is no text, as a plain scalar that :func:`resolve` reads back.

    Raises:
        ValueError: It is a float that JSON does not have, or an integer that is too long.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value!r} is no JSON number")
    if isinstance(value, int) and abs(value) >= 10 ** (LONGEST_NUMBER - 1):
        raise ValueError("the integer is too long")
    return repr(value)
