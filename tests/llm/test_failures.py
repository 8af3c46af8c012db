"""Failures of a provider as errors: what they say, and what they never say."""

from __future__ import annotations

from contextlib import suppress

import pytest

from circuit_breaker.errors import AuthenticationFailed, ProviderOverloaded, RateLimitExceeded, RequestRefused
from circuit_breaker.llm.failures import Asked, VendorFault, http_failure
from circuit_breaker.llm.patience import Patience, Retries
from tests.llm.faces import KEY, QUICK, ChatFace, Said
from tests.llm.faulty import Reply, faulty
from tests.llm.provider_contract import asks
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
