"""What is known of the models of Anthropic and Google."""

from __future__ import annotations

from decimal import Decimal

import pytest

from circuit_breaker.llm.profile import CAPABILITIES
from circuit_breaker.llm.profiles import Profiles
from circuit_breaker.llm.request import ChatCompletionRequest
from tests.llm.test_client_documents import FOREIGN

FAMILIES = pytest.mark.parametrize("family", ["anthropic", "google"])


@pytest.mark.parametrize(
    ("family", "model", "tokens"),
    [
        ("anthropic", "claude-3-opus-20240229", 200_000),
        ("anthropic", "claude-3-sonnet-20240229", 200_000),
        ("anthropic", "claude-3-haiku", 200_000),
        ("google", "gemini-pro", 30_720),
        ("google", "gemini-1.5-pro-002", 2_097_152),
    ],
)
def test_the_models_of_the_documents_have_their_limits(family, model, tokens):
    """G15, G16, G20: how long a conversation may be, and what it costs."""
    profile = Profiles.of_family(family).of(model)

    assert tokens == profile.context_tokens
    assert profile.price.output > profile.price.input > 0
    assert profile.price.source


def test_a_model_with_images_is_known_by_its_name():
    """G16: gemini-pro-vision sees, gemini-pro does not."""
    google = Profiles.of_family("google")

    assert google.of("gemini-pro-vision").can("images")
    assert not google.of("gemini-pro").can("images")


@FAMILIES
def test_a_model_that_is_newer_than_all_is_taken_to_be_able(family):
    """An unknown model has everything that its family has, and no price."""
    profile = Profiles.of_family(family).of(f"{family}-of-tomorrow")

    assert profile.can("tools", "json_schema", "images", "thinking")
    assert profile.price is None


@FAMILIES
def test_the_data_uses_words_that_there_are(family):
    """Capabilities and members are known ones, and no pattern stands twice."""
    words = {name for name in dir(ChatCompletionRequest(model="m", messages=())) if not name.startswith("_")}
    profiles = Profiles.of_family(family)
    for profile in (*profiles.known, profiles.other):
        assert profile.capabilities <= CAPABILITIES
        assert {word for name in profile.refused for word in name.split("+")} <= words | {"prefill"}
        assert {*profile.renamed, *profile.ranges} <= words

    patterns = [profile.pattern for profile in profiles.known]
    assert len(set(patterns)) == len(patterns)


@pytest.mark.parametrize(
    ("family", "model", "short", "long"),
    [
        ("anthropic", "claude-sonnet-4-5-20250929", "3", "6"),
        ("anthropic", "claude-opus-5-20260801", "5", "5"),
        ("anthropic", "claude-opus-5-5", "4", "4"),
        ("anthropic", "claude-haiku-5-5", "0.10", "0.50"),
        ("google", "gemini-1.5-pro-002", "1.25", "2.5"),
        ("google", "gemini-2.5-pro", "1.25", "2.5"),
        ("google", "gemini-2.0-flash-lite", "0.075", "0.075"),
        ("google", "gemini-3.1-pro-preview", "2", "4"),
    ],
)
def test_prices_are_those_of_the_name_and_of_the_length(family, model, short, long):
    """G20: a longer name is not priced as a shorter one, and a long prompt costs what the vendor takes for it."""
    price = Profiles.of_family(family).of(model).price

    assert (Decimal(short), Decimal(long)) == (price.of(1000).input, price.of(250_000).input)
    assert "2026-11-10" in price.source


@pytest.mark.parametrize(
    "model", ["gemini-2.5-flash-image", "gemini-2.5-flash-preview-tts", "gemini-3-pro-image-preview", "gemini-9"]
)
def test_what_has_prices_of_another_kind_is_unpriced(model):
    """G20: pictures and speech are not sold as text is; what nobody knows is not guessed."""
    assert Profiles.of_family("google").of(model).price is None


@pytest.mark.parametrize("family", ["anthropic", "google", "ollama", "openai", "custom"])
def test_no_client_may_say_what_costs_or_reaches_more(family):
    """G23: the built-in lists of what passes hold no member by which others would pay, or be read."""
    profiles = Profiles.of_family(family)
    passing = {name for profile in (*profiles.known, profiles.other) for name in profile.passes}

    assert passing.isdisjoint(FOREIGN)
