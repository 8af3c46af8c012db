"""Schedules of place agents: when they look at a token that has entered, and how often."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args

import attrs

from circuit_breaker.agents.numbers import is_count, is_duration
from circuit_breaker.errors import AgentInvalid, CircuitBreakerError, Fault
from circuit_breaker.workflow.timing import seconds

__all__ = ["Missed", "Schedule"]

Missed = Literal["once", "skip"]
SHORTEST: Final = 1.0
GRACE: Final = 60.0
"""Seconds after which a time counts as missed."""


def _seconds(value: Any) -> Any:
    try:
        return seconds(value, what="time")
    except CircuitBreakerError:
        return value


@attrs.frozen(kw_only=True)
class Schedule:
    """When a place agent works on a token, counted from when the token entered.

    Attributes:
        initial_delay: Seconds before the first time, or a duration such as ``"5m"``.
        interval: Seconds between one time and the next, for as long as the token stays; None for one time.
        max_executions: How often at most while the token stays; with an interval any number, without one once. What is
            tried again because it failed counts once.
        missed: What is done for times that nobody kept because nothing was running: ``"once"``, one execution late for
            all of them; ``"skip"``, none.

    Raises:
        AgentInvalid: Something of it is wrong; every fault is named.
    """

    initial_delay: float = attrs.field(default=0.0, converter=_seconds)
    interval: float | None = attrs.field(default=None, converter=attrs.converters.optional(_seconds))
    max_executions: int | None = None
    missed: Missed = "once"

    def __attrs_post_init__(self) -> None:
        if faults := list(self._faults()):
            raise AgentInvalid("the schedule is not valid", faults=faults)

    def _faults(self) -> Any:
        if not is_duration(self.initial_delay, least=0.0):
            yield Fault("initial_delay", f"{self.initial_delay!r:.40} is no time", "give seconds, or such as '5m'")
        if self.interval is not None and not is_duration(self.interval, least=SHORTEST):
            yield Fault("interval", f"{self.interval!r:.40} is no interval", "give a second or more, or leave it out")
        most = self.max_executions
        if most is not None and not is_count(most):
            yield Fault("max_executions", f"{most!r:.40} is no number of executions", "give 1 or more")
        if self.missed not in get_args(Missed):
            yield Fault("missed", f"{self.missed!r:.40} is not known", "one of: once, skip")

    @property
    def most(self) -> int | None:
        """How many executions there are at most in one visit; None for any number."""
        return self.max_executions if self.interval is not None else 1

    def first(self, entered: datetime) -> datetime:
        """The first time for a token that entered then."""
        return entered + timedelta(seconds=self.initial_delay)

    def following(self, due: datetime, now: datetime) -> tuple[datetime | None, int]:
        """The next time after one that is dealt with, which is still to come, and how many were missed until then."""
        if self.interval is None:
            return None, 0
        step = timedelta(seconds=self.interval)
        passed = max(0, (now - due) // step)
        return due + (passed + 1) * step, passed

    def is_missed(self, due: datetime, now: datetime) -> bool:
        """Whether a time has passed so long ago that it counts as missed."""
        return (now - due).total_seconds() > min(GRACE, self.interval or GRACE)
