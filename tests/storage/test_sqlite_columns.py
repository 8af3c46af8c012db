"""How values stand in the columns of a SQLite file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.storage.sqlite_columns import from_microseconds, from_text, to_microseconds, to_text

names = st.text(alphabet=st.one_of(st.characters(codec="utf-8"), st.sampled_from('",\n[]\\')), max_size=5)


@given(st.lists(names, max_size=4).map(tuple))
def test_states_are_read_as_they_were_written(states):
    """Any names come back, also of no state at all."""
    assert states == from_text(to_text(states))


@given(st.lists(names, max_size=4).map(tuple), names)
def test_a_state_is_found_exactly_where_it_is(states, name):
    """The text of one name is part of the text of several exactly if it is one of them."""
    assert (name in states) is (to_text((name,)) in to_text(states))


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7, minutes=30))])))
def test_moments_are_exact(moment):
    """A moment comes back to the microsecond, in UTC."""
    assert moment == from_microseconds(to_microseconds(moment))
    assert UTC is from_microseconds(to_microseconds(moment)).tzinfo


def test_a_moment_without_a_zone_is_refused():
    """A time that may mean several moments is not guessed."""
    with pytest.raises(TypeError):
        to_microseconds(datetime(2026, 11, 20))  # noqa: DTZ001 - the fault that is tested
