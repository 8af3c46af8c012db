"""Visits that nobody needs are removed, and those that are needed stay."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from circuit_breaker.agents.bridge import PlaceAgents
from circuit_breaker.agents.bridge.keeping import Keeping
from circuit_breaker.agents.bridge.visits import PAGE, VISIT, Visit, Visits
from circuit_breaker.errors import StorageError
from circuit_breaker.testing import HANG, ManualClock
from circuit_breaker.workflow.change import Change
from tests.agents.bridge.office import Office
from tests.agents.bridge.test_place_agents import asked, at_intake, placed, says

WEEK = timedelta(days=7)


def kept(at: Office, **options: Any) -> PlaceAgents:
    return PlaceAgents(at.engine, at.agents, placed(**options), poll=0.02, keep=WEEK.total_seconds())


async def later(at: Office, clock: ManualClock, **options: Any) -> list[str]:
    """The visits that are there a week later."""
    await clock.advance(WEEK.total_seconds() + 61)
    async with kept(at, **options) as places:
        await places.settle()
        return [visit.status for visit in await places.visits.listed()]


async def test_a_visit_whose_token_has_left_is_removed_after_a_while():
    """O4: what was written and fired is in the journal; the case goes on, and its visits do not add up."""
    clock = ManualClock()
    async with at_intake(says("news"), clock=clock) as at:
        case = await at.case()
        async with kept(at, auto_transition="sort") as places:
            await places.settle()
            assert ["completed"] == [visit.status for visit in await places.visits.listed()]
        assert "completed" == (await at.engine.get(case)).status

        assert [] == await later(at, clock, auto_transition="sort")


async def test_a_visit_whose_token_stands_in_the_place_stays():
    """O4: it says that the token was dealt with: however old it is, the agent is not asked again."""
    clock = ManualClock()
    async with at_intake(says("news"), clock=clock) as at:
        await at.case()
        async with kept(at) as places:
            await places.settle()

        assert ["completed"] == await later(at, clock)
        assert 1 == len(at.model.requests)


async def test_a_visit_that_is_removed_does_not_begin_again():
    """O4: the events that brought a visit about may be read again; a token that has left is not dealt with anew."""
    clock = ManualClock()
    async with at_intake(says("news"), clock=clock) as at:
        await at.case()
        async with kept(at, auto_transition="sort") as places:
            await places.settle()
        await later(at, clock, auto_transition="sort")
        for record in await at.engine.storage.records.find("place-cursor"):
            await at.engine.storage.records.delete("place-cursor", record.id)

        assert [] == await later(at, clock, auto_transition="sort")
        assert 1 == len(at.model.requests)


@pytest.mark.parametrize(
    ("status", "place", "stays"),
    [
        ("completed", "s", False),
        ("left", "s", False),
        ("unmet", "s", False),
        ("failed", "s", True),
        ("discarded", "s", True),
        ("running", "s", True),
        ("due", "s", True),
        ("failed", "pending", True),
        ("unmet", "pending", True),
    ],
)
async def test_what_only_the_visit_tells_is_kept_while_the_case_goes_on(status, place, stays):
    """ZB12: a discarded answer and a failure are told by the visit alone; it goes when the case has ended."""
    clock = ManualClock()
    async with at_intake(clock=clock) as at:
        case = await at.case()
        visits = Visits(at.engine.storage)
        where = {"place_agent": "p", "case": case.id, "token": case.token.id, "place": place, "event": 1}
        await visits.put(Visit(id="v", **where, entered=case.token.entered, status=status))
        await clock.advance(WEEK.total_seconds() + 1)
        await Keeping(at.engine, visits).tidy()
        assert stays == bool(await visits.get("v"))

        await at.engine.fire(case, "archive")
        await Keeping(at.engine, visits).tidy()
        assert (status in ("due", "running")) == bool(await visits.get("v"))


async def test_many_visits_are_looked_at_page_after_page():
    """O4: pages of which everything is removed are followed by the next at once; what stays does not hide the rest."""
    clock = ManualClock()
    async with at_intake(clock=clock) as at:
        visits = Visits(at.engine.storage)
        for number in range(2 * PAGE + 5):
            status: Any = "running" if number == PAGE + 1 else "completed"
            where = {"place_agent": "p", "case": "gone", "token": "t", "place": "s", "event": 1}
            await visits.put(Visit(id=f"v{number:04}", **where, entered=clock.now(), status=status))
        keeping = Keeping(at.engine, visits)
        assert 0 == await keeping.tidy()
        await clock.advance(WEEK.total_seconds() + 60)
        first = await keeping.tidy()
        assert (2 * PAGE - 1, 0) == (first, await keeping.tidy())
        await clock.advance(60)
        assert 5 == await keeping.tidy()
        assert 1 == len(await at.engine.storage.records.find(VISIT))


async def test_visits_that_go_on_do_not_hide_those_behind_them():
    """O4: tokens that have stood for long, with a time that is still to come, are passed over."""
    clock = ManualClock()
    async with at_intake(clock=clock) as at:
        visits, soon = Visits(at.engine.storage), clock.now() + 2 * WEEK
        for number in range(PAGE + 5):
            going = {"due": soon, "status": "due"} if number < PAGE else {"status": "completed"}
            where = {"place_agent": "p", "case": "gone", "token": "t", "place": "s", "event": 1}
            await visits.put(Visit(id=f"v{number:04}", **where, entered=clock.now(), **going))
        keeping = Keeping(at.engine, visits)
        await clock.advance(WEEK.total_seconds() + 60)
        first = await keeping.tidy()
        await clock.advance(60)
        assert (0, 5) == (first, await keeping.tidy())


async def test_visits_can_be_kept_for_ever():
    """O4: who wants to know of each visit for ever says so."""
    clock = ManualClock()
    async with at_intake(says("news"), clock=clock) as at:
        await at.case()
        async with PlaceAgents(at.engine, at.agents, placed(auto_transition="sort"), poll=0.02, keep=None) as places:
            await places.settle()
            await clock.advance(WEEK.total_seconds() * 52)
            await places.settle()
            assert 1 == len(await places.visits.listed())


class UnnotedVisits(Visits):
    """Visits of a storage that fails when the id of an execution is to be noted."""

    async def put(self, visit: Visit) -> Visit | None:
        if visit.execution:
            raise StorageError("the disk is gone")
        return await super().put(visit)


async def test_an_execution_that_was_not_noted_is_not_followed_by_another(tmp_path):
    """O2: the process ends between the beginning of an execution and its note, and the token is changed: there is no
    second execution where there may be one.
    """
    url = f"sqlite:///{tmp_path}/work.db"
    async with at_intake(HANG, url=url) as at:
        case = await at.case()
        async with kept(at) as places:
            places.visits = places.doorway.visits = UnnotedVisits(at.engine.storage)
            await asked(at)
        [visit] = await Visits(at.engine.storage).listed()
        await at.engine.change_token(case, case.token.id, Change(data={"content": "Another."}), by="ann")
    async with at_intake(says("news"), url=url) as at, kept(at) as places:
        await places.settle()
        [after] = await places.visits.listed()
        [execution] = await at.executions()
    assert ("running", 1, "") == (visit.status, visit.runs, visit.execution)
    assert ("discarded", 1, execution.id) == (after.status, after.runs, after.execution)


class UnbegunVisits(Visits):
    """Visits of a process that ends as soon as one has noted that it begins."""

    def __init__(self, journal: Any) -> None:
        super().__init__(journal)
        self.noted = asyncio.Event()

    async def put(self, visit: Visit) -> Visit | None:
        kept = await super().put(visit)
        if visit.status == "running":
            self.noted.set()
            raise StorageError("the disk is gone")
        return kept


@pytest.mark.parametrize("changed", [False, True])
async def test_a_run_that_was_noted_and_never_began_is_the_one_that_begins(changed, tmp_path):
    """O2: the process ends between the note and the beginning: the run has its number, and is made up for once."""
    url = f"sqlite:///{tmp_path}/work.db"
    async with at_intake(url=url) as at:
        case = await at.case()
        async with kept(at) as places:
            places.visits = places.doorway.visits = dying = UnbegunVisits(at.engine.storage)
            await dying.noted.wait()
        assert [] == await at.executions()
        if changed:
            await at.engine.change_token(case, case.token.id, Change(data={"content": "Another."}), by="ann")
    async with at_intake(says("news"), url=url) as at, kept(at) as places:
        await places.settle()
        [visit] = await places.visits.listed()
        [request] = at.model.requests
    assert ("completed", 1) == (visit.status, visit.runs)
    assert ("Another." if changed else "A text.") in str(request.messages)
