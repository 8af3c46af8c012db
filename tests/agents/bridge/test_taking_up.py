"""What is left behind when a process ends is taken up, and nothing is done twice."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from circuit_breaker.agents.bridge.visits import Visits
from circuit_breaker.errors import RateLimitExceeded, StorageError
from circuit_breaker.testing import HANG
from circuit_breaker.workflow.events import TokenChanged, TransitionFired
from tests.agents.bridge.office import keeping, office, reviewing, said
from tests.agents.bridge.test_place_agents import asked, at_intake, placed, says


class DyingVisits(Visits):
    """Visits of a storage that fails from the n-th change on."""

    def __init__(self, journal: Any, lives: int) -> None:
        super().__init__(journal)
        self.lives = lives

    def _live(self) -> None:
        self.lives -= 1
        if self.lives < 0:
            raise StorageError("the disk is gone")

    async def put(self, visit: Any) -> Any:
        self._live()
        return await super().put(visit)

    async def done_with(self, visit: Any) -> None:
        self._live()
        await super().done_with(visit)


@pytest.mark.parametrize("lives", range(7))
async def test_a_visit_that_breaks_off_is_taken_up(lives):
    """Wherever the storage fails, later the token is worked on once, written once, and moved once."""
    place = placed(auto_transition="sort")
    async with at_intake(always=says("news")) as at:
        case = await at.case()
        async with keeping(at, place) as places:
            places.visits = places.doorway.visits = DyingVisits(at.engine.storage, lives)
            with suppress(TimeoutError):
                async with asyncio.timeout(0.3):
                    with suppress(StorageError):
                        await places.settle()
        async with keeping(at, place) as places:
            await places.settle()
            [visit] = await places.visits.listed()
        history = await at.engine.history(case)
        done = [event for event in history if isinstance(event, TokenChanged | TransitionFired)]
    assert ("completed", 1) == (visit.status, len(at.model.requests))
    assert [TokenChanged, TransitionFired] == [type(event) for event in done]


async def left_behind(url: str) -> str:
    """The id of a case whose agent was asked when its process ended."""
    async with office(reviewing(), says=[HANG], url=url) as at:
        case = await at.case()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(at.engine.run(case))
            await asked(at)
            task.cancel()
    return case.id


async def test_a_transition_finds_its_execution_again(tmp_path):
    """When both engines have ended, the next ones go on with the same execution."""
    url = f"sqlite:///{tmp_path}/work.db"
    case_id = await left_behind(url)
    async with office(reviewing(), says=[said()], url=url) as at:
        await at.engine.recover()
        case = await at.engine.get(case_id)
        executions = await at.executions()
    assert ("reviewed", 1, "completed") == (case.state, len(executions), executions[0].status)


async def test_an_answer_that_is_there_is_not_asked_for_again(tmp_path):
    """The execution was over before the token moved: its answer is taken, and no model is called."""
    url = f"sqlite:///{tmp_path}/work.db"
    case_id = await left_behind(url)
    async with office(url=url, says=[said()]) as at:  # agents alone, while the workflow is down
        [execution] = await at.executions()
        assert "completed" == (await at.agents.wait(execution.id)).status
    async with office(reviewing(), url=url) as at:
        await at.engine.recover()
        assert ("reviewed", []) == ((await at.engine.get(case_id)).state, at.model.requests)


async def test_a_retry_of_the_transition_asks_anew():
    """An attempt of the transition has executions of its own, so that a failure is not simply found again."""
    review = reviewing().flows[0].retry(max_attempts=2, backoff_seconds=0)
    broken = [RateLimitExceeded("slow down", provider="p")] * 4
    workflow = type(reviewing())("w", review)
    async with office(workflow, says=[*broken, said()]) as at:
        case = await at.run()
        assert ("reviewed", ["failed", "completed"]) == (case.state, [each.status for each in await at.executions()])


async def test_a_token_that_left_while_nothing_was_running_is_not_written(tmp_path):
    """ZB12: the process ends during a run, a person moves the token, and the answer that comes later is discarded."""
    url = f"sqlite:///{tmp_path}/work.db"
    async with at_intake(HANG, url=url) as at:
        case = await at.case()
        async with keeping(at, placed()):
            await asked(at)
        await at.engine.fire(case, "archive", by="ann")
    async with at_intake(says("news"), url=url) as at, keeping(at, placed()) as places:
        await places.settle()
        [visit] = await places.visits.listed()
        case = await at.engine.get(case.id)
    assert ("discarded", {"content": "A text."}) == (visit.status, case.data)
