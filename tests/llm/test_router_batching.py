"""Batching: several requests that go to a provider together."""

from __future__ import annotations

import asyncio

import pytest

from circuit_breaker.errors import BudgetExceeded, ProviderOverloaded, RequestRefused, ResponseInvalid
from circuit_breaker.llm.provider import Embeddings
from circuit_breaker.llm.router import Access, Batching, Budget
from circuit_breaker.llm.usage import Usage
from tests.llm.routing import CHEAP, Provider, asked, asking, routed


class Embedder(Provider):
    """Embeds a text as its length, and notes what came together."""

    def __init__(self, *, short=False, error=None, slow=0.005, **options):
        super().__init__(name="a", **options)
        self.slow = slow
        self.batches = []
        self.short = short
        self.error = error

    async def embed(self, texts, *, model):
        self.batches.append(list(texts))
        await asyncio.sleep(self.slow)
        if self.error:
            raise self.error
        vectors = tuple((float(len(text)),) for text in texts)
        return Embeddings(model=model, vectors=vectors[self.short :], usage=Usage(input_tokens=10 * len(texts)))


class Together(Provider):
    """Takes several requests in one call."""

    def __init__(self, *answers, **options):
        super().__init__(*answers, **options)
        self.batches = []

    async def complete_many(self, requests):
        self.batches.append(len(requests))
        found = []
        for request in requests:
            try:
                found.append(await self.complete(request))
            except (ProviderOverloaded, RequestRefused) as error:
                found.append(error)
        return found


async def test_texts_that_come_together_go_together():
    """G26: concurrent embeddings become one call, and each gets its own vectors and its share of the tokens."""
    embedder = Embedder()
    async with routed(embedder, batching=Batching(wait=0.01)) as router:
        found = await asyncio.gather(*(router.embed(["x" * size, ""], model="m") for size in (1, 2, 3)))

    assert 1 == len(embedder.batches)
    assert [((1.0,), (0.0,)), ((2.0,), (0.0,)), ((3.0,), (0.0,))] == [one.vectors for one in found]
    assert [20, 20, 20] == [one.usage.input_tokens for one in found]


async def test_a_full_batch_does_not_wait():
    """G26: when enough texts are there they go at once."""
    embedder = Embedder()
    async with routed(embedder, batching=Batching(wait=30.0, most=2)) as router:
        async with asyncio.timeout(2.0):
            await asyncio.gather(router.embed(["a"], model="m"), router.embed(["b"], model="m"))

    assert [["a", "b"]] == embedder.batches


async def test_tenants_and_models_stay_apart():
    """G26: texts of two tenants, or for two models, never share a call."""
    embedder = Embedder()
    async with routed(embedder, batching=Batching(wait=0.01)) as router:
        await asyncio.gather(
            router.embed(["a"], model="m", tenant="x"),
            router.embed(["b"], model="m", tenant="y"),
            router.embed(["c"], model="a/n", tenant="y"),
        )

    assert 3 == len(embedder.batches)


async def test_a_failure_is_told_to_all():
    """G26: when the shared call fails each of those who wait gets the error."""
    embedder = Embedder(error=RequestRefused("too long"))
    async with routed(embedder, batching=Batching(wait=0.01)) as router:
        found = await asyncio.gather(*(router.embed(["a"], model="m") for _ in range(2)), return_exceptions=True)

    assert [RequestRefused, RequestRefused] == [type(one) for one in found]


async def test_missing_vectors_are_an_error():
    """G26: fewer vectors than texts is an invalid response and never a shift."""
    async with routed(Embedder(short=True), batching=Batching(wait=0.001)) as router:
        with pytest.raises(ResponseInvalid, match="0 vectors came for 1 texts"):
            await router.embed(["a"], model="m")


async def test_who_gives_up_does_not_disturb_the_others():
    """G26: one of those who wait is cancelled, and the others get their vectors."""
    async with routed(Embedder(), batching=Batching(wait=0.02)) as router, asyncio.TaskGroup() as group:
        gone = group.create_task(router.embed(["a"], model="m"))
        kept = group.create_task(router.embed(["bb"], model="m"))
        await asyncio.sleep(0.005)
        gone.cancel()

    assert ((2.0,),) == kept.result().vectors


async def test_closing_the_router_ends_those_who_wait():
    """G26: a router that is closed leaves nobody waiting for a batch."""
    async with routed(Embedder(), batching=Batching(wait=30.0)) as router, asyncio.TaskGroup() as group:
        waiting = group.create_task(router.embed(["a"], model="m"))
        await asyncio.sleep(0.001)
        await router.__aexit__(None, None, None)
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_closing_the_router_ends_a_batch_under_way():
    """G26: those whose batch is with the provider when the router is closed are not left waiting either."""
    async with routed(Embedder(slow=30.0), batching=Batching(wait=0.0)) as router, asyncio.TaskGroup() as group:
        waiting = group.create_task(router.embed(["a"], model="m"))
        await asyncio.sleep(0.01)
        await router.__aexit__(None, None, None)
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_nothing_to_embed_is_refused():
    """G26: no texts is an error that says what to do."""
    async with routed(Embedder()) as router:
        with pytest.raises(RequestRefused, match="give at least one"):
            await router.embed([], model="m")


async def test_embeddings_fail_over():
    """G10: embeddings go elsewhere as answers do."""
    failing, other = Embedder(error=ProviderOverloaded("no")), Provider(name="b")
    async with routed(failing, other) as router:
        assert 64 == len((await router.embed(["a"], model="m")).vectors[0])


async def test_requests_go_together_where_the_provider_takes_them():
    """G26: several requests are one call of a provider that offers it; one that failed there is tried alone."""
    provider = Together("one", ProviderOverloaded("no"), "three", "again", name="a", price=CHEAP)
    async with routed(provider, budgets=[Budget("all", dollars="1")]) as router:
        found = await router.chat_completions([asking("m", text) for text in "abc"])
        (standing,) = await router.budgets()

    assert (["one", "again", "three"], [3]) == ([one.content for one in found], provider.batches)
    assert (0, True) == (standing.reserved_dollars, standing.dollars == sum(one.cost.dollars for one in found))


async def test_other_requests_are_made_side_by_side():
    """G26: without that the requests are made some at once, and an error stands in its place."""
    provider = Provider("one", RequestRefused("no"), "three", name="a")
    async with routed(provider) as router:
        found = await router.chat_completions([asking("m", text) for text in "abc"], at_once=1)

    assert ["one", RequestRefused, "three"] == [one.content if hasattr(one, "content") else type(one) for one in found]


async def test_requests_for_different_providers_are_made_alone():
    """G26: what does not go to one provider does not go together."""
    one, two = Together("one", name="a"), Together("two", name="b")
    async with routed(one, two) as router:
        found = await router.chat_completions([asking("a/m"), asking("b/m")])

    assert (["one", "two"], [], [1, 1]) == ([each.content for each in found], one.batches, asked(one, two))


async def test_a_batch_that_fails_is_made_one_by_one():
    """G26: when the shared call fails as a whole each request is tried alone; nothing stays reserved."""

    class Failing(Together):
        async def complete_many(self, requests):
            raise ProviderOverloaded("no")

    async with routed(Failing("one", "two", name="a", price=CHEAP), budgets=[Budget("all", dollars="1")]) as router:
        found = await router.chat_completions([asking("m", text) for text in "ab"])
        (standing,) = await router.budgets()

    assert (["one", "two"], 0) == ([one.content for one in found], standing.reserved_dollars)


async def test_what_the_budget_does_not_allow_is_left_out_of_the_batch():
    """G26, pain 71: those that fit go together, the other is refused."""
    provider = Together(always="yes", name="a", price=CHEAP)
    async with routed(provider, budgets=[Budget("all", tokens=120)]) as router:
        found = await router.chat_completions([asking(max_tokens=50), asking(max_tokens=500), asking(max_tokens=30)])

    assert [False, True, False] == [isinstance(one, BudgetExceeded) for one in found]
    assert [2] == provider.batches


async def test_a_careless_batch_is_made_one_by_one():
    """G26: fewer answers than requests is a failure of the batch, never a shift; with a limit there is no batch."""

    class Careless(Together):
        async def complete_many(self, requests):
            return (await super().complete_many(requests))[1:]

    careless = Careless("one", "two", "three", "four", name="a")
    limited = Access(Together("five", "six", name="b"), max_concurrent=1)
    async with routed(careless, limited) as router:
        found = await router.chat_completions([asking("a/m"), asking("a/m")])
        alone = await router.chat_completions([asking("b/m"), asking("b/m")])

    assert (["three", "four"], []) == ([one.content for one in found], limited.provider.batches)
    assert ["five", "six"] == [one.content for one in alone]


async def test_a_batch_that_is_given_up_is_settled():
    """G26, pain 36: when the caller gives up nothing stays reserved."""

    class Slow(Together):
        async def complete_many(self, requests):
            await asyncio.Event().wait()

    async with routed(Slow(name="a", price=CHEAP), budgets=[Budget("all", dollars="1")]) as router:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await router.chat_completions([asking(), asking()])
        (standing,) = await router.budgets()

    assert 0 == standing.reserved_dollars


async def test_requests_that_nobody_serves_are_errors_in_their_places():
    """G26: one request for an unknown provider does not disturb the others."""
    async with routed(Access(Together("one", name="a"), models=("m",))) as router:
        found = await router.chat_completions([asking("m"), asking("q/m")])

    assert ["ChatCompletionResponse", "ProviderNotFound"] == [type(one).__name__ for one in found]
