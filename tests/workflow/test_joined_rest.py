"""Metadata and results at a join with a function for the data."""

from __future__ import annotations

import pytest

from circuit_breaker import Change, Workflow, connect, flow, states
from circuit_breaker.engine import Engine
from circuit_breaker.workflow.merging import LAST

start, split, left, right, done_left, done_right, end = states(
    "start", "split", "left", "right", "done_left", "done_right", "end"
)


def said(word):
    return lambda token: Change(results={"score": word}, metadata={"note": word})


async def joined(*flows, merge=None):
    join = flow((done_left, done_right) >> end).transition("join")
    workflow = Workflow(
        "w",
        flow(start >> split).transition("first").action(said("old")),
        flow(split >> (left, right)).transition("split"),
        *flows,
        join.merge(merge) if merge else join,
    )
    async with Engine(workflow, storage=connect("memory://")) as engine:
        return await engine.run(await engine.start("w"))


@pytest.mark.parametrize("merge", [None, lambda tokens: {}], ids=["without a function", "with one"])
async def test_what_one_branch_has_changed_counts(merge):
    """A branch that left a key alone does not bring back what it was before."""
    case = await joined(
        flow(left >> done_left).transition("improve").action(said("new")),
        flow(right >> done_right).transition("other"),
        merge=merge,
    )

    assert {"score": "new"} == case.token.results
    assert {"note": "new"} == case.token.metadata


async def test_of_different_changes_the_state_named_last_has_its_way():
    """With a function for the data, metadata and results that differ are no conflict."""
    case = await joined(
        flow(left >> done_left).transition("improve").action(said("left")),
        flow(right >> done_right).transition("other").action(said("right")),
        merge=lambda tokens: {},
    )

    assert ("end", "right") == (case.state, case.token.results["score"])


def failing(message):
    def work(token):
        raise ValueError(message)

    return work


async def test_branches_that_failed_for_different_reasons_join():
    """The failures that the branches have recovered from are no conflict: that of the last one is kept."""
    case = await joined(
        flow(left >> done_left).transition("one").action(failing("no left")).on_failure(done_left),
        flow(right >> done_right).transition("two").action(failing("no right")).on_failure(done_right),
    )

    assert ("completed", "no right") == (case.status, case.token.metadata["failure"]["message"])


async def test_what_came_with_the_split_is_what_branches_begin_with():
    """A branch that changes what somebody brought to the split is in no conflict with one that leaves it alone."""
    workflow = Workflow(
        "w",
        flow(start >> (left, right)).transition("split").manual(),
        flow(left >> done_left).transition("change").manual(),
        flow((done_left, right) >> end).transition("join"),
    )
    async with Engine(workflow, storage=connect("memory://")) as engine:
        case = await engine.fire(await engine.run(await engine.start("w")), "split", by="ann", data={"score": 1})
        case = await engine.run(await engine.fire(case, "change", by="ann", data={"score": 2}))

    assert ("completed", 2) == (case.status, case.data["score"])


@pytest.mark.parametrize("sources", [(done_left, right), (right, done_left)], ids=["named first", "named last"])
async def test_a_failure_from_before_the_split_gives_way_to_a_newer_one(sources):
    """Only the failures since the split are failures of the branches, wherever the join names them."""
    workflow = Workflow(
        "w",
        flow(start >> end).transition("first").action(failing("old")).on_failure(split),
        flow(split >> (left, right)).transition("split"),
        flow(left >> done_left).transition("one").action(failing("new")).on_failure(done_left),
        flow(sources >> end).transition("join"),
    )
    async with Engine(workflow, storage=connect("memory://")) as engine:
        case = await engine.run(await engine.start("w"))

    assert ("completed", "new") == (case.status, case.token.metadata["failure"]["message"])


async def test_what_the_join_itself_writes_stays():
    """It is not removed again where the last token, of which the rest is taken, had no such key."""
    workflow = Workflow(
        "w",
        flow(start >> (left, right)).transition("split"),
        flow(left >> done_left).transition("one").action(failing("left")).on_failure(done_left).restarts("n"),
        flow(done_left >> split).transition("again").counts("n"),
        flow((split, right) >> end).transition("join").merge(LAST).counts("n").action(failing("join")).on_failure(end),
        final=[end],
    )
    async with Engine(workflow, storage=connect("memory://")) as engine:
        case = await engine.run(await engine.start("w"))

    assert ("completed", {"message": "join"}) == (case.status, {"message": case.token.metadata["failure"]["message"]})


async def test_of_three_changes_the_last_counts_though_it_is_that_of_the_first():
    """With a function for the data, 1, 2 and 1 give 1."""
    ready = states("r1", "r2", "r3")
    ways = [left, right, done_left]
    works = [
        flow(way >> at).transition(f"w{n}").action(said(word))
        for n, (way, at, word) in enumerate(zip(ways, ready, "121", strict=True))
    ]
    join = flow(tuple(ready) >> end).transition("join").merge(lambda tokens: {})
    workflow = Workflow("w", flow(start >> tuple(ways)).transition("split"), *works, join)
    async with Engine(workflow, storage=connect("memory://")) as engine:
        case = await engine.run(await engine.start("w"))

    assert "1" == case.token.results["score"]
