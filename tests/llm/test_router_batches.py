"""Batches: requests that a vendor answers within a day for half the price."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal

import pytest
from aiohttp import web

from circuit_breaker.errors import (
    APIError,
    BudgetExceeded,
    DocumentInvalid,
    ProviderNotFound,
    ProviderOverloaded,
    RequestRefused,
    ResponseInvalid,
    ResponseTimeout,
)
from circuit_breaker.llm.batch import BatchResult
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.patience import Patience, Retries
from circuit_breaker.llm.profile import ModelProfile
from circuit_breaker.llm.providers import batches
from circuit_breaker.llm.providers.anthropic import AnthropicProvider
from circuit_breaker.llm.providers.openai import OpenAIProvider
from circuit_breaker.llm.request import ChatCompletionRequest, ResponseFormat
from circuit_breaker.llm.router import BatchTicket, Budget, LLMConfig, LLMRouter
from circuit_breaker.storage import budgets
from circuit_breaker.testing.batches import ScriptedBatches
from tests.llm.batch_vendors import Anthropic, OpenAI
from tests.llm.routing import CHEAP, Provider, Time, routed

VENDORS = [(OpenAI, OpenAIProvider, "/v1", "gpt-4o-mini"), (Anthropic, AnthropicProvider, "", "claude-haiku-4-5")]


def asking(model="m", text="hello", **options):
    return ChatCompletionRequest(model=model, messages=[user(text)], max_tokens=50, **options)


@pytest.fixture(params=VENDORS, ids=["openai", "anthropic"])
def opened(request):
    """Opens a vendor and a router over it, and gives both."""
    vendor_class, provider_class, base, model = request.param

    @asynccontextmanager
    async def open_both(*, time=None, ledger=None, budgets=(), **ends):
        time = time or Time()
        vendor = vendor_class(**ends)
        async with AsyncExitStack() as stack:
            address = await stack.enter_async_context(vendor.serving())
            patience = Patience(retries=Retries(most=0))
            profiles = [ModelProfile(pattern=model, price=CHEAP)]
            provider = provider_class(api_key="sk-x", base_url=address + base, profiles=profiles, patience=patience)
            config = LLMConfig(providers=[provider], budgets=budgets, ledger=ledger)
            router = LLMRouter(config, now=time.now, wall=time.wall, sleep=time.sleep)
            vendor.model = model
            yield vendor, await stack.enter_async_context(router)

    return open_both


def three(vendor):
    return {name: asking(vendor.model, name) for name in ("one", "two", "three")}


async def test_a_batch_is_handed_over_and_its_answers_come_back(opened):
    """G26: requests go out together, each under its name, and the answers are found by these names in any order."""
    async with opened() as (vendor, router):
        ticket = await router.batches.submit(three(vendor))
        vendor.state = "ended"
        found = await router.batches.results(ticket)

    assert ["one", "two", "three"] == [order["custom_id"] for order in vendor.orders]
    assert ["one", "two", "three"] == list(found)
    assert {"yes"} == {answer.content for answer in found.values()}


async def test_it_costs_half(opened):
    """G26, H7: the worst case is reserved at the price of a batch, and the answers are counted at that price."""
    async with opened(budgets=[Budget("all", dollars="1")]) as (vendor, router):
        ticket = await router.batches.submit({"one": asking(vendor.model)})
        (before,) = await router.budgets()
        vendor.state = "ended"
        found = await router.batches.results(ticket)
        await router.batches.results(ticket)
        (after,) = await router.budgets()

    assert before.reserved_dollars < Decimal("0.00012")
    assert (Decimal("0.00006"), 110, 0) == (after.dollars, after.tokens, after.reserved_dollars)
    assert Decimal("0.00006") == found["one"].cost.dollars


async def test_some_may_fail(opened):
    """G26: what is wrong, expired or cancelled is an error in its place, and costs nothing."""
    ends = {"two": "error", "three": "expired"}
    async with opened(budgets=[Budget("all", tokens=10_000)], **ends) as (vendor, router):
        ticket = await router.batches.submit(three(vendor))
        vendor.state = "ended"
        status = await router.batches.status(ticket)
        found = await router.batches.results(ticket)
        (standing,) = await router.budgets()

    assert (3, 1, 2) == (status.total, status.succeeded, status.failed)
    assert [True, False, False] == [hasattr(answer, "content") for answer in found.values()]
    assert "bad temperature" in str(found["two"])
    assert (110, 0) == (standing.tokens, standing.reserved_tokens)


async def test_a_batch_can_be_cancelled(opened):
    """G26: what was answered before stays answered; the others are told to be cancelled."""
    async with opened(two="cancelled") as (vendor, router):
        ticket = await router.batches.submit({"one": asking(vendor.model), "two": asking(vendor.model)})
        cancelled = await router.batches.cancel(ticket)
        vendor.ends = {"two": "cancelled" if isinstance(vendor, Anthropic) else "expired"}
        vendor.state = "ended"
        found = await router.batches.results(ticket)

    assert "cancelling" == cancelled.status
    assert "yes" == found["one"].content
    assert isinstance(found["two"], RequestRefused)


async def test_it_is_waited_for(opened):
    """G26: the router asks now and then, and not without end; of one that runs there are no results."""

    class Passing(Time):
        async def sleep(self, seconds):
            await super().sleep(seconds)
            vendor.state = "ended"

    time = Passing()
    async with opened(time=time) as (vendor, router):
        ticket = await router.batches.submit({"one": asking(vendor.model)})
        with pytest.raises(RequestRefused, match="has not ended"):
            await router.batches.results(ticket)
        assert (await router.batches.ended(ticket, interval=7.0)).ended

    assert [7.0] == time.slept


async def test_another_process_may_go_on_with_it(opened, tmp_path):
    """G26, pain 71: a ticket survives as a document, and what a dead process had reserved is settled with it."""
    time, limits = Time(), [Budget("all", tokens=10_000, period="total")]
    path = tmp_path / "work.db"
    async with opened(time=time, ledger=budgets(path), budgets=limits) as (vendor, router):
        ticket = await router.batches.submit({"one": asking(vendor.model)})
        kept = json.loads(json.dumps(ticket.to_document()))
        time.seconds = 3600.0  # nobody has renewed what is reserved
        (lapsed,) = await router.budgets()
        vendor.state = "ended"
        found = await router.batches.results(BatchTicket.from_document(kept))
        (standing,) = await router.budgets()

    assert (True, 0) == (lapsed.tokens > 0, lapsed.reserved_tokens)
    assert ("yes", 110) == (found["one"].content, standing.tokens)
    with pytest.raises(DocumentInvalid, match="no ticket"):
        BatchTicket.from_document({"id": "x"})


async def test_what_the_budget_does_not_allow_is_not_handed_over(opened):
    """G26, pain 71: where not all of a batch fits, nothing is handed over, and nothing stays reserved."""
    async with opened(budgets=[Budget("all", tokens=150)]) as (vendor, router):
        with pytest.raises(BudgetExceeded):
            await router.batches.submit(three(vendor))
        (standing,) = await router.budgets()

    assert ([], 0) == (vendor.orders, standing.reserved_tokens)


async def test_a_form_is_checked_and_paid(opened):
    """G26: an answer that has not the form that was asked for is an error, which was paid."""
    form = ResponseFormat(kind="json_schema", schema={"type": "object", "required": ["a"]})
    async with opened(budgets=[Budget("all", tokens=50_000)]) as (vendor, router):
        ticket = await router.batches.submit({"one": asking(vendor.model, response_format=form)})
        vendor.state = "ended"
        found = await router.batches.results(ticket)
        (standing,) = await router.budgets()

    assert isinstance(found["one"], ResponseInvalid)
    assert (110, 0) == (standing.tokens, standing.reserved_tokens)


async def test_results_that_are_none_are_told(opened):
    """G26: lines that are no JSON, answers of another form and files that cannot be had are errors."""
    async with opened(budgets=[Budget("all", tokens=10_000)]) as (vendor, router):
        ticket = await router.batches.submit({"one": asking(vendor.model)})
        vendor.state = "ended"
        for text, status, error in (("{no", 200, ResponseInvalid), ('{"error": {"message": "no"}}', 500, APIError)):
            vendor.lines = lambda *_, text=text, status=status: web.Response(text=text, status=status)
            with pytest.raises(error):
                await router.batches.results(ticket)
        del vendor.lines
        vendor.answer = {"odd": 1}
        found = await router.batches.results(ticket)
        (standing,) = await router.budgets()

    assert isinstance(found["one"], ResponseInvalid)
    assert standing.reserved_tokens > 0


def spoiled(vendor, how):
    """The vendor, in whose results the line of "two" is what a function makes of it."""

    def lines(*documents):
        texts = map(json.dumps, documents)
        return web.Response(text="\n".join(how(text) if '"two"' in text else text for text in texts))

    vendor.lines = lines
    vendor.state = "ended"


ODD = [
    {"response": 5, "result": 5},
    {"response": {"status_code": "odd", "body": {}}, "result": {"type": "errored", "error": {"error": {"type": []}}}},
]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (lambda text: text[:-3], "line 2 is no JSON"),
        (lambda _: json.dumps({"custom_id": "two", **ODD[0]}), "has not the form"),
        (lambda _: json.dumps({"custom_id": "two", **ODD[1]}), "has not the form"),
    ],
    ids=["cut", "number", "status"],
)
async def test_a_line_that_cannot_be_read_fails_its_own_request_alone(opened, how, told):
    """G26: the others are delivered; that of the broken line may have been paid, so what it could cost counts."""
    async with opened(budgets=[Budget("all", tokens=10_000)]) as (vendor, router):
        ticket = await router.batches.submit(three(vendor))
        spoiled(vendor, how)
        found = await router.batches.results(ticket)
        (standing,) = await router.budgets()

    assert isinstance(found["two"], ResponseInvalid)
    assert told in str(found["two"])
    assert ["yes", "yes"] == [found[name].content for name in ("one", "three")]
    assert standing.reserved_tokens > 0


async def test_a_line_without_a_name_is_told_to_those_that_no_line_names(opened):
    """G26: whose line it was cannot be told, so it is named in the error of each request that has none."""
    async with opened() as (vendor, router):
        ticket = await router.batches.submit(three(vendor))
        for line in ("{no", "[]", '{"custom_id": ["two"]}'):
            spoiled(vendor, lambda _, line=line: line)
            found = await router.batches.results(ticket)
            assert isinstance(found["two"], ResponseInvalid)
            assert "line 2" in str(found["two"])
            assert ["yes", "yes"] == [found[name].content for name in ("one", "three")]


async def test_a_line_without_end_ends_its_file_alone(opened, monkeypatch):
    """G26: what stands before it is delivered, and the others are told why there is nothing of them."""
    monkeypatch.setattr(batches, "MOST_LINE", 1_000_000)
    async with opened() as (vendor, router):
        ticket = await router.batches.submit(three(vendor))
        spoiled(vendor, lambda text: text + " " * 5_000_000)
        found = await router.batches.results(ticket)

    assert "yes" == found["three"].content
    assert all("from line 2 on, a line is longer" in str(found[name]) for name in ("one", "two"))


async def test_a_result_that_can_be_read_comes_before_one_that_cannot(opened):
    """G26: where a name stands in two lines, that of them counts which says something."""
    async with opened() as (vendor, router):
        ticket = await router.batches.submit(three(vendor))
        for how in (lambda text: f"{text}\n{text[:-3]}", lambda text: f"{text[:-3]}\n{text}"):
            spoiled(vendor, how)
            found = await router.batches.results(ticket)
            assert {"yes"} == {answer.content for answer in found.values()}


async def test_bad_batches_are_refused(opened):
    """G26: no requests, a name that vendors refuse, and models of nobody are told before anything is sent."""
    async with opened() as (vendor, router):
        with pytest.raises(RequestRefused, match="no requests"):
            await router.batches.submit({})
        with pytest.raises(RequestRefused, match="is no name for a request"):
            await router.batches.submit({"one two": asking(vendor.model)})
        ticket = BatchTicket(id="x", provider="nobody", requests={})
        with pytest.raises(ProviderNotFound):
            await router.batches.status(ticket)
    async with routed(Provider(name="a")) as plain:
        with pytest.raises(RequestRefused, match="nobody who takes batches"):
            await plain.batches.submit({"one": asking()})
        with pytest.raises(RequestRefused, match="takes no batches"):
            await plain.batches.status(BatchTicket(id="x", provider="a", requests={}))


async def test_a_batch_of_openai_is_for_one_model():
    """G26: two models in one batch are refused before anything is sent; what the vendor refuses costs nothing."""
    vendor = OpenAI()
    vendor.fault = "the file is too long"
    async with vendor.serving() as address:
        provider = OpenAIProvider(api_key="sk-x", base_url=f"{address}/v1")
        config = LLMConfig(providers=[provider], budgets=[Budget("all", tokens=10_000)])
        async with LLMRouter(config) as router:
            with pytest.raises(RequestRefused, match="a batch has 1 to 50,000 requests"):
                await provider.submit_batch(dict.fromkeys(map(str, range(50_001)), asking("gpt-4o")))
            with pytest.raises(RequestRefused, match="for one model"):
                await router.batches.submit({"a": asking("gpt-4o"), "b": asking("gpt-4o-mini")})
            with pytest.raises(RequestRefused, match="the file is too long"):
                await router.batches.submit({"a": asking("gpt-4o")})
            (standing,) = await router.budgets()

    assert (0, 0) == (standing.tokens, standing.reserved_tokens)


async def test_a_batch_of_openai_may_fail_as_a_whole():
    """G26: each request is told what the vendor says of the whole."""
    vendor = OpenAI(a="lost")
    async with vendor.serving() as address:
        config = LLMConfig(providers=[OpenAIProvider(api_key="sk-x", base_url=f"{address}/v1")])
        async with LLMRouter(config) as router:
            ticket = await router.batches.submit({"a": asking("gpt-4o")})
            vendor.state, vendor.fault = "failed", "line 1 is no JSON"
            found = await router.batches.results(ticket)

    assert "line 1 is no JSON" in str(found["a"])


async def test_a_scripted_batch_is_answered_by_a_script():
    """G26, G29: batches can be tested without a network, also their failures and their end before its time."""
    provider = ScriptedBatches("one", ProviderOverloaded("no"), always="more", name="a")
    async with routed(provider) as router:
        ticket = await router.batches.submit({"x": asking("a/m"), "y": asking("a/m")})
        status = await router.batches.ended(ticket)
        found = await router.batches.results(ticket)
        other = await router.batches.submit({"z": asking("a/m")})
        await router.batches.cancel(other)
        cancelled = await router.batches.results(other)

    assert (1, 1) == (status.succeeded, status.failed)
    assert ("one", "ProviderOverloaded") == (found["x"].content, type(found["y"]).__name__)
    assert "cancelled" in str(cancelled["z"])


async def test_a_status_that_cannot_be_had_for_a_moment_is_asked_for_again():
    """G26: whoever waits for a batch is not disturbed by a vendor that is busy; a wrong name ends the wait."""

    class Busy(ScriptedBatches):
        errors = (ProviderOverloaded("busy"), RequestRefused("there is no such batch"))

        async def batch_status(self, batch):
            raise self.errors[len(time.slept)]

    time = Time()
    async with routed(Busy(name="a"), time=time) as router:
        ticket = await router.batches.submit({"x": asking("a/m")})
        with pytest.raises(RequestRefused, match="no such batch"):
            await router.batches.ended(ticket, interval=3.0)

    assert [3.0] == time.slept


async def test_a_batch_whose_handing_over_nobody_knows_counts():
    """Pain 71: where the answer to the handing over is lost the vendor may have the batch, so what it could cost
    counts; so does an answer of it that cannot be read.
    """

    class Lost(ScriptedBatches):
        async def submit_batch(self, requests):
            raise ResponseTimeout("late")

        async def _result(self, request):
            return BatchResult(answer=ResponseInvalid("no answer"))

    class Unread(Lost):
        submit_batch = ScriptedBatches.submit_batch

    for provider, counted in ((Lost(name="a"), "tokens"), (Unread(name="a"), "reserved_tokens")):
        async with routed(provider, budgets=[Budget("all", tokens=1000)]) as router:
            if isinstance(provider, Unread):
                await router.batches.results(await router.batches.submit({"x": asking("a/m")}))
            else:
                with pytest.raises(ResponseTimeout):
                    await router.batches.submit({"x": asking("a/m")})
            (standing,) = await router.budgets()
        assert 63 == getattr(standing, counted)
