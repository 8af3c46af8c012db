"""Bills: what a call costs the budget that failed, was given up, or broke off."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from circuit_breaker.errors import (
    ConnectionFailed,
    NoProviderAvailable,
    ProviderOverloaded,
    RateLimitExceeded,
    ResponseInvalid,
    ResponseTimeout,
    StorageError,
)
from circuit_breaker.llm.metering import Meter
from circuit_breaker.llm.patience import Patience, Retries, Timeouts
from circuit_breaker.llm.providers.custom import CustomProvider
from circuit_breaker.llm.request import ResponseFormat
from circuit_breaker.llm.router import Access, Budget, Failover, LLMConfig, LLMRouter
from circuit_breaker.llm.router.bill import Bill
from circuit_breaker.llm.router.budget import MemoryLedger
from circuit_breaker.llm.router.needs import Needs
from circuit_breaker.llm.usage import Usage
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.script import HANG
from tests.llm.routing import CHEAP, Provider, Time, asked, asking, routed

WORST = 5 + 8 + 100
"""The most tokens of "hello" with an answer of 100."""
ALL = Budget("all", tokens=1_000_000)
FORM = ResponseFormat(kind="json_schema", schema={"type": "object", "required": ["a"]})
QUICK = Patience(timeouts=Timeouts(first_byte=0.2), retries=Retries(most=3, pause=0.01), repairs=1)


def said(text="yes", usage=(10, 5)):
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    told = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    return web.json_response({"id": "1", "model": "m", "choices": [choice], "usage": told})


def refused(status, **headers):
    return web.json_response({"error": {"message": "no"}}, status=status, headers=headers)


class Server:
    """Answers with one turn after the other; the last is repeated."""

    def __init__(self, *turns):
        self.turns = list(turns)
        self.asked = 0

    async def answer(self, request):
        await request.read()
        self.asked += 1
        turn = self.turns.pop(0) if len(self.turns) > 1 else self.turns[0]
        return await turn(request) if callable(turn) else turn()

    @asynccontextmanager
    async def provider(self, name="c", patience=QUICK):
        app = web.Application()
        app.router.add_post("/chat/completions", self.answer)
        async with TestServer(app) as server:
            base = str(server.make_url("")).rstrip("/")
            yield Access(CustomProvider(name=name, base_url=base, patience=patience), models=("m",))


class Fixed:
    """A turn that gives a new answer each time."""

    def __init__(self, make, *arguments, **options):
        self.make = lambda: make(*arguments, **options)

    async def __call__(self, _):
        return self.make()


async def late(_):
    await asyncio.sleep(1.0)
    return said()


async def cut(request):
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    delta = {"id": "1", "choices": [{"index": 0, "delta": {"content": "x" * 80}}]}
    await response.write(b"data: " + json.dumps(delta).encode() + b"\n\n")
    request.transport.abort()
    return response


async def spent(server, request, *, error=None, stream=False, once=True):
    """The tokens that a budget has counted after a call that failed."""
    failover = Failover(cooldown=0, max_attempts=1) if once else Failover(cooldown=0, pause=0.0)
    async with server.provider() as access:
        config = LLMConfig(providers=[access], budgets=[ALL], failover=failover)
        async with LLMRouter(config) as router:
            if error is None:
                await router.chat_completion(request)
            elif stream:
                async with router.stream(request) as events:
                    assert isinstance([event async for event in events][-1].error, error)
            else:
                with pytest.raises(error):
                    await router.chat_completion(request)
            (standing,) = await router.budgets()
    assert 0 == standing.reserved_tokens
    return standing.tokens


async def test_answers_that_do_not_fit_are_paid():
    """Pain 71: an answer and its repair that have not the form asked for cost what the vendor counted for both."""
    server = Server(Fixed(said, "no JSON"))
    request = asking(max_tokens=100, response_format=FORM)

    assert (30, 2) == (await spent(server, request, error=ResponseInvalid), server.asked)


async def test_what_comes_too_late_is_paid():
    """Pain 71: a vendor may have answered a call whose time is over: the most that it can have been counts, and the
    provider does not ask again by itself.
    """
    server = Server(late)

    assert (WORST, 1) == (await spent(server, asking(max_tokens=100), error=ResponseTimeout), server.asked)


async def test_what_is_asked_again_is_paid_again():
    """Pain 71: when the router asks again after a lost answer, both calls count."""
    server = Server(late, Fixed(said))

    assert WORST + 15 == await spent(server, asking(max_tokens=100), once=False)


async def test_what_is_refused_is_free_and_may_be_asked_again():
    """Pain 71, G10: the last provider asks again by itself what its vendor has refused, and that costs nothing."""
    server = Server(Fixed(refused, 503), Fixed(refused, 429), Fixed(said))

    assert (15, 3) == (await spent(server, asking(max_tokens=100)), server.asked)


async def test_a_cut_stream_is_paid_as_far_as_it_came():
    """Pain 71, pain 36: of a stream that breaks off the reading and what was delivered count, as an estimate."""
    tokens = await spent(Server(cut), asking(max_tokens=100), error=ConnectionFailed, stream=True)

    assert 20 < tokens < WORST


async def test_who_was_not_reached_costs_nothing():
    """Pain 71: where there was no connection nothing was sent, and nothing is counted."""
    provider = CustomProvider(base_url="http://127.0.0.1:9", patience=QUICK)
    config = LLMConfig(providers=[Access(provider, models=("m",))], budgets=[ALL])
    async with LLMRouter(config) as router:
        with pytest.raises(ConnectionFailed):
            await router.chat_completion(asking(max_tokens=100))
        (standing,) = await router.budgets()

    assert (0, 0) == (standing.tokens, standing.reserved_tokens)


@pytest.mark.parametrize(
    ("error", "tokens"), [(ProviderOverloaded("no"), 0), (ResponseTimeout("late"), WORST), (KeyError("x"), WORST)]
)
async def test_providers_that_tell_nothing_are_judged_by_their_errors(error, tokens):
    """Pain 71: what a provider of somebody's own raises says whether it may have to be paid."""
    async with routed(Provider(always=error, name="a"), budgets=[ALL], failover=False) as router:
        with pytest.raises(Exception, match=r".*"):
            await router.chat_completion(asking(max_tokens=100))
        (standing,) = await router.budgets()

    assert tokens == standing.tokens


async def test_a_call_that_is_given_up_is_paid():
    """Pain 36, pain 71: nobody knows what a vendor writes after its caller has gone, so the most of it counts; of a
    stream, what was read and written until then.
    """
    hanging = Provider(HANG, ModelTurn(says="x" * 400, between=0.001), name="a", price=CHEAP)
    async with routed(hanging, budgets=[ALL]) as router:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await router.chat_completion(asking(max_tokens=100))
        (whole,) = await router.budgets()
        async with router.stream(asking(max_tokens=100)) as events:
            await anext(events)
            await anext(events)
        (both,) = await router.budgets()

    assert WORST == whole.tokens
    assert 0 < both.tokens - whole.tokens < WORST


async def test_failover_does_not_wait_for_a_providers_own_patience():
    """ZB4: while somebody else can be asked a provider is asked once, whatever it would do by itself."""
    busy, other = Server(Fixed(refused, 503)), Server(Fixed(said))
    patience = Patience(retries=Retries(most=3, pause=30.0))
    async with busy.provider("a", patience) as first, other.provider("b") as second:
        router = LLMRouter(LLMConfig(providers=[first, second]))
        async with router, asyncio.timeout(5.0):
            response = await router.chat_completion(asking())

    assert ("b", 1, 1) == (response.provider, busy.asked, other.asked)


async def test_a_place_is_waited_for_until_a_deadline():
    """G12: where a provider serves as many as it may, the next is asked after the wait."""
    few = {"models": ("m",), "max_concurrent": 1, "max_wait": 0.02}
    slow = Access(Provider(always=ModelTurn(says="slow", after=0.3), name="a"), **few)
    quick = Access(Provider(always=ModelTurn(says="quick", after=0.3), name="b"), **few)
    async with routed(slow, quick) as router:
        found = await asyncio.gather(*(router.chat_completion(asking("a/m")) for _ in range(2)), return_exceptions=True)
        both = await asyncio.gather(*(router.chat_completion(asking("m")) for _ in range(3)), return_exceptions=True)

    assert isinstance(found[1], RateLimitExceeded)
    assert "all 1 places of 'a' were taken for 0.02 s" in str(found[1])
    assert ["a", "b"] == [answer.provider for answer in both[:2]]
    assert isinstance(both[2], NoProviderAvailable)


async def test_who_is_in_a_hurry_waits_no_longer():
    """G12: the latency that a request allows is also the most that it waits for a place; no money is held meanwhile."""
    lane = Access(Provider(always=ModelTurn(says="slow", after=0.2), name="a"), models=("m",), max_concurrent=1)
    async with routed(lane, budgets=[Budget("all", tokens=WORST + 20)]) as router, asyncio.TaskGroup() as group:
        first = group.create_task(router.chat_completion(asking(max_tokens=100)))
        await asyncio.sleep(0.01)
        with pytest.raises(RateLimitExceeded, match="raise max_concurrent"):
            await router.chat_completion(asking(max_tokens=100, max_latency_ms=20))
        await first

    assert [1] == asked(lane.provider)


async def test_an_answer_without_a_count_is_estimated():
    """H7: what a vendor does not count is estimated by what was read and written, calls of tools as well."""
    silent = Provider(always=ModelTurn(says="x" * 400, usage=Usage()), name="a")
    async with routed(silent, budgets=[ALL]) as router:
        response = await router.chat_completion(asking(max_tokens=100))
        (standing,) = await router.budgets()

    assert (True, True) == (response.usage.estimated, standing.tokens > 100)


async def test_who_must_not_wait_does_not():
    """G12: with no wait at all a full provider is passed over at once."""
    slow = Provider(always=ModelTurn(says="slow", after=0.1), name="a")
    full = Access(slow, models=("m",), max_concurrent=1, max_wait=0)
    async with routed(full, Provider(always="quick", name="b")) as router:
        found = await asyncio.gather(*(router.chat_completion(asking()) for _ in range(2)))

    assert {"a", "b"} == {answer.provider for answer in found}


async def test_a_stream_whose_vendor_has_counted_before_it_broke_off():
    """Pain 71: of a stream that breaks off, what its vendor told counts, or what was delivered if that is more."""
    route = routed(Provider(name="a"))._planner.plan(asking()).routes[0]
    bill = Bill(route=route, needs=Needs(size=40), meter=Meter(), delivered=400)
    told = Usage(input_tokens=12, output_tokens=1)

    assert 12 + 100 == bill.broken_off(ConnectionFailed(), told).total_tokens
    assert 12 + 500 == bill.broken_off(ConnectionFailed(), Usage(input_tokens=12, output_tokens=500)).total_tokens


def test_a_wait_is_a_time():
    """A wait for a place that is no time is told with the other faults."""
    assert "max_wait" in str(Access(Provider(name="a"), max_wait=-1).faults()[0])


async def test_time_is_passed_in():
    """The router's own clock measures attempts, also those that are given up."""
    time = Time()
    async with routed(Provider(ProviderOverloaded("no"), "yes", name="a"), time=time) as router:
        response = await router.chat_completion(asking())

    assert ["failed", "answered"] == [attempt.outcome for attempt in response.attempts]


class Failing(MemoryLedger):
    """A ledger whose disk is full when a call is to be settled."""

    async def settle(self, *_, **__):
        raise StorageError("the disk is full")


async def test_an_answer_is_not_lost_because_it_cannot_be_settled():
    """Pain 71: it is paid for already; what was reserved for it goes on counting until the ledger can be written."""
    provider = Provider(always="paid", name="a", price=CHEAP)
    async with routed(provider, budgets=[ALL], ledger=Failing()) as router:
        answer = await router.chat_completion(asking(max_tokens=100))
        async with router.stream(asking(max_tokens=100)) as events:
            last = [event async for event in events][-1]
        (standing,) = await router.budgets()

    assert ("paid", "paid") == (answer.content, last.response.content)
    assert 2 * WORST == standing.reserved_tokens
