"""Budgets: what may be spent, reserved before a call and settled after it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from circuit_breaker.errors import BudgetExceeded, DefinitionError, ProviderOverloaded, StorageLocked
from circuit_breaker.llm.profile import CAPABILITIES, ModelProfile
from circuit_breaker.llm.request import ResponseFormat
from circuit_breaker.llm.router import Budget, MemoryLedger
from circuit_breaker.llm.router.needs import Needs
from circuit_breaker.llm.router.purse import Caller, Purse
from circuit_breaker.llm.usage import Usage
from circuit_breaker.testing.model_turns import ModelTurn
from tests.llm.routing import CHEAP, DEAR, Provider, Time, asked, asking, routed

TURN = ModelTurn(says="yes", usage=Usage(input_tokens=10, output_tokens=5))


async def test_what_was_used_is_counted():
    """H7, G13: after a call its tokens and dollars are counted exactly, and nothing stays reserved."""
    async with routed(Provider(TURN, name="a", price=CHEAP), budgets=[Budget("all", dollars="1")]) as router:
        response = await router.chat_completion(asking(max_tokens=100))
        (standing,) = await router.budgets()

    assert (Decimal("0.000020"), 15) == (standing.dollars, standing.tokens)
    assert (response.cost.dollars, Decimal(0), 0) == (
        standing.dollars, standing.reserved_dollars, standing.reserved_tokens
    )  # fmt: skip


async def test_a_thousand_calls_at_once_do_not_overshoot():
    """Pain 71: of 1,000 concurrent calls only so many are made as the budget can pay for in the worst case."""
    turn = ModelTurn(says="yes", after=0.01, usage=Usage(input_tokens=10, output_tokens=100))
    provider = Provider(always=turn, name="a", price=CHEAP)
    budget = Budget("all", dollars="0.01")
    async with routed(provider, budgets=[budget]) as router:
        found = await asyncio.gather(
            *(router.chat_completion(asking(max_tokens=100)) for _ in range(1000)), return_exceptions=True
        )
        (standing,) = await router.budgets()

    refused = sum(isinstance(one, BudgetExceeded) for one in found)
    assert 0 < refused < 1000
    assert (1000 - refused, True) == (len(provider.requests), standing.dollars <= budget.dollars)
    assert Decimal("0.00021") * (1000 - refused) == standing.dollars


async def test_what_failed_is_given_back():
    """Pain 71: a call that fails before any content costs nothing."""
    failing = Provider(always=ProviderOverloaded("no"), name="a", price=CHEAP)
    async with routed(failing, budgets=[Budget("all", dollars="1")]) as router:
        with pytest.raises(ProviderOverloaded):
            await router.chat_completion(asking(max_tokens=10))
        (standing,) = await router.budgets()

    assert (0, 0, 0) == (standing.dollars, standing.reserved_dollars, standing.tokens)


async def test_the_error_says_what_is_left():
    """Pain 71: a refusal names the budget, what is spent, what the call could cost, and what to do."""
    async with routed(Provider(name="a", price=DEAR), budgets=[Budget("small", dollars="0.001")]) as router:
        with pytest.raises(BudgetExceeded, match=r"'small \| 2026-11'.*\$0 of \$0.001 spent.*max_tokens"):
            await router.chat_completion(asking(max_tokens=1000))


async def test_a_cheaper_model_may_still_fit():
    """Pain 71: where the dear one does not fit in the budget the cheaper one is asked."""
    dear, cheap = Provider(name="a", price=DEAR), Provider("yes", name="b", price=CHEAP)
    async with routed(dear, cheap, budgets=[Budget("all", dollars="0.005")]) as router:
        response = await router.chat_completion(asking(max_tokens=1000))

    assert ("b", [0, 1]) == (response.provider, asked(dear, cheap))


async def test_a_budget_of_tokens():
    """Pain 71: tokens are limited as well as dollars."""
    async with routed(Provider(always=TURN, name="a"), budgets=[Budget("all", tokens=150)]) as router:
        await router.chat_completion(asking(max_tokens=100))
        with pytest.raises(BudgetExceeded, match="15 of 150 tokens used"):
            await router.chat_completion(asking(max_tokens=150))


async def test_an_unknown_price_is_refused_under_dollars():
    """H7: unpriced is not free: under a limit of dollars such a model is refused, unless the budget allows it."""
    strict, lenient = Budget("s", dollars="1"), Budget("l", dollars="1", unpriced="allow")
    async with routed(Provider(name="a"), budgets=[strict]) as router:
        with pytest.raises(BudgetExceeded, match="nobody knows what the model 'm' costs"):
            await router.chat_completion(asking())
    async with routed(Provider(TURN, name="a"), budgets=[lenient]) as router:
        response = await router.chat_completion(asking())
        (standing,) = await router.budgets()

    assert ("unpriced", 15, 0) == (str(response.cost), standing.tokens, standing.dollars)


async def test_an_answer_gets_a_bound_and_the_response_says_so():
    """Pain 71: a budget needs a bound on the answer; where the request has none it is set, and told as a loss."""
    profile = ModelProfile(capabilities=CAPABILITIES, price=CHEAP, max_output_tokens=50)
    provider = Provider("yes", name="a", profile=profile)
    async with routed(provider, budgets=[Budget("all", dollars="1")]) as router:
        response = await router.chat_completion(asking())

    assert (50, "max_tokens") == (provider.requests[0].max_tokens, response.losses[0].what)


async def test_tenants_and_keys_have_their_own():
    """Pain 71: a budget may be of one tenant, of one key, or one for each."""
    budgets = [
        Budget("acme", tokens=10, tenant="acme"),
        Budget("ci", tokens=10, key="ci"),
        Budget("each", tokens=400, per=("tenant", "model")),
    ]
    async with routed(Provider(always=TURN, name="a"), budgets=budgets) as router:
        for caller in ({"tenant": "acme"}, {"key": "ci"}):
            with pytest.raises(BudgetExceeded):
                await router.chat_completion(asking(max_tokens=300), **caller)
        for tenant in ("one", "two"):
            await router.chat_completion(asking(max_tokens=300), tenant=tenant)
        with pytest.raises(BudgetExceeded, match=r"each \| 2026-11 \| tenant=one \| model=m"):
            await router.chat_completion(asking(max_tokens=380), tenant="one")
        assert ["acme"] == [standing.budget for standing in await router.budgets(tenant="acme")]


async def test_a_new_period_begins_anew():
    """Pain 71: what was spent yesterday does not count today."""
    time = Time()
    day = [Budget("day", tokens=150, period="day")]
    async with routed(Provider(always=TURN, name="a"), time=time, budgets=day) as router:
        await router.chat_completion(asking(max_tokens=100))
        with pytest.raises(BudgetExceeded):
            await router.chat_completion(asking(max_tokens=130))
        time.seconds = 86_400.0
        await router.chat_completion(asking(max_tokens=130))


@pytest.mark.parametrize(
    ("period", "account"),
    [
        ("hour", "b | 2026-12-31T23"),
        ("day", "b | 2026-12-31"),
        ("week", "b | 2026-W53"),
        ("month", "b | 2026-12"),
        ("total", "b | total"),
    ],
)
def test_periods_are_in_utc(period, account):
    """Pain 71: the account of a budget names its period."""
    assert account == Budget("b", tokens=1, period=period).account(datetime(2026, 12, 31, 23, 59, tzinfo=UTC))


async def test_embeddings_count_too():
    """H7: texts that are embedded are paid from the same budgets."""
    async with routed(Provider(name="a", price=CHEAP), budgets=[Budget("all", dollars="0.0001")]) as router:
        await router.embed(["some words"], model="m")
        (standing,) = await router.budgets()
        with pytest.raises(BudgetExceeded):
            await router.embed(["x" * 1000], model="m")

    assert standing.dollars > 0


def test_wrong_budgets_are_told():
    """Pain 71: every fault of a budget is told; dollars are never a float."""
    with pytest.raises(DefinitionError) as wrong:
        routed(budgets=[Budget("a|b"), Budget("c", tokens=-1, period="year", per=("team",)), Budget("c", tokens=1)])
    with pytest.raises(TypeError, match="not as a float"):
        Budget("d", dollars=0.1)

    assert 6 == len(wrong.value.faults)


async def test_repairs_of_an_answer_are_reserved_too():
    """Pain 71: an answer that must have a form may take three calls, and the reservation is for all of them."""
    form = ResponseFormat(kind="json_object")
    async with routed(Provider(TURN, name="a"), budgets=[Budget("all", tokens=300)]) as router:
        with pytest.raises(BudgetExceeded):
            await router.chat_completion(asking(max_tokens=100, response_format=form))
        await router.chat_completion(asking(max_tokens=100))


async def test_reservations_of_long_calls_last_on():
    """Pain 71: while a call runs its lease is renewed, also after the ledger could not be reached for a moment."""

    class Forgetful(MemoryLedger):
        renewed = 0

        async def renew(self, lease, *, expires):
            self.renewed += 1
            if self.renewed == 1:
                raise StorageLocked("locked for a moment")
            await super().renew(lease, expires=expires)
            done.set()

    done, time, ledger = asyncio.Event(), Time(), Forgetful()
    purse = Purse([Budget("all", tokens=1000)], ledger, wall=time.wall, lease=0.03)
    route = routed(Provider(name="a"))._planner.plan(asking()).routes[0]
    held = await purse.reserve(purse.budgets, Caller(), route, needs=Needs(size=10), answer=5)
    async with asyncio.timeout(5.0), asyncio.TaskGroup() as group:
        keeping = group.create_task(purse.keep())
        time.seconds = 0.02
        await done.wait()
        keeping.cancel()
    account = "all | 2026-11"
    now = time.wall().timestamp()

    assert 15 == (await ledger.standing(account, now=now + 0.02))[3]
    await held.release()
    assert (0, 0, 0, 0) == await ledger.standing(account, now=now)


@pytest.mark.parametrize(
    "extra", [{"max_completion_tokens": 50_000}, {"n": 900}, {"generationConfig": {"maxOutputTokens": 50_000}}]
)
async def test_a_bound_in_a_vendors_own_words_counts(extra):
    """Extra members that let a model write more than the request says are reserved for as well."""
    provider = Provider(TURN, name="a", price=CHEAP)
    async with routed(provider, budgets=[Budget("all", tokens=5000)]) as router:
        with pytest.raises(BudgetExceeded):
            await router.chat_completion(asking(max_tokens=10, extra=extra))

    assert [] == list(provider.requests)
