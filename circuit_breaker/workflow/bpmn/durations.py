"""Durations as BPMN writes them: ISO 8601, such as ``PT1H30M`` or ``R/PT10M``."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["interval_of", "seconds_of"]

_DURATION: Final = re.compile(
    r"P(?:(?P<w>\d+)W)?(?:(?P<d>\d+)D)?(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+(?:[.,]\d+)?)S)?)?", re.ASCII
)
_UNITS: Final = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_LONGEST: Final = 40


def seconds_of(text: str) -> float | None:
    """The seconds of an ISO 8601 duration in weeks, days, hours, minutes and seconds; None if it is none.

    Months and years have no fixed length, and are none.
    """
    text = text.strip()
    found = _DURATION.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None or not any(found.groups()) or text.endswith("T"):
        return None
    given = {unit: number for unit, number in found.groupdict().items() if number}
    return float(sum(float(number.replace(",", ".")) * _UNITS[unit] for unit, number in given.items()))


def interval_of(text: str) -> float | None:
    """The seconds between the repetitions of an endless cycle, such as ``R/PT10M``; None if it is another."""
    repeated, _, duration = text.strip().partition("/")
    return seconds_of(duration) if repeated in ("R", "R-1") else None
