"""OpenAI's errors by their codes, and those of servers that imitate it."""

from __future__ import annotations

import ssl

import attrs
import pytest
import trustme
from aiohttp import web

from circuit_breaker.errors import (
    AuthenticationFailed,
    ConnectionFailed,
    ContentFiltered,
    ContextTooLong,
    LLMError,
    ModelNotFound,
    QuotaExhausted,
    RateLimitExceeded,
)
from circuit_breaker.llm.providers import OpenAIProvider
from circuit_breaker.llm.session import Connections
from tests.llm.faces import QUICK, ChatFace, ResponsesFace, Said, dumped
from tests.llm.faulty import Reply, faulty
from tests.llm.provider_contract import asks
from tests.services.web import site

FACE = ChatFace()
RESPONSES = ResponsesFace()


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "context_length_exceeded", ContextTooLong),
        (400, "content_filter", ContentFiltered),
        (429, "insufficient_quota", QuotaExhausted),
        (429, "rate_limit_exceeded", RateLimitExceeded),
        (404, "model_not_found", ModelNotFound),
        (404, "DeploymentNotFound", ModelNotFound),
        (401, "invalid_api_key", AuthenticationFailed),
    ],
)
async def test_the_code_says_which_error_it_is(status, code, expected):
    """Codes say more than the number."""
    body = dumped({"error": {"message": "no", "type": "t", "code": code}})
    patience = attrs.evolve(QUICK, retries=attrs.evolve(QUICK.retries, most=0))
    async with (
        faulty(Reply(status=status, body=body)) as server,
        FACE.provider(server.url, patience=patience) as provider,
    ):
        with pytest.raises(expected) as caught:
            await provider.complete(asks(FACE))

    assert expected is type(caught.value)


async def test_an_account_that_is_used_up_is_not_asked_again():
    """Waiting does not fill an account."""
    body = dumped({"error": {"message": "no", "type": "insufficient_quota", "code": "insufficient_quota"}})
    async with faulty(Reply(status=429, body=body)) as server, FACE.provider(server.url) as provider:
        with pytest.raises(QuotaExhausted):
            await provider.complete(asks(FACE))

    assert 1 == len(server.seen)


async def test_the_message_of_a_server_tells_that_it_is_too_long():
    """It has no code with vLLM."""
    body = dumped({"object": "error", "message": "This model's maximum context length is 4096 tokens.", "code": 400})
    async with faulty(Reply(status=400, body=body)) as server, FACE.provider(server.url) as provider:
        with pytest.raises(ContextTooLong):
            await provider.complete(asks(FACE))


async def test_a_key_is_needed():
    """ZA16: without a key nothing is asked, and the error says what to give."""
    async with OpenAIProvider(base_url="http://127.0.0.1:1") as provider:
        with pytest.raises(AuthenticationFailed, match="api_key"):
            await provider.complete(asks(FACE))


@pytest.mark.parametrize("error", ["busy", {"message": "busy", "innererror": {"code": "x"}}, {"detail": "busy"}])
async def test_an_error_with_the_number_of_a_success_is_one(error):
    """Some gateways answer 200 and an error, in one form or another."""
    async with (
        faulty(Reply(body=dumped({"error": error}))) as server,
        FACE.provider(
            server.url, patience=attrs.evolve(QUICK, retries=attrs.evolve(QUICK.retries, most=0))
        ) as provider,
    ):
        with pytest.raises(LLMError, match="busy"):
            await provider.complete(asks(FACE))


async def test_azures_filter_is_filtered_content():
    """The inner error says that it was the filter."""
    error = {"message": "no", "code": None, "innererror": {"code": "ResponsibleAIPolicyViolation"}}
    async with (
        faulty(Reply(status=400, body=dumped({"error": error}))) as server,
        FACE.provider(server.url) as provider,
    ):
        with pytest.raises(ContentFiltered):
            await provider.complete(asks(FACE))


async def test_a_certificate_is_verified(tmp_path):
    """An unknown authority is not trusted, and the key is not sent; with ca_file the operator trusts it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    answer = web.Response(body=FACE.whole(Said()), content_type="application/json")
    async with site(lambda _: answer, tls=tls) as there:
        patience = attrs.evolve(QUICK, retries=attrs.evolve(QUICK.retries, most=0))
        async with FACE.provider(there.url, patience=patience) as provider:
            with pytest.raises(ConnectionFailed, match="cannot be trusted"):
                await provider.complete(asks(FACE))
        trusting = Connections(ca_file=str(tmp_path / "ca.pem"))
        async with FACE.provider(there.url, connections=trusting) as provider:
            assert Said().text == (await provider.complete(asks(FACE))).content

    assert 1 == len(there.seen)
