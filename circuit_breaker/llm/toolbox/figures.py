"""Figures about numbers: where they lie, how they scatter, what stands out, and how two rows of them go together."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

__all__ = ["correlation", "describe", "outliers", "trend"]


def describe(values: Sequence[float]) -> dict[str, Any]:
    """Count, sum, mean, median, quartiles, deviation (of a sample), skewness (of a population), least and greatest.

    Quartiles are by the inclusive method (type 7 of Hyndman and Fan, 1996), as spreadsheets have them.
    """
    count, mean = len(values), statistics.fmean(values)
    quartiles = statistics.quantiles(values, n=4, method="inclusive") if count > 1 else [values[0]] * 3
    deviation = statistics.stdev(values) if count > 1 else None
    return {
        "count": count,
        "sum": math.fsum(values),
        "mean": mean,
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "quartiles": quartiles,
        "standard_deviation": deviation,
        "skewness": _skewness(values, mean),
    }


def _skewness(values: Sequence[float], mean: float) -> float | None:
    spread = statistics.pstdev(values, mean)
    return math.fsum(((value - mean) / spread) ** 3 for value in values) / len(values) if spread else None


def outliers(values: Sequence[float]) -> list[dict[str, Any]]:
    """What lies more than one and a half times the middle half's width outside of it (Tukey, 1977), with its place."""
    if len(values) < 4:
        return []
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    reach = 1.5 * (third - first)
    return [
        {"index": at, "value": value} for at, value in enumerate(values) if not first - reach <= value <= third + reach
    ]


def trend(values: Sequence[float], against: Sequence[float] | None = None) -> dict[str, float] | None:
    """The straight line nearest to the values (least squares); None where there is none."""
    places = list(against) if against is not None else [float(at) for at in range(len(values))]
    try:
        line = statistics.linear_regression(places, values)
    except statistics.StatisticsError:
        return None
    return {"slope": line.slope, "intercept": line.intercept}


def correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Pearson's correlation, from -1 to 1; None where one of them does not vary."""
    try:
        return statistics.correlation(one, other)
    except statistics.StatisticsError:
        return None
