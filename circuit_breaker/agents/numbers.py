"""Numbers as they are given from outside: counts, times and amounts; True is none of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

__all__ = ["is_amount", "is_count", "is_duration"]


def is_count(value: Any, *, least: int = 1) -> bool:
    """Whether it is a whole number, and as many at least."""
    return type(value) is int and value >= least


def is_duration(value: Any, *, least: float | None = None) -> bool:
    """Whether it is a finite number of seconds: above zero, or as many at least."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and value < float("inf")
    return number and (value > 0 if least is None else value >= least)


def is_amount(value: Any) -> bool:
    """Whether it is a finite number above zero, which may be a Decimal."""
    return value.is_finite() and value > 0 if isinstance(value, Decimal) else is_duration(value)
