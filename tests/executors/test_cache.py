"""Outcomes that are kept by what they follow from."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker import BaseExecutor, Engine, Workflow, connect, flow, parameter, states
from circuit_breaker.errors import ActionError, CircuitBreakerError, ExecutorInvalid, ParameterInvalid
from circuit_breaker.executors import ServerlessExecutor, StepExecutor, after_execute
from circuit_breaker.executors.cache import MemoryOutcomes, RecordedOutcomes, cached
from circuit_breaker.executors.sameness import decided
from circuit_breaker.storage.memory import MemoryJournal, MemoryStore


@parameter("value", description="Any value")
class Count(BaseExecutor):
    """Counts how often it worked."""

    value: Any = None
    image: str = "one"
    worked: ClassVar[int] = 0
    noted: ClassVar[int] = 0

    async def fingerprint(self, context):
        return {**context, "digest": f"sha256:{context['image']}"}

    async def execute_internal(self, context):
        type(self).worked += 1
        if self.value == "fail":
            raise ActionError("no")
        return {"status": "partial" if self.value == "partial" else "completed", "value": self.value}

    @after_execute
    def note(self, result):
        type(self).noted += 1


def run(executor, **parameters):
    return executor(**parameters).execute_sync()


def test_the_same_work_is_done_once():
    """The same parameters give the kept outcome, which says so; other ones, or another image, do the work."""
    count = cached(Count, MemoryOutcomes())
    outcomes = [run(count, value=1), run(count, value=1), run(count, value=2), run(count, value=1, image="two")]

    assert [False, True, False, False] == ["cached" in outcome for outcome in outcomes]
    assert [1, 1, 2, 1] == [outcome["value"] for outcome in outcomes]
    assert (3, 4) == (count.worked, count.noted)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(one=json_values, other=json_values)
def test_different_parameters_never_share_an_outcome(one, other):
    """Whatever JSON the parameters are, an outcome is shared exactly when they are the same JSON."""
    count = cached(Count, MemoryOutcomes())
    run(count, value=one)
    outcome = run(count, value=other)

    assert repr(other) == repr(outcome["value"]) or outcome["value"] == other
    assert ("cached" in outcome) == _same(one, other)


def _same(one, other):
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("value", ["fail", "partial"])
def test_only_completed_work_is_kept(value):
    """A failure, or an outcome that is not complete, is tried again."""
    count = cached(Count, MemoryOutcomes())
    for _ in range(2):
        with contextlib.suppress(ActionError):
            run(count, value=value)

    assert 2 == count.worked


def test_an_outcome_grows_old():
    """After max_age the work is done again."""
    count = cached(Count, MemoryOutcomes(), max_age="20ms")

    assert ["cached" in run(count), "cached" in run(count)] == [False, True]
    asyncio.run(asyncio.sleep(0.03))
    assert "cached" not in run(count)


def test_another_version_is_other_work():
    """Executors that share a store share nothing else: neither by class nor by version."""
    store = MemoryOutcomes()
    run(cached(Count, store))

    assert "cached" not in run(cached(Count, store, version="2"))
    assert "cached" in run(cached(Count, store))


def test_the_memory_is_bounded():
    """The outcome that was not asked for longest is forgotten first."""
    count = cached(Count, MemoryOutcomes(most=2))
    for value in (1, 2, 1, 3):
        run(count, value=value)

    assert [True, False] == ["cached" in run(count, value=value) for value in (1, 2)]


def test_parameters_are_checked_in_any_case():
    """A kept outcome is no way around the checks."""
    with pytest.raises(ParameterInvalid):
        run(cached(Count, MemoryOutcomes()), image=5)


def test_what_is_no_json_cannot_be_kept():
    """An executor whose parameters are more than JSON says so, instead of keeping a wrong outcome."""
    with pytest.raises(ActionError, match="Count cannot be kept"):
        run(cached(Count, MemoryOutcomes()), value=Count)
    assert 0 == Count.worked


def test_steps_are_not_cached_as_a_whole():
    """The steps of a step executor are recorded one by one, so it is refused at once; those of its steps may be."""

    class Several(StepExecutor):
        pass

    for kind in (StepExecutor, Several):
        with pytest.raises(ExecutorInvalid, match=f"{kind.__name__} cannot be cached.*give its steps"):
            cached(kind, MemoryOutcomes())
    count = cached(Count, MemoryOutcomes())
    steps = [{"executor": count, "name": name, "context": {"value": 1}} for name in ("one", "two")]
    results = run(StepExecutor, steps=steps)["results"]
    assert [False, True] == ["cached" in results[name] for name in ("one", "two")]


class Rebuilt(Count):
    """Counts on an image that is built anew while it works."""

    content: ClassVar[list[str]] = ["old", "new", "new", "new"]

    async def fingerprint(self, context):
        return {**context, "digest": self.content.pop(0)}


def test_what_has_changed_meanwhile_is_not_kept():
    """When what the outcome follows from was another after the work, nobody knows which it was: it is not kept."""
    rebuilt = cached(Rebuilt, MemoryOutcomes())
    run(rebuilt)
    assert "cached" not in run(rebuilt)


class Vanishing(Rebuilt):
    """Counts on an image that is gone afterwards."""

    content: ClassVar[list[str]] = ["old"]

    async def fingerprint(self, context):
        if not self.content:
            raise ActionError("there is no image")
        return await super().fingerprint(context)


def test_work_that_is_done_is_done():
    """When what the outcome follows from cannot be found out any more, the work is not lost."""
    assert {"value": 1, "status": "completed"} == run(cached(Vanishing, MemoryOutcomes()), value=1)


@pytest.fixture(params=["memory", "sqlite"])
def storage(request, tmp_path):
    """Opens the same storage again and again."""
    shelf = MemoryStore()
    return lambda: MemoryJournal(shelf) if request.param == "memory" else connect(tmp_path / "work.db")


async def test_recorded_outcomes_outlive_the_engine(storage):
    """In the storage of the cases an outcome is there for whoever opens that next, with all that JSON can hold."""
    value = {"a": [1, 2.5, None, True, {"ä": []}]}
    outcomes = []
    for _ in range(2):
        async with storage() as journal:
            executor = cached(Count, RecordedOutcomes(journal.records))(value=value)
            outcomes.append(await executor.execute())

    assert [None, True] == [outcome.get("cached") for outcome in outcomes]
    assert [value, value] == [outcome["value"] for outcome in outcomes]


async def test_a_recorded_outcome_grows_old(storage):
    """After max_age it is not given any more, and is deleted when others are kept; younger ones stay."""
    async with storage() as journal:
        outcomes = RecordedOutcomes(journal.records, max_age="80ms")
        await outcomes.put("old", {"n": 1})
        assert {"n": 1} == await outcomes.get("old")
        await asyncio.sleep(0.09)
        assert await outcomes.get("old") is None
        await outcomes.put("young", {"n": 2})

        assert ["young"] == [record.id for record in await journal.records.find("outcome")]
        assert {"n": 2} == await outcomes.get("young")


async def test_many_outcomes_that_are_old_are_forgotten(storage):
    """However many have grown old, all of them go; a page does not end it."""
    async with storage() as journal:
        old = RecordedOutcomes(journal.records, max_age="10ms")
        for number in range(230):
            await RecordedOutcomes(journal.records).put(f"{number}", {})
        await asyncio.sleep(0.02)

        assert 230 == await old.forget()
        assert [] == await journal.records.find("outcome")


@pytest.mark.parametrize("max_age", ["soon", -1])
def test_an_age_that_is_none_is_refused(max_age):
    """How long outcomes are kept is a duration."""
    with pytest.raises(CircuitBreakerError, match=r"duration|seconds"):
        RecordedOutcomes(MemoryJournal().records, max_age=max_age)


async def test_it_takes_the_place_of_the_executor_in_an_engine():
    """An engine that is given the cached one in place of the class does the work of two cases once."""
    a, b = states("a", "b")
    count = cached(Count, MemoryOutcomes())
    workflow = Workflow("counted", flow(a >> b).transition("count").execute(Count, value=7))
    async with Engine(workflow, storage=connect("memory://"), executors={Count: count}) as engine:
        cases = [await engine.run(await engine.start("counted")) for _ in range(2)]

    assert [7, 7] == [case.data["value"] for case in cases]
    assert 1 == count.worked


def decided_by(folder, name):
    (folder / name / "who").mkdir(parents=True)
    (folder / name / "who" / "handler.py").write_text(f"def handler(payload, context): return {name!r}")
    return ServerlessExecutor.under(functions=folder / name)


def test_operators_with_other_settings_share_nothing(tmp_path):
    """An outcome is given only under the same settings: not what another folder, or a wider permission, gave."""
    store = MemoryOutcomes()
    kinds = [decided_by(tmp_path, name) for name in "ab"]
    outcomes = [run(cached(kind, store), function_name="who") for kind in (*kinds, *kinds)]

    assert ["a", "b", "a", "b"] == [outcome["output"] for outcome in outcomes]
    assert [False, False, True, True] == ["cached" in outcome for outcome in outcomes]


def test_settings_that_are_no_values_are_like_nothing_else():
    """A back end that is no value is the same for its own class only, and secrets are no part of what counts."""

    class Place:
        async def invoke(self, invocation):
            return {"status": "completed", "output": id(self)}

    store = MemoryOutcomes()
    one, other = (cached(ServerlessExecutor.under(backends={"local": Place()}), store) for _ in range(2))
    outcomes = [run(kind, function_name="who") for kind in (one, other, one)]

    assert [False, False, True] == ["cached" in outcome for outcome in outcomes]
    known = [ServerlessExecutor.under(functions="/a", secrets={"K": value}) for value in ("hunter2", "hunter3")]
    assert decided(known[0]) == decided(known[1])
    assert "hunter" not in str(decided(known[0]))
    assert decided(known[0]) != decided(ServerlessExecutor.under(functions="/b"))
