"""The times of place agents, for any moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.agents.bridge import Schedule
from circuit_breaker.errors import AgentInvalid

START = datetime(2030, 1, 1, tzinfo=UTC)
INTERVALS = st.integers(1, 10_000).map(float)
WAITS = st.floats(0, 1e6)


@given(INTERVALS, WAITS)
def test_the_next_time_is_still_to_come_and_in_step(interval, wait):
    """The time after one that is dealt with lies in the future, at most one interval away, in the same series."""
    now = START + timedelta(seconds=wait)
    following, missed = Schedule(interval=interval).following(START, now)
    assert now < following <= now + timedelta(seconds=interval)
    assert following - START == (missed + 1) * timedelta(seconds=interval)


@given(WAITS)
def test_without_an_interval_there_is_one_time(delay):
    """One time after the delay, and none after it."""
    schedule = Schedule(initial_delay=delay)
    assert (None, 0) == schedule.following(schedule.first(START), START + timedelta(days=1))
    assert 1 == schedule.most


@given(INTERVALS)
def test_what_is_late_by_more_than_an_interval_is_missed(interval):
    """A time counts as missed after a minute, or after its interval where that is less."""
    schedule = Schedule(interval=interval)
    grace = timedelta(seconds=min(60.0, interval))
    assert not schedule.is_missed(START, START + grace)
    assert schedule.is_missed(START, START + grace + timedelta(seconds=1))


def test_all_faults_of_a_schedule_are_told_together():
    """M6: what is no time, too short an interval, no number and no way are named, each with its value."""
    members = {"initial_delay": "soon", "interval": 0.5, "max_executions": True, "missed": "twice"}
    with pytest.raises(AgentInvalid, match="'soon' is no time") as wrong:
        Schedule(**members)

    assert list(members) == [fault.place for fault in wrong.value.faults]
