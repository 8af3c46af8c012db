"""How long, when and how often: durations, triggers and retry policies, as values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta

import attrs

from circuit_breaker.errors import WorkflowInvalid

__all__ = ["After", "Automatic", "Every", "Manual", "OnSignal", "RetryPolicy", "Trigger", "in_words", "seconds"]

Duration = float | int | str | timedelta
LONGEST = 100 * 366 * 86400.0
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


def _codes(value: Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


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

    max_attempts: int = attrs.field(default=3, validator=attrs.validators.ge(1))
    backoff_seconds: float = attrs.field(default=1.0, converter=_backoff)
    multiplier: float = attrs.field(default=2.0, validator=attrs.validators.ge(1))
    max_backoff: float = attrs.field(default=60.0, converter=_backoff)
    jitter: float = attrs.field(default=0.0, converter=_jitter)
    retry_on: tuple[str, ...] = attrs.field(default=(), converter=_codes)

    def wait(self, failures: int) -> float:
        """Seconds to wait after this many failed attempts, without jitter."""
        growth = self.multiplier ** min(failures - 1, 64)
        return min(self.backoff_seconds * growth, self.max_backoff)

    def again(self, code: str, failures: int) -> bool:
        """Whether another attempt is worth it after this many failures, the last with this code."""
        return failures < self.max_attempts and (not self.retry_on or code in self.retry_on)
