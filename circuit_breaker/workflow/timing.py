"""How long, when and how often: durations, triggers and retry policies, as values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import attrs

from circuit_breaker.errors import Fault, WorkflowInvalid, nearest

__all__ = ["After", "Automatic", "Every", "Manual", "OnSignal", "RetryPolicy", "Trigger", "in_words", "seconds"]

Duration = float | int | str | timedelta
LONGEST = 100 * 366 * 86400.0
LARGEST_MULTIPLIER = 1000.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw])")


def seconds(duration: Duration, *, what: str = "duration") -> float:
    """The duration in seconds: a number of seconds, a timedelta, or a text such as ``"1h 30m"``.

    Raises:
        WorkflowInvalid: It cannot be read, or is negative or infinite.
    """
    if isinstance(duration, timedelta):
        value = duration.total_seconds()
    elif isinstance(duration, (int, float)) and not isinstance(duration, bool):
        value = float(duration)
    else:
        value = _read(duration, what)
    if not 0 <= value <= LONGEST:
        raise WorkflowInvalid(f"{what} {duration!r} is not between zero and a hundred years", remedy="give seconds")
    return value


def in_words(duration: float) -> str:
    """A duration in seconds as a short text that :func:`seconds` reads, such as ``"1h 30m"``."""
    parts: list[str] = []
    rest = duration
    for unit in ("d", "h", "m"):
        count, rest = divmod(rest, _UNITS[unit])
        if count:
            parts.append(f"{count:.0f}{unit}")
    if rest or not parts:
        parts.append(f"{rest:g}s")
    return " ".join(parts)


def _read(text: object, what: str) -> float:
    if isinstance(text, str) and (parts := _PART.findall(text)) and not _PART.sub("", text).strip(" ,"):
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    raise WorkflowInvalid(
        f"{what} {text!r} is no duration", remedy='give seconds, a timedelta, or a text like "1h 30m"'
    )


def _delay(value: Duration) -> float:
    return seconds(value, what="delay")


def _interval(value: Duration) -> float:
    return seconds(value, what="interval")


def _backoff(value: Duration) -> float:
    return seconds(value, what="backoff")


def _jitter(value: Duration) -> float:
    return seconds(value, what="jitter")


@attrs.frozen
class Automatic:
    """Fires by itself as soon as it is enabled."""


@attrs.frozen
class Manual:
    """Fires only when somebody fires it."""


@attrs.frozen
class OnSignal:
    """Fires when a signal of this name is there. A transient one is lost if nothing waits for it when it comes."""

    name: str
    transient: bool = False


@attrs.frozen
class After:
    """Fires this many seconds after the token entered its state."""

    delay: float = attrs.field(converter=_delay)


@attrs.frozen
class Every:
    """Fires again and again, this many seconds after the token last entered its state."""

    interval: float = attrs.field(converter=_interval)


Trigger = Automatic | Manual | OnSignal | After | Every


def _attempts(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise WorkflowInvalid(f"max_attempts={value!r} is no whole number from 1", remedy="count the first attempt too")
    return value


def _multiplier(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1 <= value <= LARGEST_MULTIPLIER:
        raise WorkflowInvalid(f"multiplier={value!r} is no number from 1", remedy="1 keeps the wait, 2 doubles it")
    return value


def _codes(value: Any) -> tuple[str, ...]:
    """The codes, sorted: they have no order, and the version of a workflow is not to depend on that of a set."""
    codes = value if isinstance(value, (list, tuple, set, frozenset)) else (value,)
    for code in codes:
        if not isinstance(code, str):
            raise WorkflowInvalid(f"retry_on={code!r} is no code of an error", remedy=_code_hint(code))
    return tuple(sorted(set(codes)))


def _code_hint(value: object) -> str:
    """How to write the code of the errors that somebody meant."""
    if not isinstance(value, type):
        return "give codes, or names of exception classes, as text"
    code = "timeout" if issubclass(value, TimeoutError) else getattr(value, "code", value.__name__)
    return f"write '{code}'"


@attrs.frozen
class RetryPolicy:
    """How often and when a failed action is tried again.

    Attributes:
        max_attempts: The first attempt included.
        backoff_seconds: The wait after the first failure, in seconds.
        multiplier: How the wait grows: 1 is fixed, 2 doubles it.
        max_backoff: The longest wait, in seconds.
        jitter: A random part of up to this many seconds is added to each wait.
        retry_on: The codes of errors that are worth another attempt, such as ``"timeout"``; empty means all.
    """

    max_attempts: int = attrs.field(default=3, converter=_attempts)
    backoff_seconds: float = attrs.field(default=1.0, converter=_backoff)
    multiplier: float = attrs.field(default=2.0, converter=_multiplier)
    max_backoff: float = attrs.field(default=60.0, converter=_backoff)
    jitter: float = attrs.field(default=0.0, converter=_jitter)
    retry_on: tuple[str, ...] = attrs.field(default=(), converter=_codes)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> RetryPolicy:
        """The policy with these settings.

        Raises:
            WorkflowInvalid: A setting is unknown, or has a wrong value; all such faults together.
        """
        faults = [fault for name, value in settings.items() for fault in _setting_faults(name, value)]
        if len(faults) == 1:
            raise WorkflowInvalid(f".retry() {faults[0].message}", remedy=faults[0].remedy)
        if faults:
            raise WorkflowInvalid(".retry() has wrong settings", faults=faults)
        return cls(**settings)

    def wait(self, failures: int) -> float:
        """Seconds to wait after this many failed attempts, without jitter."""
        growth = self.multiplier ** min(failures - 1, 64)
        return min(self.backoff_seconds * growth, self.max_backoff)

    def again(self, code: str, failures: int) -> bool:
        """Whether another attempt is worth it after this many failures, the last with this code."""
        return failures < self.max_attempts and (not self.retry_on or code in self.retry_on)


def _setting_faults(name: str, value: Any) -> Iterator[Fault]:
    known = [field.name for field in attrs.fields(RetryPolicy)]
    if name not in known:
        yield Fault(f"'{name}'", f"has no setting '{name}'", nearest(name, known))
        return
    try:
        RetryPolicy(**{name: value})
    except WorkflowInvalid as error:
        yield Fault(f"'{name}'", error.message, error.remedy)
