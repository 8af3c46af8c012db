"""Joins that do not wait for all branches, and batches of instances."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker import Engine, Workflow, connect, flow, states
from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.workflow import dump_workflow, load_workflow
from circuit_breaker.workflow.patterns import (
    Batch,
    blocking_n_of_m,
    cancelling_discriminator,
    cancelling_n_of_m,
    thread_merge,
    thread_split,
)
from tests.workflow.running import begin, fire, names

a, b, c, d, e, f, g, h = states("a", "b", "c", "d", "e", "f", "g", "h")
ENDS = {b: f, c: g, d: h}
WORK = tuple(flow(one >> other).transition(str(one)).manual() for one, other in ENDS.items())


@given(needed=st.integers(1, 3), order=st.permutations("bcd" * 2))
def test_a_blocking_join_goes_through_its_rounds_one_after_the_other(needed: int, order: list[str]) -> None:
    """However two activations of each branch are mixed, the join fires once in each of two rounds and is then reset."""
    split = flow(a >> (b * 2, c * 2, d * 2)).transition("split")
    workflow = Workflow("w", split, *WORK, *blocking_n_of_m(list(ENDS.values()), needed, into=e), initial="a")
    case = begin(workflow)
    for number, name in enumerate(order, start=1):
        case = fire(workflow, case, name)
        first = set(order[:number])
        rounds = min(order[:number].count(name) for name in "bcd")
        assert rounds == names(case).count("e-resets")
        assert (len(first) >= needed) == ("e" in case.states)
    assert (["e", "e"], "completed") == ([token.state for token in case.tokens], case.status)


@given(needed=st.integers(1, 3), order=st.permutations("bcd"))
def test_a_cancelling_join_withdraws_what_it_does_not_need(needed: int, order: list[str]) -> None:
    """When as many as it needs have ended, nothing is left but where it goes on."""
    split = flow(a >> (b, c, d)).transition("split")
    joins = cancelling_n_of_m(list(ENDS.values()), needed, b, c, d, into=e)
    workflow = Workflow("w", split, *WORK, *joins, initial="a")
    case = begin(workflow)
    for number, name in enumerate(order[:needed], start=1):
        case = fire(workflow, case, name)
        assert (number == needed) == (case.state == "e")
    assert "completed" == case.status


@pytest.mark.parametrize("made", [blocking_n_of_m, cancelling_n_of_m])
def test_a_join_needs_as_many_branches_as_there_are(made: Any) -> None:
    """A number of branches that cannot be is refused, under the name of the call."""
    with pytest.raises(WorkflowInvalid, match=rf"{made.__name__}\(\) cannot wait for 4"):
        made([b, c, d], 4, into=e)


async def test_a_cancelling_discriminator_stops_the_action_of_the_slower_branch() -> None:
    """The first branch to end withdraws the other one in the middle of its action."""
    stopped: list[str] = []

    async def slow(token: Any) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.append("slow")
            raise

    split = flow(a >> (b, c)).transition("split")
    acts = [flow(b >> f).transition("quick").action(lambda token: {"by": "quick"}),
            flow(c >> g).transition("slow").action(slow)]  # fmt: skip
    workflow = Workflow("w", split, *acts, *cancelling_discriminator([f, g], b, c, into=e), initial="a")
    async with Engine(workflow, storage=connect("memory://")) as engine:
        case = await engine.run(await engine.start("w"))
    assert ("e", {"by": "quick"}, ["slow"]) == (case.state, case.data, stopped)


def batch(*parts: Any, most: int | None = None, **options: Any) -> tuple[Batch, Workflow]:
    """A batch of instances of one task, with these parts by name and their arguments."""
    made = Batch(b, f, into=e, most=most, value="data.n")
    flows = [each for name, arguments in parts for each in getattr(made, name)(*arguments, **options.get(name, {}))]
    return made, Workflow("batch", *made.for_each(a, "orders", item="order"), *flows, WORK[0], initial="a")


@pytest.mark.parametrize("most", [None, 6])
@given(orders=st.lists(st.integers(0, 9), max_size=6))
def test_each_item_of_a_list_has_an_instance(most: int | None, orders: list[int]) -> None:
    """There is one instance for each item, with the item in its data, and it goes on with what all have brought."""
    _, workflow = batch(("gathered", ()), most=most)
    case = begin(workflow, orders=orders)
    assert sorted(orders) == sorted(token.data["order"] for token in case.marking.at("b"))
    for number in range(len(orders)):
        case = fire(workflow, case, "b", n=number)
    assert ("e", "completed") == (case.state, case.status)
    assert {"orders": orders, **({"results": list(range(len(orders)))} if orders else {})} == case.data


@pytest.mark.parametrize("data", [{}, {"orders": "text"}, {"orders": [1, 2, 3]}])
def test_data_that_fits_no_batch_waits_before_it(data: dict[str, Any]) -> None:
    """Without a list, or with more items than may be, no instance begins, and the rule says why."""
    _, workflow = batch(("gathered", ()), most=2)
    assert "a" == begin(workflow, **data).state


@given(added=st.integers(0, 3))
def test_a_batch_grows_while_it_runs(added: int) -> None:
    """Instances that are added while others run are waited for too, up to the bound."""
    _, workflow = batch(("gathered", ()), ("more", ("add",)), most=4)
    case = begin(workflow, orders=[1])
    for number in range(added):
        case = fire(workflow, case, "add", order=10 + number)
    for number in range(added + 1):
        assert "e" not in case.states
        case = fire(workflow, case, "b", n=number)
    assert ("e", list(range(added + 1))) == (case.state, case.data["results"])


def test_a_batch_grows_by_signals() -> None:
    """Each signal adds an instance; without a bound there may be any number."""
    _, workflow = batch(("gathered", ()), ("more", ("add",)), more={"signal": True})
    assert ["add"] == [each.signal for each in workflow.named("add")]


@given(count=st.integers(1, 5), needed=st.integers(1, 5), cancelling=st.booleans())
def test_a_batch_goes_on_when_enough_have_ended(count: int, needed: int, cancelling: bool) -> None:
    """It goes on after as many as are enough, or after all; the others are withdrawn, or end without effect."""
    _, workflow = batch(("gathered", ()), gathered={"enough": needed, "cancelling": cancelling})
    case = begin(workflow, orders=list(range(count)))
    left = count
    while case.status != "completed":
        assert (count - left >= needed) == ("e" in case.states)
        case, left = fire(workflow, case, "b", n=left), left - 1
    assert left == (max(count - needed, 0) if cancelling else 0)
    assert min(needed, count) == len(case.data["results"])


@pytest.mark.parametrize("enough", [0, -1, True])
def test_what_is_enough_is_a_number_from_one(enough: Any) -> None:
    """A senseless number of instances is refused."""
    with pytest.raises(WorkflowInvalid, match="no number of instances"):
        Batch(b, f, into=e).gathered(enough=enough)


@pytest.mark.parametrize("most", [0, True, "3"])
def test_a_bound_of_a_batch_is_a_number_from_one(most: Any) -> None:
    """A senseless bound is refused."""
    with pytest.raises(WorkflowInvalid, match="most="):
        Batch(b, f, into=e, most=most)


@pytest.mark.parametrize(("call", "state"), [(("completed", ("stop",)), "e"), (("cancelled", ("stop", h)), "h")])
def test_the_rest_of_a_batch_is_withdrawn(call: Any, state: str) -> None:
    """Whoever completes or cancels a batch keeps what has ended, and nothing else of it is left."""
    _, workflow = batch(("gathered", ()), call, most=3)
    case = fire(workflow, begin(workflow, orders=[1, 2, 3]), "b", n=5)
    case = fire(workflow, case, "stop")
    assert (state, [5], "completed") == (case.state, case.data["results"], case.status)


def test_a_batch_may_begin_again() -> None:
    """In a loop a batch has its instances anew, and its list goes on."""
    made = Batch(b, f, into=e, most=3, value="data.n")
    again = flow(e >> a).transition("again").manual()
    workflow = Workflow("w", *made.for_each(a, "orders"), *made.gathered(), WORK[0], again, initial="a")
    case = begin(workflow, orders=[1])
    case = fire(workflow, fire(workflow, fire(workflow, case, "b", n=1), "again"), "b", n=2)
    assert ("e", [1, 2]) == (case.state, case.data["results"])


def test_scattered_instances_are_not_waited_for() -> None:
    """It goes on at once, and each instance ends by itself."""
    workflow = Workflow("w", *Batch(b, f, into=e).scattered(a, "orders"), WORK[0], initial="a")
    case = begin(workflow, orders=[1, 2])
    assert {"e", "b"} == set(case.states)
    assert "completed" == fire(workflow, fire(workflow, case, "b"), "b").status


def test_a_batch_is_written_and_read() -> None:
    """A batch with all its parts is the same after YAML."""
    parts = [("gathered", ()), ("more", ("add",)), ("completed", ("stop",)), ("cancelled", ("drop", h))]
    _, workflow = batch(*parts, most=3, gathered={"enough": 2})
    assert workflow.version == load_workflow(dump_workflow(workflow)).version


@given(count=st.integers(1, 5))
def test_threads_split_and_merge(count: int) -> None:
    """One token becomes so many, and so many become one."""
    workflow = Workflow("w", *thread_split(a, b, count=count), *thread_merge(b, count=count, into=c))
    assert ("c", "completed") == ((case := begin(workflow)).state, case.status)


def test_a_thread_merge_merges_as_it_is_told() -> None:
    """Threads that change the same key are merged by the function that is given."""
    merges = thread_merge(f, count=2, into=e, merge=lambda tokens: {"n": [token.data["n"] for token in tokens]})
    workflow = Workflow("w", *thread_split(a, b, count=2), WORK[0], *merges)
    case = fire(workflow, fire(workflow, begin(workflow), "b", n=1), "b", n=2)
    assert {"n": [1, 2]} == case.data


WHAT_FITS = [([1, 2], "d"), ([1, 2, 3], "e"), ([], "d"), (None, "e"), ("ab", "e"), ({"n": 1}, "e")]


@pytest.mark.parametrize(("items", "state", "most"), [(*one, 2) for one in WHAT_FITS] + [("ab", "e", None)])
def test_a_list_that_does_not_fit_into_a_batch_leads_elsewhere(items: Any, state: str, most: int | None) -> None:
    """More items than there may be, or no list at all, lead where ``otherwise`` says; any other list is worked off."""
    batch = Batch(b, c, into=d, most=most)
    flows = (*batch.for_each(a, "data.items", otherwise=e), *batch.gathered())
    workflow = Workflow("w", *flows, flow(b >> c).transition("work"), initial="a")
    case = begin(workflow, **({} if items is None else {"items": items}))
    assert (state, "completed") == (case.state, case.status)
