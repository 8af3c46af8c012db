"""What a case may hold is limited; what would be more is refused, and the case stays as it was."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_breaker import Case, Engine, Limits, Workflow, connect, field, flow, states
from circuit_breaker.errors import LimitReached, NotEnabled, Refused, StorageFull
from circuit_breaker.storage.memory import MemoryJournal, MemoryStore
from circuit_breaker.workflow.events import ActionFailed

draft, review, done = states("draft", "review", "done")
KILO = "x" * 1000


def engine_of(*flows: Any, **limits: int) -> Engine:
    return Engine(Workflow("w", *flows), storage=connect("memory://"), limits=Limits(**limits))


add = flow(draft >> draft).transition("add").manual()


def signals(case: Case) -> int:
    return len(case.signals)


async def test_signals_that_nothing_uses_up_are_kept_only_so_far() -> None:
    """One more signal of a name than may wait is refused with its name, its case and a remedy; another name is not."""
    flows = [flow(review >> done).transition(f"on-{name}").on_signal(name) for name in ("ping", "pong")]
    async with engine_of(flow(draft >> review).transition("submit").manual(), *flows, signals=2) as engine:
        case = await engine.start("w", id="c")
        for _ in range(2):
            case = await engine.signal(case, "ping")
        with pytest.raises(LimitReached, match=r"2 signals 'ping' of case 'c' wait .* and 2 are the most .*Limits\("):
            await engine.signal(case, "ping")
        kept = await engine.get(case)
        case = await engine.signal(case, "pong")

    assert (2, 3) == (signals(kept), signals(case))


async def test_a_signal_that_came_already_does_not_come_again() -> None:
    """Of several who send it at the same time, unless it is there, one sends it."""
    async with engine_of(flow(draft >> done).transition("go").on_signal("ping"), signals=5) as engine:
        case = await engine.start("w")
        several = (engine.signal(case, "ping", unless=lambda now: bool(now.signals)) for _ in range(3))
        sent = await asyncio.gather(*several)

    assert [1, 1, 1] == [signals(one) for one in sent]


async def test_used_up_signals_make_room() -> None:
    """Only signals that wait are counted."""
    async with engine_of(flow(draft >> draft).transition("again").on_signal("ping"), signals=1) as engine:
        case = await engine.start("w")
        for _ in range(3):
            case = await engine.run(await engine.signal(case, "ping"))

    assert 0 == signals(case)


async def test_a_case_does_not_start_with_a_token_that_is_too_heavy() -> None:
    """Nothing is written of a case whose first token carries too much."""
    async with engine_of(add, data=500) as engine:
        with pytest.raises(LimitReached, match=r"a token of case 'c' would carry 1,0\d\d bytes, and 500 are the most"):
            await engine.start("w", id="c", data={"text": KILO})
        assert [] == await engine.cases()


async def test_data_that_grows_step_by_step_is_refused_at_the_limit() -> None:
    """What was added before counts; the case stays as it was and can go on with less."""
    async with engine_of(add, data=5000) as engine:
        case = await engine.start("w")
        for step in range(4):
            case = await engine.fire(case, "add", data={f"key{step}": KILO})
        with pytest.raises(LimitReached):
            await engine.fire(case, "add", data={"key4": KILO})
        kept = await engine.get(case)
        after = await engine.fire(case, "add", data={"key0": "less"})

    assert case == kept
    assert "less" == after.data["key0"]


async def test_overwriting_is_not_growing() -> None:
    """Only what is carried counts, and not all that ever entered."""
    async with engine_of(add, data=3000) as engine:
        case = await engine.start("w")
        for _ in range(10):
            case = await engine.fire(case, "add", data={"text": KILO})

    assert 11 == case.sequence


async def test_each_token_has_a_limit_of_its_own() -> None:
    """Many tokens may carry more together than one of them may; one that carries too much is not added."""
    async with engine_of(add, data=3000) as engine:
        case = await engine.start("w", data={"text": KILO})
        for _ in range(5):
            case = await engine.add_token(case, {"text": KILO})
        with pytest.raises(LimitReached):
            await engine.add_token(case, {"text": KILO * 3})

    assert 6 == len(case.marking)


async def test_the_data_of_signals_counts_before_it_is_used() -> None:
    """What signals will add is weighed when they come."""
    async with engine_of(flow(draft >> done).transition("go").on_signal("ping"), data=3000) as engine:
        case = await engine.start("w", data={"text": KILO})
        case = await engine.signal(case, "ping", data={"one": KILO})
        with pytest.raises(LimitReached):
            await engine.signal(case, "ping", data={"two": KILO})

    assert 1 == signals(case)


async def test_an_action_whose_outcome_is_too_heavy_has_failed() -> None:
    """Its outcome is not kept, and the journal and whoever fired it are told why."""
    heavy = flow(draft >> done).transition("fetch").manual().action(lambda _: {"text": KILO * 5})
    async with engine_of(heavy, data=3000) as engine:
        case = await engine.start("w")
        with pytest.raises(LimitReached):
            await engine.fire(case, "fetch")
        case = await engine.get(case)

    assert ("draft", {}) == (case.state, case.data)
    assert "limit_reached" == case.history[-1].error["code"]


async def test_a_step_whose_outcome_is_too_heavy_has_failed() -> None:
    """What a step of an action keeps is weighed as well."""

    async def walk(_: Any, context: Any) -> None:
        await context.step("fetch", lambda: {"text": KILO * 5})

    async with engine_of(flow(draft >> done).transition("walk").manual().action(walk), data=3000) as engine:
        case = await engine.start("w")
        with pytest.raises(LimitReached):
            await engine.fire(case, "walk")
        case = await engine.get(case)

    assert "draft" == case.state
    assert () == case.pending


@pytest.mark.parametrize("limit", [{"signals": 0}, {"data": -1}, {"data": 1.5}, {"signals": "many"}])
def test_a_limit_is_a_whole_number(limit: dict[str, Any]) -> None:
    """A limit that is no number from 1 on is refused where it is given."""
    with pytest.raises((TypeError, ValueError)):
        Limits(**limit)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 400)), max_size=12))
async def test_no_token_ever_carries_more_than_the_limit(steps: list[tuple[str, int]]) -> None:
    """Whatever is added in whatever order, exactly what would be too much is refused."""
    carried: dict[str, str] = {}
    async with engine_of(add, data=600) as engine:
        case = await engine.start("w")
        for key, size in steps:
            wanted = carried | {key: "x" * size}
            weight = sum(len(key) + len(text) + 6 for key, text in wanted.items())
            try:
                case = await engine.fire(case, "add", data={key: "x" * size})
            except LimitReached:
                assert weight > 500
            else:
                assert weight <= 600
                carried = wanted
            assert carried == case.data


def joining(**limits: int) -> Engine:
    """An engine whose workflow joins what two actions have added."""
    return engine_of(
        flow(draft >> (left, right)).transition("split"),
        flow(left >> left_done).transition("one").action(lambda _: {"one": KILO}, name="one"),
        flow(right >> right_done).transition("two").action(lambda _: {"two": KILO}, name="two"),
        flow((left_done, right_done) >> done).transition("join"),
        flow(done >> done).transition("note").manual(),
        **limits,
    )


left, right, left_done, right_done = states("left", "right", "left_done", "right_done")


async def test_a_join_that_would_be_too_heavy_has_failed() -> None:
    """What several tokens carry together is weighed: the failure is recorded once, and the tokens stay as they are."""
    async with joining(data=1500) as engine:
        case = await engine.run(await engine.run(await engine.start("w")))
        failures = case.history.by_type(ActionFailed)
        with pytest.raises(LimitReached, match=r"would carry 2,0\d\d bytes, and 1,500 are the most"):
            await engine.fire(case, "join")

    assert ("failed", {"left_done", "right_done"}) == (case.status, set(case.states))
    assert [("join", "limit_reached")] == [(event.transition, event.error["code"]) for event in failures]


async def test_a_join_by_hand_that_would_be_too_heavy_is_refused() -> None:
    """Nothing is written of it."""
    flows = (flow((draft, draft) >> done).transition("join").manual(), add)
    async with engine_of(*flows, data=1500) as engine:
        case = await engine.add_token(await engine.start("w", data={"one": KILO}), {"two": KILO})
        with pytest.raises(LimitReached):
            await engine.fire(case, "join")
        assert case == await engine.get(case)


@pytest.mark.parametrize("limit", [1500, 2500])
async def test_a_join_on_a_signal_is_weighed(limit: int) -> None:
    """One that a signal would fire fails once, and keeps the signal."""
    bell = flow((draft * 2) >> done).transition("join").on_signal("bell").merge(lambda tokens: {"all": KILO * 2})
    async with engine_of(bell, data=limit) as engine:
        case = await engine.add_token(await engine.start("w"))
        case = await engine.run(await engine.run(await engine.signal(case, "bell")))

    assert (1, 1) == (len(case.history.by_type(ActionFailed)), signals(case)) if limit < 2000 else (0, 0)


async def test_an_action_on_a_join_is_weighed() -> None:
    """The tokens that an action takes together count with its outcome; where they lead on failure, too."""
    acting = flow((draft, review) >> done).transition("join").manual().action(lambda _: {"more": 1}, name="more")
    for flows in (acting, acting.on_failure(done)):
        async with engine_of(flows, flow(draft >> review).transition("on").manual(), data=1500) as engine:
            case = await engine.start("w", data={"one": KILO})
            case = await engine.add_token(case, {"two": KILO}, state=review)
            with pytest.raises(LimitReached):
                await engine.fire(case, "join")
            case = await engine.get(case)
        assert ({"draft", "review"}, "limit_reached") == (set(case.states), case.history[-1].error["code"])


@given(limit=st.integers(400, 4000), sizes=st.lists(st.integers(0, 700), min_size=1, max_size=6))
@settings(max_examples=40)
async def test_a_limit_does_not_depend_on_memory(limit: int, sizes: list[int]) -> None:
    """An engine that has just read the case says the same as one that has had it in memory all the time."""
    stamped = done.stamps("done_at")
    flows = [
        flow(draft >> (left, right)).transition("split"),
        flow(left >> left_done).transition("one").action(lambda _: {"one": "x" * sizes[0]}, name="one"),
        flow(right >> right_done).transition("two").action(lambda _: {"two": "x" * sizes[-1]}, name="two"),
        flow((left_done, right_done) >> stamped).transition("join"),
        flow(stamped >> stamped).transition("note").manual(),
    ]
    outcomes = []
    for resident in (1000, 0):
        told: list[str] = []
        async with Engine(
            Workflow("w", *flows), storage=connect("memory://"), limits=Limits(data=limit), resident=resident
        ) as engine:
            case = await engine.run(await engine.start("w", id="c"))
            for number, size in enumerate(sizes):
                try:
                    case = await engine.fire("c", "note", data={f"key{number}": "y" * size})
                except (LimitReached, NotEnabled) as error:
                    told.append(error.code)
            outcomes.append((case.state, case.sequence, told))
    assert outcomes[0] == outcomes[1]


async def test_two_engines_weigh_the_same_case() -> None:
    """What another process has added counts, though it was not read before."""
    store, limits = MemoryStore(), Limits(data=1500)
    workflow = Workflow("w", add)
    engines = [Engine(workflow, storage=MemoryJournal(store), limits=limits) for _ in range(2)]
    async with engines[0] as here, engines[1] as there:
        await here.start("w", id="c")
        await here.fire("c", "add", data={"z": 1})
        await there.fire("c", "add", data={"z": 2})
        await here.fire("c", "add", data={"one": KILO})
        await there.get("c")
        with pytest.raises(LimitReached):
            await there.fire("c", "add", data={"two": KILO})


async def test_what_was_not_written_was_not_weighed() -> None:
    """A change that the journal had no room for does not make a heavy case look light."""

    class Full(MemoryJournal):
        full = False

        async def append(self, *arguments: Any, **options: Any) -> None:
            if self.full:
                raise StorageFull("no room")
            await super().append(*arguments, **options)

    journal = Full()
    async with Engine(Workflow("w", add), storage=journal, limits=Limits(data=3000)) as engine:
        case = await engine.start("w", data={"text": KILO * 2})
        journal.full = True
        with pytest.raises(StorageFull):
            await engine.fire(case, "add", data={"text": ""})
        journal.full = False
        with pytest.raises(LimitReached):
            await engine.fire(case, "add", data={"more": KILO})


async def test_what_is_refused_is_limited_too() -> None:
    """Data that a guard refuses is quoted in the journal, so that it may not be more than a token carries."""
    guarded = flow(draft >> done).transition("pass").manual().guard(field("text") == "ok")
    async with engine_of(guarded, data=1500) as engine:
        case = await engine.start("w")
        with pytest.raises(LimitReached):
            await engine.fire(case, "pass", data={"text": KILO * 2})
        with pytest.raises(Refused):
            await engine.fire(case, "pass", data={"text": KILO})
        assert 2 == (await engine.get(case)).sequence


async def test_signals_that_fit_nothing_keep_no_other_out(open_engine):
    """Where as many signals wait as may, a further one takes the place of the oldest that no transition accepts."""
    asked, paid = states("asked", "paid")
    pay = flow(asked >> paid).transition("pay").on_signal("money").guard(field("amount") > 10)
    engine = await open_engine(Workflow("w", pay), limits=Limits(signals=3))
    case = await engine.start("w", id="c")
    for amount in (1, 2, 3, 4):
        case = await engine.run(await engine.signal(case, "money", data={"amount": amount}))
    assert [2, 3, 4] == [signal.data["amount"] for signal in case.signals]
    assert 2 == case.history[-1].replaces
    assert "none of them fits" in str(engine.explain(case))
    assert "paid" == (await engine.run(await engine.signal(case, "money", data={"amount": 50}))).state
    assert (await engine.history("c"))[-1].type == "CaseCompleted"


async def test_signals_that_may_still_be_used_are_never_given_up(open_engine):
    """Signals that came before their tokens were not held against anything: at the limit a further one is refused."""
    asked, ready, paid = states("asked", "ready", "paid")
    flows = (flow(asked >> ready).transition("go").manual(), flow(ready >> paid).transition("pay").on_signal("money"))
    engine = await open_engine(Workflow("w", *flows), limits=Limits(signals=1))
    case = await engine.signal(await engine.start("w"), "money")
    with pytest.raises(LimitReached, match="wait to be used"):
        await engine.signal(case, "money")
    assert 1 == len((await engine.get(case)).signals)
