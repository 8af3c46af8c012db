"""Failures of a provider as errors: what they say, and what they never say."""

from __future__ import annotations

from contextlib import suppress

import pytest

from circuit_breaker.errors import AuthenticationFailed, LLMError, ProviderOverloaded, RateLimitExceeded, RequestRefused
from circuit_breaker.llm.encoding import encoded
from circuit_breaker.llm.failures import READ, Asked, VendorFault, http_failure
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.patience import Patience, Retries
from circuit_breaker.llm.providers import base
from tests.llm.faces import KEY, QUICK, ChatFace, Said
from tests.llm.faulty import Reply, faulty
from tests.llm.provider_contract import ONCE, asks
from tests.outgoing.test_redaction import KEY as OWN
from tests.outgoing.test_redaction import SPELLINGS

FACE = ChatFace()
ASKED = Asked(provider="p", secrets=(OWN, "short"))
OFTEN = Patience(timeouts=QUICK.timeouts, retries=Retries(most=2, pause=0.001))


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_no_error_shows_the_key(spelling):
    """ZA16: however a vendor repeats the key, the error says what it says without it."""
    told = str(ASKED.error(AuthenticationFailed, f"bad credential {spelling} given"))

    assert "bad credential" in told
    assert not any(piece in told for piece in (OWN[:9], OWN[-9:], spelling[4:24]))


def test_what_is_too_short_for_a_secret_stays():
    """A header with the name of a team is none."""
    assert "a short text" == ASKED.clean("a short text")


def test_a_vendor_may_say_very_much():
    """Of a message without end only the beginning is read, and less is told."""
    assert 600 > len(ASKED.clean("word " * 1_000_000))


@pytest.mark.parametrize(
    "reply", [Reply(fault="reset"), Reply(status=204), Reply(status=503)], ids=["reset", "204", "503"]
)
async def test_every_error_says_what_to_do(reply):
    """Also where the vendor says nothing at all, one is told who was asked for what, and what to do."""
    async with faulty(reply) as server, FACE.provider(server.url, patience=ONCE) as provider:
        with pytest.raises(LLMError) as caught:
            await provider.complete(asks(FACE))

    assert caught.value.remedy
    assert ("openai", FACE.model, 1) == (caught.value.provider, caught.value.model, caught.value.attempt)


@pytest.mark.parametrize("before", range(150, 201, 10))
async def test_a_page_shows_no_part_of_a_key(before):
    """ZA16: wherever the text of an error page is cut, no beginning of a key stands at its end."""
    page = f"<p>{'x ' * (before // 2)}the key {KEY} is wrong"
    reply = Reply(status=500, body=page.encode())
    async with faulty(reply) as server, FACE.provider(server.url, patience=ONCE) as provider:
        with pytest.raises(ProviderOverloaded) as caught:
            await provider.complete(asks(FACE))

    assert "x x x" in str(caught.value)
    assert KEY[:8] not in str(caught.value)


@pytest.mark.parametrize("gap", [" ", "\x00"])
def test_what_is_read_no_further_shows_no_part_of_a_key(gap):
    """ZA16: where a message is so long that it is not read to its end, the key may stand at that very place."""
    for missing in (3, 10, len(OWN) - 1):
        told = ASKED.clean(gap * (READ - len(OWN) + missing) + OWN)
        assert OWN[:6] not in told


@pytest.mark.parametrize(
    ("status", "told", "again"),
    [(400, "true", True), (500, "false", False), (429, "false", False), (500, "perhaps", True), (400, "", False)],
)
def test_the_server_knows_best_whether_to_ask_again(status, told, again):
    """The header that the vendors' own clients obey is obeyed; anything else in it is nothing."""
    error = http_failure(ASKED, VendorFault(message="no"), status=status, headers={"x-should-retry": told})

    assert again == error.again
    assert not RequestRefused.again
    assert ProviderOverloaded.again
    assert RateLimitExceeded.again


@pytest.mark.parametrize(("told", "times"), [("false", 1), ("true", 2)])
async def test_a_provider_asks_again_as_the_server_says(told, times):
    """An error that usually passes is final where the server says so, and the other way round."""
    status = 503 if told == "false" else 400
    failed = Reply(status=status, body=FACE.error(status, "no"), headers={"x-should-retry": told})
    served = faulty(failed, Reply(body=FACE.whole(Said())))
    async with served as server, FACE.provider(server.url, patience=OFTEN, api_key=KEY) as provider:
        with suppress(ProviderOverloaded):
            await provider.complete(asks(FACE))

    assert times == len(server.seen)


async def test_a_long_history_is_encoded_once(monkeypatch):
    """However often it is sent: what is 100 KB long is made JSON of for the first attempt only."""
    made = []

    def counting(document):
        made.append(encoded(document))
        return made[-1]

    monkeypatch.setattr(base, "encoded", counting)
    busy = Reply(status=503, body=FACE.error(503, "busy"))
    history = [user("a line of what was said before " * 100) for _ in range(40)]
    there = faulty(busy, busy, Reply(body=FACE.whole(Said())))
    async with there as server, FACE.provider(server.url, patience=OFTEN) as provider:
        await provider.complete(asks(FACE, *history))

    assert (3, 1) == (len(server.seen), len(made))
    assert len(made[0]) > 100_000
