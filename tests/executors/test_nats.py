"""Messages over NATS, with a real server and with ones that misbehave."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
import time
from contextlib import asynccontextmanager

import pytest
import trustme

from circuit_breaker import Engine, Workflow, connect, flow, states
from circuit_breaker.errors import (
    ActionTimeout,
    AddressRefused,
    ExtraMissing,
    OutputInvalid,
    OutputTooLarge,
    ParameterInvalid,
    SecretNotFound,
    ServiceFailed,
    ServiceUnavailable,
)
from circuit_breaker.executors.nats import NatsExecutor
from circuit_breaker.executors.secrets import secret
from tests.services.nats import nats_server

nats = pytest.importorskip("nats")
pytestmark = pytest.mark.service("nats")

SECRETS = {"TOKEN": "nats-s3cret", "PASSWORD": "pass-s3cret"}


@pytest.fixture(scope="module")
def server():
    with nats_server() as there:
        yield there


def executor(there, **parameters):
    allowed = NatsExecutor.under(allow=["127.0.0.1"], secrets=SECRETS)
    return allowed(**{"nats_url": there.url, "subject": "work", "timeout": 5.0, **parameters})


@asynccontextmanager
async def client(there, **options):
    """A connection of somebody else."""
    other = await nats.connect(there.url, allow_reconnect=False, **options)
    try:
        yield other
    finally:
        await other.close()


@asynccontextmanager
async def answering(there, answer, subject="work"):
    """Somebody who answers each message with what the function gives, and the messages."""
    seen = []

    async def told(message):
        seen.append(message)
        given = answer(message)
        if given is not None:
            data, headers = given if isinstance(given, tuple) else (given, None)
            await other.publish(message.reply, data, headers=headers)

    async with client(there) as other:
        await other.subscribe(subject, cb=told)
        await other.flush()
        yield seen


@asynccontextmanager
async def stream(there, name, subject, **settings):
    async with client(there) as other:
        await other.jetstream().add_stream(name=name, subjects=[subject], **settings)
        yield other.jetstream()
        await other.jetstream().delete_stream(name)


async def test_a_reply_is_the_outcome(server):
    """B2: a request is sent to the server at nats_url, and the reply with its headers is the outcome."""
    async with answering(server, lambda message: (b'{"got": %s}' % message.data, {"X-A": "b"})) as seen:
        one = executor(server, payload={"a": "ü"}, headers={"X-B": "c"})
        outcome = await one.execute()

    assert ("completed", {"got": {"a": "ü"}}, "b") == (outcome["status"], outcome["output"], outcome["headers"]["X-A"])
    assert {"X-B": "c", "Nats-Msg-Id": one.execution.idempotency_key} == seen[0].headers
    assert 0 < outcome["duration"] < 5


async def test_text_is_sent_as_it_is(server):
    """A body of text keeps its words."""
    async with answering(server, lambda message: message.data) as seen:
        await executor(server, body="grün").execute()

    assert "grün".encode() == seen[0].data


@pytest.mark.parametrize(
    ("form", "output"), [("text", "[1]"), ("json", [1]), ("base64", base64.b64encode(b"[1]").decode()), ("none", None)]
)
async def test_the_author_says_what_becomes_of_the_reply(server, form, output):
    """The reply becomes JSON, text, base64 or nothing."""
    async with answering(server, lambda _: b"[1]"):
        assert output == (await executor(server, output=form).execute())["output"]


async def test_a_publication_is_kept(server):
    """B2: a publication is acknowledged by the stream that keeps it, which has its content."""
    async with stream(server, "ORDERS", "orders.*") as jetstream:
        outcome = await executor(server, mode="publish", subject="orders.new", payload={"a": 1}).execute()
        kept = await jetstream.get_msg("ORDERS", outcome["sequence"])

    assert ("ORDERS", 1, False) == (outcome["stream"], outcome["sequence"], outcome["duplicate"])
    assert {"a": 1} == json.loads(kept.data)


async def test_a_publication_that_is_repeated_is_kept_once(server):
    """The idempotency key is the id of the message: the stream keeps what a retry sends again only once."""
    key = type("Same", (), {"idempotency_key": "case-1:3", "log": print})()
    async with stream(server, "ORDERS", "orders.*") as jetstream:
        outcomes = [
            await executor(server, mode="publish", subject="orders.new", payload=1).bind(key).execute()
            for _ in range(2)
        ]
        state = (await jetstream.stream_info("ORDERS")).state

    assert [False, True] == [outcome["duplicate"] for outcome in outcomes]
    assert 1 == state.messages == outcomes[1]["sequence"]


async def test_a_workflow_publishes_once(server):
    """A transition that is tried again after its first publication leaves one message in the stream."""
    asked, done = states("asked", "done")
    tries = []

    class Flaky(NatsExecutor.under(allow=["127.0.0.1"])):
        """Fails after it has published."""

        async def execute_internal(self, context):
            outcome = await super().execute_internal(context)
            tries.append(outcome)
            if len(tries) == 1:
                raise ConnectionError("gone")
            return outcome

    step = flow(asked >> done).transition("tell")
    step = step.execute(Flaky, nats_url=server.url, subject="orders.new", mode="publish", payload=1, result="kept")
    step = step.retry(max_attempts=2, backoff_seconds=0.01)
    async with stream(server, "ORDERS", "orders.*") as jetstream:
        async with Engine(Workflow("tell", step), storage=connect("memory://")) as engine:
            case = await engine.run(await engine.start("tell"))
        assert 1 == (await jetstream.stream_info("ORDERS")).state.messages

    assert ("done", True) == (case.state, case.token.results["kept"]["duplicate"])


async def test_nobody_listens(server):
    """A request that nobody listens to fails at once."""
    begun = time.monotonic()
    with pytest.raises(ServiceUnavailable, match=r"nobody at .* listens"):
        await executor(server, subject="nobody").execute()

    assert time.monotonic() - begun < 2


async def test_nobody_answers(server):
    """A request that is heard and not answered takes no longer than its timeout."""
    async with answering(server, lambda _: None):
        begun = time.monotonic()
        with pytest.raises(ActionTimeout, match="took too long"):
            await executor(server, timeout=0.2).execute()

    assert time.monotonic() - begun < 2


async def test_no_stream_takes_it(server):
    """A publication that no stream keeps is refused, not lost."""
    with pytest.raises(ServiceFailed, match="no stream at"):
        await executor(server, mode="publish", subject="nowhere.new").execute()


async def test_a_stream_that_is_full_refuses(server):
    """What JetStream says against a message is on the error, with its status."""
    async with stream(server, "ORDERS", "orders.*", max_msgs=1, discard="new"):
        await executor(server, mode="publish", subject="orders.new").execute()
        with pytest.raises(ServiceFailed, match="did not keep the message: maximum messages exceeded") as failed:
            await executor(server, mode="publish", subject="orders.new").execute()

    assert 503 == failed.value.status


async def test_another_stream_than_wanted_refuses(server):
    """With stream, a publication that another stream would keep is refused."""
    async with stream(server, "ORDERS", "orders.*"):
        with pytest.raises(ServiceFailed, match="did not keep"):
            await executor(server, mode="publish", subject="orders.new", stream="OTHER").execute()


async def test_an_acknowledgement_is_json(server):
    """Somebody who answers in place of a stream is not believed."""
    async with answering(server, lambda _: b"thanks"):
        with pytest.raises(OutputInvalid, match="acknowledged with no JSON"):
            await executor(server, mode="publish").execute()


@pytest.mark.parametrize(("code", "status"), [("404", 404), ("E7", None)])
async def test_an_error_of_a_service_is_an_error(server, code, status):
    """A reply that is marked as an error, as services in NATS mark it, fails the execution."""
    headers = {"Nats-Service-Error-Code": code, "Nats-Service-Error": "no such order"}
    async with answering(server, lambda _: (b"", headers)):
        with pytest.raises(ServiceFailed, match=f"'work' answered with error {code}: no such order") as failed:
            await executor(server).execute()

    assert status == failed.value.status


async def test_a_reply_has_its_limit_and_its_form(server):
    """A reply that is too long, or no JSON where that was asked for, is one clear error."""
    async with answering(server, lambda _: b"no json"):
        with pytest.raises(OutputTooLarge, match="longer than 3 bytes"):
            await executor(server, max_output=3).execute()
        with pytest.raises(OutputInvalid, match="the reply is no JSON"):
            await executor(server, output="json").execute()


async def test_a_message_that_is_too_large_is_not_sent():
    """The limit of the server is told with the size of the message."""
    reason = "202 bytes long, and the server takes at most 100"
    with nats_server("max_payload: 100\n") as there, pytest.raises(ParameterInvalid, match=reason):
        await executor(there, payload="x" * 200).execute()


async def test_a_server_that_dies_is_told_at_once():
    """A connection that is lost while the reply is awaited does not wait for the timeout."""
    begun = time.monotonic()
    with nats_server() as there:
        async with answering(there, lambda _: there.kill()):
            with pytest.raises(ServiceUnavailable, match=r"closed the connection|cannot be reached"):
                await executor(there, timeout=30.0).execute()

    assert time.monotonic() - begun < 5


async def test_a_server_that_is_not_there_is_told(server):
    """A refused connection is told with its reason, soon."""
    begun = time.monotonic()
    with pytest.raises(ServiceUnavailable, match=r"cannot be reached: .*(refused|failed)"):
        await executor(server, nats_url="nats://127.0.0.1:9").execute()
    with pytest.raises(ServiceUnavailable, match="there is no host"):
        await executor(server, nats_url="nats://nowhere.invalid").execute()

    assert time.monotonic() - begun < 3


async def test_a_cancellation_closes_the_connection(server):
    """Whoever cancels the execution leaves no connection behind."""
    async with answering(server, lambda _: None) as seen:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(executor(server).execute(), 0.3)
        assert 1 == len(seen)
    assert not [task for task in asyncio.all_tasks() if "nats" in repr(task.get_coro())]


LOGIN = 'authorization { users: [ { user: "ann", password: "pass-s3cret", permissions: { publish: ["work"] } } ] }\n'


async def test_a_login_may_be_secret():
    """A token, or a user and a password, are taken from secrets; a wrong one is told without showing it."""
    with nats_server('authorization { token: "nats-s3cret" }\n') as there:
        with pytest.raises(ServiceUnavailable, match="nobody"):
            await executor(there, auth={"token": secret("TOKEN")}).execute()
        with pytest.raises(ServiceFailed, match="refused the login") as failed:
            await executor(there, auth={"token": secret("PASSWORD")}).execute()
        with pytest.raises(ServiceFailed, match="refused the login"):
            await executor(there).execute()

    assert (401, False) == (failed.value.status, "s3cret" in str(failed.value))


async def test_a_subject_that_is_not_permitted_is_told_at_once():
    """What a user may not publish is refused by the server, and not waited for."""
    with nats_server(LOGIN) as there:
        auth = {"user": "ann", "password": secret("PASSWORD")}
        with pytest.raises(ServiceUnavailable, match="nobody"):
            await executor(there, auth=auth).execute()
        begun = time.monotonic()
        with pytest.raises(ServiceFailed, match="does not permit it: permissions violation") as failed:
            await executor(there, auth=auth, subject="other").execute()

    assert 403 == failed.value.status
    assert time.monotonic() - begun < 2


async def test_secrets_are_put_in_and_taken_out_again(server):
    """A secret reaches the server in payload and headers; the outcome never holds it."""
    async with answering(server, lambda message: (message.data, {"X-Echo": message.headers["X-Key"]})) as seen:
        parameters = {"payload": {"t": secret("TOKEN")}, "headers": {"X-Key": secret("TOKEN")}}
        outcome = await executor(server, **parameters).execute()

    assert b"nats-s3cret" in seen[0].data
    assert ({"t": "***"}, "***") == (outcome["output"], outcome["headers"]["X-Echo"])


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"auth": {"token": secret("MISSING")}}, SecretNotFound),
        ({"headers": {"X": secret("LINES")}}, ParameterInvalid),
    ],
)
async def test_a_secret_that_does_not_fit_is_told(server, parameters, error):
    """A secret that is missing, or that does not fit into a header, is told before anything is sent."""
    allowed = NatsExecutor.under(allow=["127.0.0.1"], secrets={"LINES": "a\nb"})
    with pytest.raises(error):
        await allowed(nats_url=server.url, subject="work", **parameters).execute()


async def test_private_servers_are_for_the_operator_to_allow(server):
    """Without leave of the operator no server of this machine or its network is called."""
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(AddressRefused, match="loopback"):
            await NatsExecutor(nats_url=f"nats://{host}:{server.port}", subject="work").execute()


async def test_a_server_may_have_a_name(server):
    """A name with several addresses is connected to at the one where the server listens."""
    async with answering(server, lambda _: b"1"):
        allowed = NatsExecutor.under(allow=["localhost"])
        assert 1 == (await allowed(nats_url=f"nats://localhost:{server.port}", subject="work").execute())["output"]


async def test_everything_that_is_wrong_is_told_together():
    """Address, subject, message, stream, login and headers are judged before anything is sent."""
    wrong = {
        "nats_url": "nats://u:p@localhost",
        "subject": "a.*",
        "payload": 1,
        "body": "x",
        "stream": "S",
        "auth": {"user": "a"},
        "headers": {"a b": "c"},
    }
    with pytest.raises(ParameterInvalid) as error:
        await NatsExecutor(**wrong).execute()

    names = ["nats_url", "subject", "body", "stream", "auth", "headers', 'a b"]
    assert [f"parameter '{name}'" for name in names] == [fault.place for fault in error.value.faults]


@pytest.mark.parametrize("subject", ["a b", ".a", "a.", "a..b", ">", "$JS.API.STREAM.DELETE.ORDERS", "a\r\nPUB b"])
async def test_a_subject_is_words_and_dots(subject):
    """Wildcards, blanks and what belongs to the server itself are no subject of a message."""
    with pytest.raises(ParameterInvalid, match="nowhere that a message goes"):
        await NatsExecutor(nats_url="nats://example.com", subject=subject).execute()


@pytest.mark.parametrize(
    "url", ["", "http://a", "nats://", "nats://a/path", "nats://a?b=c", "nats://2130706433", "a:4222"]
)
async def test_an_address_is_one_of_nats(url):
    """Other schemes, paths and odd spellings of a host are refused."""
    with pytest.raises(ParameterInvalid, match="nats_url"):
        await NatsExecutor(nats_url=url, subject="work").execute()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made, folder = trustme.CA(), tmp_path_factory.mktemp("ca")
    certificate = made.issue_cert("127.0.0.1")
    made.cert_pem.write_to_path(folder / "ca.pem")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    return folder


async def test_tls_is_verified(authority):
    """A server whose authority the operator trusts is talked to over TLS; otherwise nothing is said."""
    tls = f'tls {{ cert_file: "{authority}/cert.pem", key_file: "{authority}/key.pem" }}\n'
    with nats_server(tls) as there:
        address = there.url.replace("nats://", "tls://")
        with pytest.raises(ServiceUnavailable, match="cannot be trusted"):
            await executor(there, nats_url=address).execute()
        trusting = NatsExecutor.under(allow=["127.0.0.1"], ca_file=str(authority / "ca.pem"))
        other = ssl.create_default_context(cafile=authority / "ca.pem")
        async with client(there, tls=other, tls_hostname="127.0.0.1"):
            with pytest.raises(ServiceUnavailable, match="nobody"):
                await trusting(nats_url=address, subject="work").execute()


async def test_tls_is_not_given_up(server):
    """With tls:// not even the login is sent to a server that offers no TLS."""
    with pytest.raises(ServiceUnavailable, match="offers no TLS"):
        await executor(server, nats_url=server.url.replace("nats://", "tls://")).execute()


@asynccontextmanager
async def speaking(greeting):
    """Something that listens, says one thing, and then nothing."""

    async def talk(reader, writer):
        writer.write(greeting)
        await writer.drain()
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with listening:
        yield type("There", (), {"url": f"nats://127.0.0.1:{listening.sockets[0].getsockname()[1]}"})


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"INFO {broken\r\n", b"-ERR 'no'\r\n"])
async def test_what_is_no_nats_server_is_told(greeting):
    """A server of another kind is told as one that cannot be reached."""
    async with speaking(greeting) as there:
        with pytest.raises(ServiceUnavailable, match="cannot be reached"):
            await executor(there).execute()


async def test_a_server_that_says_nothing_is_left():
    """A server that never greets is left when the time for connecting is up."""
    async with speaking(b"") as there:
        with pytest.raises(ActionTimeout):
            await executor(there, connect_timeout=0.1).execute()


async def test_the_extra_is_named_when_it_is_missing(monkeypatch):
    """Without nats-py the error says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "circuit_breaker.executors.nats_connection", None)
    monkeypatch.delattr("circuit_breaker.executors.nats_connection", raising=False)

    with pytest.raises(ExtraMissing, match=r"circuit-breaker-sdk\[nats\]"):
        await NatsExecutor(nats_url="nats://example.com", subject="work").execute()


INFO = {"server_id": "x", "version": "2.10.0", "max_payload": 1 << 20, "headers": True, "proto": 1}


@asynccontextmanager
async def hostile(said, *, info=None):
    """A server that answers the first message with this, over and over."""

    async def served(reader, writer):
        with contextlib.suppress(ConnectionError):
            writer.write((info or b"INFO " + json.dumps(INFO).encode()) + b"\r\n")
            while line := await reader.readline():
                if line.startswith(b"PING"):
                    writer.write(b"PONG\r\n")
                while line.startswith((b"PUB", b"HPUB")):
                    writer.write(said)
                    await writer.drain()
        writer.close()

    async with await asyncio.start_server(served, "127.0.0.1", 0) as listening:
        yield NatsExecutor.under(allow=["127.0.0.1"])(
            nats_url=f"nats://127.0.0.1:{listening.sockets[0].getsockname()[1]}",
            subject="work",
            max_output=1000,
            timeout=10.0,
        )


@pytest.mark.parametrize(
    ("said", "error", "message"),
    [
        (b"x" * 1_000_000, OutputTooLarge, "a line of more than 1048576 bytes"),
        (b"MSG a 1 2000000000\r\n" + b"x" * 100, OutputTooLarge, "a message of 2000000000 bytes"),
        (b"INFO []\r\n", OutputInvalid, "no NATS"),
        (b"INFO {\r\n", OutputInvalid, "no NATS"),
    ],
)
async def test_a_server_cannot_fill_the_memory(said, error, message):
    """A line without an end, a message beyond max_output and nonsense end the call at once, with an error of ours."""
    async with hostile(said) as call:
        begun = time.monotonic()
        with pytest.raises(error, match=message):
            await call.execute()

    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("info", [b"INFO " + b"y" * 3_000_000, b"INFO []", b"INFO " + b"[" * 30_000])
async def test_a_greeting_that_is_none_is_one_error(info):
    """A server that introduces itself at too great length, or wrongly, is refused with an error of ours."""
    async with hostile(b"", info=info) as call:
        with pytest.raises((OutputInvalid, ServiceUnavailable)):
            await call.execute()
