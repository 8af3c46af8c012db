"""Visits: what is due is never lost, wherever a process stops and whoever looks meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from circuit_breaker.agents.bridge.visits import DUE, VISIT, Visit, Visits
from circuit_breaker.storage import connect

NOW = datetime(2026, 1, 1, 12, 0, 0, 123_999, tzinfo=UTC)


class Killed(Exception):
    """The process is gone."""


@attrs.define
class Watched:
    """A journal whose records are looked through by another process after each change, or that ends at one."""

    journal: Any
    lives: int = 99
    looks: bool = False

    @property
    def records(self) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.journal.records, name)

    async def put(self, *args: Any, **members: Any) -> int:
        return await self._changed(self.journal.records.put(*args, **members))

    async def delete(self, *args: Any, **members: Any) -> bool:
        return await self._changed(self.journal.records.delete(*args, **members))

    async def _changed(self, change: Any) -> Any:
        if not self.lives:
            change.close()
            raise Killed
        self.lives -= 1
        done = await change
        if self.looks:
            await due(self.journal)
        return done


async def due(journal: Any, now: datetime = NOW) -> list[Any]:
    """The ids of the visits that are due, and the next moment."""
    visits = Visits(journal)
    moment = await visits.next_moment(now)
    return [*[each.id async for each in visits.due(now)], *([] if moment is None else [moment])]


def visit(**changes: Any) -> Visit:
    given = {"id": "v", "place_agent": "p", "case": "c", "token": "t", "place": "s", "event": 1, "entered": NOW}
    return Visit(**given | {"due": NOW} | changes)


async def test_a_visit_that_begins_while_another_process_looks_is_due():
    """O4: what another process takes for nothing yet is due as soon as it is there."""
    async with connect("memory://") as journal:
        assert await Visits(Watched(journal, looks=True)).begin(visit())
        assert ["v"] == await due(journal)


async def test_a_new_time_is_kept_while_another_process_looks():
    """O2: a visit that gets another time is due at that time, whoever looks between."""
    async with connect("memory://") as journal:
        visits = Visits(Watched(journal, looks=True))
        await visits.begin(visit())
        kept = await visits.get("v")
        assert kept is not None
        assert await visits.wait(attrs.evolve(kept, due=NOW - timedelta(seconds=5)))
        assert ["v"] == await due(journal)
        assert 1 == len(await journal.records.find(DUE))


@pytest.mark.parametrize("lives", [0, 1, 2])
async def test_a_visit_begins_again_after_a_crash(lives):
    """O4: killed after any number of changes, and seen again, a visit is there once and is due."""
    async with connect("memory://") as journal:
        try:
            await Visits(Watched(journal, lives)).begin(visit())
        except Killed:
            await Visits(journal).begin(visit())
        assert ["v"] == await due(journal)
        assert 1 == len(await journal.records.find(VISIT))


@pytest.mark.parametrize("lives", [0, 1, 2, 3])
async def test_a_new_time_survives_a_crash(lives):
    """O2: killed after any number of changes, a visit is due at the old time or the new one, and once."""
    later = NOW + timedelta(seconds=60)
    async with connect("memory://") as journal:
        await Visits(journal).begin(visit())
        kept = await Visits(journal).get("v")
        assert kept is not None
        try:
            await Visits(Watched(journal, lives)).wait(attrs.evolve(kept, due=later))
        except Killed:
            await due(journal)
        assert [["v"], [later - timedelta(microseconds=999)]][lives > 0] == await due(journal)
        assert [] == (await due(journal, later))[1:]


async def test_a_moment_without_a_time_is_looked_at_once_more():
    """A crash between the judgement and the moment's end leaves it due; ended, nothing of it is left."""
    async with connect("memory://") as journal:
        visits = Visits(journal)
        await visits.begin(visit())
        kept = await visits.get("v")
        assert kept is not None
        await visits.put(attrs.evolve(kept, status="unmet", due=None))
        [again] = [each async for each in visits.due(NOW)]
        await visits.end(attrs.evolve(again, status="left"))
        assert [] == await journal.records.find(DUE)
