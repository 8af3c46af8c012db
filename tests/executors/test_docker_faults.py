"""What can go wrong with a container: one typed error each, and the container is gone."""

from __future__ import annotations

import asyncio
import time
import tracemalloc

import pytest

from circuit_breaker import Engine, Workflow, connect, flow, states
from circuit_breaker.errors import (
    ActionTimeout,
    ImageUnavailable,
    OutOfMemory,
    OutputInvalid,
    OutputTooLarge,
    ParameterInvalid,
    ProgramFailed,
    SecretNotFound,
    ServiceFailed,
    ServiceUnavailable,
)
from circuit_breaker.executors import StandaloneContext
from circuit_breaker.executors.docker import DockerExecutor
from circuit_breaker.executors.secrets import secret
from tests.services.dockerd import until
from tests.services.images import BUSYBOX

pytestmark = [pytest.mark.service("dockerd"), pytest.mark.timeout(180)]
SOON = 1.0
"""Seconds in which a container must be gone; the tests allow more, since other tests run at the same time."""


@pytest.fixture
def executor(dockerd, tmp_path):
    """Makes executors of busybox on the engine, of which no container may be left when the test ends."""
    operated = DockerExecutor.under(
        base_url=dockerd.address, artifacts=[tmp_path], secrets={"KEY": "hunter2-hunter2"}, networks=["none", "nowhere"]
    )
    yield lambda **parameters: operated(**{"image": BUSYBOX, **parameters})
    assert [] == dockerd.names()


async def failure(kind, work):
    with pytest.raises(kind) as caught:
        await work.execute()
    return caught.value


async def test_no_engine_is_said_plainly(tmp_path):
    """Nobody listens: the error names every address that was tried, why, and what to do."""
    error = await failure(ServiceUnavailable, DockerExecutor.under(base_url=f"unix://{tmp_path}/no.sock")(image="a"))

    assert f"there is no container engine at unix://{tmp_path}/no.sock (No such file or directory)" in error.message
    assert "start Docker or Podman, or say where the engine is" in error.remedy


async def test_the_usual_addresses_are_tried(monkeypatch, tmp_path):
    """Without an address Docker's socket is tried, then Podman's of the system and of the user."""
    addresses = (f"unix://{tmp_path}/a", f"unix://{tmp_path}/b")
    monkeypatch.setattr("circuit_breaker.executors.docker.engine.usual_addresses", lambda: addresses)
    error = await failure(ServiceUnavailable, DockerExecutor(image="a"))

    assert all(address in error.message for address in addresses)


async def test_a_port_where_nobody_listens_is_said_plainly():
    """The same holds for an address of the network."""
    error = await failure(ServiceUnavailable, DockerExecutor.under(base_url="tcp://127.0.0.1:1")(image="a"))

    assert "there is no container engine at tcp://127.0.0.1:1 (Connection refused)" in error.message


async def test_an_engine_that_goes_when_it_is_asked_is_let_go():
    """Where somebody listens and hangs up, the error says so, and no connection stays open."""

    async def hang_up(_, writer):
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await failure(ServiceUnavailable, DockerExecutor.under(base_url=f"tcp://127.0.0.1:{port}")(image="a"))

    assert f"127.0.0.1:{port}" in error.message


@pytest.mark.parametrize("pull", ["missing", "always", "never"])
async def test_an_image_that_cannot_be_had(executor, pull):
    """No image of that name, and no registry that gives it: the error names the image and the reason."""
    error = await failure(ImageUnavailable, executor(image="127.0.0.1:1/no/such:1", pull=pull))

    assert "127.0.0.1:1/no/such:1" in error.message
    assert ("refused" in error.message) is (pull != "never")


async def test_an_image_from_elsewhere_is_not_pulled(dockerd):
    """Images come from the registries that the operator names, or from none."""
    for settings in ({"registries": ["registry.example"]}, {"pulls": False}):
        kind = DockerExecutor.under(base_url=dockerd.address, **settings)
        await failure(ImageUnavailable, kind(image="127.0.0.1:1/no/such:1"))
    await failure(ImageUnavailable, kind(image="sha256:" + "0" * 64))


async def test_a_pull_has_a_time(dockerd):
    """A registry that never answers is given up."""
    held = []

    async def hang(reader, writer):
        held.append(writer)

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        kind = DockerExecutor.under(base_url=dockerd.address, max_pull_time=0.5)
        error = await failure(ImageUnavailable, kind(image=f"127.0.0.1:{port}/no/such:1"))
        for writer in held:
            writer.close()
            await writer.wait_closed()
    assert "was not there after 0.5 s" in error.message


async def test_a_program_that_fails(executor):
    """The error has the exit code and the end of the standard error, and says the last line."""
    error = await failure(ProgramFailed, executor(command=["sh", "-c", "echo first >&2; echo last >&2; exit 3"]))

    assert (3, "first\nlast") == (error.exit_code, error.stderr)
    assert error.message.endswith("ended with exit code 3: last")


async def test_a_program_that_is_not_there(executor):
    """No such program in the image is a failure with the exit code that shells give."""
    assert 127 == (await failure(ProgramFailed, executor(command="no-such-program"))).exit_code


async def test_a_program_that_uses_too_much_memory(executor):
    """It is killed, and the error says so, and how much it may."""
    script = "x=$(head -c 200000000 /dev/zero | tr '\\0' a); echo $x | wc -c"
    error = await failure(OutOfMemory, executor(command=["sh", "-c", script], memory="32m"))

    assert "more than 33554432 bytes" in error.message
    assert 137 == error.exit_code


async def test_a_program_with_too_many_processes(executor):
    """A fork bomb ends by itself: the number of processes is limited."""
    script = "for n in $(seq 50); do sleep 30 & done; wait"
    await failure(ProgramFailed, executor(command=["sh", "-c", script], pids=10))


async def test_a_program_that_hangs(executor, dockerd):
    """A time limit ends it at once, and it is gone."""
    begun = time.monotonic()
    error = await failure(ActionTimeout, executor(command=["sh", "-c", "trap '' TERM; sleep 60"], timeout=1))

    assert time.monotonic() - begun < 1 + 3 * SOON
    assert "ran longer than 1 s" in error.message


async def cancelled_when(condition, work):
    """Seconds from the cancellation of an executor to its end."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work.execute())
        await until(condition)
        begun = time.monotonic()
        task.cancel()
    assert task.cancelled()
    return time.monotonic() - begun


@pytest.mark.parametrize("command", ["sleep 60", "yes", "sh -c 'exec >&- 2>&-; sleep 60'"])
async def test_a_cancelled_container_is_gone(executor, dockerd, command):
    """Cancelled while it is silent, floods its output, or has closed it: it is gone within a second."""
    took = await cancelled_when(dockerd.runs_any, executor(command=command, output="none"))

    assert took < 3 * SOON
    assert [] == dockerd.names()


@pytest.mark.parametrize("delay", [0.0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.3])
async def test_a_container_can_be_cancelled_at_any_moment(executor, dockerd, delay):
    """Whatever it was doing when it was cancelled, also twice, nothing is left."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(executor(command=["sh", "-c", "cat; sleep 30"], input="x" * 100_000).execute())
        await asyncio.sleep(delay)
        task.cancel()
        await asyncio.sleep(0.01)
        task.cancel()
    assert task.cancelled()


async def test_a_flood_of_output(executor):
    """More output than is kept ends the container with an error."""
    error = await failure(OutputTooLarge, executor(command="yes", max_output=10_000))

    assert "stdout is longer than 10000 bytes" in error.message


async def test_a_flood_takes_no_memory(executor):
    """Ten million bytes are passed on line by line in constant memory: the container waits for who listens."""

    class Slow(StandaloneContext):
        lines = 0

        def log(self, line, *, stream="stdout"):
            self.lines += 1

    await executor(command="true").execute()
    context = Slow()
    tracemalloc.start()
    try:
        flood = executor(command=["sh", "-c", "yes 0123456789abcde | head -c 10000000"], output="none")
        await flood.bind(context).execute()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 625_000 == context.lines
    assert peak < 3_000_000


async def test_output_that_is_not_what_was_asked_for(executor):
    """Bytes that are no text, and text that is no JSON."""
    assert "is no UTF-8 text" in (await failure(OutputInvalid, executor(command="printf '\\377'"))).message
    assert "is no JSON" in (await failure(OutputInvalid, executor(command="echo {", output="json"))).message


async def test_a_file_that_is_not_there_or_not_right(executor, tmp_path):
    """A file of the output that was not written, is a link or is too long; an artifact that was not written."""
    into = {"output_file": "/out/x"}
    missing = await failure(OutputInvalid, executor(command="true", **into))
    link = await failure(OutputInvalid, executor(command="ln -s /etc/passwd /out/x", **into))
    await failure(OutputTooLarge, executor(command="sh -c 'seq 100 >/out/x'", max_output=10, **into))
    artifact = executor(command="true", artifacts=["/out/y"], artifacts_to=str(tmp_path))
    absent = await failure(OutputInvalid, artifact)

    assert "the container wrote no '/out/x'" in missing.message
    assert "is no plain file" in link.message
    assert "the container wrote no '/out/y'" in absent.message


async def test_a_secret_that_nobody_gave(executor, dockerd):
    """Nothing is started without its secrets; the error names them."""
    error = await failure(SecretNotFound, executor(environment={"A": secret("NO")}))

    assert "'NO'" in error.message


async def test_a_secret_in_an_error(executor):
    """A secret that a failing container echoes is not in the error."""
    work = executor(command=["sh", "-c", "echo $A >&2; exit 1"], environment={"A": secret("KEY")})
    error = await failure(ProgramFailed, work)

    assert "hunter2" not in f"{error} {error.stderr} {error.to_document()} {work.logs}"
    assert error.message.endswith("***")


async def test_what_the_engine_refuses(executor):
    """A network that the operator allows and the engine does not have: its words, and its status."""
    error = await failure(ServiceFailed, executor(command="true", network="nowhere"))

    assert 404 == error.status
    assert "nowhere" in error.message


async def test_a_container_that_somebody_else_removes(executor, dockerd):
    """It is an error, for its outcome is lost."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(failure((ServiceFailed, ProgramFailed), executor(command="sleep 60")))
        await until(dockerd.runs_any)
        await asyncio.to_thread(dockerd.clear)
    assert task.done()


async def test_the_case_goes_where_the_policy_says(executor):
    """A container that fails leads the case where .on_failure says; the error is in the journal, without secrets."""
    raw, done, failed = states("raw", "done", "failed")
    work = Workflow(
        "work",
        flow(raw >> done)
        .transition("run")
        .execute(type(executor()), image=BUSYBOX, command="sh -c 'echo $A; exit 4'", environment={"A": secret("KEY")})
        .on_failure(failed),
    )

    async with Engine(work, storage=connect("memory://")) as engine:
        case = await engine.run(await engine.start("work"))
        events = await engine.history(case)
    assert "failed" == case.state
    assert "program_failed" in repr(list(events))
    assert "hunter2" not in repr(list(events))


def test_a_wrong_image_name_is_a_parameter_error():
    """B1: the name is checked before anything is asked of an engine."""
    with pytest.raises(ParameterInvalid, match="'Not An Image' is no name of an image"):
        DockerExecutor(image="Not An Image").execute_sync()
