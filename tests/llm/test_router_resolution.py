"""Who is asked for a model."""

from __future__ import annotations

import pytest

from circuit_breaker.errors import (
    DefaultProviderNotFound,
    DefinitionError,
    ModelNotFound,
    NoProviderAvailable,
    ProviderNotFound,
    RequestRefused,
)
from circuit_breaker.llm.router import Access, LLMConfig, LLMRouter
from circuit_breaker.llm.router.naming import PREFIXES, kind_of
from tests.llm.routing import Provider, asking


def router(*providers, **config):
    return LLMRouter(LLMConfig(providers=providers, **config))


def first(router, model, **options):
    return router.explain(asking(model, **options)).candidates[0]


@pytest.fixture
def three():
    return [Provider(name=name, kind=kind) for name, kind in [("a", "openai"), ("b", "anthropic"), ("c", "ollama")]]


@pytest.mark.parametrize(("model", "name"), [("gpt-4", "a"), ("claude-3-opus", "b"), ("llama2:13b", "c"), ("o3", "a")])
def test_the_beginning_of_a_name_says_the_kind(three, model, name):
    """G8, ZA14: a model goes to the kind of provider that its name begins with, whatever the provider is called."""
    assert (name, model) == (first(router(*three), model).provider, first(router(*three), model).model)


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_prefix_of_the_decision_is_known(prefix):
    """ZA14: each of the beginnings leads to one kind."""
    assert kind_of(f"{prefix}x") in {"openai", "anthropic", "google", "ollama"}


def test_a_provider_may_be_called_as_a_kind():
    """G8: a provider called 'openai' serves 'gpt-4', though it speaks another format."""
    assert "openai" == first(router(Provider(name="openai", kind="custom")), "gpt-4").provider


def test_a_named_provider_always_wins(three):
    """ZA14: 'c/gpt-4' goes to c, and the model is asked for without the name."""
    way = first(router(*three), "c/gpt-4")

    assert ("c", "gpt-4", "named") == (way.provider, way.model, way.why)


def test_what_a_provider_is_known_to_serve_comes_before_the_name(three):
    """ZA14: a declared model goes to who declares it, also with a slash in it."""
    vllm = Access(Provider(name="vllm", kind="custom"), models=("gpt-oss", "meta-llama/*"))

    assert "vllm" == first(router(*three, vllm), "gpt-oss").provider
    assert "meta-llama/Llama-3" == first(router(*three, vllm), "meta-llama/Llama-3").model


def test_the_rest_goes_to_the_default_provider(three):
    """G7, G8: names that say nothing, or a kind that is not there, go to the default provider."""
    assert "b" == first(router(*three, default_provider="b"), "unheard-of").provider
    assert "b" == first(router(three[1], default_provider="b"), "gpt-4").provider


def test_without_a_default_the_error_names_the_providers(three):
    """G8: nobody available says which providers there are."""
    with pytest.raises(NoProviderAvailable, match=r"'unheard-of'.*provider/model.*a, b, c"):
        router(*three).explain(asking("unheard-of"))


def test_a_default_that_is_not_there(three):
    """G8: a missing default provider is an error of its own, on use, on opening and on setting."""
    with pytest.raises(DefaultProviderNotFound, match=r"'x' is not there.*a, b, c"):
        router(*three, default_provider="x").explain(asking("unheard-of"))
    with pytest.raises(DefaultProviderNotFound):
        router(*three).set_default_provider("x")


async def test_a_default_that_is_not_there_is_told_on_opening(three):
    """G8: a router with providers does not open with a default that is none of them."""
    with pytest.raises(DefaultProviderNotFound):
        async with router(*three, default_provider="x"):
            pass


def test_a_named_provider_that_is_not_there(three):
    """G8: named but absent is an error with the nearest name."""
    with pytest.raises(ProviderNotFound, match=r"'openay'.*did you mean 'openai'"):
        router(Provider(name="openai")).explain(asking("openay/gpt-4"))


def test_aliases_are_followed(three):
    """ZA14: another name leads to the model; a circle of names is an error."""
    named = router(*three, aliases={"best": "good", "good": "b/claude-3-opus", "x": "y", "y": "x"})

    assert "claude-3-opus" == first(named, "best").model
    with pytest.raises(ModelNotFound, match="circle"):
        named.explain(asking("x"))


async def test_providers_come_and_go(three):
    """G7: a provider is added under a name, can be the default, and is closed when it is removed."""
    async with router(three[0]) as open_router:
        await open_router.add_provider("claude", three[1])
        open_router.set_default_provider("claude")
        assert ("claude", 1) == (first(open_router, "unheard-of").provider, three[1].opened)
        await open_router.remove_provider("claude")
        assert (("a",), 1) == (open_router.providers, three[1].closed)
        with pytest.raises(ProviderNotFound):
            await open_router.remove_provider("claude")
    assert [1, 1] == [three[0].closed, three[1].closed]


async def test_one_key_of_a_provider_can_go():
    """G25: a key is added and removed by its name, and the others stay."""
    one, two = Access(Provider(name="p"), key="1"), Access(Provider(name="p"), key="2")
    open_router = router(one)
    await open_router.add_provider("p", two)
    await open_router.remove_provider("p", key="1")

    assert "2" == first(open_router, "p/m").key
    with pytest.raises(ProviderNotFound, match="no key '1'"):
        await open_router.remove_provider("p", key="1")


def test_one_text_is_one_model():
    """G5: a single name where several may stand is one name, and no letters."""
    assert ("gpt-4",) == Access(Provider(name="a"), models="gpt-4").models


def test_all_that_is_wrong_with_a_configuration_is_told_at_once():
    """G5: names, weights, strategies and limits that are wrong are all named in one error."""
    with pytest.raises(DefinitionError) as wrong:
        router(
            Access(Provider(name="a/b"), weight=0, max_concurrent=0),
            Provider(name="c"),
            Provider(name="c"),
            load_balancing="fastest",
        )

    assert 5 == len(wrong.value.faults)


def test_a_wrong_request_is_refused_with_all_its_faults(three):
    """ZB4: an unknown strategy and a value out of range are told together, before anybody is asked."""
    with pytest.raises(RequestRefused, match=r"(?s)temperature.*least_latency"):
        router(*three).explain(asking("gpt-4", temperature=9, routing_strategy="latency"))


def test_the_explanation_can_be_read(three):
    """H3: the explanation says who would be asked in which order, and why the others are left out."""
    told = str(router(*three).explain(asking("cb:coding")))

    assert "cb:coding, by priority" in told
    assert "1. b/claude-sonnet-4-5: candidate 1 of cb:coding" in told
    assert "gemini-2.5-pro: no provider is of google" in told
