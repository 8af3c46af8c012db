"""Functions that run because a time has come."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import FunctionInvalid
from circuit_breaker.functions import (
    ContainerConfig,
    ExecutionConfig,
    FunctionConfig,
    FunctionDefinition,
    ScheduledTime,
    TemplateMapping,
)
from circuit_breaker.functions.requests import Later, Request
from circuit_breaker.functions.schedule import schedule
from circuit_breaker.functions.timetable import PAGE, Delays
from tests.functions.conftest import settled

QUICK = FunctionConfig(execution_config=ExecutionConfig(poll=0.02))


def function(*triggers, **parts):
    return FunctionDefinition(id="tick", container=ContainerConfig("tick"), triggers=triggers, **parts)


async def times(functions, count):
    """The times for which the function ran, as hours and minutes."""
    results = await settled(functions, count)
    return sorted(datetime.fromisoformat(result.input["scheduled_at"]).strftime("%H:%M") for result in results)


async def moved(clock, *durations):
    for duration in durations:
        await clock.advance(duration)
        await asyncio.sleep(0.05)


async def test_a_function_runs_at_an_interval(opened, clock):
    """F4, ZB3: an interval counts from the registration, and each time comes once."""
    async with opened(config=QUICK) as (_, functions):
        await functions.create_function(function(ScheduledTime("every 5m")))
        await moved(clock, "4m", "1m", "1m", "4m")

        assert ["00:05", "00:10"] == await times(functions, 2)
        assert {"schedule"} == {result.cause["kind"] for result in await functions.executions()}


async def test_a_function_runs_by_the_calendar(opened, clock):
    """F4, ZB3: five fields of cron in a time zone, where it is one hour later than in UTC."""
    async with opened(config=QUICK) as (_, functions):
        await functions.create_function(function(ScheduledTime("30 9 * * *", zone="Europe/Berlin")))
        await moved(clock, "8h", "30m", "1m", "23h", "59m")

        results = await settled(functions, 2)
        assert ["2030-01-01T08:30:00+00:00", "2030-01-02T08:30:00+00:00"] == sorted(
            result.input["scheduled_at"] for result in results
        )


@pytest.mark.parametrize(
    ("catch_up", "expected"),
    [("one", ["01:15"]), ("all", ["00:15", "00:30", "00:45", "01:00", "01:15"]), ("none", [])],
)
@pytest.mark.parametrize("text", ["every 15m", "*/15 * * * *"])
async def test_missed_times_are_caught_up(opened, clock, text, catch_up, expected):
    """ZB3: after an hour and more without anybody, the function runs for the last time, for each, or for none."""
    async with opened(config=QUICK) as (_, functions):
        await functions.create_function(function(ScheduledTime(text, catch_up=catch_up)))
        await asyncio.sleep(0.05)
    await clock.advance("1h 20m")
    async with opened(config=QUICK) as (_, functions):
        assert expected == await times(functions, len(expected))
        await moved(clock, "10m")
        assert [*expected, "01:30"] == await times(functions, len(expected) + 1)


async def test_very_many_missed_times_are_caught_up(opened, clock):
    """ZB3: times are caught up in portions, and none is left out."""
    async with opened(config=QUICK) as (_, functions):
        await functions.create_function(function(ScheduledTime("every 1m", catch_up="all")))
        await asyncio.sleep(0.05)
        await clock.advance("4h")
        results = []
        for _ in range(3):
            results = await settled(functions, 240, limit=1000)

    assert 240 == len({result.input["scheduled_at"] for result in results})


async def test_several_processes_keep_time_once(opened, clock):
    """F4: of several managers on one storage one runs the function for a time."""
    async with opened(config=QUICK) as (_, one), opened(config=QUICK) as (_, two):
        await one.create_function(function(ScheduledTime("every 1m")))
        await moved(clock, *["1m"] * 5)

        assert [f"00:0{minute}" for minute in range(1, 6)] == await times(two, 5) == await times(one, 5)


async def test_a_changed_schedule_begins_anew(opened, clock):
    """ZB3: another schedule of the same function counts from its registration; the same one goes on."""
    async with opened(config=QUICK) as (_, functions):
        await functions.create_function(function(ScheduledTime("every 10m")))
        await moved(clock, "5m")
        await functions.create_function(function(ScheduledTime("every 10m"), description="same"))
        await moved(clock, "5m")
        await functions.create_function(function(ScheduledTime("every 20m")))
        await moved(clock, "10m", "10m")

        assert ["00:10", "00:30"] == await times(functions, 2)


async def test_a_schedule_that_is_changed_and_changed_back_begins_with_that_in_every_process(opened, clock):
    """ZB3: no process goes on with the times that a schedule had before it was changed twice."""
    async with opened(config=QUICK) as (_, one), opened(config=QUICK) as (_, two):
        for text in ("every 10m", "every 1h", "every 10m"):
            await one.create_function(function(ScheduledTime(text)))
            await moved(clock, "4m")
        await moved(clock, *["4m"] * 3)

        assert ["00:18"] == await times(two, 1)


@pytest.mark.parametrize(("text", "expected"), [("every 10m", 3), ("*/10 * * * *", 3)])
async def test_a_schedule_goes_on_when_a_clock_that_was_wrong_is_put_right(opened, clock, text, expected):
    """ZB3: what was dealt with in a future that the clock has left again does not keep a function from running."""
    async with opened(config=QUICK) as (_, functions):
        await functions.create_function(function(ScheduledTime(text)))
        await moved(clock, "10m", "1500d")
        wrong = len(await settled(functions, 2))
        clock._now -= timedelta(days=1500)
        await asyncio.sleep(0.1)
        await moved(clock, "10m")

        assert (2, expected) == (wrong, len(await settled(functions, expected)))
        assert "00:20" in await times(functions, expected)


async def test_delays_of_unknown_functions_keep_none_of_the_others_waiting(opened, engine, clock):
    """F14: however many requests wait for functions that only others know, the rest come when it is their time."""
    delays, now = Delays(engine.storage, []), clock.now()
    for number in range(PAGE + 1):
        await delays.add(Later(Request(function="gone", execution=f"x{number}"), now))
    await delays.add(Later(Request(function="tick", execution="mine"), now + timedelta(minutes=1)))
    async with opened(config=QUICK) as (_, functions):
        await functions.create_function(function())
        await moved(clock, "1m")

        assert ["mine"] == [result.id for result in await settled(functions, 1)]


async def test_a_scheduled_time_has_a_condition_and_a_mapping(opened, clock):
    """F5: the moment can be judged and put into the input."""
    trigger = ScheduledTime(
        "every 1h",
        condition="event.at.startsWith('2030-01-01T02')",
        input_mapping=TemplateMapping({"at": "{scheduled_at}", "why": "{event.schedule}"}),
    )
    async with opened(config=QUICK) as (_, functions):
        await functions.create_function(function(trigger))
        await moved(clock, "1h", "1h", "1h")

        (result,) = await settled(functions, 1)
        assert {"at": "2030-01-01T02:00:00+00:00", "why": "every 1h"} == result.input


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("every", {}, "no schedule"),
        ("every now and then", {}, "no schedule"),
        ("every 10ms", {}, "too often"),
        ("* * * *", {}, "no schedule"),
        ("* * * * * *", {}, "6 fields"),
        ("61 * * * *", {}, "no schedule"),
        ("* * * * *", {"zone": "Mars/Olympus"}, "no time zone 'Mars/Olympus'"),
        ("* * * * *", {"zone": 3}, "no time zone 3"),
        ("* * * * *", {"catch_up": "two"}, "catch_up: 'two'"),
        (5, {}, "5 is no schedule"),
    ],
)
def test_a_wrong_schedule_is_refused(text, options, words):
    """ZB3: what is no schedule is refused with the remedy."""
    with pytest.raises(FunctionInvalid, match=words):
        ScheduledTime(text, **options)


def test_a_day_that_never_comes():
    """ZB3: a day that no calendar has is refused, and one that comes seldom is found."""
    with pytest.raises(FunctionInvalid):
        schedule("0 0 30 2 *")
    leap = schedule("0 0 29 2 *")
    assert datetime(2032, 2, 29, tzinfo=UTC) == leap.following(datetime(2030, 1, 1, tzinfo=UTC))
    assert leap.latest(datetime(2030, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)) is None


moments = st.integers(1_704_000_000, 2_010_000_000).map(lambda second: datetime.fromtimestamp(second, UTC))
texts = st.sampled_from(["*/7 * * * *", "30 2 * * *", "0 9 * * MON-FRI", "every 13m", "every 2h 30m", "15 3 1 * *"])
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])


@given(text=texts, zone=zones, last=moments, minutes=st.integers(0, 3000))
def test_the_ways_to_ask_a_schedule_agree(text, zone, last, minutes):
    """ZB3: the next time, the times in between and the last of them are those of one series."""
    times, now = schedule(text, zone), last + timedelta(minutes=minutes)
    between = times.between(last, now, most=10_000)

    assert all(last < moment <= now for moment in between)
    assert between == sorted(set(between))
    following = times.following(last)
    assert (between[:1] or [following]) == [following]
    if zone == "UTC" or "every" in text:
        assert (between[-1] if between else None) == times.latest(last, now)
    assert between[:3] == times.between(last, now, most=3)


@given(text=texts, zone=zones, last=moments, minutes=st.integers(1, 3000))
def test_a_schedule_goes_back_within_its_series(text, zone, last, minutes):
    """ZB3: going on from an earlier moment gives the times that were given before."""
    times, now = schedule(text, zone), last - timedelta(minutes=minutes)
    reached = times.following(last)
    begin = times.back(reached, now)

    assert begin <= now
    assert reached in times.between(begin, reached, most=10_000)
