"""One request over HTTP, to servers that behave and to servers that do not."""

from __future__ import annotations

import asyncio
import base64
import json
import time

import pytest
from aiohttp import web

from circuit_breaker import Engine, Workflow, connect, flow, states
from circuit_breaker.errors import (
    ActionTimeout,
    AddressRefused,
    OutputInvalid,
    OutputTooLarge,
    ParameterInvalid,
    SecretNotFound,
    ServiceFailed,
    ServiceUnavailable,
)
from circuit_breaker.executors.http import HttpExecutor
from circuit_breaker.executors.secrets import secret
from tests.services.web import site, wire

SECRETS = {"KEY": "s3cret/+value", "LINES": "one\ntwo", "URL": "https://hooks.example/s3cret/+value"}


def executor(there, path="/", **parameters):
    allowed = HttpExecutor.under(allow=[there.place], secrets=SECRETS)
    return allowed(**{"url": f"{there.url}{path}", "pause": 0.01, **parameters})


def saying(*answers):
    """A function that gives one answer after another, and the last one for ever."""
    left = list(answers)

    def answer(_):
        status, headers, text = left.pop(0) if len(left) > 1 else left[0]
        return web.Response(status=status, headers=headers, text=text)

    return answer


OK = (200, {}, "ok")


async def test_the_outcome_is_the_answer():
    """The status, the headers, the output and the time are the outcome; JSON becomes a value."""
    answer = web.json_response
    async with site(lambda _: answer({"a": [1]}, headers={"X-A": "b", "Set-Cookie": "c=d"})) as there:
        outcome = await executor(there).execute()

    assert ("completed", 200, {"a": [1]}) == (outcome["status"], outcome["http_status"], outcome["output"])
    assert "b" == outcome["headers"]["x-a"]
    assert "set-cookie" not in outcome["headers"]
    assert 0 < outcome["duration"] < 5


async def test_a_request_carries_what_it_was_given():
    """Method, query, headers and JSON arrive as they were given."""
    async with site(lambda _: web.Response()) as there:
        query = {"q": "ä b", "n": 5, "flag": True, "many": ["x", "y"], "old": "new"}
        await executor(
            there, "/p?old=1&kept=2", method="PUT", query=query, headers={"X-A": "b"}, json={"a": "ü"}
        ).execute()

    (seen,) = there.seen
    assert ("PUT", "b", "application/json") == (seen.method, seen.headers["x-a"], seen.headers["content-type"])
    assert "/p?old=new&kept=2&q=%C3%A4+b&n=5&flag=true&many=x&many=y" == seen.path
    assert {"a": "ü"} == json.loads(seen.body)


async def test_text_is_sent_as_it_is():
    """A body of text keeps its words, and the author's content type wins."""
    async with site(lambda _: web.Response()) as there:
        await executor(there, method="POST", body="<ä/>", headers={"content-type": "text/xml"}).execute()

    (seen,) = there.seen
    assert ("<ä/>".encode(), "text/xml") == (seen.body, seen.headers["content-type"])


@pytest.mark.parametrize(
    ("method", "sent"),
    [("GET", False), ("HEAD", False), ("POST", True), ("PUT", True), ("PATCH", True), ("DELETE", True)],
)
async def test_a_change_carries_the_key_of_its_execution(method, sent):
    """Idempotency-Key goes with every request that may change something, unless the author gives one."""
    async with site(lambda _: web.Response()) as there:
        one = executor(there, method=method)
        await one.execute()
        await executor(there, method=method, headers={"idempotency-key": "mine"}).execute()

    assert (one.execution.idempotency_key if sent else None) == there.seen[0].headers.get("idempotency-key")
    assert "mine" == there.seen[1].headers["idempotency-key"]


async def test_a_passing_failure_is_tried_again():
    """B16: an idempotent request is tried three times, with the same key, and each failure is in the log."""
    async with site(saying((503, {}, "busy"), (429, {}, ""), OK)) as there:
        one = executor(there, method="PUT", json={})
        outcome = await one.execute()

    assert "ok" == outcome["output"]
    assert 1 == len({seen.headers["idempotency-key"] for seen in there.seen})
    assert ["try 1 of 3", "try 2 of 3"] == [line.line[:10] for line in one.logs]


def test_it_pauses_for_two_seconds():
    """B16: three tries with a pause of two seconds, unless the author says otherwise."""
    properties = HttpExecutor.describe()["properties"]

    assert (3, 2.0) == (properties["tries"]["default"], properties["pause"]["default"])


async def test_the_last_failure_is_told():
    """B16: after the last try, the error says what the server answered."""
    async with site(saying((503, {"Retry-After": "0"}, "no room"))) as there:
        with pytest.raises(ServiceFailed, match=r"GET http://127\.0\.0\.1:\d+ answered 503 .*: no room") as failed:
            await executor(there).execute()

    assert (3, 503, 0.0) == (len(there.seen), failed.value.status, failed.value.retry_after)


@pytest.mark.parametrize(
    ("method", "status"), [("POST", 503), ("PATCH", 503), ("GET", 404), ("GET", 400), ("DELETE", 501)]
)
async def test_what_another_try_cannot_help_is_not_tried_again(method, status):
    """POST and PATCH, and answers that will stay the same, are tried once."""
    async with site(saying((status, {}, ""))) as there:
        with pytest.raises(ServiceFailed):
            await executor(there, method=method).execute()

    assert 1 == len(there.seen)


async def test_a_server_is_given_the_time_that_it_asks_for():
    """Retry-After lengthens the pause."""
    begun = time.monotonic()
    async with site(saying((503, {"Retry-After": "1"}, ""), OK)) as there:
        await executor(there).execute()

    assert 1.0 <= time.monotonic() - begun < 3.0


async def test_a_server_that_asks_for_too_much_time_is_left():
    """When Retry-After is longer than a minute, the failure is told at once, for a retry policy to decide."""
    async with site(saying((503, {"Retry-After": "3600"}, ""))) as there:
        with pytest.raises(ServiceFailed) as failed:
            await executor(there).execute()

    assert (1, 3600.0) == (len(there.seen), failed.value.retry_after)


@pytest.mark.parametrize(("expected", "status", "good"), [([404], 404, True), ([404], 200, False), (None, 204, True)])
async def test_the_author_says_what_is_success(expected, status, good):
    """With expected, those codes and no others are success."""
    async with site(saying((status, {}, ""))) as there:
        one = executor(there, expected=expected)
        if good:
            assert status == (await one.execute())["http_status"]
        else:
            with pytest.raises(ServiceFailed):
                await one.execute()


async def test_a_long_error_is_shown_in_part():
    """Of a failure's body the beginning is shown, and the rest is not read."""
    async with site(saying((500, {}, "x" * 1_000_000))) as there:
        with pytest.raises(ServiceFailed) as failed:
            await executor(there, tries=1).execute()

    assert 500 <= len(str(failed.value)) < 700


async def reset(_, writer):
    writer.transport.abort()


async def endless(_, writer):
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.005)


async def flood(_, writer):
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def silent(reader, _):
    await reader.read()


async def test_a_connection_that_is_reset_is_tried_again_and_told():
    """A connection that breaks counts as a passing failure."""
    async with wire(reset) as there:
        with pytest.raises(ServiceUnavailable, match="closed the connection"):
            await (one := executor(there)).execute()

    assert 2 == len(one.logs)


async def test_a_body_without_end_is_cut_by_time():
    """A server that never ends its body is left when the time is up, tries and pauses included."""
    begun = time.monotonic()
    async with wire(endless) as there:
        with pytest.raises(ActionTimeout, match=r"took longer than 0\.2 seconds"):
            await executor(there, timeout=0.2).execute()

    assert time.monotonic() - begun < 2


async def test_a_body_without_end_is_cut_by_size():
    """A server that floods is left when there is more than allowed."""
    async with wire(flood) as there:
        with pytest.raises(OutputTooLarge, match="longer than 100000 bytes"):
            await executor(there, max_output=100_000).execute()

    assert 1 == len(there.seen)


async def test_a_server_that_does_not_begin_is_tried_again():
    """The limit for the first byte is one for each try."""
    async with wire(silent) as there:
        with pytest.raises(ActionTimeout, match="took too long to answer GET"):
            await executor(there, first_byte_timeout=0.05).execute()

    assert 3 == len(there.seen)


async def test_a_cancellation_closes_the_connection():
    """Whoever cancels the execution leaves no connection open."""
    gone = asyncio.Event()

    async def watch(reader, _):
        await reader.read()
        gone.set()

    async with wire(watch) as there:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(executor(there).execute(), 0.1)
        await asyncio.wait_for(gone.wait(), 1)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "http://localhost:9/", "http://169.254.169.254/latest/meta-data"]
)
async def test_private_addresses_are_refused(url):
    """Without leave of the operator this machine and its network are not called, and nothing is tried again."""
    one = HttpExecutor(url=url)
    with pytest.raises(AddressRefused, match=r"loopback|link-local"):
        await one.execute()
    assert () == one.logs


async def test_a_redirect_to_a_private_address_is_refused():
    """A server that may be called cannot lead to one that may not."""
    async with (
        site(lambda _: web.Response(text="inner")) as inner,
        site(saying((302, {"Location": inner.url}, ""))) as there,
    ):
        with pytest.raises(AddressRefused):
            await executor(there).execute()
    assert [] == inner.seen


async def test_secrets_are_put_in_and_taken_out_again():
    """A secret goes out in headers, query and JSON; the outcome and the journal never hold it."""

    def echo(request):
        return web.json_response(
            {"key": request.headers["authorization"], "path": request.path_qs}, headers={"X-Echo": SECRETS["KEY"]}
        )

    async with site(echo) as there:
        parameters = {
            "headers": {"Authorization": secret("KEY")},
            "query": {"k": [secret("KEY")]},
            "json": [secret("KEY")],
        }
        one = executor(there, method="POST", **parameters)
        outcome = await one.execute()

    (seen,) = there.seen
    assert SECRETS["KEY"] == seen.headers["authorization"] == json.loads(seen.body)[0]
    assert "k=s3cret" in seen.path
    assert "s3cret" not in json.dumps(outcome) + repr(one)
    assert "***" == outcome["output"]["key"] == outcome["headers"]["x-echo"]


async def test_an_error_shows_no_secret():
    """A server that echoes the secret in its error does not get it into the message or the log."""
    async with site(lambda request: web.Response(status=500, text=request.headers["x-key"])) as there:
        one = executor(there, headers={"X-Key": secret("KEY")})
        with pytest.raises(ServiceFailed, match=r"\*\*\*") as failed:
            await one.execute()

    assert "s3cret" not in str(failed.value) + repr(one.logs)


async def test_the_address_may_be_a_secret():
    """A webhook whose address is the secret is called by reference, and no error shows its path."""
    async with site(lambda _: web.Response(status=404)) as there:
        allowed = HttpExecutor.under(allow=[there.place], secrets={"HOOK": f"{there.url}/T0/s3cret"})
        with pytest.raises(ServiceFailed) as failed:
            await allowed(url=secret("HOOK"), method="POST", json={}).execute()

    assert "/T0/s3cret" == there.seen[0].path
    assert "s3cret" not in str(failed.value)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"headers": {"X": secret("MISSING")}}, SecretNotFound),
        ({"headers": {"X": secret("LINES")}}, ParameterInvalid),
        ({"url": secret("KEY")}, ParameterInvalid),
    ],
)
async def test_a_secret_that_does_not_fit_is_told(parameters, error):
    """A secret that is missing, holds a line break in a header, or is no address, is told before anything is sent."""
    with pytest.raises(error) as wrong:
        await HttpExecutor.under(secrets=SECRETS)(**{"url": "http://example.com", **parameters}).execute()
    assert "s3cret" not in str(wrong.value)


async def test_everything_that_is_wrong_is_told_together():
    """The address, the headers, the query and the bodies are judged before anything is sent."""
    wrong = {
        "url": "ftp://u:p@example.com",
        "headers": {"a b": "x", "Host": "x", "X": "a\r\nY: b"},
        "query": {"q": {"a": 1}},
        "json": 1,
        "body": "x",
    }
    with pytest.raises(ParameterInvalid) as error:
        await HttpExecutor(**wrong).execute()

    places = [fault.place for fault in error.value.faults]
    assert places == [
        "parameter 'url'",
        "parameter 'headers', 'a b'",
        "parameter 'headers', 'Host'",
        "parameter 'headers', 'X'",
        "parameter 'query', 'q'",
        "parameter 'body'",
    ]


@pytest.mark.parametrize(
    ("form", "body", "charset", "output"),
    [
        ("auto", b'{"a": 1}', "utf-8", {"a": 1}),
        ("text", b'{"a": 1}', "utf-8", '{"a": 1}'),
        ("auto", "grün".encode("latin-1"), "latin-1", "grün"),
        ("auto", "grün".encode(), "no-such", "grün"),
        ("base64", b"\xff\x00", "utf-8", base64.b64encode(b"\xff\x00").decode()),
    ],
)
async def test_the_author_says_what_becomes_of_the_body(form, body, charset, output):
    """The body becomes JSON, text or base64, and text of another character set is read in it."""
    headers = {"Content-Type": f"text/plain; charset={charset}"}
    async with site(lambda _: web.Response(body=body, headers=headers)) as there:
        assert output == (await executor(there, output=form).execute())["output"]


async def test_an_output_that_nobody_wants_is_not_read():
    """With output='none' the status and the headers are the answer, and its body is left where it is."""
    async with wire(flood) as there:
        outcome = await executor(there, output="none").execute()

    assert (200, None) == (outcome["http_status"], outcome["output"])


@pytest.mark.parametrize(("form", "body"), [("json", b"<html>"), ("auto", b"\xff\xfe"), ("text", b"\xff")])
async def test_a_body_of_another_form_is_told(form, body):
    """A body that is no JSON or no text where that was asked for is one clear error."""
    async with site(lambda _: web.Response(body=body)) as there:
        with pytest.raises(OutputInvalid, match="the answer is no"):
            await executor(there, output=form).execute()


async def test_headers_of_one_name_are_joined():
    """A header that comes twice is one value with a comma."""

    def answer(_):
        response = web.Response()
        response.headers.add("X-A", "1")
        response.headers.add("X-A", "2")
        return response

    async with site(answer) as there:
        assert "1, 2" == (await executor(there).execute())["headers"]["x-a"]


async def test_a_workflow_tries_with_the_same_key():
    """A transition that is tried again by its retry policy sends the same Idempotency-Key."""
    asked, done = states("asked", "done")
    async with site(saying((503, {}, ""), OK)) as there:
        step = flow(asked >> done).transition("ask")
        step = step.execute(HttpExecutor.under(allow=[there.place]), url=there.url, method="POST", result="answer")
        async with Engine(
            Workflow("ask", step.retry(max_attempts=2, backoff_seconds=0.01)), storage=connect("memory://")
        ) as engine:
            case = await engine.run(await engine.start("ask"))

    assert ("done", "ok") == (case.state, case.token.results["answer"]["output"])
    assert 1 == len({seen.headers["idempotency-key"] for seen in there.seen})
