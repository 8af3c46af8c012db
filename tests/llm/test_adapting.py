"""Requests as models take them: members, names of tools, profiles, keys, and errors without secrets."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import ConnectionFailed, DataInvalid, ProviderOverloaded, RequestRefused
from circuit_breaker.llm.adapting import adapted
from circuit_breaker.llm.encoding import decoded, encoded, whole_object
from circuit_breaker.llm.failures import Asked, VendorFault, http_failure
from circuit_breaker.llm.keys import NO_KEY, Key
from circuit_breaker.llm.messages import system, user
from circuit_breaker.llm.names import Names
from circuit_breaker.llm.patience import Retries
from circuit_breaker.llm.pricing import cost_of
from circuit_breaker.llm.profile import ModelProfile
from circuit_breaker.llm.profiles import Profiles, profiles_from
from circuit_breaker.llm.request import ChatCompletionRequest, ToolDefinition
from circuit_breaker.llm.usage import Usage


def draft(profile, *messages, **options):
    request = ChatCompletionRequest(model="m", messages=messages or (user("?"),), **options)
    return adapted(request, profile, kind="custom")


def losses(found):
    return [(loss.what, loss.how) for loss in found.losses]


@pytest.mark.parametrize(
    ("profile", "given", "members", "lost"),
    [
        ({"defaults": {"temperature": 0.3}}, {}, {"temperature": 0.3}, []),
        ({"defaults": {"temperature": 0.3}}, {"temperature": 1.0}, {"temperature": 1.0}, []),
        ({"required": {"max_tokens": 9}}, {}, {"max_tokens": 9}, []),
        ({"refused": {"seed"}}, {"seed": 1}, {}, [("seed", "dropped")]),
        ({"fixed": {"temperature": 1}}, {"temperature": 0.2}, {"temperature": 1}, [("temperature", "changed")]),
        ({"fixed": {"temperature": 1}}, {}, {}, []),
        ({"ranges": {"temperature": (0, 1)}}, {"temperature": 1.5}, {"temperature": 1}, [("temperature", "changed")]),
        ({"ranges": {"n": (1, 1)}}, {"n": 3}, {"n": 1}, [("n", "changed")]),
        ({"ranges": {"stop": (0, 1)}}, {"stop": "ab"}, {"stop": ("ab",)}, []),
        ({"max_output_tokens": 5}, {"max_tokens": 9}, {"max_tokens": 5}, [("max_tokens", "changed")]),
        ({"renamed": {"max_tokens": "x"}}, {"max_tokens": 9}, {"x": 9}, [("max_tokens", "renamed")]),
        ({}, {"n": 1, "metadata": {}}, {}, []),
    ],
)
def test_members_are_adapted(profile, given, members, lost):
    """G21, ZA34: by the profile, and every change is told."""
    found = draft(ModelProfile(**profile), **given)

    assert members == found.members
    assert lost == losses(found)


def test_tools_that_a_model_cannot_call_are_dropped():
    """H4: what a model cannot do is left out, and told."""
    found = draft(ModelProfile(), tools=(ToolDefinition(name="f"),), tool_choice="f")

    assert ((), "auto") == (found.request.tools, found.request.tool_choice)
    assert ("tools", "dropped") in losses(found)


def test_a_model_without_a_system_message_hears_it_from_the_user():
    """What the model is told to be is said by the user, and told as changed."""
    found = draft(ModelProfile(capabilities=()), system("Be brief."), user("?"))

    assert "system" not in [message.role for message in found.request.messages]
    assert "Be brief." in found.request.messages[0].content
    assert ("messages", "changed") in losses(found)


@given(st.lists(st.text(min_size=1, max_size=90), unique=True, max_size=8))
def test_no_two_names_become_one(names):
    """Every name fits the vendor's rule and leads back to the tool that it is of."""
    found = Names(names)
    theirs = [found.vendor(name) for name in names]

    assert names == [found.ours(name) for name in theirs]
    assert all(0 < len(name) <= 64 and set(name) <= set("abcdefghijklmnopqrstuvwxyz"
               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") for name in theirs)  # fmt: skip


def test_names_that_fit_keep_theirs():
    """A name that needs no change is not changed by another that does."""
    found = Names(["a.b", "a_b"])

    assert "a_b" == found.vendor("a_b")
    assert {"a.b"} == found.changed().keys()
    assert "unknown" == found.ours("unknown")


# profiles


def test_the_nearest_profile_holds():
    """A name says more than a beginning, a longer beginning more than a shorter one."""
    profiles = Profiles.of_family("openai")

    assert 8192 == profiles.of("gpt-4").context_tokens
    assert Decimal("2.5") == profiles.of("gpt-4o-2024-11-20").price.input
    assert profiles.of("gpt-4o-some-other").price is None
    assert "responses" == profiles.of("gpt-6.9-new").api
    assert profiles.other is profiles.of("unheard-of")


def test_the_users_own_profiles_come_first():
    """H4: a user may say what a model can do."""
    own = ModelProfile(pattern="gpt-4", context_tokens=1)

    assert own is Profiles.of_family("openai", [own]).of("gpt-4")


def test_the_models_that_the_documents_name_are_known():
    """G14, G17, G20: with the limits that the documents give."""
    openai, ollama = Profiles.of_family("openai"), Profiles.of_family("ollama")

    named = ["gpt-4", "gpt-4-32k", "gpt-4-turbo", "gpt-3.5-turbo", "gpt-3.5-turbo-16k"]
    assert [8192, 32768, 128000, 16385, 16385] == [openai.of(name).context_tokens for name in named]
    assert all(openai.of(name).price for name in named)
    for name in ["llama2", "llama2:13b", "mistral", "codellama", "vicuna", "orca-mini"]:
        assert ollama.of(name) is not ollama.other


def test_a_price_may_rise_with_the_length_of_the_input():
    """H7: a call with a long input has the dearer price throughout."""
    profile = Profiles.of_family("openai").of("gpt-5.5")
    short, long = (cost_of(Usage(input_tokens=n), profile).dollars for n in (272_000, 272_001))

    assert (Decimal("1.36"), Decimal("2.72001")) == (short, long)


def test_faults_of_profiles_are_told():
    """A member that no profile has is named, with the nearest one."""
    with pytest.raises(DataInvalid, match="capabilties"):
        profiles_from({"model": [{"pattern": "x", "capabilties": []}]})
    with pytest.raises(DataInvalid, match="models"):
        profiles_from({"models": []})


# keys and errors


async def test_a_key_is_never_shown():
    """ZA16: neither by repr nor by str."""
    key = Key("sk-secret")

    assert "sk-secret" not in f"{key!r}{key}"
    assert "sk-secret" == await key.value()
    assert not NO_KEY
    assert "" == await NO_KEY.value()
    with pytest.raises(TypeError):
        Key(7)


@pytest.mark.parametrize(
    "said", ["no key-12345678-abc", "Bearer abcdefgh123456", "sk-proj-0123456789abcdef", "AIza" + "x" * 35]
)
def test_an_error_repeats_no_key(said):
    """Pains 62: neither ours, nor anything that looks like one, nor control characters, nor all of a long text."""
    asked = Asked(provider="p", secrets=("key-12345678-abc",))
    error = asked.error(RequestRefused, f"\x1b[31m{said} {'x' * 2000}")

    assert not any(word in str(error) for word in said.split() if len(word) > 8)
    assert "\x1b" not in str(error)
    assert 700 > len(str(error))


def test_no_key_hides_nothing():
    """An empty key, or a short header, takes nothing out of a message."""
    asked = Asked(provider="p", secrets=("", "red"))

    assert "a red fox" == asked.clean("a red fox")


def test_an_error_in_the_middle_may_be_tried_again():
    """A stream that breaks off without a code is the vendor's affair."""
    error = http_failure(Asked(provider="p"), VendorFault())

    assert ProviderOverloaded is type(error)
    assert "it gives no reason" in str(error)


def test_retries_know_when_to_stop():
    """B16: only what may get better, only so often, and only if the wait is bearable."""
    retries = Retries(most=2, pause=2.0, longest=10.0)
    error = ConnectionFailed("x", retry_after=5.0)

    assert [True, True, False] == [retries.again(error, attempt) for attempt in (1, 2, 3)]
    assert not retries.again(ValueError(), 1)
    assert not retries.again(ConnectionFailed("x", retry_after=11.0), 1)
    assert (5.0, 2.0) == (retries.wait(error, 1), retries.wait(ConnectionFailed("x"), 1))


# JSON


def test_json_goes_out_and_comes_back():
    """Mappings that cannot be changed, and decimals, are JSON."""
    document = {"a": ModelProfile().defaults, "c": Decimal("1.50")}

    assert {"a": {}, "c": 1.5} == decoded(encoded(document))
    with pytest.raises(TypeError, match="no JSON"):
        encoded(object())


@pytest.mark.parametrize("data", [b"{", b"[" * 100_000, b"\xff", b"NaN"])
def test_what_is_no_json_is_a_value_error(data):
    """Broken, nested too deep, or no text."""
    with pytest.raises(ValueError):  # noqa: PT011 - which one does not matter
        decoded(data)


def test_a_whole_object_is_known():
    """Neither a part of one nor two of them."""
    assert whole_object(' {"a": {}} ')
    assert not any(map(whole_object, ["", "{", "1", "{}{}", "[]", '{"a": }']))


def test_providers_load_no_connections_until_they_are_opened():
    """Making a provider is light: what talks to the network is loaded when it is entered."""
    code = (
        "import sys; from circuit_breaker.llm.providers import OpenAIProvider, OllamaProvider;"
        "OpenAIProvider(api_key='x'); OllamaProvider(); print('aiohttp' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "False" == done.stdout.strip()
