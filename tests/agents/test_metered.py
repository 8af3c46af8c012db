"""Calls of models that are paid: what was delivered counts, and an answer is no longer than what is left can pay."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal

import attrs
import pytest

from circuit_breaker.agents import AgentLimits
from circuit_breaker.agents.events import ContentChunk, decode
from circuit_breaker.agents.metered import Metered, most_of
from circuit_breaker.agents.purse import Most, Purse
from circuit_breaker.agents.store import STEP
from circuit_breaker.errors import ConnectionFailed
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.profile import ModelProfile, Price
from circuit_breaker.llm.request import ChatCompletionRequest, ResponseFormat, ToolDefinition
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.stream import ToolCallEnded
from circuit_breaker.llm.usage import Usage
from circuit_breaker.storage import connect
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.script import HANG
from tests.agents.work import Wrapped, agent, at_work, events_of, script

SHORT = ModelTurn(says="Yes.", usage=Usage(input_tokens=20, output_tokens=4))
REQUEST = ChatCompletionRequest(model="m", messages=(user("How many are there?"),), max_tokens=10)
PIECES = ModelTurn(says="one two three four five six seven eight nine ten " * 40, between=0.001, pieces=50)


def priced(**members) -> ModelProfile:
    """A profile whose tokens cost a dollar each."""
    return ModelProfile(price=Price(input=Decimal(1_000_000), output=Decimal(1_000_000)), **members)


async def said_something(engine, execution_id: str) -> None:
    """Returns when a part of the answer is told."""
    async with engine.events.subscribe_raw(execution_id) as following:
        async for document in following:
            if isinstance(decode(document), ContentChunk):
                return


class Slow(Wrapped):
    """A storage that takes its time to keep a step, and tells when it has begun to."""

    def __init__(self, storage) -> None:
        super().__init__(storage)
        self.keeping = asyncio.Event()

    async def append(self, stream, documents, *, after, put=()):
        if any(one.kind == STEP for one in put):
            self.keeping.set()
            await asyncio.sleep(0.01)
        await super().append(stream, documents, after=after, put=put)


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
    async with connect("memory://") as storage:
        slow = Slow(storage)
        async with at_work(agent(), storage=slow, model=script(SHORT)) as engine:
            begun = await engine.start("helper", {"q": "?"})
            await slow.keeping.wait()
            await engine.cancel(begun.id)
            done = await engine.wait(begun.id)
    assert ("cancelled", 24) == (done.status, done.usage["total_tokens"])


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


async def test_an_answer_that_fits_is_left_alone():
    """Within the budget, requests and responses are as they would be without one."""
    model = script(always=SHORT)
    response = await Metered(model, Purse("a", tokens=1000), print).complete(REQUEST)
    assert ([REQUEST], ()) == (model.requests, response.losses)


async def test_a_call_that_fails_or_stops_gives_back():
    """Whatever ends a call, nothing of it stays set aside."""
    parent = Purse("parent", tokens=100)
    child = Purse("child", above=parent)
    broken = ModelTurn(says="one two three four", breaks_after=1, usage=Usage(input_tokens=5, output_tokens=5))
    lost = []
    metered = Metered(script(ValueError("no"), broken, HANG), child, lost.append)
    with pytest.raises(ValueError, match="no"):
        await metered.complete(REQUEST)
    async with metered.stream(REQUEST) as events:
        assert [event async for event in events]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01), metered.stream(REQUEST):
            pass
    assert 1 == len(lost)
    assert (await child.reserve(Most(100 - parent.spent))).longest is None


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
