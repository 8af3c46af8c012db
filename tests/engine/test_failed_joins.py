"""Actions of joins that fail where the tokens cannot be made one: the failure is recorded, and the case goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from circuit_breaker import Workflow, flow, states
from circuit_breaker.errors import MergeConflict
from circuit_breaker.workflow.events import ActionFailed

s, a, b, c, f = states("s", "a", "b", "c", "f")


def joining(action: Any, **options: Any) -> Workflow:
    """Two branches that write what ``left`` and ``right`` say, joined by a transition with an action."""
    join = flow((a, b) >> c).transition("join").action(action, name="act").on_failure(f).manual()
    return Workflow(
        "w",
        flow(s >> (a, b)).transition("split"),
        flow(a >> a).transition("left").manual(),
        flow(b >> b).transition("right").manual(),
        join.merge(options["merge"]) if "merge" in options else join,
        initial="s",
        final=[c, f],
    )


async def test_a_failure_in_a_join_that_conflicts(open_engine: Any) -> None:
    """Tokens that became different while a join acted stand where they stood; the failure says why."""
    calls: list[int] = []

    def merge(tokens: Any) -> dict[str, Any]:
        calls.append(1)
        if len(calls) > 2:
            raise ValueError("cannot merge any more")
        return {}

    def act(token: Any) -> None:
        calls.extend([1, 1, 1])
        raise OSError("not now")

    engine = await open_engine(joining(act, merge=merge))
    case = await engine.run(await engine.start("w"))
    async with asyncio.timeout(5):
        with pytest.raises(OSError, match="not now"):
            await engine.fire(case, "join")
        case = await engine.run(case)
    failed = case.history.by_type(ActionFailed)[0]
    assert ({"a", "b"}, ()) == (set(case.states), case.pending)
    assert ("not now", "OSError") == (failed.error["message"], failed.error["kind"])
    assert "cannot merge any more" in failed.error["unmoved"]


async def test_a_result_for_a_join_that_conflicts(open_engine: Any) -> None:
    """An outcome that comes when the tokens can no longer be made one ends the action with that error."""
    calls: list[int] = []

    def merge(tokens: Any) -> dict[str, Any]:
        if calls:
            raise MergeConflict({"data.n": (1, 2)})
        return {}

    engine = await open_engine(joining(lambda token: calls.append(1), merge=merge))
    case = await engine.run(await engine.start("w"))
    async with asyncio.timeout(5):
        with pytest.raises(MergeConflict):
            await engine.fire(case, "join")
        case = await engine.run(case)
    failed = case.history.by_type(ActionFailed)[0]
    assert ({"a", "b"}, (), "merge_conflict") == (set(case.states), case.pending, failed.error["code"])


async def test_a_failure_in_a_join_that_fits(open_engine: Any) -> None:
    """Where the tokens can be made one, the failure leads where .on_failure says, with the data of both."""

    def act(token: Any) -> None:
        raise OSError("not now")

    engine = await open_engine(joining(act))
    case = await engine.run(await engine.start("w"))
    await engine.fire(case, "left", data={"l": 1})
    await engine.fire(case, "right", data={"r": 2})
    case = await engine.fire(case, "join")
    assert ("f", {"l": 1, "r": 2}) == (case.state, case.data)
