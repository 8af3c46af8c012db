"""The purse of an execution: what calls set aside before they are made, and what becomes of it."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.agents.purse import Most, Purse
from circuit_breaker.errors import BudgetExceeded


def below(parent: Purse, name: str = "child", **limits) -> Purse:
    """The purse of an execution that another one wants."""
    return Purse(name, above=parent, **limits)


async def settled(times: int = 5) -> None:
    """Lets whoever can go on do so."""
    for _ in range(times):
        await asyncio.sleep(0)


async def test_what_fits_side_by_side_runs_side_by_side():
    """Calls whose worst fits together set it aside at once; the next one waits until one of them is over."""
    parent = Purse("parent", tokens=100)
    one, two = [await below(parent).reserve(Most(40)) for _ in range(2)]
    async with asyncio.TaskGroup() as group:
        third = group.create_task(below(parent).reserve(Most(40)))
        await settled()
        assert not third.done()
        one.give_back()
    two.give_back()
    assert third.result().longest is None


async def test_a_call_that_is_alone_gets_what_is_left():
    """A worst case that is larger than the budget, or not known, is made with an answer no longer than what is left."""
    parent = Purse("parent", tokens=100, spent=70)
    for most in (Most(5000), Most()):
        reservation = await below(parent).reserve(most)
        assert 30 == reservation.longest
        reservation.give_back()


async def test_who_waits_is_refused_when_all_is_taken():
    """A call that waits is not made when those before it have taken everything."""
    parent = Purse("parent", tokens=100)
    first = await below(parent).reserve(Most())

    async def waits():
        with pytest.raises(BudgetExceeded, match="'parent' and those that it wants have taken 100 of 100 tokens"):
            await below(parent).reserve(Most(10))

    async with asyncio.TaskGroup() as group:
        group.create_task(waits())
        await settled()
        below(parent).spend(100, Decimal(0))
        first.give_back()


async def test_who_stops_waiting_gives_back():
    """A call that is cancelled while it waits leaves nothing set aside, and no one waits behind it."""
    parent = Purse("parent", tokens=100)
    middle = below(parent, "middle", tokens=80)
    first = await below(parent).reserve(Most(90))
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(below(middle).reserve(Most(60)))
        await settled()
        waiting.cancel()
        await settled()
        first.give_back()
    assert (await below(middle).reserve(Most(80))).longest is None


async def test_dollars_are_set_aside_as_tokens_are():
    """R1: with a limit of dollars the worst price counts; calls whose price nobody knows are made one by one."""
    parent = Purse("parent", dollars=Decimal(1))
    first = await below(parent).reserve(Most(10, Decimal("0.6")))
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(below(parent).reserve(Most(10)))
        await settled()
        assert not waiting.done()
        first.give_back()
    below(parent).spend(5, Decimal(1))
    with pytest.raises(BudgetExceeded, match="taken \\$1 of \\$1"):
        await below(parent).reserve(Most(1, Decimal("0.1")))


@given(
    read=st.integers(1, 50),
    answer=st.integers(1, 50),
    each=st.decimals("0.000001", 10, places=6),
    left=st.decimals("0.000001", 10, places=6),
)
def test_a_limit_of_dollars_is_exceeded_by_what_is_read_at_most(read, answer, each, left):
    """R1: the answer that a call may have costs what is left or is one token; a call that fits has the longest one."""
    longest = Most(read + answer, (read + answer) * each, answer, each).longest(Most(None, left))
    if (read + answer) * each <= left:
        assert longest is None
    assert longest == 1 or (longest or answer) * each <= left or (longest is None and answer == 1)


CALLS = st.lists(
    st.tuples(
        st.integers(0, 3),  # in which purse
        st.integers(1, 10) | st.none(),  # the most tokens of its answer
        st.integers(0, 10),  # what it writes
        st.integers(0, 3),  # how long it takes
        st.booleans(),  # whether it is stopped
    ),
    max_size=20,
)


@given(calls=CALLS, limits=st.lists(st.integers(1, 40) | st.none(), min_size=3, max_size=3))
def test_no_order_of_calls_overspends_or_waits_for_ever(calls, limits):
    """R1: whatever calls cost at any depth, budgets are overspent by what one call reads at most, and none is stuck."""
    read = 3

    async def call(purse, longest, writes, turns, stops):
        try:
            reservation = await purse.reserve(Most(None if longest is None else read + longest))
        except BudgetExceeded:
            return
        try:
            await settled(turns)
            if not stops:
                most = [limit for limit in (longest, reservation.longest) if limit is not None]
                purse.spend(read + min([writes, *most]), Decimal(0))
        finally:
            reservation.give_back()

    async def work():
        root = Purse("root", tokens=limits[0])
        middle = below(root, "middle", tokens=limits[1])
        purses = (below(root), middle, below(middle), below(middle, tokens=limits[2]))
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            # One execution makes one call at a time: each call is one of a child of its own.
            for at, *members in calls:
                group.create_task(call(below(purses[at]), *members))
        assert all(purse.tokens is None or purse.spent <= purse.tokens + read for purse in (root, *purses))
        if root.tokens is not None and root.spent < root.tokens:
            assert (await below(root).reserve(Most(root.tokens - root.spent))).longest is None

    asyncio.run(work())
