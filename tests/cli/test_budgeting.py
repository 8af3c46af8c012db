"""The command line: what models have cost."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from circuit_breaker.cli.providers import VARIABLES
from circuit_breaker.storage import budgets


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def storage(tmp_path):
    """A ledger with a lease whose process is dead."""
    path = tmp_path / "work.db"

    async def die():
        async with budgets(path) as ledger:
            claims = [("all | total", Decimal(1), None)]
            await ledger.reserve("lost", claims, dollars=Decimal("0.5"), tokens=90, now=0, expires=60)

    asyncio.run(die())
    return f"sqlite:///{path}"


def test_what_was_spent_is_shown(cb, storage):
    """Pain 71: accounts and what waits to be settled, as tables and as records."""
    told = cb("budgets", "--storage", storage).out
    (row,) = [line.split() for line in told.splitlines() if line.startswith("all | total")]
    accounts, lease = cb("budgets", "--storage", storage, "--json").records

    assert "not settled" in told
    assert ["0.5", "90", "0", "0"] == row[3:]
    assert ("0.5", 90, 0) == (accounts["dollars"], accounts["tokens"], accounts["reserved_tokens"])
    assert ("lost", "all | total", "0.5") == (lease["lease"], lease["account"], lease["dollars"])


def test_what_is_left_is_settled(cb, storage):
    """Pain 71: an operator says what the call of a dead process really cost, once."""
    settle = ("budgets", "--storage", storage, "--settle", "lost", "--dollars", "0.02", "--tokens", "7", "--json")
    (account,) = cb(*settle).records

    assert ("0.02", 7) == (account["dollars"], account["tokens"])
    assert "no lease 'lost'" in cb(*settle, code=2).out
    assert "is no amount" in cb("budgets", "--storage", storage, "--dollars", "x", code=2).err


def test_a_chat_has_a_budget(cb, tmp_path):
    """Pain 71, H7: what chats cost in a month is kept in the storage and shown; without any there is nothing."""
    storage = f"sqlite:///{tmp_path}/chat.db"
    assert "nothing was spent yet" in cb("budgets", "--storage", storage).err
    cb("chat", "-p", "scripted", "--budget", "1.50", "--storage", storage, "hello")
    (account,) = cb("budgets", "--storage", storage, "--json").records

    assert account["account"].startswith("chat | ")
    assert account["tokens"] > 0
