"""Functions in real containers."""

from __future__ import annotations

import pytest

from circuit_breaker import Engine, connect
from circuit_breaker.executors import LogLine
from circuit_breaker.executors.docker import DockerExecutor
from circuit_breaker.functions import (
    ContainerConfig,
    FieldMapping,
    FunctionChain,
    FunctionConfig,
    FunctionDefinition,
    FunctionManager,
    ResourceLimits,
    ResourceState,
)
from tests.functions.conftest import order, settled
from tests.services.images import BUSYBOX

pytestmark = [pytest.mark.service("dockerd"), pytest.mark.timeout(180)]


@pytest.fixture
async def running(dockerd):
    """An engine, and a manager with the executor for Docker on an engine of our own."""
    config = FunctionConfig(docker_config={"base_url": dockerd.address})
    async with (
        Engine(order, storage=connect("memory://")) as engine,
        FunctionManager(engine, config=config) as functions,
    ):
        yield engine, functions
    assert [] == dockerd.names()


def shell(script):
    return ContainerConfig(BUSYBOX, ["sh", "-c", script], resources=ResourceLimits(memory="64m", pids=20))


async def test_a_function_runs_in_a_container(running):
    """F10, F12, F16, F17: a container gets the input, and gives output, logs and exit code; nothing is left of it."""
    _, functions = running
    await functions.create_function(FunctionDefinition(id="cat", container=shell("echo seen >&2; cat")))

    result = await functions.execute_function("cat", {"orderId": "A-7"})

    assert ("success", {"orderId": "A-7"}) == (result.status, result.output), result.error
    assert LogLine("seen", "stderr") in result.logs
    container = await functions.deploy_container(shell("exit 3"))
    failed = await functions.execute_container(container)
    assert ("failed", "program_failed") == (failed.status, failed.error["code"])


async def test_a_chain_of_containers(running):
    """F6, F17, F18: a token that enters a state runs a container, and its output is the input of the next."""
    engine, functions = running
    await functions.create_function(FunctionDefinition(id="sender", container=shell("cat")))
    await functions.create_function(
        FunctionDefinition(
            id="processor",
            container=shell("""printf '{"result": %s}' "$(cat)" """),
            triggers=[ResourceState("processing")],
            chains=[FunctionChain("sender", "OnSuccess", FieldMapping({"result.amount": "data"}))],
        )
    )
    await engine.run(await engine.start("order", data={"amount": 20}))

    found = {result.function_id: result.output for result in await settled(functions, 2, seconds=60)}
    assert {"processor": {"result": {"amount": 20}}, "sender": {"data": 20}} == found


def test_the_executor_for_docker_takes_what_a_container_says():
    """F2: every part of a container is a parameter of the executor for Docker."""
    config = ContainerConfig(
        "a",
        "b",
        environment={"A": "b"},
        resources=ResourceLimits(memory="1m", cpus=1.0, pids=1, timeout=1.0),
        working_dir="/",
    )
    assert [] == list(DockerExecutor.check_parameters({**config.parameters(), "volumes": ["/a:/b:ro"], "input": 1}))
