"""Bad input and faults of what a transition runs, in one place: a typed error each, and the case as its policy says."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping
from typing import Any

import pytest

from circuit_breaker import Case, Engine, Workflow, connect, flow, states
from circuit_breaker.executors import (
    BaseExecutor,
    DockerExecutor,
    HttpExecutor,
    LambdaFunctions,
    ServerlessExecutor,
    secret,
)
from tests.services.dockerd import Dockerd, missing, running, until
from tests.services.images import BUSYBOX
from tests.services.lambda_fake import lambda_fake
from tests.services.web import wire

todo, done, failed = states("todo", "done", "failed")
VALUE = "hunter2-hunter2"


async def run(executor: type[BaseExecutor], parameters: Mapping[str, Any], **steps: Any) -> Case:
    """The case at its end: of a transition that does the work, and leads elsewhere when that fails."""
    work = flow(todo >> done).transition("work").execute(executor, **parameters, result="work").on_failure(failed)
    for name, value in steps.items():
        work = getattr(work, name)(**value)
    async with Engine(Workflow("work", work), storage=connect("memory://")) as engine:
        return await engine.run(await engine.start("work"))


def errors(case: Case) -> list[Mapping[str, Any]]:
    """What the journal tells of the failures of a case."""
    return [event.error for event in case.history.by_type("ActionFailed", "ActionRetried")]


def shell(script: str, **more: Any) -> dict[str, Any]:
    return {"command": ["sh", "-c", script], **more}


FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "wrong image": ({"image": "Not An Image"}, "invalid_parameters", "is no name of an image"),
    "image that cannot be pulled": ({"image": "localhost:1/none"}, "image_unavailable", "cannot be pulled"),
    "image that must be there": ({"image": "none", "pull": "never"}, "image_unavailable", "there is no image 'none'"),
    "non-zero exit": (shell("echo no >&2; exit 3"), "program_failed", "ended with exit code 3: no"),
    "killed for memory": (
        shell("x=$(head -c 200000000 /dev/zero | tr '\\0' a); echo $x", memory="32m"),
        "out_of_memory",
        "33554432 bytes",
    ),
    "hanging": (shell("trap '' TERM; sleep 60", timeout=0.5), "timeout", "longer than 0.5 s"),
    "flooding stdout": (shell("yes", max_output=10_000), "output_too_large", "longer than 10000 bytes"),
    "output above the limit": (shell("echo 123456", max_output=5), "output_too_large", "longer than 5 bytes"),
    "binary output": (shell("printf '\\377'"), "invalid_output", "is no UTF-8 text"),
    "invalid JSON": (shell("echo {", output="json"), "invalid_output", "is no JSON"),
    "mount outside the allowed roots": ({"volumes": ["/etc:/etc"]}, "invalid_parameters", "outside of what the oper"),
    "secret echoed by the container": (
        shell("echo $KEY >&2; exit 1", environment={"KEY": secret("KEY")}),
        "program_failed",
        "exit code 1: ***",
    ),
}


@pytest.mark.service("dockerd")
@pytest.mark.parametrize(("parameters", "code", "words"), FAULTS.values(), ids=FAULTS)
async def test_a_container_that_goes_wrong(dockerd: Dockerd, parameters: dict[str, Any], code: str, words: str) -> None:
    """Each fault is one error in the journal, the case goes where the policy says, and the container is gone."""
    executor = DockerExecutor.under(base_url=dockerd.address, secrets={"KEY": VALUE})
    case = await run(executor, {"image": BUSYBOX, **parameters})
    (error,) = errors(case)

    assert ("failed", code) == (case.state, error["code"])
    assert words in error["message"]
    assert VALUE not in repr(case)
    assert [] == dockerd.names()


async def test_no_engine(tmp_path: Any) -> None:
    """Where no engine answers, the error says where it was looked for."""
    case = await run(DockerExecutor.under(base_url=f"unix://{tmp_path}/no.sock"), {"image": BUSYBOX})

    assert ("failed", ["service_unavailable"]) == (case.state, [error["code"] for error in errors(case)])
    assert f"unix://{tmp_path}/no.sock" in errors(case)[0]["message"]


@pytest.mark.service("dockerd")
async def test_shell_metacharacters_in_parameters(dockerd: Dockerd) -> None:
    """What would mean something to a shell reaches the program as it is written."""
    words = "$(id) `id`; echo * && exit 7 | \"'>/tmp/x"
    case = await run(
        DockerExecutor.under(base_url=dockerd.address),
        {"image": BUSYBOX, "command": ["echo", words], "environment": {"A": words}},
    )

    assert words == case.token.results["work"]["output"]
    assert [] == dockerd.names()


@pytest.mark.service("dockerd")
@pytest.mark.timeout(180)
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # docker-py forgets the socket of a refused connection
async def test_an_engine_that_is_restarted_in_the_middle() -> None:
    """The work that was lost is a typed error, and is done again when the policy of the transition says so."""
    if reason := missing():
        pytest.skip(f"Docker: {reason}")
    with running() as own:
        executor = DockerExecutor.under(base_url=own.address)
        work = {"image": BUSYBOX, **shell("sleep 1; echo end")}
        passing = ["service_unavailable", "program_failed"]
        again = {"retry": {"max_attempts": 9, "backoff_seconds": 0.5, "retry_on": passing}}
        async with asyncio.TaskGroup() as group:
            task = group.create_task(run(executor, work, **again))
            await until(own.runs_any)
            await asyncio.to_thread(own.kill)
            await asyncio.to_thread(own.start)
        case = task.result()

        assert ("done", "end") == (case.state, case.token.results["work"]["output"])
        assert "service_unavailable" in {error["code"] for error in errors(case)}
        assert [] == own.names()
    gc.collect()


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [("handled", "OrderInvalid", "(handled): no items"), ("unhandled", "ZeroDivisionError", "(unhandled): division")],
)
async def test_lambda_errors(name: str, code: str, words: str) -> None:
    """An error that a function of AWS Lambda handles, and one that it does not, have the kind that it told."""
    pytest.importorskip("aiobotocore")
    keys = {"access_key_id": "AKIA", "secret_access_key": secret("KEY")}
    async with lambda_fake() as there:
        functions = LambdaFunctions(region="eu-west-1", endpoint=there.url, credentials=keys, secrets={"KEY": VALUE})
        executor = ServerlessExecutor.under(backends={"aws": functions})
        case = await run(executor, {"function_name": name, "backend": "aws"})
    (error,) = errors(case)

    assert ("failed", code) == (case.state, error["code"])
    assert words in error["message"]


async def test_a_server_that_never_ends_its_body() -> None:
    """Time is up for a body without end, and the case goes on."""

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with wire(endless) as there:
        case = await run(HttpExecutor.under(allow=[there.place]), {"url": there.url, "timeout": 0.3})

    assert ("failed", ["timeout"]) == (case.state, [error["code"] for error in errors(case)])
