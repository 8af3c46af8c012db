"""Registering functions, running them, and looking at what came of them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from circuit_breaker import BaseExecutor, FunctionExecutor, all_of, field, rule
from circuit_breaker.errors import (
    CaseClosed,
    CaseExists,
    DataInvalid,
    ExecutionNotFound,
    FunctionInvalid,
    FunctionNotFound,
    ParameterInvalid,
    StorageClosed,
)
from circuit_breaker.executors import ExecutionContext, LogLine
from circuit_breaker.executors.secrets import secret
from circuit_breaker.functions import (
    ContainerConfig,
    ContainerMount,
    ExecutionConfig,
    ExecutionStatus,
    FunctionChain,
    FunctionCompletion,
    FunctionConfig,
    FunctionDefinition,
    FunctionManager,
    ResourceLimits,
    ResourceState,
)
from tests.functions.conftest import eventually, settled

ORDER_SCHEMA = {
    "type": "object",
    "properties": {"orderId": {"type": "string"}, "items": {"type": "array"}},
    "required": ["orderId", "items"],
}


def function(name="echo", **parts):
    return FunctionDefinition(**({"id": name, "container": ContainerConfig(f"{name}:1")} | parts))


async def test_a_function_is_registered_and_runs(functions, world):
    """F8, F13: creating a function gives its id; executing it gives output, logs, time and status."""
    assert "echo" == await functions.create_function(function())

    result = await functions.execute_function("echo", {"x": 1})

    assert ("echo", ExecutionStatus.SUCCESS, {"result": {"x": 1}, "image": "echo:1"}) == (
        result.function_id, result.status, result.output,
    )  # fmt: skip
    assert (LogLine("echo:1 begins"),) == result.logs
    assert 0.0 == result.execution_time
    assert {"kind": "call"} == result.cause
    assert result == await functions.result(result.id)
    assert "success" == result.to_document()["status"]


async def test_any_executor_can_run_functions(opened):
    """F12: a function without a container names an executor, which refers to the input where it wants to."""

    @FunctionExecutor.of
    def count(text: str, least: int = 1):
        return {"words": len([word for word in text.split() if len(word) >= least])}

    async with opened() as (_, functions):
        parameters = {"text": field("input.text"), "least": 3}
        await functions.create_function(FunctionDefinition(id="count", executor=count, parameters=parameters))
        result = await functions.execute_function("count", {"text": "to be or not to be"})

    assert {"words": 1} == result.output


async def test_what_a_container_is_made_of_reaches_the_executor(functions):
    """F2, ZA23: image, command, environment, mounts, limits and directory become parameters of the executor."""
    config = ContainerConfig(
        "tool:2",
        "run --fast 'two words'",
        environment={"A": "b", "KEY": secret("API_KEY")},
        mounts=[ContainerMount("/srv/in", "/in"), ContainerMount("/srv/out", "/out", read_only=False)],
        resources=ResourceLimits(memory="64m", cpus=0.5, pids=10),
        working_dir="/app",
    )

    assert {
        "image": "tool:2",
        "command": "run --fast 'two words'",
        "environment": {"A": "b", "KEY": {"$secret": "API_KEY"}},
        "volumes": ["/srv/in:/in:ro", "/srv/out:/out"],
        "working_dir": "/app",
        "memory": "64m",
        "cpus": 0.5,
        "pids": 10,
    } == config.parameters()
    assert "success" == (await functions.execute_container(await functions.deploy_container(config))).status


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"orderId": "7", "items": []}, []),
        ({"orderId": 7}, ["input.orderId: 7 is not of type", 'input: "items" is a required property']),
        (None, ["input: null is not of type"]),
    ],
)
async def test_an_input_must_fit_its_schema(functions, given, faults):
    """F14: an input that does not fit is refused with every fault, before anything has begun."""
    await functions.create_function(function(input_schema=ORDER_SCHEMA))
    if not faults:
        assert "success" == (await functions.execute_function("echo", given)).status
        return
    with pytest.raises(ParameterInvalid) as refused:
        await functions.execute_function("echo", given)

    assert len(faults) == len(refused.value.faults)
    assert all(fault in str(refused.value) for fault in faults)
    assert [] == await functions.executions()


async def test_an_output_must_fit_its_schema(functions):
    """F14: an execution that gives something else than its schema allows has failed, and says why."""
    schema = {"type": "object", "properties": {"result": {"type": "string"}}}
    await functions.create_function(function(output_schema=schema))

    assert "success" == (await functions.execute_function("echo", "text")).status
    result = await functions.execute_function("echo", 7)
    assert (ExecutionStatus.FAILED, None, "invalid_output") == (result.status, result.output, result.error["code"])
    assert "result: 7 is not of type" in result.error["message"]


async def test_a_failing_container_is_a_result(functions, world):
    """F15: what goes wrong in a container ends the execution as failed, with the code and the message."""
    world.failing.add("echo:1")
    await functions.create_function(function())

    result = await functions.execute_function("echo")

    assert (ExecutionStatus.FAILED, "program_failed", "echo:1 ended with 3") == (
        result.status, result.error["code"], result.error["message"],
    )  # fmt: skip
    assert (LogLine("echo:1 begins"),) == result.logs


async def test_a_timeout_has_a_status_of_its_own(functions, world):
    """F13: an execution that takes longer than its timeout has timed out."""
    world.hold = asyncio.Event()
    await functions.create_function(function(timeout="50ms"))

    result = await functions.execute_function("echo")

    assert (ExecutionStatus.TIMED_OUT, "timeout") == (result.status, result.error["code"])
    assert [result.id] == [each.id for each in await functions.executions(status="timed_out")]
    assert [] == await functions.executions(status="failed")


async def test_a_failed_attempt_is_repeated(opened):
    """F12: with a retry policy an execution fails only when every attempt has, and keeps the logs of all."""
    attempts = []

    @FunctionExecutor.of
    async def flaky(context: ExecutionContext):
        attempts.append(context.idempotency_key)
        context.log(f"attempt {len(attempts)}", stream="stderr")
        if len(attempts) < 3:
            raise ConnectionError("not yet")

    async with opened() as (_, functions):
        retry = {"max_attempts": 3, "backoff_seconds": 0.001}
        await functions.create_function(FunctionDefinition(id="flaky", executor=flaky, retry=retry))
        result = await functions.execute_function("flaky")

    assert "success" == result.status
    assert 1 == len(set(attempts))
    assert [LogLine(f"attempt {number}", "stderr") for number in (1, 2, 3)] == list(result.logs)


async def test_unknown_things_are_named(functions):
    """F8, F15: an unknown function or execution is an error that says which is near."""
    await functions.create_function(function("resize"))

    for ask in (functions.get_function("resise"), functions.execute_function("resise"), functions.versions("resise")):
        with pytest.raises(FunctionNotFound, match="did you mean 'resize'"):
            await ask
    for ask in (functions.result("x"), functions.logs("x"), functions.cancel("x"), functions.wait("x")):
        with pytest.raises(ExecutionNotFound, match="no execution 'x'"):
            await ask
    with pytest.raises(FunctionNotFound, match="no version 'v9'"):
        await functions.get_function("resize", version="v9")


async def test_a_case_is_no_execution(engine, functions):
    """The id of a case of a workflow is not the id of an execution."""
    case = await engine.start("order")

    with pytest.raises(ExecutionNotFound):
        await functions.result(case.id)


async def test_an_execution_with_an_id_happens_once(functions, world):
    """An execution that is given an id cannot begin a second time."""
    await functions.create_function(function())
    await functions.execute_function("echo", 1, id="mine")

    with pytest.raises(CaseExists, match="mine"):
        await functions.start("echo", 2, id="mine")
    assert [("echo:1", 1)] == world.inputs


async def test_an_input_must_be_json(functions):
    """What is no JSON is refused before anything has begun."""
    await functions.create_function(function())

    with pytest.raises(DataInvalid, match="no JSON"):
        await functions.execute_function("echo", {"x": object()})
    assert [] == await functions.executions()


async def test_versions_stay(functions, clock):
    """F8: a changed definition is a new version; old executions keep theirs, and the same one changes nothing."""
    for number in (1, 2, 2):
        await functions.create_function(function(description=f"number {number}"))
        await functions.execute_function("echo", number)
        await clock.advance(1)
    first, second = await functions.versions("echo")

    assert {(1, first), (2, second)} == {(each.input, each.version) for each in await functions.executions("echo")}
    assert "number 1" == (await functions.get_function("echo", version=first)).description
    assert "number 2" == (await functions.get_function("echo")).description
    assert ["echo"] == [definition.id for definition in await functions.functions()]


async def test_functions_are_there_after_a_restart(opened, world):
    """F8: what was registered is known to the next process, with its executions and their logs."""
    async with opened() as (_, functions):
        await functions.create_function(function(triggers=[ResourceState("processing")]))
        result = await functions.execute_function("echo", 1)
    async with opened() as (_, functions):
        assert result == await functions.result(result.id)
        assert "success" == (await functions.execute_function("echo", 2)).status
        assert [1, 2] == [each.input for each in await functions.executions("echo")]


async def test_several_managers_know_what_each_registers(opened):
    """A function that one process registers can be run by another at once."""
    async with opened() as (_, one), opened() as (_, other):
        await one.create_function(function())

        assert "success" == (await other.execute_function("echo")).status
        assert ["echo"] == [definition.id for definition in await other.functions()]


async def test_a_batch_tells_what_failed(functions, world):
    """F8: a batch runs a bounded number at a time, and gives a result or an error for each input, in order."""
    world.hold = asyncio.Event()
    await functions.create_function(function(input_schema={"type": "integer"}))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(functions.execute_batch("echo", [1, "two", 3, 4], concurrency=2))
        await eventually(lambda: _true(len(world.inputs) == 2))
        world.hold.set()
    one, two, three, four = task.result()

    assert [1, 3, 4] == [result.output["result"] for result in (one, three, four)]
    assert isinstance(two, ParameterInvalid)


async def _true(value):
    return value


async def test_an_execution_runs_in_the_background(functions, world):
    """F8: a start returns at once; the status tells how it stands, and waiting gives the result."""
    world.hold = asyncio.Event()
    await functions.create_function(function())
    execution = await functions.start("echo")
    await eventually(lambda: _true(world.inputs))

    assert ExecutionStatus.RUNNING == (await functions.result(execution)).status
    assert (LogLine("echo:1 begins"),) == await functions.logs(execution)
    world.hold.set()
    assert "success" == (await functions.wait(execution)).status


async def test_an_execution_is_cancelled(functions, world):
    """F8: cancelling stops the work; what has ended cannot be cancelled."""
    world.hold = asyncio.Event()
    await functions.create_function(function())
    execution = await functions.start("echo")
    await eventually(lambda: _true(world.inputs))

    assert ExecutionStatus.CANCELLED == (await functions.cancel(execution, reason="enough")).status
    with pytest.raises(CaseClosed):
        await functions.cancel(execution)
    assert ExecutionStatus.CANCELLED == (await functions.wait(execution)).status


async def test_who_stops_waiting_does_not_stop_the_execution(functions, world):
    """The execution of a caller that is cancelled goes on, and is not begun again."""
    world.hold = asyncio.Event()
    await functions.create_function(function())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await functions.execute_function("echo", id="mine")
    world.hold.set()

    assert "success" == (await functions.wait("mine")).status
    assert 1 == len(world.inputs)


async def test_executions_are_listed(functions, world, clock):
    """F8: executions are listed by function, status and time, in order and in pages."""
    world.failing.add("bad:1")
    for name in ("good", "bad"):
        await functions.create_function(function(name))
    begun = clock.now()
    ids = []
    for number in range(6):
        ids.append((await functions.execute_function(("good", "bad")[number % 2], number, id=f"e{number}")).id)
        await clock.advance("1h")

    async def listed(*given, **asked):
        return [result.id for result in await functions.executions(*given, **asked)]

    assert ids == await listed()
    assert ids[2:4] == await listed(after=ids[1], limit=2)
    assert ids[::2] == await listed("good") == await listed(status=ExecutionStatus.SUCCESS)
    assert ids[3::2] == await listed("bad", status=["failed", "pending"], after=ids[1])
    assert ids[2:4] == await listed(since=begun + timedelta(hours=2), until=begun + timedelta(hours=4))
    assert [] == await listed(status="running")
    with pytest.raises(FunctionInvalid, match="did you mean 'failed'"):
        await listed(status="fail")


FAULTS = [
    ({"id": "a b"}, "id: 'a b' is no id"),
    ({"name": " "}, "name: ' ' is no name"),
    ({"container": None}, "either a container or an executor"),
    ({"executor": "x"}, "either a container or an executor"),
    ({"container": ContainerConfig("")}, "container.image: '' names no image"),
    ({"container": ContainerConfig("a", [1])}, "container.command: "),
    ({"container": ContainerConfig("a", environment={"A": 1})}, "container.environment.A: a int is no text"),
    ({"container": ContainerConfig("a", mounts=[ContainerMount("x", "y")])}, r"container.mounts\[0\]: 'x:y:ro'"),
    ({"parameters": {"x": 1}}, "parameters: belong to an executor"),
    ({"input_schema": {"type": "nothing"}}, "input_schema: the JSON schema is not valid"),
    ({"output_schema": {"$ref": "http://elsewhere"}}, "output_schema: .* outside of the schema"),
    ({"metadata": {"a": object()}}, "metadata: .* no JSON"),
    ({"timeout": 0}, "timeout: leaves no time"),
    ({"triggers": [FunctionCompletion("echo")]}, r"triggers\[0\]: the function would wait for its own end"),
    ({"triggers": [FunctionCompletion("nobody")]}, r"triggers\[0\]: there is no function 'nobody'"),
    ({"triggers": [ResourceState(condition="no_such_rule")]}, r"triggers\[0\]: rule 'no_such_rule' is in no rulebook"),
    ({"triggers": [ResourceState(condition=lambda token: True)]}, r"triggers\[0\]: the function <lambda>"),
    ({"chains": [FunctionChain("nobody")]}, r"chains\[0\]: there is no function 'nobody'"),
    ({"chains": [FunctionChain("echo")]}, "chains: they lead back to the function: echo -> echo"),
    ({"container": None, "executor": "nobody"}, "executor 'nobody': is not known"),
    ({"container": ContainerConfig("a"), "id": 7}, "id: 7 is no id"),
]


@pytest.mark.parametrize(("parts", "words"), FAULTS, ids=[words[:30] for _, words in FAULTS])
async def test_a_wrong_function_is_refused(functions, parts, words):
    """F8, F15: what is wrong with a function is said when it is registered, and nothing of it stays."""
    with pytest.raises(FunctionInvalid, match=words):
        await functions.create_function(function(**parts))
    assert [] == await functions.functions()


async def test_every_fault_is_named_at_once(functions):
    """F8: several faults of one function are reported together."""
    with pytest.raises(FunctionInvalid) as refused:
        await functions.create_function(
            function(
                "a b", container=ContainerConfig("x", environment={"A": 1}), chains=[FunctionChain("c")], timeout=0
            )
        )
    assert 4 == len(refused.value.faults)


@pytest.mark.parametrize("value", ["text", {"id": "echo"}])
async def test_only_definitions_are_registered(functions, value):
    """F8: what is no definition is refused."""
    with pytest.raises(FunctionInvalid, match="no function"):
        await functions.create_function(value)
    with pytest.raises(FunctionInvalid, match="no container"):
        await functions.deploy_container(value)


@pytest.mark.parametrize(
    "parts", [{"container": "node"}, {"triggers": ["x"]}, {"chains": [ResourceState("a")]}], ids=str
)
def test_a_part_of_another_kind_is_refused_where_it_is_written(parts):
    """F1: a definition is made of containers, triggers and chains."""
    with pytest.raises(FunctionInvalid, match="is no"):
        function(**parts)


async def test_a_ring_of_chains_is_refused(functions):
    """ZA21: functions cannot be chained so that they run for ever; the ring is named."""
    await functions.create_function(function("c"))
    await functions.create_function(function("b", chains=[FunctionChain("c")]))
    await functions.create_function(function("a", chains=[FunctionChain("b")]))

    with pytest.raises(FunctionInvalid, match="a -> b -> c -> a"):
        await functions.create_function(function("c", chains=[FunctionChain("a")]))
    assert () == (await functions.get_function("c")).chains


async def test_parameters_of_an_executor_are_checked_at_registration(functions):
    """F8: what an executor does not take is said when the function is registered."""

    class Resize(BaseExecutor):
        width: int

        def execute_internal(self, context):
            return {}

    with pytest.raises(FunctionInvalid) as refused:
        await functions.create_function(
            FunctionDefinition(id="r", executor=Resize, parameters={"width": "wide", "size": 3})
        )
    assert 2 == len(refused.value.faults)


async def test_two_executors_cannot_have_one_name(functions):
    """A name stands for one executor."""
    first, second = (FunctionExecutor.of(lambda: None, name="same") for _ in range(2))
    await functions.create_function(FunctionDefinition(id="a", executor=first))

    with pytest.raises(FunctionInvalid, match="another executor 'same'"):
        await functions.create_function(FunctionDefinition(id="b", executor=second))


async def test_a_function_whose_executor_is_elsewhere_is_left_alone(opened):
    """A process that does not know the executor neither runs nor loses an execution; one that does runs it."""

    @FunctionExecutor.of
    def special():
        return {"output": "done"}

    quick = FunctionConfig(execution_config=ExecutionConfig(poll=0.01))
    async with opened() as (_, able):
        await able.create_function(FunctionDefinition(id="special", executor=special, triggers=[ResourceState("done")]))
    async with opened(config=quick) as (engine, _):
        case = await engine.run(await engine.start("order", data={"amount": 200}))
        await asyncio.sleep(0.05)
    async with opened(executors={"special": special}, config=quick) as (_, able):
        (result,) = await settled(able, 1)

    assert ("done", case.id) == (result.output, result.cause["case"])


async def test_a_function_whose_rule_is_elsewhere_is_left_alone(opened):
    """C26: a process that does not know a rule of a function warns, and leaves it to those that do."""

    @rule
    def large(token):
        return token.data["amount"] > 100

    definition = function(triggers=[ResourceState("processing", condition=large)])
    async with opened(rules=[large]) as (_, able):
        await able.create_function(definition)
    async with opened() as (engine, unable):
        await engine.run(await engine.start("order", data={"amount": 200}))
        assert [] == await unable.functions()
    async with opened(rules=[large]) as (_, able):
        (result,) = await settled(able, 1)
    assert {"amount": 200} == result.input


async def test_secrets_reach_the_executor_and_nothing_else(opened, journals):
    """Secrets by reference: the value is had where the work is done, and is in no record and in no event."""
    seen = {}

    class Call(BaseExecutor):
        environment: dict

        async def execute_internal(self, context):
            seen["value"] = self.settings.secrets[self.environment["KEY"]["$secret"]]
            return {"output": "called"}

    async with opened(secrets={"API_KEY": "hunter2"}) as (engine, functions):
        parameters = {"environment": {"KEY": secret("API_KEY")}}
        await functions.create_function(FunctionDefinition(id="call", executor=Call, parameters=parameters))
        result = await functions.execute_function("call")
        kept = [await engine.storage.records.find(kind) for kind in ("function", "function-version", "function-log")]
        events = await engine.storage.events(result.id)

    assert "hunter2" == seen["value"]
    assert "hunter2" not in f"{kept}{events}{result}"


async def test_a_container_is_deployed_and_run(functions, world):
    """F10, F16: the same container has the same id; running it gives output, logs, time, status and exit code."""
    container = await functions.deploy_container(ContainerConfig("tool:1", ["run"]))
    assert container == await functions.deploy_container(ContainerConfig("tool:1", ["run"]))

    result = await functions.execute_container(container, {"a": 1})

    assert (container, {"a": 1}, 0, "success") == (
        result.container_id, result.output["result"], result.exit_code, result.status,
    )  # fmt: skip
    assert [LogLine("tool:1 begins")] == list(result.logs)
    assert [] == await functions.functions()
    with pytest.raises(FunctionNotFound):
        await functions.execute_container("container-0")


async def test_a_container_that_fails_says_so(functions, world):
    """F10: a container that fails has no output, and the error."""
    world.failing.add("tool:1")
    container = await functions.deploy_container(ContainerConfig("tool:1"))

    result = await functions.execute_container(container)

    assert (None, None, "failed", "program_failed") == (
        result.output, result.exit_code, result.status, result.error["code"],
    )  # fmt: skip


async def test_hooks_are_told_what_happens(engine, functions):
    """F11: handlers, plain or async, hear of events of a kind, and of tokens that enter a state."""
    heard, entered = [], []

    async def note(event):
        entered.append((event.state, event.case.id, event.token))

    functions.on_workflow_event("TransitionFired", heard.append)
    functions.on_resource_state("processing", note)
    case = await engine.run(await engine.start("order", data={"amount": 200}))
    await eventually(lambda: _true(len(heard) == 2 and entered))

    assert ["process", "finish"] == [event.transition for event in heard]
    assert [("processing", case.id, case.token.id)] == entered
    with pytest.raises(FunctionInvalid, match="did you mean 'TransitionFired'"):
        functions.on_workflow_event("TransitionFire", print)


async def test_a_closed_manager_says_so(engine):
    """A manager works inside of its ``async with`` only."""
    functions = FunctionManager(engine)
    for ask in (functions.create_function(function()), functions.wait("x"), functions.start("x")):
        with pytest.raises((StorageClosed, FunctionNotFound)):
            await ask
    async with FunctionManager(engine) as functions:
        pass
    with pytest.raises(StorageClosed, match="async with"):
        await functions.create_function(function())


@pytest.mark.parametrize("settings", [{"concurrency": 0}, {"poll": 0}, {"poll": "x"}, {"generations": True}])
def test_a_wrong_setting_is_refused(settings):
    """F19: what an operator decides is checked."""
    with pytest.raises(FunctionInvalid, match=next(iter(settings))):
        ExecutionConfig(**settings)


async def test_settings_have_the_two_parts_of_the_documents(engine):
    """F19: the configuration has a part for Docker, which reaches its executor, and one for executions."""
    config = FunctionConfig(docker_config={"no_such_setting": 1}, execution_config=ExecutionConfig(concurrency=2))
    async with FunctionManager(engine, config=config) as functions:
        with pytest.raises(FunctionInvalid, match="no_such_setting"):
            await functions.create_function(function())


async def test_rules_combine_in_conditions(engine, functions):
    """C26: a condition may be any rule, combined from others."""
    condition = all_of(field("amount") > 100, "state == 'done'")
    await functions.create_function(function(triggers=[ResourceState(condition=condition)]))
    await engine.run(await engine.start("order", data={"amount": 200}))

    assert [{"amount": 200}] == [result.input for result in await settled(functions, 1)]


async def test_an_input_cannot_name_a_secret(functions, world):
    """Secrets by reference: only a definition chooses what is revealed; an input that names a secret fails."""
    await functions.create_function(function())

    result = await functions.execute_function("echo", {"text": secret("API_KEY")})

    assert ("failed", "invalid_parameters", []) == (result.status, result.error["code"], world.inputs)


async def test_only_the_end_of_long_logs_is_kept(opened):
    """F13: of what an execution writes the last 64 KiB are kept, also where that is one line, from any thread."""

    @FunctionExecutor.of
    def chatty(context: ExecutionContext, input: str):  # noqa: A002
        for number in range(5000):
            context.log(f"line {number} of many, many lines \udcff")
        context.log(input * 100_000, stream="stderr")

    async with opened() as (_, functions):
        await functions.create_function(FunctionDefinition(id="chatty", executor=chatty))
        short, long = [await functions.execute_function("chatty", text) for text in ("", "é")]
        again = await functions.logs(short.id)

    assert again == short.logs
    assert 1500 < len(short.logs) < 5000
    assert "line 4999 of many, many lines \\udcff" == short.logs[-2].line
    assert 60_000 < sum(len(line.line.encode()) + 1 for line in short.logs) <= 65_536
    assert [LogLine("é" * 32_768, "stderr")] == list(long.logs)


async def test_any_class_with_an_async_execute_is_an_executor(opened):
    """F12: what the engine takes for an executor can run functions, and is given the input."""

    class Plain:
        def __init__(self, **given):
            self.given = given

        async def execute(self):
            return self.given if self.given["input"] else None

    async with opened(executors={"plain": Plain}) as (_, functions):
        await functions.create_function(FunctionDefinition(id="plain", executor="plain", parameters={"a": 1}))
        good, bad = [await functions.execute_function("plain", given) for given in (2, 0)]

    assert {"a": 1, "input": 2} == good.output
    assert ("failed", "invalid_outcome") == (bad.status, bad.error["code"])


async def test_an_input_that_parameters_name_is_not_given_twice(opened):
    """F5: a definition may say itself what its executor gets as input."""

    @FunctionExecutor.of
    def shout(input: str):  # noqa: A002
        return {"output": input.upper()}

    async with opened() as (_, functions):
        parameters = {"input": field("input.text")}
        await functions.create_function(FunctionDefinition(id="shout", executor=shout, parameters=parameters))
        result = await functions.execute_function("shout", {"text": "hey"})

    assert "HEY" == result.output


async def test_no_triggers_are_acted_on_by_one_that_is_not_active(opened):
    """F18: a manager that is not active runs what it is asked to, and nothing by itself."""
    async with opened(active=False) as (engine, functions):
        await functions.create_function(function(triggers=[ResourceState("pending")]))
        await engine.run(await engine.start("order", data={"amount": 1}))
        await functions.execute_function("echo", "asked")
        await asyncio.sleep(0.05)

        assert ["asked"] == [result.input for result in await functions.executions()]
