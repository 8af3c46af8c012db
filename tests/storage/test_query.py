"""What a query for cases may ask."""

from __future__ import annotations

from typing import Any

import pytest

from circuit_breaker import Engine, State, connect
from circuit_breaker.engine import CaseQuery
from circuit_breaker.errors import DataInvalid


def test_a_query_is_one_value():
    """One status or several, a state or its name: equal queries are equal values, and can be kept."""
    one = CaseQuery(status="running", state=State("a"), limit=5)
    assert one == CaseQuery(status=["running", "running"], state="a", limit=5)
    assert 1 == len({one, CaseQuery(status=("running",), state="a", limit=5)})
    assert (None, None, 100) == (CaseQuery().status, CaseQuery().state, CaseQuery().limit)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"status": "runing"}, "no case has the status 'runing' .did you mean 'running'"),
        ({"status": ["running", "done"]}, "no case has the status 'done'"),
        ({"status": [None]}, "no case has the status None"),
        ({"limit": -1}, "limit: -1 is no number of cases"),
        ({"limit": "5"}, "limit: '5' is no number of cases"),
        ({"limit": True}, "limit: True is no number"),
    ],
    ids=str,
)
async def test_what_no_case_can_be_is_refused(asked: dict[str, Any], message: str):
    """A status that does not exist, or a limit below nothing, is an error for whoever asks, not an empty list."""
    with pytest.raises(DataInvalid, match=message):
        CaseQuery(**asked)
    async with Engine(storage=connect("memory://")) as engine:
        with pytest.raises(DataInvalid, match=message):
            await engine.cases(**asked)
