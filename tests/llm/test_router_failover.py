"""What the router does when a provider fails."""

from __future__ import annotations

import pytest

from circuit_breaker.errors import (
    APIError,
    AuthenticationFailed,
    ConnectionFailed,
    ContentFiltered,
    ContextTooLong,
    ModelNotFound,
    NoProviderAvailable,
    ProviderOverloaded,
    RateLimitExceeded,
    RequestRefused,
    ResponseInvalid,
    ResponseTimeout,
)
from circuit_breaker.llm.router import Access, Failover
from tests.llm.routing import Provider, Time, asked, asking, routed

QUICK = Failover(cooldown=0, again=0)


@pytest.mark.parametrize(
    "error",
    [ConnectionFailed, ProviderOverloaded, ResponseInvalid, ResponseTimeout, APIError, ContextTooLong, ModelNotFound],
)
async def test_another_provider_answers(error):
    """G10, G24: where another may do better it is asked, and the response says what was tried."""
    failing, other = Provider(error("no"), name="a"), Provider("yes", name="b")
    async with routed(failing, other) as router:
        response = await router.chat_completion(asking())

    assert ("yes", "b") == (response.content, response.provider)
    assert [("a", "failed", error.code), ("b", "answered", "")] == [
        (attempt.provider, attempt.outcome, attempt.error) for attempt in response.attempts
    ]


@pytest.mark.parametrize("error", [RequestRefused, ContentFiltered])
async def test_a_request_that_is_wrong_goes_nowhere_else(error):
    """G10: what is wrong whoever is asked is told at once."""
    failing, other = Provider(error("no"), name="a"), Provider("yes", name="b")
    async with routed(failing, other) as router:
        with pytest.raises(error):
            await router.chat_completion(asking())

    assert [1, 0] == asked(failing, other)


async def test_what_only_the_same_provider_may_mend_is_asked_of_nobody_else():
    """G10: a vendor may say that an error passes which would be the same elsewhere; then only it is asked again."""
    passing = RequestRefused("busy with your last one")
    passing.again = True
    failing, other = Provider(always=passing, name="a"), Provider("yes", name="b")
    async with routed(failing, other, failover=QUICK) as router:
        with pytest.raises(RequestRefused, match="your last one"):
            await router.chat_completion(asking())

    assert [1, 0] == asked(failing, other)


async def test_the_one_error_there_was_is_raised():
    """G12: where only one was asked, its error comes as it is, and names provider, model and attempt."""
    async with routed(Provider(APIError("no", status=400), name="a")) as router:
        with pytest.raises(APIError) as wrong:
            await router.chat_completion(asking())

    assert ("a", "m", 1) == (wrong.value.provider, wrong.value.model, wrong.value.attempt)


async def test_when_one_was_asked_again_the_last_error_is_raised():
    """G12: two failures of the same provider are told by the second, which says that it was the second."""
    failing = Provider(ProviderOverloaded("one"), RateLimitExceeded("two"), name="a")
    async with routed(failing) as router:
        with pytest.raises(RateLimitExceeded, match="two") as wrong:
            await router.chat_completion(asking())

    assert 2 == wrong.value.attempt


async def test_all_errors_are_told():
    """G12: where several have failed the error holds each of them."""
    async with routed(Provider(APIError("one"), name="a"), Provider(ModelNotFound("two"), name="b")) as router:
        with pytest.raises(NoProviderAvailable, match=r"(?s)1\. a/m: one.*2\. b/m: two") as wrong:
            await router.chat_completion(asking())

    assert [APIError, ModelNotFound] == [type(error) for error in wrong.value.errors]


async def test_what_one_says_twice_is_told_once_with_what_to_do():
    """G12: the last one was asked again, and each says what to do."""
    one, two = APIError("one", remedy="wait"), ProviderOverloaded("two", remedy="ask less")
    async with routed(Provider(one, name="a"), Provider(two, two, name="b")) as router:
        with pytest.raises(NoProviderAvailable, match=r"(?s)1\. a/m: one.*2\. b/m: two \(2 times\)") as wrong:
            await router.chat_completion(asking())

    assert "wait; ask less" == wrong.value.remedy
    assert 3 == len(wrong.value.errors)


async def test_an_error_of_the_providers_own_is_wrapped_without_its_text():
    """G10: a provider that raises what it must not fails over too, and nothing that it says is repeated."""
    async with routed(Provider(KeyError("sk-secret"), name="a"), Provider("yes", name="b")) as router:
        response = await router.chat_completion(asking())

    assert "sk-secret" not in repr(response)
    assert "KeyError" in response.attempts[0].message


async def test_a_short_wait_is_waited():
    """G12: a limit that is soon over is waited for, and the same provider is asked again."""
    time = Time()
    failing, other = Provider(RateLimitExceeded("slow down", retry_after=1.5), "yes", name="a"), Provider(name="b")
    async with routed(failing, other, time=time) as router:
        response = await router.chat_completion(asking())

    assert ("a", [1.5], [2, 0]) == (response.provider, time.slept, asked(failing, other))


async def test_a_long_wait_is_not():
    """G12: who wants us to wait long is left alone until then, and another is asked."""
    time = Time()
    limited = Provider(RateLimitExceeded("slow down", retry_after=60.0), "again", name="a")
    other = Provider(always="yes", name="b")
    async with routed(limited, other, time=time) as router:
        await router.chat_completion(asking())
        assert "wants to be left alone for 60.0 s" in str(router.explain(asking()))
        await router.chat_completion(asking())
        time.seconds = 61.0
        assert "again" == (await router.chat_completion(asking())).content

    assert [2, 2] == asked(limited, other)


async def test_nobody_is_left_alone_for_ever():
    """A provider that wants us to wait for years is asked again after ten minutes."""
    time = Time()
    limited = Provider(RateLimitExceeded("slow down", retry_after=1e9), "again", name="a")
    async with routed(limited, Provider(always="yes", name="b"), time=time) as router:
        await router.chat_completion(asking())
        time.seconds = 601.0

        assert "again" == (await router.chat_completion(asking())).content


async def test_when_all_are_limited_a_short_wait_is_waited():
    """G12: when everybody wants us to wait, and one of them not long, the router waits for that one."""
    time = Time()
    limited = Provider(RateLimitExceeded("slow down", retry_after=5.0), "yes", name="a")
    async with routed(limited, time=time) as router:
        with pytest.raises(RateLimitExceeded):
            await router.chat_completion(asking())
        with pytest.raises(NoProviderAvailable):
            await router.chat_completion(asking())
        time.seconds = 4.0
        assert "yes" == (await router.chat_completion(asking())).content

    assert [1.0] == time.slept


async def test_the_last_one_is_asked_again_after_a_pause():
    """G10: where nobody else is left, a fault that may pass is tried once more."""
    time = Time()
    async with routed(Provider(ProviderOverloaded("busy"), "yes", name="a"), time=time) as router:
        assert "yes" == (await router.chat_completion(asking())).content

    assert [0.25] == time.slept


async def test_attempts_are_bounded():
    """ZB4: no more calls are made than allowed."""
    failing = [Provider(always=APIError("no"), name=name) for name in "abcd"]
    async with routed(*failing, failover=Failover(max_attempts=2, cooldown=0)) as router:
        with pytest.raises(NoProviderAvailable):
            await router.chat_completion(asking())

    assert [1, 1, 0, 0] == asked(*failing)


async def test_failover_can_be_off():
    """G5: without failover nobody else is asked, and the fallbacks of the request do not count."""
    failing, other = Provider(APIError("no"), name="a"), Provider("yes", name="b")
    async with routed(failing, other, failover=False) as router:
        with pytest.raises(APIError):
            await router.chat_completion(asking(fallback_models=["b/x"]))

    assert [1, 0] == asked(failing, other)


async def test_the_order_of_failover():
    """ZB4: after those that serve the model come the request's fallbacks, the model's, and those in the order."""
    failing = Access(Provider(always=APIError("no"), name="a"), models=("m",))
    others = [Access(Provider(name=name), models=(f"{name}-own",)) for name in "bcd"]
    policy = Failover(order=("d",), models={"m": ["c/x"]}, cooldown=0)
    async with routed(failing, *others, failover=policy) as router:
        told = router.explain(asking(fallback_models=["b/y", "q/z"]))

    assert ["m", "y", "x", "d-own"] == [way.model for way in told.candidates]
    assert ["q/z"] == [out.model for out in told.left_out]


async def test_what_has_just_failed_comes_last():
    """ZB4: for the cooldown a provider that failed is asked after the others."""
    time = Time()
    failing, other = Provider(APIError("no"), always="back", name="a"), Provider(always="yes", name="b")
    async with routed(failing, other, time=time, failover=Failover(cooldown=10.0)) as router:
        await router.chat_completion(asking())
        assert "yes" == (await router.chat_completion(asking())).content
        time.seconds = 11.0
        assert "back" == (await router.chat_completion(asking())).content


async def test_a_key_that_is_not_accepted_is_not_tried_with_other_models():
    """G25: another key of the provider is asked, and never the refused one again."""
    refused = Access(Provider(always=AuthenticationFailed("no"), name="p"), key="1", models=("m", "n"))
    good = Access(Provider(always="yes", name="p"), key="2", models=("m", "n"))
    async with routed(refused, good) as router:
        response = await router.chat_completion(asking(fallback_models=["n"]))
        await router.chat_completion(asking())

    assert ("2", [1, 2]) == (response.attempts[-1].key, asked(refused.provider, good.provider))


async def test_the_name_of_the_request_is_kept():
    """H1: a response says what the request called the model, where it is another."""
    async with routed(Provider(always="yes", name="a"), aliases={"best": "a/m"}) as router:
        assert "best" == (await router.chat_completion(asking("best"))).requested_model
        assert "" == (await router.route_request(asking("m"))).requested_model
