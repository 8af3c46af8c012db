"""Turns: nobody with much to do keeps others waiting, and every place is used."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.agents.turns import Turns
from circuit_breaker.errors import LimitReached

wishes = st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("xy")), min_size=1, max_size=40)


def worked(places: int, wanted: list[tuple[str, str]], leaving: set[int]) -> list[int]:
    """The order in which those come to work who do not leave the line."""
    order: list[int] = []

    async def work(number: int, seat) -> None:
        async with seat:
            order.append(number)
            await asyncio.sleep(0)

    async def all_of_them() -> Turns:
        turns = Turns(places, most=100)
        seats = [turns.seat(*wish) for wish in wanted]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work(number, seat)) for number, seat in enumerate(seats)]
            await asyncio.sleep(0)
            for number in leaving:
                tasks[number].cancel()
        assert 0 == turns.waiting
        assert all(turns.seat("z", "z").taken for _ in range(places))
        assert not turns.seat("z", "z").taken
        return turns

    asyncio.run(all_of_them())
    return order


@given(st.integers(1, 5), wishes, st.data())
def test_everybody_works_and_no_place_is_lost(places, wanted, data):
    """Whoever does not leave the line works once, and in the end all places are free again."""
    leaving = data.draw(st.sets(st.integers(0, len(wanted) - 1)))
    order = worked(places, wanted, leaving)
    assert set(range(len(wanted))) - leaving <= set(order)
    assert len(order) == len(set(order))


@given(wishes)
def test_tenants_take_turns(wanted):
    """With one place, nobody works twice before everybody has worked once who waits: tenants, and agents of each; and
    whoever came first to an agent of a tenant is first there.
    """
    order = worked(1, wanted, set())
    waiting = [wanted[number] for number in order]
    for at in range(2, len(waiting)):  # the first one found a free place, and did not wait
        before, now = waiting[at - 1], waiting[at]
        if before[0] == now[0]:
            assert all(tenant == now[0] for tenant, _ in waiting[at:]), "another tenant waits"
    for line in set(wanted):
        assert [number for number in order if wanted[number] == line] == [
            number for number, wish in enumerate(wanted) if wish == line
        ]


async def test_the_line_is_bounded():
    """One more than may wait is refused; what was let in once is not."""
    turns = Turns(1, most=1)
    turns.seat("a", "x")
    turns.seat("a", "x")
    with pytest.raises(LimitReached, match="1 executions wait"):
        turns.seat("b", "x")
    assert not turns.seat("b", "x", always=True).taken
    assert 2 == turns.waiting


async def test_a_place_is_given_back_once():
    """Leaving twice gives no place away that is another's."""
    turns = Turns(1, most=9)
    seat = turns.seat("a", "x")
    seat.leave()
    seat.leave()
    assert turns.seat("a", "x").taken
    assert not turns.seat("a", "x").taken
