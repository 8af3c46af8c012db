"""What holds for every executor, held by those that call other machines."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from circuit_breaker.executors import (
    HttpExecutor,
    HttpFunctions,
    LambdaFunctions,
    NatsExecutor,
    ServerlessExecutor,
    secret,
)
from circuit_breaker.testing import ExecutorConformance, ExecutorSubject
from tests.services.lambda_fake import lambda_fake
from tests.services.nats import nats_server
from tests.services.web import in_thread, site

SECRETS = {"KEY": "s3cret-v/alue"}


async def scripted(request):
    """An answer by the last part of the path."""
    kind = request.path.rpartition("/")[2]
    if kind == "slow":
        await asyncio.sleep(30)
    if kind == "echo":
        return web.Response(text=await request.text(), headers={"X-Echo": request.headers.get("X-Key", "")})
    text = "x" * 2_000_000 if kind == "flood" else "hello"
    return web.Response(status=500 if kind == "fail" else 200, text=text)


@pytest.fixture(scope="module")
def there():
    with in_thread(lambda: site(scripted)) as running:
        yield running


class TestHttp(ExecutorConformance):
    """B17: a request over HTTP."""

    shows = frozenset({"failure", "slowness", "flood", "secret"})

    @pytest.fixture
    def subject(self, there):
        def ask(kind, **parameters):
            return {"url": f"{there.url}/{kind}", "tries": 1, **parameters}

        return ExecutorSubject(
            HttpExecutor.under(allow=[there.place], secrets=SECRETS),
            right=ask("hello"),
            wrong=ask("hello", timeout="soon"),
            failure=ask("fail"),
            slowness=ask("slow"),
            flood=ask("flood"),
            secret=ask("echo", method="POST", json=[secret("KEY")], headers={"X-Key": secret("KEY")}),
            value=SECRETS["KEY"],
            leftovers=there.lingering,
        )


class TestHttpFunctions(ExecutorConformance):
    """B12, B17: a function over HTTP."""

    shows = frozenset({"failure", "slowness", "flood", "secret"})

    @pytest.fixture
    def subject(self, there):
        functions = HttpFunctions(address=there.url + "/{function_name}", allow=[there.place])

        def call(name, **parameters):
            return {"function_name": name, "backend": "http", **parameters}

        return ExecutorSubject(
            ServerlessExecutor.under(backends={"http": functions}, secrets=SECRETS),
            right=call("hello"),
            wrong=call("hello", timeout="soon"),
            failure=call("fail"),
            slowness=call("slow"),
            flood=call("flood"),
            secret=call("echo", payload={"key": secret("KEY")}),
            value=SECRETS["KEY"],
            leftovers=there.lingering,
        )


@pytest.fixture(scope="module")
def aws():
    pytest.importorskip("aiobotocore")
    with in_thread(lambda_fake) as running:
        yield running


class TestLambdaFunctions(ExecutorConformance):
    """B12, B17: a function of AWS Lambda."""

    shows = frozenset({"failure", "slowness", "flood", "secret"})

    @pytest.fixture
    def subject(self, aws):
        keys = {"access_key_id": "AKIA", "secret_access_key": secret("KEY")}
        functions = LambdaFunctions(region="eu-west-1", endpoint=aws.url, credentials=keys, secrets=SECRETS)

        def call(name, **parameters):
            return {"function_name": name, "backend": "aws", **parameters}

        return ExecutorSubject(
            ServerlessExecutor.under(backends={"aws": functions}, secrets=SECRETS),
            right=call("constant"),
            wrong=call("constant", timeout="soon"),
            failure=call("unhandled"),
            slowness=call("hanging"),
            flood=call("huge"),
            secret=call("echo", payload={"key": secret("KEY")}),
            value=SECRETS["KEY"],
            leftovers=aws.lingering,
        )


@pytest.fixture(scope="module")
def nats():
    library = pytest.importorskip("nats")

    async def answer(message):
        kind = message.subject.rpartition(".")[2]
        if kind != "slow":
            await message.respond(message.data if kind == "echo" else b"x" * (5000 if kind == "flood" else 1))

    def answering(server):
        class Answering:
            async def __aenter__(self):
                self.client = await library.connect(server.url)
                await self.client.subscribe("work.*", cb=answer)
                await self.client.flush()

            async def __aexit__(self, *_):
                await self.client.close()

        return Answering

    with nats_server() as server, in_thread(answering(server)):
        yield server


@pytest.mark.service("nats")
class TestNats(ExecutorConformance):
    """B2, B17: a message over NATS."""

    shows = frozenset({"failure", "slowness", "flood", "secret"})

    @pytest.fixture
    def subject(self, nats):
        def ask(kind, **parameters):
            return {"nats_url": nats.url, "subject": f"work.{kind}", **parameters}

        return ExecutorSubject(
            NatsExecutor.under(allow=[nats.place], secrets=SECRETS),
            right=ask("hello"),
            wrong=ask("hello", timeout="soon"),
            failure={"nats_url": nats.url, "subject": "nobody"},
            slowness=ask("slow"),
            flood=ask("flood", max_output=100),
            secret=ask("echo", payload=[secret("KEY")]),
            value=SECRETS["KEY"],
        )
