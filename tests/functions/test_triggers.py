"""Functions that run because something has happened."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager

import pytest
import structlog

from circuit_breaker import Workflow, field, flow, rule, states
from circuit_breaker.engine.ids import derived_id
from circuit_breaker.errors import CaseNotFound, ConditionParsingError, FunctionInvalid, StorageLocked
from circuit_breaker.functions import (
    ON_FAILURE,
    ON_SUCCESS,
    ChainCondition,
    ContainerConfig,
    ExecutionConfig,
    FieldMapping,
    FunctionChain,
    FunctionCompletion,
    FunctionConfig,
    FunctionDefinition,
    ResourceState,
    TemplateMapping,
    WorkflowEvent,
    occasions,
)
from circuit_breaker.functions import dispatch as dispatching
from tests.functions.conftest import eventually, order, settled

QUICK = FunctionConfig(execution_config=ExecutionConfig(poll=0.02, generations=4))


def function(name="echo", *triggers, **parts):
    return FunctionDefinition(id=name, container=ContainerConfig(name), triggers=triggers, **parts)


@contextmanager
def warnings_told():
    """What is logged, and nothing set for others."""
    try:
        with structlog.testing.capture_logs() as logs:
            yield logs
    finally:
        structlog.reset_defaults()


async def begun(world):
    return world.inputs


async def ran(engine, amount=200, **options):
    return await engine.run(await engine.start("order", data={"amount": amount}, **options))


def inputs(results):
    return [result.input for result in results]


async def test_a_token_that_enters_a_state_runs_a_function(engine, functions):
    """F3, F4, F5: the condition of the documents chooses the state, and the full data is the input."""
    await functions.create_function(function("order-processor", ResourceState(condition="state == 'processing'")))
    case = await ran(engine)

    (result,) = await settled(functions, 1)

    assert ({"amount": 200}, case.id, 2) == (result.input, result.cause["case"], result.cause["event"])
    assert ("trigger", "ResourceState") == (result.cause["kind"], result.cause["type"])


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        (ResourceState("pending"), [150, 20]),
        (ResourceState("done"), [150]),
        (ResourceState("done", workflow="other"), []),
        (ResourceState("processing", workflow="order"), [150, 20]),
        (ResourceState(), [150, 150, 150, 20, 20]),
        (WorkflowEvent("CaseStarted"), [150, 20]),
        (WorkflowEvent("CaseCompleted", workflow="order"), [150]),
        (WorkflowEvent("TransitionFired", condition=field("amount") < 100), [20]),
        (
            WorkflowEvent("TransitionFired", condition="event.transition == 'finish' && event.workflow == 'order'"),
            [150],
        ),
        (WorkflowEvent("TransitionFired", condition="data.nothing == 1"), []),
        (ResourceState("pending", condition="metadata.source == 'web'"), []),
        (ResourceState("pending", condition={"not": {"field": "amount", "op": ">", "value": 100}}), [20]),
    ],
    ids=str,
)
async def test_a_trigger_chooses_its_events(engine, functions, trigger, expected):
    """F4: a trigger waits for a kind of event or a state, of one workflow or any, and its condition must hold."""
    await functions.create_function(function("echo", trigger))
    for amount in (150, 20):
        await ran(engine, amount)

    found = await settled(functions, len(expected))

    assert sorted(expected) == sorted(result.input["amount"] for result in found)


async def test_a_rule_by_name_decides(opened):
    """C26, F18: a rule of the rulebook may decide whether a function runs."""

    @rule
    def large(token):
        return token.data["amount"] > 100

    async with opened(rules=[large]) as (engine, functions):
        await functions.create_function(function("echo", ResourceState("pending", condition="large")))
        for amount in (200, 20):
            await ran(engine, amount)
        assert [{"amount": 200}] == inputs(await settled(functions, 1))


async def test_a_trigger_sees_the_case_as_it_was(opened):
    """F5: the data of a trigger is that of the moment of the event, although the case has gone on since."""
    first, second, last = states("first", "second", "last")
    counting = Workflow(
        "counting",
        flow(first >> second).transition("one").action(lambda token: {"n": 1}, name="one"),
        flow(second >> last).transition("two").action(lambda token: {"n": 2}, name="two"),
    )
    async with opened(counting) as (engine, functions):
        await functions.create_function(function("echo", ResourceState()))
        await engine.run(await engine.start("counting", data={"n": 0}))
        results = await settled(functions, 3)

    assert [{"n": 0}, {"n": 1}, {"n": 2}] == sorted(inputs(results), key=lambda each: each["n"])


async def test_each_token_of_a_split_counts(opened):
    """F4: where several tokens enter a state by one event, the function runs for each."""
    one, two, three = states("one", "two", "three")
    splitting = Workflow("splitting", flow(one >> (two * 2, three)).transition("split"))
    async with opened(splitting) as (engine, functions):
        await functions.create_function(function("echo", ResourceState("two")))
        await engine.run(await engine.start("splitting"))

        assert 2 == len(await settled(functions, 2))


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        (FieldMapping({"amount": "total", "nothing": "x"}), {"total": 200}),
        (TemplateMapping({"text": "{amount} of {event.case|?}", "n": "{amount}", "by": "{metadata.by|nobody}"}), None),
    ],
    ids=["fields", "template"],
)
async def test_an_input_is_mapped(engine, functions, mapping, expected):
    """F5: fields get other names, and templates keep the kind of what stands alone."""
    await functions.create_function(function("echo", ResourceState("pending", input_mapping=mapping)))
    case = await ran(engine)

    expected = expected or {"text": f"200 of {case.id}", "n": 200, "by": "nobody"}
    assert [expected] == inputs(await settled(functions, 1))


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ({"mapping": TemplateMapping("{nothing}")}, ("invalid_data", "needs 'data.nothing'")),
        ({"input_schema": {"required": ["orderId"]}}, ("invalid_parameters", '"orderId" is a required')),
    ],
    ids=["mapping", "schema"],
)
async def test_an_input_that_cannot_be_is_a_failure_that_can_be_seen(engine, functions, world, parts, error):
    """F14, F18: what a trigger cannot give is recorded as a failed execution, and the next events go on."""
    mapping = {"input_mapping": parts.pop("mapping")} if "mapping" in parts else {}
    await functions.create_function(function("echo", ResourceState("pending", **mapping), **parts))
    await ran(engine)
    await ran(engine)

    results = await settled(functions, 2)

    assert ["failed", "failed"] == [result.status for result in results]
    assert error[0] == results[0].error["code"]
    assert error[1] in results[0].error["message"]
    assert [] == world.inputs
    assert ["completed"] * 2 == [(await engine.get(result.id)).status for result in results]


async def test_only_what_happens_after_the_registration_counts(engine, functions):
    """F18: a function does not run for events from before it was registered; a new version goes on."""
    await ran(engine, 101)
    await functions.create_function(function("echo", ResourceState("pending")))
    await ran(engine, 102)
    await settled(functions, 1)
    await functions.create_function(function("echo", ResourceState("pending"), description="new"))
    await ran(engine, 103)

    assert [102, 103] == sorted(result.input["amount"] for result in await settled(functions, 2))


async def test_what_waits_for_a_function_is_dealt_with_although_it_is_registered_again(opened, engine):
    """F18: its triggers may go and come back; only what happened while it had none does not count."""
    async with opened(active=False) as (_, functions):
        for number, triggers in enumerate([[ResourceState("pending")], [], [ResourceState("pending")]]):
            await functions.create_function(function("echo", *triggers))
            await ran(engine, number)
    async with opened(config=QUICK) as (_, functions):
        await functions.work(until_idle=True)

        assert [0, 2] == sorted(result.input["amount"] for result in await settled(functions, 2))
        await functions.create_function(function("echo"))
        await ran(engine, 3)
        await functions.create_function(function("echo", ResourceState("pending")))
        await ran(engine, 4)
        assert [0, 2, 4] == sorted(result.input["amount"] for result in await settled(functions, 3))


async def test_a_function_that_gets_triggers_later_begins_then(engine, functions):
    """F18: a function without triggers that gets some does not run for what was before."""
    await functions.create_function(function("echo"))
    await ran(engine, 101)
    await functions.create_function(function("echo", ResourceState("pending")))
    await ran(engine, 102)

    assert [{"amount": 102}] == inputs(await settled(functions, 1))


async def test_events_while_nothing_ran_are_not_missed(opened):
    """F18: what happened while no manager was open is dealt with by the next one, once."""
    async with opened() as (_, functions):
        await functions.create_function(function("echo", ResourceState("pending")))
    async with opened(active=False) as (engine, functions):
        await ran(engine, 1)
        await asyncio.sleep(0.02)
        assert [] == await functions.executions()
    for _ in range(2):
        async with opened() as (engine, functions):
            assert [{"amount": 1}] == inputs(await settled(functions, 1))


async def test_several_processes_run_a_function_once(opened):
    """F18: of several managers on one storage one runs the function for an event."""
    async with (
        opened(config=QUICK) as (engine, one),
        opened(config=QUICK) as (_, two),
        opened(config=QUICK) as (_, three),
    ):
        await one.create_function(function("echo", ResourceState("pending")))
        cases = [await ran(engine, number) for number in range(30)]
        found = [await settled(functions, 30) for functions in (two, three, one)]

    for results in found:
        assert {case.id for case in cases} == {result.cause["case"] for result in results}
        assert 30 == len(results)


async def test_a_cursor_lost_repeats_nothing(opened, engine, functions, journals):
    """F18: whoever deals with an event again, because how far he was is lost, begins nothing twice."""
    await functions.create_function(function("echo", ResourceState("pending")))
    for number in range(5):
        await ran(engine, number)
    await settled(functions, 5)
    async with journals() as journal:
        await journal.records.put(dispatching.KIND, "echo", {"position": 0})

    async with opened() as (_, other):
        await ran(engine, 5)
        assert 6 == len(await settled(other, 6))


async def test_many_events_are_dealt_with_in_pages(engine, functions, monkeypatch):
    """F18: more events than a page holds are all dealt with."""
    monkeypatch.setattr(dispatching, "PAGE", 7)
    monkeypatch.setattr(dispatching, "SAVED_EVERY", 5)
    await functions.create_function(function("echo", ResourceState("done")))
    for number in range(40):
        await ran(engine, 101 + number)

    assert 40 == len(await settled(functions, 40))


async def test_an_end_runs_another_function(functions, world):
    """F4: a function runs when another has ended, in the way that is asked for, and sees its output."""
    world.failing.add("extract")
    await functions.create_function(function("extract"))
    await functions.create_function(function("resize"))
    parts = {"input_mapping": FieldMapping({"metadata.error.code": "code", "metadata.function": "after", "image": "i"})}
    await functions.create_function(
        function("alarm", FunctionCompletion("extract", statuses=["failed", "timed_out"], **parts))
    )
    await functions.create_function(function("thanks", FunctionCompletion("resize", statuses="success", **parts)))
    await functions.create_function(function("never", FunctionCompletion("resize", statuses="cancelled")))
    for name in ("extract", "resize"):
        await functions.execute_function(name, 1)

    found = {result.function_id: result for result in await settled(functions, 4)}

    assert {"code": "program_failed", "after": "extract"} == found["alarm"].input
    assert {"after": "resize", "i": "resize"} == found["thanks"].input
    assert (1, 4) == (found["thanks"].generation, len(found))


async def test_cases_of_functions_are_no_cases_of_workflows(engine, functions):
    """F18: a trigger on any workflow does not see the executions of functions, unless it names them."""
    await functions.create_function(function("echo"))
    await functions.create_function(function("any", WorkflowEvent("CaseCompleted")))
    await functions.create_function(function("one", WorkflowEvent("CaseCompleted", workflow="function:echo")))
    await functions.execute_function("echo")

    assert ["echo", "one"] == sorted(result.function_id for result in await settled(functions, 2))


async def test_functions_cannot_trigger_each_other_for_ever(opened):
    """F18: functions that lead to one another stop after a number of generations, and a warning says so."""
    with warnings_told() as logs:
        async with opened(config=QUICK) as (_, functions):
            await functions.create_function(function("ping"))
            await functions.create_function(function("pong", FunctionCompletion("ping")))
            await functions.create_function(function("ping", FunctionCompletion("pong", loop=True)))
            await functions.execute_function("ping")
            results = await settled(functions, 6)

    succeeded = [result.generation for result in results if result.status == "success"]
    assert [0, 1, 2, 3, 4] == sorted(succeeded)
    assert ["functions_refused"] == [result.error["code"] for result in results if result.generation == 5]
    assert any("for ever" in line["event"] for line in logs)


async def test_what_one_call_may_lead_to_is_bounded_in_number(opened):
    """F18: functions that lead to several others stop after a number of executions, which the refused ones tell."""
    config = FunctionConfig(execution_config=ExecutionConfig(poll=0.02, followers=30))
    with warnings_told() as logs:
        async with opened(config=config) as (_, functions), opened(config=config):
            for name in "xyz":
                await functions.create_function(function(name))
            for name in "xyz":
                others = [FunctionCompletion(other, loop=True) for other in "xyz" if other != name]
                await functions.create_function(function(name, *others))
            await functions.execute_function("x")
            await functions.work(until_idle=True)
            results = await settled(functions, 30, limit=1000)

    ran = [result for result in results if result.status == "success"]
    refused = [result for result in results if result.status != "success"]
    assert 20 <= len(ran) <= 32
    assert {"functions_refused"} == {result.error["code"] for result in refused}
    assert len(refused) <= 2 * len(ran)
    assert any("too many executions" in line["event"] for line in logs)


async def test_a_function_that_watches_its_own_executions_ends(opened):
    """F18: events of the executions of functions count as led to by these."""
    with warnings_told():
        async with opened(config=QUICK) as (_, functions):
            await functions.create_function(
                function("mirror", WorkflowEvent("CaseCompleted", workflow="function:mirror"))
            )
            await functions.execute_function("mirror")
            results = await settled(functions, 6)

    assert list(range(6)) == sorted(result.generation for result in results)


async def test_a_ring_of_triggers_is_refused_unless_it_is_meant(functions):
    """ZA21: functions that wait for each other's ends are refused, and the ring is named; ``loop`` allows it."""
    await functions.create_function(function("ping"))
    await functions.create_function(function("pong", FunctionCompletion("ping")))
    with pytest.raises(FunctionInvalid, match="triggers: they lead back to the function: ping -> pong -> ping"):
        await functions.create_function(function("ping", FunctionCompletion("pong")))
    with pytest.raises(FunctionInvalid, match="chains: they lead back to the function: ping -> pong -> ping"):
        await functions.create_function(function("pong", FunctionCompletion("ping"), chains=[FunctionChain("ping")]))

    await functions.create_function(function("ping", FunctionCompletion("pong", loop=True)))
    assert (await functions.get_function("ping")).triggers[0].loop


LINKS = [
    (FunctionChain("next"), {"result": 5, "image": "echo"}, None),
    (FunctionChain("next", ON_SUCCESS, FieldMapping({"result": "data"})), {"data": 5}, None),
    (FunctionChain("next", "on_failure"), None, {"message": "echo ended with 3"}),
    (FunctionChain("next", ChainCondition.custom("data.result == 5"), TemplateMapping("{result}")), 5, None),
    (FunctionChain("next", {"Custom": "state == 'failed' && metadata.error.code == 'program_failed'"}), None, {}),
]


@pytest.mark.parametrize(("link", "after_success", "after_failure"), LINKS, ids=str)
async def test_a_chain_is_followed(functions, world, link, after_success, after_failure):
    """F6, F7, ZA21: a link is followed as its condition says, and its input is mapped from the output."""
    if after_failure is not None and "message" in after_failure:
        link = FunctionChain("next", link.condition, FieldMapping({"metadata.error.message": "message"}))
    await functions.create_function(function("next"))
    await functions.create_function(function("echo", chains=[link]))
    await functions.execute_function("echo", 5, id="good")
    world.failing.add("echo")
    await functions.execute_function("echo", 5, id="bad")
    wanted = 2 if link.condition.kind == "Always" else 1

    found = {result.cause["execution"]: result.input for result in await settled(functions, wanted, function="next")}

    assert wanted == len(found)
    if after_success is not None:
        assert after_success == found["good"]
    if after_failure is not None:
        assert (after_failure or None) == found["bad"]


async def test_a_delay_is_kept(opened, clock):
    """F6, ZA21: a link with a delay is followed when it is over, once, also after a restart."""
    async with opened(config=QUICK) as (_, functions):
        await functions.create_function(function("next"))
        await functions.create_function(function("echo", chains=[FunctionChain("next", delay="5s")]))
        await functions.execute_function("echo", 1)
        await asyncio.sleep(0.05)
        await clock.advance("4s")
        await asyncio.sleep(0.05)
        assert [] == await functions.executions("next")
    await clock.advance("1s")
    for _ in range(2):
        async with opened(config=QUICK) as (_, functions):
            (result,) = await settled(functions, 1, function="next")
    assert {"result": 1, "image": "echo"} == result.input


async def test_chains_go_on_by_themselves(functions):
    """ZA21: each function of a row leads to the next."""
    for name, targets in (("c", ()), ("b", ("c",)), ("a", ("b",))):
        await functions.create_function(function(name, chains=[FunctionChain(target) for target in targets]))
    await functions.execute_function("a", 1)

    results = await settled(functions, 3)
    assert {"a": 0, "b": 1, "c": 2} == {result.function_id: result.generation for result in results}


async def test_functions_are_chained_on_demand(functions, world):
    """F9: links run in order, the first with null, the output of one being the input of the next."""
    for name in ("order-processor", "notification-sender"):
        await functions.create_function(function(name))

    chain = await functions.chain_functions(
        [
            FunctionChain("order-processor", ON_SUCCESS),
            FunctionChain("notification-sender", input_mapping=FieldMapping({"image": "data"})),
        ]
    )

    assert [("order-processor", None), ("notification-sender", {"data": "order-processor"})] == world.inputs
    assert ["success", "success"] == [result.status for result in chain.results]
    assert {"data": "order-processor"} == chain.output["result"]


async def test_conditions_and_delays_hold_on_demand(functions, world, clock):
    """F7, F9: a link whose condition does not hold is skipped with the reason, and a delay is waited for."""
    world.failing.add("bad")
    for name in ("bad", "good"):
        await functions.create_function(function(name))
    links = [
        FunctionChain("bad"),
        FunctionChain("good", ON_SUCCESS),
        FunctionChain("good", ON_FAILURE, FieldMapping({"metadata.error.code": "code"}), delay=10),
        FunctionChain("good", {"Custom": "data.result.code == 'other'"}),
    ]
    async with asyncio.TaskGroup() as group:
        task = group.create_task(functions.chain_functions(links, {"a": 1}))
        await asyncio.sleep(0.1)
        assert [("bad", {"a": 1})] == world.inputs
        await clock.advance(10)
    chain = task.result()

    assert [("bad", {"a": 1}), ("good", {"code": "program_failed"})] == world.inputs
    assert [1, 3] == sorted(chain.skipped)
    assert "success" in chain.skipped[1]


async def test_a_chain_of_nothing_gives_nothing(functions):
    """F9: no links, or a first link whose own condition does not hold, leave an empty result."""
    await functions.create_function(function("echo"))

    assert (None, ()) == ((chain := await functions.chain_functions([])).output, chain.results)
    skipped = await functions.chain_functions([FunctionChain("echo", {"Custom": "data.a == 1"})], {"a": 2})
    assert ((), [0]) == (skipped.results, list(skipped.skipped))


async def test_a_trigger_can_be_tried(engine, functions, world):
    """F18: trying tells for every trigger whether it would run, with what, and if not, why; nothing runs."""
    triggers = [
        ResourceState("done"),
        ResourceState("processing", condition=field("amount") > 500),
        WorkflowEvent("CaseStarted"),
        FunctionCompletion("other"),
        ResourceState("processing", workflow="other"),
    ]
    case = await ran(engine)
    await functions.create_function(function("other", input_schema={"type": "string"}))
    await functions.create_function(function("echo", *triggers))
    await functions.create_function(function("strict", triggers[0], input_schema={"type": "string"}))

    answers = await functions.test_trigger(case.id, event=3)

    assert [True, False, False, False, False, False] == [answer.runs for answer in answers]
    assert {"amount": 200} == answers[0].input
    assert derived_id(case.history[2].at, "trigger", "echo", 0, case.id, 3, case.token.id) == answers[0].execution
    assert "entered 'done', and not 'processing'" in answers[1].reason
    assert "the event is TransitionFired, and not CaseStarted" == answers[2].reason
    assert "no execution of function 'other'" in answers[3].reason
    assert "is not of type" in answers[5].reason
    (low,) = [a for a in await functions.test_trigger(case.id, event=2, function="echo") if a.trigger == 1]
    assert "saw 200, wanted > 500" in low.reason
    assert not low.to_document()["verdict"]["passed"]
    assert [] == world.inputs
    every = await functions.test_trigger(case.id, function="echo")
    assert [(True, 3), (False, 2), (True, 1)] == [(answer.runs, answer.event) for answer in every[:3]]
    with pytest.raises(CaseNotFound, match="no event 9"):
        await functions.test_trigger(case.id, event=9)
    with pytest.raises(CaseNotFound, match="no case 'x'"):
        await functions.test_trigger("x")


async def test_what_another_process_left_is_taken_up(opened, world):
    """F18: an execution whose process was closed in the middle is run again by the next one."""
    world.hold = asyncio.Event()
    async with opened() as (_, functions):
        await functions.create_function(function("echo"))
        execution = await functions.start("echo", 1)
        await eventually(lambda: begun(world))
    world.hold.set()
    async with opened() as (_, functions):
        assert "success" == (await functions.wait(execution)).status
    assert 2 == len(world.inputs)


async def test_no_more_run_at_a_time_than_the_operator_wants(opened, world):
    """F19: executions of triggers wait for one another; those that somebody waits for do not."""
    world.hold = asyncio.Event()
    config = FunctionConfig(execution_config=ExecutionConfig(concurrency=2))
    async with opened(config=config) as (engine, functions):
        await functions.create_function(function("echo", ResourceState("pending")))
        for number in range(5):
            await ran(engine, number)
        await asyncio.sleep(0.05)
        assert 2 == len(world.inputs)
        async with asyncio.TaskGroup() as group:
            group.create_task(functions.execute_function("echo", "now"))
            await asyncio.sleep(0.02)
            assert ("echo", "now") in world.inputs
            world.hold.set()
        assert 6 == len(await settled(functions, 6))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: WorkflowEvent("TransitionFire"), FunctionInvalid, "did you mean 'TransitionFired'"),
        (lambda: WorkflowEvent("CaseStarted", workflow=3), FunctionInvalid, "3 is no name"),
        (lambda: ResourceState("x", input_mapping="data"), FunctionInvalid, "no input mapping"),
        (lambda: ResourceState("x", condition="data. >"), ConditionParsingError, "data. >"),
        (lambda: ResourceState("x", condition="'open"), ConditionParsingError, "closing quote"),
        (lambda: FunctionCompletion("x", statuses=["done"]), FunctionInvalid, "no execution has the status 'done'"),
        (lambda: FunctionCompletion("x", loop="no"), FunctionInvalid, "loop: 'no' is neither true nor false"),
        (lambda: FunctionChain("x", "Sometimes"), FunctionInvalid, "no condition of a chain"),
        (lambda: FunctionChain("x", input_mapping=3), FunctionInvalid, "no input mapping"),
    ],
    ids=range(9),
)
def test_a_wrong_trigger_is_refused_where_it_is_written(make, error, words):
    """F3, F7: what a trigger or a link cannot mean is refused with the remedy."""
    with pytest.raises(error, match=words):
        make()


def test_the_order_of_the_documents_is_there():
    """F17: the workflow of these tests is the one of the documents."""
    assert ["pending", "processing", "done"] == [state.name for state in order.states]


async def test_a_long_case_is_seen_as_it_was(opened):
    """F5: also in a case of many hundred events the data is that of the moment."""
    only = states("only")[0]
    counting = Workflow(
        "counting", flow(only >> only).transition("again").action(lambda token: {"n": token.data["n"] + 1}).manual()
    )
    async with opened(counting) as (engine, functions):
        await functions.create_function(function("echo", ResourceState("only", condition="data.n % 50 == 0")))
        case = await engine.start("counting", data={"n": 0})
        for _ in range(300):
            case = await engine.fire(case, "again")
        found = await settled(functions, 7)

    assert list(range(0, 301, 50)) == sorted(result.input["n"] for result in found)


async def test_cases_that_are_not_followed_are_read_again(opened, monkeypatch):
    """F5: with more cases than are kept in mind, each is still seen as it was."""
    monkeypatch.setattr(occasions, "FOLLOWED", 2)
    async with opened() as (engine, functions):
        await functions.create_function(function("echo", ResourceState("done")))
        await asyncio.gather(*(ran(engine, 101 + number) for number in range(10)))
        found = await settled(functions, 10)

    assert list(range(101, 111)) == sorted(result.input["amount"] for result in found)


async def test_events_without_a_move_have_their_token(opened):
    """F4: events of actions, added tokens and signals are told with the token that they are about, or the first."""
    one, two = states("one", "two")
    acting = Workflow(
        "acting",
        flow(one >> two).transition("act").on_signal("go").action(lambda token: {"acted": True}, name="act"),
    )
    kinds = ("ActionStarted", "TokenAdded", "SignalReceived", "CaseCompleted")
    async with opened(acting) as (engine, functions):
        for kind in kinds:
            await functions.create_function(function(kind, WorkflowEvent(kind)))
        case = await engine.start("acting", data={"n": 1})
        await engine.add_token(case, {"n": 2})
        for _ in range(2):
            await engine.run(await engine.signal(case, "go"))
        found = await settled(functions, 6)

    told = sorted((result.function_id, result.input["n"]) for result in found)
    assert [1, 2] == [n for kind, n in told if kind == "ActionStarted"]
    assert [2] == [n for kind, n in told if kind == "TokenAdded"]
    assert [1, 1] == [n for kind, n in told if kind == "CaseCompleted"] * 2


async def test_data_as_deep_as_allowed_is_a_failure_that_can_be_seen(engine, functions):
    """F14: data that is too deep for an input is recorded as a failed execution."""
    deep = {}
    for _ in range(62):
        deep = {"x": deep}
    await functions.create_function(function("echo", ResourceState("pending")))
    await engine.run(await engine.start("order", data={"amount": 1, "deep": deep}))

    (result,) = await settled(functions, 1)
    assert ("failed", "invalid_data") == (result.status, result.error["code"])


async def test_a_fault_of_the_storage_passes(opened, journals, clock):
    """F18: while the storage fails a warning says so; afterwards everything goes on, and nothing was missed."""
    failures = iter([True, True])

    class Failing(type(journals())):
        async def feed(self, after=0, *, limit=100):
            if next(failures, False):
                raise StorageLocked("locked")
            return await super().feed(after, limit=limit)

    journal = Failing(journals().store)
    with warnings_told() as logs:
        async with opened(storage=journal, config=QUICK) as (engine, functions):
            await functions.create_function(function("echo", ResourceState("pending")))
            await ran(engine)
            for _ in range(5):
                await asyncio.sleep(0.02)
                await clock.advance(1)
            assert 1 == len(await settled(functions, 1))

    assert {"triggers failed"} == {line["event"] for line in logs}


async def test_an_execution_in_doubt_says_so(opened, world):
    """An execution that must not be repeated, and whose process died, is in doubt; waiting for it ends with that."""
    world.hold = asyncio.Event()
    async with opened() as (_, functions):
        await functions.create_function(function("echo", effect="at_most_once"))
        execution = await functions.start("echo", 1)
        await eventually(lambda: begun(world))
    async with opened() as (engine, functions):
        assert "in_doubt" == (await functions.wait(execution)).status
        await engine.resolve(execution, "run", outcome={"output": "done"})
        assert ("success", "done") == ((result := await functions.wait(execution)).status, result.output)


async def test_a_function_that_comes_to_be_known_late_misses_nothing(opened, journals, clock):
    """F18: a process that is further than a function, when it comes to know it, goes back for it."""
    async with opened(config=QUICK) as (engine, two), opened(active=False) as (_, one):
        await two.create_function(function("other", ResourceState("pending")))
        for number in range(3):
            await ran(engine, number)
        await settled(two, 3)
        async with journals() as journal:
            await one.create_function(function("late", ResourceState("pending")))
            await journal.records.put(dispatching.KIND, "late", {"position": 0})
        await clock.advance(1)

        assert 3 == len(await settled(two, 3, function="late"))


async def test_a_chain_to_a_function_that_is_not_known_here_is_left_to_others(opened, clock):
    """ZA21: a process that cannot read the target of a chain neither follows the chain nor loses it, delayed or not."""

    @rule
    def sometimes(token):
        return False

    links = [FunctionChain("next"), FunctionChain("next", delay=1)]
    async with opened(rules=[sometimes], active=False) as (_, able):
        await able.create_function(function("next", ResourceState("done", condition=sometimes)))
        await able.create_function(function("echo", chains=links))
        await able.execute_function("echo", 1)
    async with opened(rules=[sometimes], config=QUICK) as (_, able):
        await settled(able, 1, function="next")
    async with opened(config=QUICK) as (_, unable):
        await clock.advance(2)
        await asyncio.sleep(0.05)
        await unable.execute_function("echo", 2)
        await asyncio.sleep(0.05)
    async with opened(rules=[sometimes], config=QUICK) as (_, able):
        await clock.advance(2)
        found = await settled(able, 3, function="next")
        await clock.advance(2)
        found = await settled(able, 4, function="next")

    assert [1, 1, 2, 2] == sorted(result.input["result"] for result in found)


async def test_work_ends_when_nothing_is_left_to_do(engine, functions):
    """F18: whoever waits for functions to be idle finds what events have started ended, chains included."""
    await functions.create_function(function("second"))
    await functions.create_function(function("first", ResourceState("pending"), chains=[FunctionChain("second")]))
    await ran(engine, 1)
    async with asyncio.timeout(10):
        await functions.work(until_idle=True)

    assert {"first", "second"} == {result.function_id for result in await functions.executions()}
    assert all(result.ended for result in await functions.executions())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(functions.work(), 0.05)
