"""Numbers that stand for all numbers, as far as comparisons with constants can tell them apart.

The constants cut the line into points and open intervals. Of each point stand its whole number and its double; of each
interval a whole number, a double of whole value and one of a fraction, as far as there are any, nearest to an end.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from circuit_breaker.rules.expression.arithmetic import INT_MAX, INT_MIN

__all__ = ["representatives"]

_FRACTIONS_END: Final = 2.0**52


def representatives(constants: Iterable[Any], *, copies: int = 1) -> Iterator[Any]:
    """The numbers that stand for all.

    Args:
        constants: What numbers are compared with; what is no number does not count.
        copies: How many different ones of each sort an interval needs.
    """
    points = sorted({each for each in constants if type(each) in (int, float) and abs(each) < math.inf} or {0})
    if copies > 1 and max(map(abs, points)) > _FRACTIONS_END / 4:  # beyond the ends there is no second fraction
        points = sorted({*points, -_FRACTIONS_END, _FRACTIONS_END})
    for point in points:
        yield from _at(point)
    for low, high in pairwise((None, *points, None)):
        yield from _whole(low, high, copies)
        yield from _fractions(low, high, copies)


def _at(point: Any) -> Iterator[Any]:
    """The point as a whole number of 64 bits and as a double, the one that was written first, as far as they say it."""
    both = (int(point), _double(point))
    for each in both if isinstance(point, int) else reversed(both):
        if each == point and (isinstance(each, float) or INT_MIN <= each <= INT_MAX):
            yield each


def _whole(low: Any, high: Any, copies: int) -> Iterator[Any]:
    """Whole numbers between, from each end that there is, and the same as doubles."""
    first = INT_MIN if low is None else max(math.floor(low) + 1, INT_MIN)
    last = INT_MAX if high is None else min(math.ceil(high) - 1, INT_MAX)
    near_low = () if low is None else range(first, min(first + copies, last + 1))
    from_above = high is not None and (low is None or copies == 1)
    near_high = range(last, max(last - copies, first - 1), -1) if from_above else ()
    for whole in dict.fromkeys((*near_low, *near_high)):
        yield whole
        if _inside(_double(whole), low, high):
            yield _double(whole)
    for each in _beyond(low, high):
        if _inside(each, low, high):
            yield each
            if copies > 1 and INT_MIN <= int(each) <= INT_MAX:  # one that lies between doubles
                yield int(each)


def _beyond(low: Any, high: Any) -> Iterator[float]:
    """Doubles of whole value where whole numbers of 64 bits are none, or are no doubles."""
    ends = (*_next(low, math.inf), *_next(high, -math.inf))
    yield from (each for each in ends if abs(each) >= _FRACTIONS_END)


def _fractions(low: Any, high: Any, copies: int) -> Iterator[float]:
    """Doubles between that are not whole, so many as are needed; where there are few whole numbers, beside each."""
    if copies == 1:
        yield from _some_fractions(low, high, 4)
        return
    wholes = sorted(set(_whole(low, high, copies)))
    wide = low is None or high is None or _double(high) - _double(low) > copies + 2
    beside = 1 if wide else copies
    for below, above in pairwise((low, *wholes, high)):
        yield from _some_fractions(below, above, beside)


def _some_fractions(low: Any, high: Any, most: int) -> Iterator[float]:
    """Some that read well, then the very next ones to each end."""
    found: dict[float, None] = {}
    for each in (*_readable(low, high), 0.5, *_next(low, math.inf), *_next(high, -math.inf)):
        if _inside(each, low, high) and not each.is_integer():
            found[each] = None
        if len(found) >= most:
            break
    yield from found


def _readable(low: Any, high: Any) -> Iterator[float]:
    """One unit of the last digit written beyond each end, the middle, and a half beyond."""
    for end, direction in ((low, 1), (high, -1)):
        if isinstance(end, float):
            unit = Decimal(1).scaleb(int(Decimal(repr(end)).as_tuple().exponent))
            yield float(Decimal(repr(end)) + direction * unit)
        if end is not None and abs(end) < _FRACTIONS_END:
            yield end + direction / 2
    if low is not None and high is not None:
        yield _double(low) / 2 + _double(high) / 2


def _next(end: Any, towards: float) -> Iterator[float]:
    if end is None:
        return
    value = _double(end)
    for _ in range(8):
        yield value
        value = math.nextafter(value, towards)


def _inside(value: float, low: Any, high: Any) -> bool:
    return math.isfinite(value) and (low is None or low < value) and (high is None or value < high)


def _double(value: Any) -> float:
    """The nearest double; an infinite one beyond the greatest."""
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)
