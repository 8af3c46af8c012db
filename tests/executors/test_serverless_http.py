"""Functions over HTTP: OpenFaaS, Knative and Google Cloud Functions."""

from __future__ import annotations

import json

import pytest
from aiohttp import web

from circuit_breaker.errors import (
    ActionTimeout,
    AddressRefused,
    OutputInvalid,
    OutputTooLarge,
    ParameterInvalid,
    ServiceFailed,
    ServiceUnavailable,
)
from circuit_breaker.executors.cloudevents import CloudEvent, binary, read_event, structured
from circuit_breaker.executors.secrets import secret
from circuit_breaker.executors.serverless import ServerlessExecutor
from circuit_breaker.executors.serverless.http import HttpFunctions
from tests.services.web import site, wire

SECRETS = {"GATEWAY": "gateway-s3cret", "KEY": "s3cret"}


def executor(functions, **parameters):
    settings = ServerlessExecutor.under(backends={"http": functions}, secrets=SECRETS)
    return settings(**{"function_name": "orders", "backend": "http", "timeout": 5.0, **parameters})


def at(there, path="/{function_name}", **options):
    return HttpFunctions(address=f"{there.url}{path}", allow=[there.place], secrets=SECRETS, **options)


def openfaas(there, **options):
    return HttpFunctions.openfaas(there.url, allow=[there.place], secrets=SECRETS, **options)


async def test_a_function_of_openfaas_is_called():
    """B12: the payload is posted to /function/name, with the key of the call, and the answer is the output."""
    async with site(lambda _: web.json_response({"done": True})) as there:
        one = executor(openfaas(there), payload={"a": 1})
        outcome = await one.execute()

    (seen,) = there.seen
    assert ("completed", {"done": True}, 200) == (outcome["status"], outcome["output"], outcome["http_status"])
    assert ("POST", "/function/orders", {"a": 1}) == (seen.method, seen.path, json.loads(seen.body))
    assert one.execution.idempotency_key == seen.headers["idempotency-key"] == outcome["request_id"]


async def test_an_asynchronous_call_is_accepted_with_its_id():
    """OpenFaaS queues an asynchronous call, and tells its id; the answer will go to the callback."""
    async with site(lambda _: web.Response(status=202, headers={"X-Call-Id": "c-1"})) as there:
        functions = openfaas(there, callback="https://example.com/done")
        outcome = await executor(functions, invocation="async").execute()

    (seen,) = there.seen
    assert ("accepted", None, "c-1") == (outcome["status"], outcome["output"], outcome["request_id"])
    assert ("/async-function/orders", "https://example.com/done") == (seen.path, seen.headers["x-callback-url"])


@pytest.mark.parametrize(("form", "marked"), [("binary", True), ("structured", False)])
async def test_a_function_gets_a_cloud_event(form, marked):
    """Knative and Google Cloud Functions get the payload as the data of a CloudEvent, whose id is the key."""
    async with site(lambda _: web.Response(status=204)) as there:
        one = executor(at(there, form=form, event_type="com.example.order"), payload={"a": "ü"})
        await one.execute()

    (seen,) = there.seen
    event = read_event(seen.headers, seen.body)
    assert (one.execution.idempotency_key, "com.example.order", "orders") == (event.id, event.type, event.subject)
    assert ({"a": "ü"}, marked) == (event.data, "ce-id" in seen.headers)


@pytest.mark.parametrize("mode", [binary, structured])
@pytest.mark.parametrize(("data", "output"), [({"a": ["s3cret"]}, {"a": ["***"]}), (None, None)])
async def test_a_cloud_event_may_be_the_answer(mode, data, output):
    """The data of an event that comes back is the output, without secrets."""
    headers, body = mode(CloudEvent(id="1", source="/", type="t", data=data))
    async with site(lambda _: web.Response(body=body, headers=headers)) as there:
        outcome = await executor(at(there), payload=secret("KEY")).execute()

    assert output == outcome["output"]


async def test_bytes_of_an_event_are_base64():
    """Data that is neither JSON nor text comes back in base64."""
    headers, body = binary(CloudEvent(id="1", source="/", type="t", data=b"\xff", datacontenttype="image/png"))
    async with site(lambda _: web.Response(body=body, headers=headers)) as there:
        assert "/w==" == (await executor(at(there)).execute())["output"]


async def test_a_wrong_event_is_a_wrong_output():
    """An answer that says that it is a CloudEvent, and is none, is told as such."""
    async with site(lambda _: web.Response(body=b"{}", content_type="application/cloudevents+json")) as there:
        with pytest.raises(OutputInvalid, match="the answer is a CloudEvent, but"):
            await executor(at(there)).execute()


async def test_a_version_is_a_part_of_the_address():
    """Where the operator's address names the version, that one is called."""
    async with site(lambda _: web.Response()) as there:
        await executor(at(there, "/{version}/{function_name}"), version="v2").execute()

    assert "/v2/orders" == there.seen[0].path


async def test_the_operators_headers_go_along():
    """A credential for the gateway is revealed for the call, and shown nowhere."""
    async with site(lambda request: web.Response(status=500, text=request.headers["authorization"])) as there:
        functions = openfaas(there, headers={"Authorization": secret("GATEWAY")})
        with pytest.raises(ServiceFailed, match=r"answered 500 .*: \*\*\*$") as failed:
            await executor(functions).execute()

    assert "gateway-s3cret" == there.seen[0].headers["authorization"]
    assert "gateway-s3cret" not in str(failed.value) + repr(functions)


async def test_a_gateway_that_is_busy_says_for_how_long():
    """Status and Retry-After are on the error; the call is made once."""
    async with site(lambda _: web.Response(status=429, headers={"Retry-After": "9"})) as there:
        with pytest.raises(ServiceFailed) as failed:
            await executor(openfaas(there)).execute()

    assert (1, 429, 9.0) == (len(there.seen), failed.value.status, failed.value.retry_after)


@pytest.mark.parametrize(
    ("parameters", "places"),
    [
        ({"environment": {"A": "b"}, "runtime": "ruby", "version": "2"}, ["runtime", "environment", "version"]),
        ({"invocation": "async"}, ["invocation"]),
        ({"function_name": "evil.example:80"}, ["function_name"]),
        ({"function_name": "a.b"}, ["function_name"]),
    ],
)
async def test_what_cannot_be_told_is_refused(parameters, places):
    """What an HTTP function cannot be told, and names that would lead elsewhere, are faults before anything is sent."""
    async with site(lambda _: web.Response()) as there:
        with pytest.raises(ParameterInvalid) as wrong:
            await executor(at(there), **parameters).execute()

    assert [f"parameter '{place}'" for place in places] == [fault.place for fault in wrong.value.faults]
    assert [] == there.seen


async def test_functions_are_guarded_as_well():
    """An address that the operator has not allowed is refused, and redirects are not followed."""
    async with site(lambda _: web.Response(status=302, headers={"Location": "/elsewhere"})) as there:
        with pytest.raises(AddressRefused):
            await executor(HttpFunctions.openfaas(there.url)).execute()
        with pytest.raises(ServiceFailed, match="answered 302"):
            await executor(openfaas(there)).execute()

    assert 1 == len(there.seen)


async def silent(reader, _):
    await reader.read()


async def reset(_, writer):
    writer.transport.abort()


@pytest.mark.parametrize(
    ("talk", "error", "parameters"),
    [
        (silent, ActionTimeout, {"timeout": 0.1}),
        (reset, ServiceUnavailable, {}),
    ],
)
async def test_a_gateway_that_fails_is_told(talk, error, parameters):
    """A gateway that hangs or breaks the connection is one typed error."""
    async with wire(talk) as there:
        with pytest.raises(error):
            await executor(openfaas(there), **parameters).execute()


async def test_an_answer_has_its_limit():
    """An answer that is longer than allowed is refused."""
    async with site(lambda _: web.Response(text="x" * 11)) as there:
        with pytest.raises(OutputTooLarge):
            await executor(at(there), max_output=10).execute()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"address": "https://example.com/{name}"}, r"address names \['name'\]"),
        ({"address": "ftp://example.com"}, "address is no address of http"),
        ({"address": "https://a.example", "async_address": "https://u:p@a"}, "async_address holds a user"),
        ({"address": "https://a.example", "form": "xml"}, "form"),
        ({"address": "https://a.example", "headers": {"Host": "x"}}, "is written by the executor itself"),
    ],
)
def test_wrong_settings_are_told_where_they_are_given(settings, reason):
    """Templates, forms and headers are checked when the operator writes them."""
    with pytest.raises(ValueError, match=reason):
        HttpFunctions(**settings)
