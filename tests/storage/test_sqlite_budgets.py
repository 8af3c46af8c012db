"""Budgets in a SQLite file: exact, shared by processes, and safe from a kill."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from circuit_breaker.errors import StorageClosed, StorageError, StorageForeign
from circuit_breaker.llm.router import Budget, MemoryLedger
from circuit_breaker.llm.router.needs import Needs
from circuit_breaker.llm.router.purse import Caller, Purse
from circuit_breaker.storage import budgets, connect
from circuit_breaker.storage.sqlite_budgets import SqliteBudgets
from tests.llm.routing import Provider, Time, asking, routed

ONE = Decimal(1)

SPENDER = """
import asyncio, sys
from decimal import Decimal
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.profile import ModelProfile, Price
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.router import Budget, LLMConfig, LLMRouter
from circuit_breaker.llm.usage import Usage
from circuit_breaker.storage.sqlite_budgets import SqliteBudgets
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.models import ScriptedProvider

price = Price(input=Decimal(1), output=Decimal(1))
answers = ModelTurn(says="yes", after=0.002, usage=Usage(input_tokens=10, output_tokens=90))
provider = ScriptedProvider(always=answers, name="a", profile=ModelProfile(price=price))
budget = Budget("all", dollars="0.02", period="total")

async def one(router):
    request = ChatCompletionRequest(model="a/m", messages=[user("hello")], max_tokens=90)
    await router.chat_completion(request)
    sys.stdout.write("paid\\n")
    sys.stdout.flush()

async def main():
    async with SqliteBudgets(sys.argv[1]) as ledger:
        async with LLMRouter(LLMConfig(providers=[provider], budgets=[budget]), ledger=ledger) as router:
            while True:
                await asyncio.gather(*(one(router) for _ in range(20)), return_exceptions=True)

asyncio.run(main())
"""


@pytest.fixture(params=["memory", "sqlite"])
async def ledger(request, tmp_path):
    """Each ledger there is."""
    if request.param == "memory":
        yield MemoryLedger()
        return
    async with SqliteBudgets(tmp_path / "work.db") as opened:
        yield opened


async def test_it_reserves_in_all_accounts_or_in_none(ledger):
    """Pain 71: where one account has not enough left nothing is held in the others."""
    claims = [("wide", Decimal(10), None), ("narrow", None, 5)]

    assert "narrow" == await ledger.reserve("l", claims, dollars=ONE, tokens=6, now=0, expires=60)
    assert (0, 0, 0, 0) == await ledger.standing("wide", now=0)
    assert None is await ledger.reserve("l", claims, dollars=ONE, tokens=5, now=0, expires=60)
    assert (0, 0, 1, 5) == await ledger.standing("wide", now=0)


async def test_it_settles_what_was_spent(ledger):
    """Pain 71: settling counts what was spent and gives the rest back, once; decimals stay exact."""
    await ledger.reserve("l", [("a", Decimal(1), None)], dollars=ONE, tokens=5, now=0, expires=60)
    for _ in range(2):
        await ledger.settle("l", dollars=Decimal("0.100000000000000000007"), tokens=3, now=1)

    assert (Decimal("0.100000000000000000007"), 3, 0, 0) == await ledger.standing("a", now=1)


async def test_a_lease_that_ends_by_itself_counts_as_spent(ledger):
    """Pain 71: a reservation lasts as long as it says or is renewed for; then what it holds counts as spent, for
    whoever died may have spent it, until somebody settles it with what it really was, once.
    """
    await ledger.reserve("l", [("a", Decimal(1), None)], dollars=ONE, tokens=5, now=0, expires=60)
    await ledger.renew("l", expires=120)
    assert (0, 0, 1, 5) == await ledger.standing("a", now=119)
    assert [] == await ledger.unsettled(now=119)
    assert (1, 5, 0, 0) == await ledger.standing("a", now=120)
    await ledger.renew("l", expires=180)
    assert [("l", "a", 1, 5)] == await ledger.unsettled(now=121)
    for _ in range(2):
        await ledger.settle("l", dollars=Decimal("0.5"), tokens=2, now=130)

    assert (Decimal("0.5"), 2, 0, 0) == await ledger.standing("a", now=130)
    assert [] == await ledger.unsettled(now=130)


async def test_many_at_once_do_not_overshoot(ledger):
    """Pain 71: of 1,000 reservations at once exactly so many succeed as there is room for."""
    claims, dollars = [("a", Decimal("0.1"), None)], Decimal("0.001")
    found = await asyncio.gather(
        *(ledger.reserve(f"l{number}", claims, dollars=dollars, tokens=1, now=0, expires=9) for number in range(1000))
    )

    assert 100 == found.count(None)


async def test_two_openings_share_the_file(tmp_path):
    """Pain 71: what one process has reserved counts for the other."""
    path = tmp_path / "work.db"
    async with SqliteBudgets(path) as one, SqliteBudgets(path) as other:
        await one.reserve("l", [("a", Decimal(1), None)], dollars=ONE, tokens=5, now=0, expires=60)
        assert "a" == await other.reserve("m", [("a", Decimal(1), None)], dollars=ONE, tokens=5, now=0, expires=60)


async def test_it_may_be_the_file_of_a_journal(tmp_path):
    """Pain 71: budgets lie beside the cases of a journal."""
    path = tmp_path / "work.db"
    async with connect(f"sqlite:///{path}"), SqliteBudgets(path) as ledger:
        assert (0, 0, 0, 0) == await ledger.standing("a", now=0)


async def test_what_is_wrong_with_the_file_is_told(tmp_path):
    """Pain 71: a foreign file, one that cannot be opened, and a ledger that is not open are errors with a remedy."""
    (tmp_path / "text.db").write_text("no database at all, but a text that is long enough" * 20)
    with pytest.raises(StorageForeign):
        await SqliteBudgets(tmp_path / "text.db").__aenter__()
    with pytest.raises(StorageError):
        await SqliteBudgets(tmp_path / "missing" / "work.db").__aenter__()
    with pytest.raises(StorageClosed, match="async with"):
        await SqliteBudgets(tmp_path / "work.db").standing("a", now=0)


async def test_a_cancelled_reservation_is_carried_out(tmp_path):
    """Pain 71: who is cancelled while the file is written leaves a lease that may be settled, and disturbs nobody."""
    async with SqliteBudgets(tmp_path / "work.db") as ledger:
        async with asyncio.TaskGroup() as group:
            gone = group.create_task(
                ledger.reserve("l", [("a", Decimal(2), None)], dollars=ONE, tokens=5, now=0, expires=60)
            )
            await asyncio.sleep(0)
            gone.cancel()
            kept = group.create_task(ledger.standing("a", now=0))
        assert (0, 0, 1, 5) == kept.result()
        await ledger.settle("l", dollars=Decimal(0), tokens=0, now=1)
        assert (0, 0, 0, 0) == await ledger.standing("a", now=60)


async def test_a_cancelled_call_gives_its_reservation_back(tmp_path):
    """Pain 71: a call that is given up while it reserves holds nothing afterwards."""
    async with SqliteBudgets(tmp_path / "work.db") as ledger:
        purse = Purse([Budget("all", tokens=100)], ledger, wall=Time().wall)
        route = routed(Provider(name="a"))._planner.plan(asking()).routes[0]
        async with asyncio.TaskGroup() as group:
            gone = group.create_task(purse.reserve(purse.budgets, Caller(), route, needs=Needs(size=5), answer=5))
            await asyncio.sleep(0)
            gone.cancel()
        (standing,) = await purse.standings(Caller())

    assert (0, 0) == (standing.tokens, standing.reserved_tokens)


async def test_one_fault_is_told_to_all_who_share_the_transaction(tmp_path):
    """Pain 71: when a transaction fails nothing of it stays, and each who waits for it is told."""
    async with SqliteBudgets(tmp_path / "work.db") as ledger:
        await ledger.reserve("l", [("a", None, None)], dollars=ONE, tokens=5, now=0, expires=60)
        found = await asyncio.gather(
            ledger.reserve("l", [("a", None, None)], dollars=ONE, tokens=5, now=0, expires=60), return_exceptions=True
        )
        assert [StorageError] == [type(one) for one in found]
        assert (0, 0, 1, 5) == await ledger.standing("a", now=0)


@pytest.mark.crash
def test_a_kill_leaves_nothing_overspent(tmp_path):
    """Pain 71: killed in the middle of its calls, a process has told no call paid that is not counted, has not spent
    more than the budget, and what it held counts as spent.
    """
    path = tmp_path / "work.db"
    child = subprocess.Popen(
        [sys.executable, "-c", SPENDER, path], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    with child:
        told = [child.stdout.readline() for _ in range(40)]
        child.send_signal(signal.SIGKILL)
        told += child.stdout.readlines()

    async def look(seconds):
        async with SqliteBudgets(path) as ledger:
            return await ledger.standing("all | total", now=time.time() + seconds)

    dollars, tokens, held, held_tokens = asyncio.run(look(0))
    paid = told.count("paid\n")
    assert dollars + held <= Decimal("0.02")
    assert 100 * paid <= tokens <= 100 * (paid + 20)
    assert (dollars + held, tokens + held_tokens, 0, 0) == asyncio.run(look(3600))


async def test_a_url_leads_to_it(tmp_path):
    """Pain 71: budgets are had by the URL that a journal is had by; what keeps none is told."""
    path = tmp_path / "work.db"
    async with budgets(f"sqlite:///{path}") as ledger, ledger:
        await ledger.reserve("l", [("a", Decimal(1), None)], dollars=ONE, tokens=5, now=0, expires=60)
    async with budgets(path) as ledger:
        assert {"a": (0, 0, 1, 5)} == await ledger.accounts(now=1)
    with pytest.raises(StorageError, match="no budgets can be kept in 'memory:'"):
        budgets("memory://")
    with pytest.raises(StorageError, match="no option 'sync'"):
        budgets(f"sqlite:///{path}?sync=1")
