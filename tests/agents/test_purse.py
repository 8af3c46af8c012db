"""The purse of executions: what calls set aside before they are made, and what becomes of it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.agents import AgentLimits
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.events import ContentChunk, decode
from circuit_breaker.agents.guardrails import Bounds
from circuit_breaker.agents.metered import Metered, most_of
from circuit_breaker.agents.purse import Most, Purse
from circuit_breaker.agents.store import STEP
from circuit_breaker.errors import BudgetExceeded, ConnectionFailed
from circuit_breaker.executors.models.settings import ModelSettings
from circuit_breaker.llm.loop.limits import LoopLimits
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.profile import ModelProfile, Price
from circuit_breaker.llm.request import ChatCompletionRequest, ResponseFormat, ToolDefinition
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.stream import ToolCallEnded
from circuit_breaker.llm.tools import tool
from circuit_breaker.llm.usage import Usage
from circuit_breaker.storage import connect
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.script import HANG
from tests.agents.work import agent, at_work, events_of, script

SHORT = ModelTurn(says="Yes.", usage=Usage(input_tokens=20, output_tokens=4))
REQUEST = ChatCompletionRequest(model="m", messages=(user("How many are there?"),), max_tokens=10)


def priced(**members) -> ModelProfile:
    """A profile whose tokens cost a dollar each."""
    return ModelProfile(price=Price(input=Decimal(1_000_000), output=Decimal(1_000_000)), **members)


def below(parent: Purse, name: str = "child", **limits) -> Purse:
    """The purse of an execution that another one wants."""
    return Purse(name, above=parent, **limits)


async def settled(times: int = 5) -> None:
    """Lets whoever can go on do so."""
    for _ in range(times):
        await asyncio.sleep(0)


async def asked(model) -> None:
    """Returns when a model has been asked something."""
    while not model.requests:  # noqa: ASYNC110 - the model cannot ring
        await asyncio.sleep(0)


class Busy:
    """A tool that works for ever, and tells when it has begun."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    @property
    def tool(self):
        @tool
        async def wait() -> str:
            """Waits for ever."""
            self.begun.set()
            return await asyncio.Event().wait()

        return wait


def waits(**usage) -> ModelTurn:
    """An answer that has the tool called."""
    return ModelTurn(calls=(("wait", {}),), usage=Usage(**usage))


@pytest.mark.parametrize("over", [True, False])
async def test_twenty_children_at_once_share_one_budget(over):
    """R1: children that begin together take what their parent may take and at most one answer more."""
    busy = Busy()
    model = script(SHORT if over else waits(input_tokens=20, output_tokens=4), always=SHORT)
    parent_ = agent("parent", limits=AgentLimits(tokens=70), tools=("wait",))
    async with at_work(parent_, agent("child"), model=model, tools=[busy.tool]) as engine:
        parent = await engine.start("parent", {"q": "?"})
        await (engine.wait(parent.id) if over else busy.begun.wait())
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(engine.run("child", {"q": "?"}, parent=parent)) for _ in range(20)]
        done = [task.result() for task in tasks]

    took = sum(one.usage.get("total_tokens", 0) for one in done) + 24
    assert 70 <= took < 70 + 24
    assert {"budget_exceeded"} == {one.error["code"] for one in done if one.status != "completed"}


async def test_a_child_takes_what_a_call_of_its_parent_leaves():
    """R1: a child that begins while its parent is in a call waits for that call, and both stay within the limit."""

    async def long(request):
        await asyncio.sleep(0.02)
        return ModelTurn(says="x", usage=Usage(input_tokens=5, output_tokens=min(request.max_tokens, 900)))

    model, members = script(always=long), {"llm_config": {"model": "m", "max_tokens": 900}}
    async with at_work(
        agent("parent", limits=AgentLimits(tokens=1000), **members), agent("child", **members), model=model
    ) as engine:
        parent = await engine.start("parent", {"q": "?"})
        await asked(model)
        child = await engine.run("child", {"q": "?"}, parent=parent)
        done = await engine.wait(parent.id)
    assert ["completed", "completed", 1005] == [
        done.status,
        child.status,
        done.usage["total_tokens"] + child.usage["total_tokens"],
    ]


async def test_engines_of_one_process_pay_from_one_purse():
    """R1: children that several engines of a process carry out on one storage share the budget of their parent."""

    async def long(request):
        await asyncio.sleep(0.01)
        return ModelTurn(says="x", usage=Usage(input_tokens=5, output_tokens=min(request.max_tokens, 900)))

    busy, members = Busy(), {"llm_config": {"model": "m", "max_tokens": 900}}
    model = script(waits(input_tokens=3, output_tokens=2), always=long)
    parent_ = agent("parent", limits=AgentLimits(tokens=1000), tools=("wait",), **members)
    async with (
        connect("memory://") as storage,
        at_work(parent_, agent("child", **members), storage=storage, model=model, tools=[busy.tool]) as one,
        at_work(storage=storage, model=model) as two,
        at_work(storage=storage, model=model) as three,
    ):
        parent = await one.start("parent", {"q": "?"})
        await busy.begun.wait()
        done = await asyncio.gather(*(engine.run("child", {"q": "?"}, parent=parent) for engine in (one, two, three)))
    assert 1000 < 5 + sum(one.usage.get("total_tokens", 0) for one in done) < 1010
    assert ["completed", "completed", "failed"] == sorted(one.status for one in done)


@pytest.mark.parametrize("how", ["bounds", "most"])
async def test_who_narrows_limits_narrows_them_for_children_as_well(how):
    """R1: a bound of a guardrail, or of the operator, counts what an execution and all that it wants take together."""
    model = script(always=ModelTurn(says="x", usage=Usage(input_tokens=5, output_tokens=60)))
    most = LoopLimits(tokens=100) if how == "most" else LoopLimits()
    settings = ModelSettings(providers=[model], most=most)
    async with (
        connect("memory://") as storage,
        AgentEngine(storage, settings=settings, guardrails={"small": Bounds(tokens=100)}) as engine,
    ):
        await engine.register(agent("parent", guardrails=("small",) if how == "bounds" else ()))
        await engine.register(agent("child"))
        parent = await engine.run("parent", {"q": "?"})
        done = [await engine.run("child", {"q": "?"}, parent=parent) for _ in range(2)]
    assert ["completed", "failed"] == [one.status for one in done]
    assert "budget_exceeded" == done[1].error["code"]


async def test_the_bounds_of_a_guardrail_that_is_not_here_do_not_stop_children():
    """An engine that lacks a guardrail of a parent counts its children against what the parent's definition says."""
    async with connect("memory://") as storage:
        definition = agent("parent", limits=AgentLimits(tokens=40), guardrails=("small",))
        settings = ModelSettings(providers=[script(always=SHORT)])
        async with AgentEngine(storage, settings=settings, guardrails={"small": Bounds(tokens=30)}) as engine:
            await engine.register(definition)
            await engine.register(agent("child"))
            parent = await engine.run("parent", {"q": "?"})
        async with AgentEngine(storage, settings=settings) as engine:
            done = [await engine.run("child", {"q": "?"}, parent=parent) for _ in range(2)]
    assert ["completed", "failed"] == [one.status for one in done]


async def test_who_finds_an_execution_finds_its_purse():
    """A child that begins as soon as its parent is written pays from the purse that the parent has."""
    async with connect("memory://") as storage:
        slow = SlowToAnswer(storage)
        limited = agent("parent", limits=AgentLimits(tokens=100))
        async with at_work(limited, agent("child"), storage=slow, model=script(always=HANG)) as engine:
            async with asyncio.TaskGroup() as group:
                group.create_task(engine.start("parent", {"q": "?"}))
                await slow.written.wait()
                (parent,) = await engine.executions(agent="parent")
                child = await engine.start("child", {"q": "?"}, parent=parent)
                slow.answers.set()
            roster = engine.office.roster
            assert roster.get(child.id).purse.above is roster.get(parent.id).purse


class SlowToAnswer:
    """A storage whose first write is there before whoever writes knows."""

    def __init__(self, storage) -> None:
        self._storage, self.streams = storage, self
        self.written, self.answers = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name):
        return getattr(self._storage, name)

    async def append(self, *arguments, **members):
        await self._storage.streams.append(*arguments, **members)
        if not self.written.is_set():
            self.written.set()
            await self.answers.wait()


async def said_something(engine, execution_id: str) -> None:
    """Returns when a part of the answer is told."""
    async with engine.events.subscribe_raw(execution_id) as following:
        async for document in following:
            if isinstance(decode(document), ContentChunk):
                return


PIECES = ModelTurn(says="one two three four five six seven eight nine ten " * 40, between=0.001, pieces=50)


@pytest.mark.parametrize("how", ["timed_out", "cancelled"])
async def test_what_was_delivered_of_an_answer_that_is_given_up_counts(how):
    """R1: an answer that ran out of time or was cancelled counts what was delivered, by estimate, at its price."""
    price = ModelProfile(price=Price(input=Decimal(1), output=Decimal(1)))
    model = script(PIECES, profile=price)
    limits = AgentLimits(timeout=0.04 if how == "timed_out" else None)
    async with at_work(agent("parent"), agent("child", limits=limits), model=model) as engine:
        begun = await engine.start("child", {"q": "?"})
        if how == "cancelled":
            await said_something(engine, begun.id)
            await engine.cancel(begun.id)
        done = await engine.wait(begun.id)
        said = "".join(one.content for one in await events_of(engine, begun.id) if hasattr(one, "iteration"))
    assert (how, True) == (done.status, done.usage["estimated"])
    assert len(said.split()) * 0.9 <= done.usage["output_tokens"] < 600
    assert 0 < done.dollars == Decimal(done.usage["total_tokens"]).scaleb(-6)


async def test_calls_of_tools_that_were_delivered_count_as_well():
    """The pieces of a call of a tool are weighed as those of a text are, its name once."""
    long = ModelTurn(calls=(("enter", {"text": "one two three four five " * 40}),))
    lost: list[ChatCompletionResponse] = []
    metered = Metered(script(long), Purse("a"), lost.append)
    async with metered.stream(REQUEST) as events:
        async for event in events:
            if isinstance(event, ToolCallEnded):
                break
    assert 200 <= lost[0].usage.output_tokens < 300
    assert metered.purse.spent == lost[0].usage.total_tokens


async def test_an_answer_that_did_not_get_through_is_paid_once():
    """Where a stream has ended and closing it fails, its answer is told as lost, and paid as it was."""

    class Torn:
        def __init__(self, model) -> None:
            self._model = model

        @asynccontextmanager
        async def stream(self, request):
            async with self._model.stream(request) as events:
                yield events
            raise ConnectionFailed("it was torn")

    lost: list[ChatCompletionResponse] = []
    metered = Metered(Torn(script(SHORT)), Purse("a"), lost.append)
    with pytest.raises(ConnectionFailed):
        async with metered.stream(REQUEST) as events:
            assert [event async for event in events]
    assert ([24], 24) == ([one.usage.total_tokens for one in lost], metered.purse.spent)


async def test_an_answer_that_is_finished_counts_also_when_the_execution_is_cancelled():
    """R1: whoever cancels while a finished answer is being written pays for that answer, once."""

    class Slow(SlowToAnswer):
        async def append(self, *arguments, put=(), **members):
            if any(getattr(one, "kind", "") == STEP for one in put):
                self.written.set()
                await asyncio.sleep(0.01)
            await self._storage.streams.append(*arguments, put=put, **members)

    async with connect("memory://") as storage:
        slow = Slow(storage)
        async with at_work(agent(), storage=slow, model=script(SHORT)) as engine:
            begun = await engine.start("helper", {"q": "?"})
            await slow.written.wait()
            await engine.cancel(begun.id)
            done = await engine.wait(begun.id)
    assert ("cancelled", 24) == (done.status, done.usage["total_tokens"])


async def test_children_of_an_execution_that_is_over_share_what_is_left():
    """The budget of a parent that nobody carries out any more is what it and its children have not taken."""
    async with connect("memory://") as storage:
        definitions = agent("parent", limits=AgentLimits(tokens=70)), agent("child")
        async with at_work(*definitions, storage=storage, model=script(always=SHORT)) as engine:
            parent = await engine.run("parent", {"q": "?"})
            await engine.run("child", {"q": "?"}, parent=parent)
        async with at_work(storage=storage, model=script(always=SHORT)) as engine, asyncio.TaskGroup() as group:
            tasks = [group.create_task(engine.run("child", {"q": "?"}, parent=parent)) for _ in range(5)]
    assert ["completed", *["failed"] * 4] == sorted(task.result().status for task in tasks)


async def test_what_a_child_left_open_has_taken_counts_as_its_steps_say():
    """The spending of a child whose process has ended is what its finished steps have taken."""
    async with connect("memory://") as storage:
        short = {"llm_config": {"model": "m", "max_tokens": 1}}
        limits = AgentLimits(tokens=450)
        definitions = agent("parent", limits=limits, **short), agent("child", tools=("wait",), **short)
        asking = ModelTurn(calls=(("wait", {}),), usage=Usage(input_tokens=300, output_tokens=200))

        @tool
        async def wait() -> str:
            """Waits for ever."""
            reached.set()
            return await asyncio.Event().wait()

        reached, model = asyncio.Event(), script(HANG, asking)
        async with at_work(*definitions, storage=storage, model=model, tools=[wait]) as engine:
            parent = await engine.start("parent", {"q": "?"})
            await asked(model)
            await engine.start("child", {"q": "?"}, parent=parent)
            await reached.wait()
        late = script(always="late")
        async with at_work(storage=storage, model=late, tools=[wait]) as engine:
            done = await engine.wait(parent.id)
    assert ("budget_exceeded", []) == (done.error["code"], late.requests)


async def test_a_parent_that_nobody_carries_out_pays_with_what_its_steps_have_left():
    """A child of an execution that was left open gets the rest of its budget, and not a fresh one."""

    @tool
    async def wait() -> str:
        """Waits for ever."""
        reached.set()
        return await asyncio.Event().wait()

    reached, asking = asyncio.Event(), ModelTurn(calls=(("wait", {}),), usage=Usage(input_tokens=30, output_tokens=20))
    async with connect("memory://") as storage:
        definitions = agent("parent", limits=AgentLimits(tokens=50), tools=("wait",)), agent("child")
        async with at_work(*definitions, storage=storage, model=script(asking), tools=[wait]) as engine:
            parent = await engine.start("parent", {"q": "?"})
            await reached.wait()
        async with at_work(storage=storage, model=script(), config=AgentEngineConfig(recover=False)) as engine:
            done = await engine.run("child", {"q": "?"}, parent=parent)
    assert ("failed", "budget_exceeded") == (done.status, done.error["code"])


async def test_a_parent_that_goes_on_pays_with_its_children_from_one_purse():
    """A parent that is taken up while a child of it is at work has the purse that the child pays into."""

    async def later(request):
        await gate.wait()
        return ModelTurn(says="Yes.", usage=Usage(input_tokens=40, output_tokens=30))

    gate, model = asyncio.Event(), script(later, HANG)
    async with connect("memory://") as storage:
        definitions = agent("parent", limits=AgentLimits(tokens=60)), agent("child")
        async with at_work(*definitions, storage=storage, model=script(HANG)) as engine:
            parent = await engine.start("parent", {"q": "?"})
        async with at_work(storage=storage, model=model, config=AgentEngineConfig(recover=False)) as engine:
            first = await engine.start("child", {"q": "?"}, parent=parent)
            await asked(model)
            assert await engine.resume(parent.id)
            gate.set()
            assert "completed" == (await engine.wait(first.id)).status
            second = await engine.run("child", {"q": "?"}, parent=parent)
    assert "budget_exceeded" == second.error["code"]


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


@pytest.mark.parametrize("whole", [True, False])
async def test_an_answer_that_must_be_shorter_tells_so(whole):
    """A call that gets what is left asks for no more, and its response tells that as a change of ``max_tokens``."""
    model, purse = script(always=SHORT), Purse("a", tokens=20)
    metered = Metered(model, purse, print)
    request = attrs.evolve(REQUEST, max_tokens=None)
    if whole:
        response = await metered.complete(request)
    else:
        async with metered.stream(request) as events:
            response = [event async for event in events][-1].response
    assert (20, 24) == (model.requests[0].max_tokens, purse.spent)
    assert ["set to 20, which is what was left of the budget of the execution"] == [one.why for one in response.losses]


async def test_an_answer_costs_no_more_than_is_left():
    """R1: under a limit of dollars alone an answer is no longer than what is left can pay, where there is a price."""
    open_, model = attrs.evolve(REQUEST, max_tokens=None), script(always=SHORT, profile=priced())
    await Metered(model, Purse("a", dollars=Decimal(20)), print).complete(open_)
    unpriced = script(always=SHORT)
    await Metered(unpriced, Purse("a", dollars=Decimal(20)), print).complete(open_)
    assert (20, None) == (model.requests[0].max_tokens, unpriced.requests[0].max_tokens)


async def test_an_answer_that_cannot_be_too_long_is_left_alone():
    """Where what is left pays the longest answer that there can be, the model is not told to be shorter."""
    model = script(always=SHORT, profile=priced(max_output_tokens=18))
    for purse in (Purse("a", tokens=20), Purse("a", dollars=Decimal(20))):
        await Metered(model, purse, print).complete(attrs.evolve(REQUEST, max_tokens=None))
    assert [None, None] == [request.max_tokens for request in model.requests]


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


async def test_an_answer_that_fits_is_left_alone():
    """Within the budget, requests and responses are as they would be without one."""
    model = script(always=SHORT)
    response = await Metered(model, Purse("a", tokens=1000), print).complete(REQUEST)
    assert ([REQUEST], ()) == (model.requests, response.losses)


async def test_a_call_that_fails_or_stops_gives_back():
    """Whatever ends a call, nothing of it stays set aside."""
    parent = Purse("parent", tokens=100)
    broken = ModelTurn(says="one two three four", breaks_after=1, usage=Usage(input_tokens=5, output_tokens=5))
    lost = []
    metered = Metered(script(ValueError("no"), broken, HANG), below(parent), lost.append)
    with pytest.raises(ValueError, match="no"):
        await metered.complete(REQUEST)
    async with metered.stream(REQUEST) as events:
        assert [event async for event in events]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01), metered.stream(REQUEST):
            pass
    assert 1 == len(lost)
    assert (await below(parent).reserve(Most(100 - parent.spent))).longest is None


def test_the_worst_of_a_call_is_what_it_reads_and_the_longest_answer():
    """The worst counts messages, tools, the form and the longest answer: of the request, or else of the profile."""
    small = most_of(script(), REQUEST).tokens
    told = attrs.evolve(
        REQUEST, tools=(ToolDefinition(name="add", description="Adds two numbers.", parameters={"type": "object"}),)
    )
    formed = attrs.evolve(told, response_format=ResponseFormat(kind="json_schema", schema={"type": "object"}))
    assert 10 < small < most_of(script(), told).tokens < most_of(script(), formed).tokens
    assert 2 * 10 == most_of(script(), attrs.evolve(REQUEST, n=2)).tokens - (small - 10)
    open_ = attrs.evolve(REQUEST, max_tokens=None)
    assert Most() == most_of(script(), open_) == most_of(object(), open_)
    known = most_of(script(profile=priced(max_output_tokens=90)), open_)
    assert (small + 80, Decimal(small + 80)) == (known.tokens, known.dollars)


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
