"""Schedules: times that come again and again, by a calendar or at an interval."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final
from zoneinfo import ZoneInfo

import attrs
from cronsim import CronSim, CronSimError

from circuit_breaker.errors import FunctionInvalid, WorkflowInvalid
from circuit_breaker.workflow.timing import in_words, seconds

__all__ = ["Cron", "Interval", "Schedule", "schedule"]

_EVERY: Final = re.compile(r"every\s+(.+)")
_SHORTEST: Final = 1.0
_ZONES: Final = "write e.g. 'Europe/Berlin'; where the system has no time zones, install the package tzdata"
_HOW: Final = "write five fields, such as '30 9 * * MON-FRI', or 'every 5m'"


class Schedule(ABC):
    """When something happens again and again. All moments are in UTC."""

    @property
    @abstractmethod
    def text(self) -> str:
        """As it is written."""

    @abstractmethod
    def between(self, last: datetime, now: datetime, *, most: int) -> list[datetime]:
        """The first times after ``last`` and until ``now``, at most so many."""

    @abstractmethod
    def latest(self, last: datetime, now: datetime) -> datetime | None:
        """The last time after ``last`` and until ``now``, if there is one."""

    @abstractmethod
    def following(self, last: datetime) -> datetime | None:
        """The first time after ``last``; None where there is no more."""

    @abstractmethod
    def back(self, last: datetime, now: datetime) -> datetime:
        """A moment until ``now`` to go on from, in the same series as ``last``, which is still to come."""


@attrs.frozen
class Interval(Schedule):
    """Every so many seconds, counted from when the function was registered.

    Attributes:
        seconds: How many.
    """

    seconds: float

    @property
    def text(self) -> str:
        """Such as ``every 5m``."""
        return f"every {in_words(self.seconds)}"

    def _steps(self, last: datetime, now: datetime) -> int:
        return max(0, int((now - last) / timedelta(seconds=self.seconds)))

    def between(self, last: datetime, now: datetime, *, most: int) -> list[datetime]:
        """The first times after ``last`` and until ``now``."""
        return [
            last + step * timedelta(seconds=self.seconds) for step in range(1, 1 + min(self._steps(last, now), most))
        ]

    def latest(self, last: datetime, now: datetime) -> datetime | None:
        """The last time until ``now``."""
        steps = self._steps(last, now)
        return last + steps * timedelta(seconds=self.seconds) if steps else None

    def following(self, last: datetime) -> datetime | None:
        """The first time after ``last``."""
        return last + timedelta(seconds=self.seconds)

    def back(self, last: datetime, now: datetime) -> datetime:
        """The last time of the series until ``now``, counted back from ``last``."""
        step = timedelta(seconds=self.seconds)
        return last + (now - last) // step * step


@attrs.frozen
class Cron(Schedule):
    """By the calendar of a time zone, in the words of cron; times that summer time skips or repeats come once.

    Attributes:
        fields: Minute, hour, day of the month, month, day of the week.
        zone: The time zone, by the name in the IANA database.
    """

    fields: str
    zone: str = "UTC"

    @property
    def text(self) -> str:
        """The fields."""
        return self.fields

    def _walk(self, start: datetime, *, back: bool = False) -> CronSim:
        return CronSim(self.fields, start.astimezone(ZoneInfo(self.zone)), reverse=back)

    def between(self, last: datetime, now: datetime, *, most: int) -> list[datetime]:
        """The first times after ``last`` and until ``now``."""
        found = []
        for moment in islice(self._walk(last), most):
            if moment > now:
                break
            found.append(moment.astimezone(UTC))
        return found

    def latest(self, last: datetime, now: datetime) -> datetime | None:
        """The last time until ``now``, found backwards from there."""
        just_after = now + timedelta(minutes=1)
        for moment in islice(self._walk(just_after, back=True), 3):
            if moment <= now:
                return moment.astimezone(UTC) if moment > last else None
        return None

    def following(self, last: datetime) -> datetime | None:
        """The first time after ``last``; None for a day that never comes, such as the 30th of February."""
        moment = next(self._walk(last), None)
        return None if moment is None else moment.astimezone(UTC)

    def back(self, last: datetime, now: datetime) -> datetime:
        """``now``: the times of a calendar do not depend on where they are counted from."""
        del last
        return now


def schedule(text: Any, zone: str = "UTC") -> Schedule:
    """The schedule that a text says: five fields of cron, or ``every`` and a duration.

    Raises:
        FunctionInvalid: It says none, or there is no such time zone.
    """
    if not isinstance(text, str):
        raise FunctionInvalid(f"{text!r:.60} is no schedule", remedy=_HOW)
    every = _EVERY.fullmatch(text.strip())
    if every is not None:
        return Interval(_interval(every[1], text))
    fields = " ".join(text.split())
    try:
        CronSim(fields, datetime(2000, 1, 1, tzinfo=_zone(zone)))
    except CronSimError as error:
        raise FunctionInvalid(f"'{text:.60}' is no schedule: {error}", remedy=_HOW) from error
    if len(fields.split()) != 5:
        raise FunctionInvalid(f"'{text:.60}' has {len(fields.split())} fields", remedy=_HOW)
    return Cron(fields, zone)


def _interval(text: str, whole: str) -> float:
    try:
        interval = seconds(text, what="interval")
    except WorkflowInvalid as error:
        raise FunctionInvalid(f"'{whole:.60}' is no schedule: {error.message}", remedy=_HOW) from error
    if interval < _SHORTEST:
        raise FunctionInvalid(f"'{whole:.60}' is too often", remedy="a second is the shortest interval")
    return interval


def _zone(name: Any) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise FunctionInvalid(f"there is no time zone {name!r:.60}", remedy=_ZONES) from error
