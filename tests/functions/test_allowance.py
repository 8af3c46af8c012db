"""How many executions one event, call or time may lead to."""

from __future__ import annotations

import pytest

from circuit_breaker.functions import allowance
from circuit_breaker.functions.allowance import Allowances


async def taken(allowances, root, times):
    return sum([await allowances.take(root) for _ in range(times)])


@pytest.mark.parametrize("most", [1, 7, 100, 1000])
async def test_no_more_than_the_allowance_is_granted(engine, most):
    """F18: alone, a process may begin exactly as many executions as are allowed."""
    allowances = Allowances(engine.storage, most=most)

    assert most == await taken(allowances, "a", most + 50)
    assert await allowances.take("another")


async def test_processes_share_an_allowance(engine):
    """F18: several processes together begin what is allowed, and at most a portion more each."""
    several = [Allowances(engine.storage, most=100) for _ in range(3)]

    granted = sum([await each.take("a") for _ in range(200) for each in several])

    assert 100 <= granted <= 100 + 2 * 5


async def test_what_leads_to_little_is_not_written_down(engine):
    """F18: within its first portion a root costs the storage nothing."""
    journal = engine.storage

    assert 5 == await taken(Allowances(journal, most=100), "a", 5)
    assert [] == await journal.records.find("function-allowance")


async def test_what_somebody_else_has_begun_is_not_counted(engine):
    """F18: a grant that was not used is given back."""
    allowances = Allowances(engine.storage, most=1)
    for _ in range(3):
        assert await allowances.take("a")
        allowances.give_back("a")
    assert [True, False] == [await allowances.take("a"), await allowances.take("a")]


async def test_only_so_many_roots_are_held_in_memory(engine, monkeypatch):
    """F18: a root that was put aside goes on with what is written down."""
    monkeypatch.setattr(allowance, "FOLLOWED", 1)
    allowances = Allowances(engine.storage, most=3)

    assert 3 == await taken(allowances, "a", 5)
    assert await allowances.take("b")
    assert not await allowances.take("a")
