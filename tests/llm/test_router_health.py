"""Health: how providers are found."""

from __future__ import annotations

import asyncio

import pytest

from circuit_breaker.errors import AuthenticationFailed
from circuit_breaker.llm.provider import ProviderHealth
from circuit_breaker.llm.router import Access, Probing
from tests.llm.routing import Provider, Time, asking, routed


class Examined(Provider):
    """A provider that counts how often it is asked how it is."""

    def __init__(self, *turns, answer="healthy", **options):
        super().__init__(*turns, **options)
        self.answer = answer
        self.examined = 0
        self.enough = asyncio.Event()

    async def health(self):
        self.examined += 1
        if self.examined == 3:
            self.enough.set()
        if isinstance(self.answer, BaseException):
            raise self.answer
        if self.answer == "hang":
            await asyncio.Event().wait()
        return ProviderHealth(name="its own name", status=self.answer)


async def test_health_is_a_list_of_name_status_and_time():
    """G11: each provider is asked, and told with its name here, its status and the time."""
    time = Time()
    well, unwell = Examined(name="a"), Examined(name="b", answer="unhealthy")
    async with routed(well, unwell, time=time) as router:
        found = await router.get_provider_health()

    assert [("a", "healthy", time.wall()), ("b", "unhealthy", time.wall())] == [
        (health.name, health.status, health.last_check) for health in found
    ]


async def test_who_was_asked_of_late_is_not_asked_again():
    """G11: for half a minute the last answer is told again, unless a fresh one is wanted."""
    time = Time()
    provider = Examined(name="a")
    async with routed(provider, time=time) as router:
        for seconds, fresh in ((0, False), (20, False), (20, True), (31, False), (62, False)):
            time.seconds = seconds
            await router.get_provider_health(fresh=fresh)

    assert 3 == provider.examined


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        ("hang", "unhealthy", "no answer within 0.01 s"),
        (ValueError("sk-secret"), "unhealthy", "failed with ValueError"),
        (AuthenticationFailed("the key is not accepted"), "degraded", "the key is not accepted"),
    ],
)
async def test_a_provider_that_does_not_answer(answer, status, message):
    """G11: whatever a provider does when it is asked, there is an answer, and no secret in it."""
    async with routed(Examined(name="a", answer=answer), probing=Probing(interval=99.0, timeout=0.01)) as router:
        (found,) = await router.get_provider_health(fresh=True)

    assert (status, message) == (found.status, found.message)


async def test_several_keys_are_one_provider():
    """G11, G25: a provider of whose keys some are well is degraded."""
    keys = [
        Access(Examined(name="p", answer=answer), key=str(number))
        for number, answer in enumerate(["unhealthy", "healthy"])
    ]
    async with routed(*keys) as router:
        (found,) = await router.get_provider_health()

    assert ("p", "degraded", "1 of 2 keys are not healthy") == (found.name, found.status, found.message)


async def test_who_was_found_unwell_comes_last():
    """G11, H3: a provider that is unwell is asked after the others."""
    async with routed(Examined(name="a", answer="unhealthy"), Examined("yes", name="b")) as router:
        await router.get_provider_health()
        told = router.explain(asking())

    assert ["b", "a"] == [way.provider for way in told.candidates]
    assert "was found unwell" in str(told)


async def test_probes_run_while_the_router_is_open():
    """G11: with probing on, providers are asked now and then, and what they serve is known."""
    provider = Examined("yes", name="a", models=("special",))
    async with routed(Access(provider), probing=Probing(interval=0.005)) as router:
        async with asyncio.timeout(5.0):
            await provider.enough.wait()
        assert "known to serve it" == router.explain(asking("special")).candidates[0].why
    examined = provider.examined
    await asyncio.sleep(0.02)

    assert examined == provider.examined


async def test_models_can_be_found_at_once():
    """G6, ZA14: every provider is asked for its models, which from then on lead to it."""
    async with routed(Access(Provider(name="a", models=("one", "two"))), Access(Provider(name="b"))) as router:
        assert {"a": ("one", "two"), "b": ()} == await router.find_models()
        assert ["a"] == [way.provider for way in router.explain(asking("two")).candidates]
