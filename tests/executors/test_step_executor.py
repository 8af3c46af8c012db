"""Several executors as one."""

from __future__ import annotations

import asyncio

import pytest

from circuit_breaker import Engine, RetryPolicy, Workflow, connect, field, flow, states
from circuit_breaker.errors import ActionError, ActionTimeout, ParameterInvalid
from circuit_breaker.executors import (
    BaseExecutor,
    ExecutionContext,
    FunctionExecutor,
    StandaloneContext,
    StepExecutor,
    parameter,
    registry,
    result,
)
from circuit_breaker.functions import FunctionDefinition, FunctionManager
from circuit_breaker.rules import cel


@FunctionExecutor.of
def fetch(size: int = 2):
    return {"text": "a" * size}


@FunctionExecutor.of
def measure(text: str):
    return {"length": len(text)}


@FunctionExecutor.of
async def fail():
    raise ActionError("no network", code="network")


@parameter("token", secret=True, default="")
class Wait(BaseExecutor):
    """Waits until it is cancelled."""

    token: str
    cancelled = 0

    async def execute_internal(self, context):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            type(self).cancelled += 1
            raise


class Reference:
    pass


def step(executor, name=None, when=None, **context):
    written = {"executor": executor, "context": context, "name": name, "when": when}
    return {key: value for key, value in written.items() if value is not None}


def outcome(results, status="completed", failures=None, skipped=()):
    return {"status": status, "results": results, "failures": failures or {}, "skipped": list(skipped)}


def done(**values):
    return {**values, "status": "completed"}


def test_steps_run_in_sequence_with_the_results_of_those_before():
    """B13: a step takes the parameters that it was not given from the results of earlier steps."""
    steps = StepExecutor(steps=[step(fetch, size=3), step(measure), step(measure, text="ab"), step(measure)])

    lengths = {"measure": done(length=3), "measure-2": done(length=2), "measure-3": done(length=3)}
    assert outcome({"fetch": done(text="aaa"), **lengths}) == steps.execute_sync()


def test_steps_run_in_parallel():
    """B13: with parallel=True all steps run at once, and none sees the results of another."""
    met = asyncio.Barrier(2)

    @FunctionExecutor.of
    async def meet(text: str = "own"):
        await met.wait()
        return {"text": text}

    steps = StepExecutor(steps=[step(meet, "b"), step(meet, "a", text="x")], parallel=True)

    result = steps.execute_sync()
    assert outcome({"b": done(text="own"), "a": done(text="x")}) == result
    assert ["b", "a"] == list(result["results"])


def test_a_step_may_depend_on_a_condition():
    """B13: a step whose 'when' says no is skipped, and named."""
    steps = StepExecutor(
        steps=[
            step(fetch, size=0),
            step(measure, "long", when=lambda results: len(results["fetch"]["text"]) > 1),
            step(measure, "any", when=lambda results: "fetch" in results),
        ]
    )

    assert outcome({"fetch": done(text=""), "any": done(length=0)}, skipped=["long"]) == steps.execute_sync()


@pytest.mark.parametrize("parallel", [False, True])
def test_a_failure_stops_the_others_and_keeps_what_was_done(parallel):
    """B13: the error of the step is raised as it is, names the step, and the results until then can be read."""
    steps = StepExecutor(steps=[step(fetch if not parallel else fail, "first"), step(fail), step(Wait)])
    steps.update_context(parallel=parallel)
    Wait.cancelled = 0

    with pytest.raises(ActionError, match="no network") as error:
        steps.execute_sync()
    assert "network" == error.value.code
    assert [f"in step '{'first' if parallel else 'fail'}'"] == error.value.__notes__
    assert "failed" == steps.result["status"]
    assert ({} if parallel else {"first": done(text="aa")}) == steps.result["results"]
    assert {"code": "network", "message": "no network"} in steps.result["failures"].values()
    assert (1 if parallel else 0) == Wait.cancelled


@pytest.mark.parametrize("parallel", [False, True])
def test_a_failure_may_leave_the_others_alone(parallel):
    """B13: with on_failure='continue' the rest runs, and the outcome names what failed."""

    @FunctionExecutor.of
    def broken():
        raise KeyError("x")

    steps = StepExecutor(steps=[step(broken), step(fetch)], parallel=parallel, on_failure="continue")

    failures = {"broken": {"code": "KeyError", "message": "'x'"}}
    assert outcome({"fetch": done(text="aa")}, "partial", failures) == steps.execute_sync()


def test_when_nothing_succeeds_the_status_is_failed():
    """B13: an outcome without any result says so."""
    steps = StepExecutor(steps=[step(fail)], on_failure="continue")

    assert "failed" == steps.execute_sync()["status"]


async def test_a_cancellation_reaches_every_step():
    """B13: who cancels the whole cancels its steps, also when failures are tolerated."""
    Wait.cancelled = 0
    steps = StepExecutor(steps=[step(Wait, "a"), step(Wait, "b")], parallel=True, on_failure="continue")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(steps.execute(), 0.01)
    assert 2 == Wait.cancelled


def test_all_that_is_wrong_with_the_steps_is_told_at_once():
    """B13, A13: every step that is no step is named with its place and a remedy, and nothing runs."""
    with pytest.raises(ParameterInvalid) as error:
        StepExecutor(
            steps=[
                {"executer": fetch},
                {"executor": "doker", "context": [1], "name": 3, "when": 5},
                {"executor": fetch, "name": "a/b", "when": "1 +", "timeout": "soon"},
                {"executor": fetch, "retry": 3},
                {"executor": fetch, "retry": {"max_attempts": 0}},
                {"executor": fetch, "name": "twice"},
                {"executor": fetch, "name": "twice"},
            ]
        ).execute_sync()

    assert [
        "steps[0]: has an unknown key 'executer' (did you mean 'executor'?)",
        "steps[0]: None is no executor class (give a subclass of BaseExecutor, or the name of one, under 'executor')",
        "steps[1]: there is no executor 'doker' (did you mean 'docker'?)",
        "steps[1]: its context is no mapping of parameters by name (give a dict with text keys)",
        "steps[1]: 3 is no name (give a text without '/')",
        "steps[1]: 'when' cannot be called (give CEL text, a rule, or a function of the results so far)",
        "steps[2]: 'a/b' is no name (give a text without '/')",
        "steps[2]: 'when' cannot be read: the expression ends too early at position 3:\n  1 +\n     ^",
        "steps[2]: timeout 'soon' is no duration (give seconds, a timedelta, or a text like \"1h 30m\")",
        "steps[3]: retry=3 is no policy (give such as {'max_attempts': 3})",
        "steps[4]: .retry() max_attempts=0 is no whole number from 1 (count the first attempt too)",
        "steps[6]: has the name 'twice', which another step has (give it a name of its own)",
    ] == [str(fault) for fault in error.value.faults]


def test_the_parameters_of_each_step_are_checked_before_the_first_runs():
    """B13, A4: a wrong parameter of a later step is found at once; what an earlier step may give is not missed."""
    with pytest.raises(ParameterInvalid) as error:
        StepExecutor(steps=[step(measure), step(measure), step(fetch, size="x", sise=1)]).check()

    assert [
        "steps[0], parameter 'text': is required and was not given (give string)",
        "steps[2], parameter 'size': 'x' is not accepted (give integer)",
        "steps[2], parameter 'sise': is not known (did you mean 'size'?)",
    ] == [str(fault) for fault in error.value.faults]


def test_parallel_steps_must_be_given_everything():
    """B13: without an order nothing can come from another step."""
    with pytest.raises(ParameterInvalid, match=r"steps\[1\], parameter 'text': is required"):
        StepExecutor(steps=[step(fetch), step(measure)], parallel=True).check()


@pytest.mark.parametrize("steps", [[], None, "fetch"])
def test_there_must_be_steps(steps):
    """B13: no steps, or something else, is refused."""
    with pytest.raises(ParameterInvalid, match="parameter 'steps': its value is not accepted"):
        StepExecutor(steps=steps).check()


@pytest.mark.parametrize(
    ("parameters", "places"),
    [
        ({"steps": [step(fetch, size=Reference()), step(fetch, size="x")]}, ["steps[1], parameter 'size'"]),
        ({"steps": [Reference(), step(fetch, size="x")]}, []),
        ({"steps": [{"executor": fetch, "context": Reference()}]}, []),
        ({"steps": Reference()}, []),
        ({"steps": [step(fetch, size="x")]}, ["steps[0], parameter 'size'"]),
        ({"steps": [step(measure)]}, ["steps[0], parameter 'text'"]),
        ({}, ["parameter 'steps'"]),
        ({"steps": [3]}, ["parameter 'steps'"]),
    ],
)
def test_steps_are_checked_before_there_is_an_instance(parameters, places):
    """B13: a workflow that uses steps learns of their faults when it is defined, except where values come later."""
    faults = list(StepExecutor.check_parameters(parameters, references=(Reference,)))

    assert places == [fault.place for fault in faults]


def test_the_policy_is_one_of_two():
    """B13: a misspelt failure policy is refused."""
    with pytest.raises(ParameterInvalid, match=r"'go' is not accepted \(give one of 'stop', 'continue'\)"):
        StepExecutor(steps=[step(fetch)], on_failure="go").check()


def test_secrets_of_steps_are_not_shown():
    """B13: the repr names the steps, and shows none of their parameters."""
    steps = StepExecutor(steps=[step(Wait, token="s3cret"), step(fetch, "two")])  # noqa: S106

    assert "StepExecutor(steps=['Wait', 'two'], parallel=False)" == repr(steps)
    assert "StepExecutor(steps=***, parallel=True)" == repr(StepExecutor(steps=["s3cret"], parallel=True))
    assert "StepExecutor(steps=***, parallel=False)" == repr(StepExecutor())


class Recording(StandaloneContext):
    """Remembers finished steps, as a workflow does."""

    case_id = "case-1"
    transition = "review"
    attempt = 2

    def __init__(self, finished=None):
        super().__init__()
        self.finished = dict(finished or {})

    async def step(self, name, call):
        if name not in self.finished:
            self.finished[name] = await super().step(name, call)
        return self.finished[name]


class Inner(BaseExecutor):
    """Tells and does everything that a step can."""

    async def execute_internal(self, context):
        self.execution.log("working")
        self.execution.progress(0.5, "half")
        self.execution.progress(0.75)
        one = await self.execution.step("one", lambda: 1)
        two = self.execution.step_sync("two", lambda: 2)
        belongs = [self.execution.case_id, self.execution.transition, self.execution.attempt]
        return {"sum": one + two, "belongs": belongs, "key": self.execution.idempotency_key}


async def test_a_step_has_the_surroundings_of_the_whole():
    """B13: logs pass through, progress is a share of the whole, keys and names of inner steps are its own."""
    context = Recording()
    result = await StepExecutor(steps=[step(Inner, "a"), step(fetch)]).bind(context).execute()

    assert [0.25, 0.375, 0.5, 1.0] == [report.fraction for report in context.reports]
    assert ["a: half", "a", "a", "fetch"] == [report.message for report in context.reports]
    assert ["working"] == [line.line for line in context.logs]
    assert ["a/one", "a", "fetch"] == list(context.finished)
    assert ["case-1", "review", 2] == result["results"]["a"]["belongs"]
    assert f"{context.idempotency_key}:a" == result["results"]["a"]["key"]


async def test_finished_steps_are_not_done_again():
    """B13: when the work is repeated after a crash, steps that had finished give what they gave."""
    context = Recording({"fetch": done(text="kept")})
    steps = StepExecutor(steps=[step(fetch, size=1), step(measure)]).bind(context)

    assert outcome({"fetch": done(text="kept"), "measure": done(length=4)}) == await steps.execute()


def test_a_step_names_the_results_that_it_wants():
    """B13: a reference anywhere in a context stands for what an earlier step gave, whole or in part."""

    @FunctionExecutor.of
    def show(given: dict, size: int = 0):
        return {"given": given, "size": size}

    context = {"given": {"all": result("fetch"), "text": [result("fetch.text")]}, "size": result("measure.length")}
    steps = StepExecutor(steps=[step(fetch), step(measure), {"executor": show, "context": context}])

    shown = steps.execute_sync()["results"]["show"]
    assert done(given={"all": done(text="aa"), "text": ["aa"]}, size=2) == shown


def test_a_parameter_with_a_default_is_not_taken_by_chance():
    """B13: only what a step requires is taken by its name alone, so that an output does not become an option."""

    @FunctionExecutor.of
    def show(length: int, text: str = "default"):
        return {"shown": f"{length} {text}"}

    results = StepExecutor(steps=[step(fetch), step(measure), step(show)]).execute_sync()["results"]
    assert done(shown="2 default") == results["show"]


def test_a_result_that_cannot_be_there_is_found_beforehand():
    """B13: references to steps that come later, are misspelt or run at the same time are faults."""
    steps = [step(measure, text=result("fetch.text")), step(fetch), step(measure, "m", text=result("fetsh.text"))]

    with pytest.raises(ParameterInvalid) as error:
        StepExecutor(steps=steps).check()
    one, other = (str(fault) for fault in error.value.faults)
    assert "steps[0]: refers to the result 'fetch.text', but no step before it is called 'fetch'" in one
    assert "(no step is before this one)" in one
    assert "steps[2]: refers to the result 'fetsh.text'" in other
    with pytest.raises(ParameterInvalid, match="but the steps are parallel"):
        StepExecutor(steps=steps[::-1], parallel=True).check()


def test_a_result_that_is_not_there_is_told():
    """B13: a reference to a skipped step, or to a key that is not there, is an error of the step that needs it."""
    skipped = step(fetch, when=lambda results: False)
    for first in (skipped, step(measure, "fetch", text="a")):
        with pytest.raises(ParameterInvalid, match=r"there is no result 'fetch\.text'"):
            StepExecutor(steps=[first, step(measure, text=result("fetch.text"))]).execute_sync()


@pytest.mark.parametrize(
    ("when", "runs"),
    [
        ("results.fetch.text == 'aa'", True),
        ("data.text == 'aa'", True),
        ("results.fetch.text == 'b'", False),
        ("results.other.text == 'b'", False),
        (field("results.fetch.text").exists(), True),
        (cel("size(data.text) > 2"), False),
    ],
)
def test_a_condition_may_be_a_rule(when, runs):
    """B13: CEL text and rules read the results by step, and all of them as data; what is missing says no."""
    given = StepExecutor(steps=[step(fetch), step(measure, when=when, text="x")]).execute_sync()

    assert ([] if runs else ["measure"]) == given["skipped"]


def test_an_executor_may_be_named():
    """B13: a text names an installed executor, or one of the operator's, which comes first."""
    named = StepExecutor.under(executors={"fetch": fetch, "python": measure})
    steps = [{"executor": "fetch"}, {"executor": "fetch"}, {"executor": "python"}]

    assert ["fetch", "fetch-2", "python"] == list(named(steps=steps).execute_sync()["results"])
    assert "StepExecutor(steps=['fetch', 'fetch-2', 'python'], parallel=False)" == repr(named(steps=steps))
    with pytest.raises(ParameterInvalid, match="operator permits no program"):
        StepExecutor(steps=[{"executor": "subprocess", "context": {"command": "ls"}}]).execute_sync()


def test_an_executor_that_cannot_be_imported_is_a_fault(monkeypatch):
    """B13: a name whose module is broken is told with the reason."""
    monkeypatch.setitem(registry.OWN, "broken", "circuit_breaker.nothing:Executor")
    with pytest.raises(ParameterInvalid, match=r"steps\[0\], executor 'broken': cannot be imported"):
        StepExecutor(steps=[{"executor": "broken"}]).check()


def test_a_step_has_a_timeout_of_its_own():
    """B13: a step that takes too long has failed, and says which it was; a timeout inside it is its own failure."""
    with pytest.raises(ActionTimeout, match=r"step 'slow' took longer than 0\.01 s"):
        StepExecutor(steps=[{"executor": Wait, "name": "slow", "timeout": 0.01}]).execute_sync()

    @FunctionExecutor.of
    async def impatient():
        raise TimeoutError("the peer")

    with pytest.raises(TimeoutError, match="the peer"):
        StepExecutor(steps=[{"executor": impatient, "timeout": 5}]).execute_sync()


def test_a_step_is_tried_again_as_its_policy_says():
    """B13: a failing step is tried again, unless its parameters are wrong; each attempt has the same key."""
    keys = []

    async def shaky(context: ExecutionContext):
        keys.append(context.idempotency_key)
        if len(keys) < 3:
            raise ActionError("busy", code="busy")

    def wrong():
        keys.append("wrong")
        raise ParameterInvalid("never")

    retry = {"max_attempts": 3, "backoff_seconds": 0}
    StepExecutor(steps=[{"executor": FunctionExecutor.of(shaky), "retry": retry}]).execute_sync()
    assert (3, 1) == (len(keys), len(set(keys)))
    with pytest.raises(ParameterInvalid, match="never"):
        StepExecutor(steps=[{"executor": FunctionExecutor.of(wrong), "retry": RetryPolicy()}]).execute_sync()
    assert 1 == keys.count("wrong")


def test_parallel_steps_may_be_limited():
    """B13: with at_most, no more than that many run at a time."""
    running, most = [], []

    @FunctionExecutor.of
    async def work():
        running.append(1)
        most.append(len(running))
        await asyncio.sleep(0.01)
        running.pop()

    StepExecutor(steps=[step(work)] * 9, parallel=True, at_most=3).execute_sync()

    assert (9, 3) == (len(most), max(most))


async def test_two_of_them_in_one_transition_do_not_share_results():
    """B13: steps of the same name in two executors of one transition are two steps, with keys of their own."""
    begun, ended = states("begun", "ended")

    @FunctionExecutor.of
    def note(context: ExecutionContext, number: int):
        return {"number": number, "key": context.idempotency_key}

    one, two = ({"steps": [step(note, number=number)]} for number in (1, 2))
    going = flow(begun >> ended).transition("go")
    twice = Workflow(
        "twice", going.execute(StepExecutor, **one, result="one").execute(StepExecutor, **two, result="two")
    )
    async with Engine(twice, storage=connect("memory://")) as engine:
        case = await engine.run(await engine.start("twice"))
    first, second = (case.token.results[name]["results"]["note"] for name in ("one", "two"))

    assert (1, 2) == (first["number"], second["number"])
    assert first["key"] != second["key"]


@pytest.mark.parametrize("context", [{}, {"given": result("tell.given")}, {"given": {"deep": [result("tell")]}}])
def test_a_result_cannot_ask_for_a_secret(context):
    """B13: what a step gave may come from a stranger, so that a reference to a secret in it is refused."""

    @FunctionExecutor.of
    def tell():
        return {"given": {"$secret": "PASSWORD"}}

    @FunctionExecutor.of
    def use(given: dict):
        return given

    steps = StepExecutor(steps=[step(tell), {"executor": use, "context": context}])
    with pytest.raises(ParameterInvalid, match="refers to a secret"):
        steps.execute_sync()


@FunctionExecutor.of
def refuse(url: str = "", size: int = 0):
    raise ActionError("not here", code="refused")


A, B = states("a", "b")


def nested(executor, depth):
    steps = [step(executor, "last", **({"url": "http://example.com/"} if executor == "http" else {}))]
    for number in range(depth):
        steps = [{"executor": "step", "name": f"level-{number}", "context": {"steps": steps}}]
    return steps


async def ended(executors, steps):
    """The status of a case that runs these steps, and the code of its error."""
    workflow = Workflow("steps", flow(A >> B).transition("go").execute(StepExecutor, steps=steps))
    async with Engine(workflow, storage=connect("memory://"), executors=executors) as engine:
        case = await engine.run(await engine.start("steps"))
        return case.status, [event.error["code"] for event in await engine.history(case.id) if hasattr(event, "error")]


@pytest.mark.parametrize("depth", [0, 1, 2])
async def test_steps_run_what_the_engine_means_by_a_name(depth):
    """B13: whatever a step names is what the operator gave to the engine, also in the steps of a step."""
    executors = {**registry.installed(), "http": refuse}

    assert ("failed", ["refused"]) == await ended(executors, nested("http", depth))


@pytest.mark.parametrize("depth", [0, 1])
async def test_steps_run_what_takes_the_place_of_a_class(depth):
    """B13: a class is replaced in steps as it is in transitions."""
    assert ("failed", ["refused"]) == await ended({fetch: refuse}, nested(fetch, depth))


async def test_steps_name_no_more_than_the_engine_knows():
    """B13: where the engine has names, what is merely installed cannot be named in steps either."""
    assert ("failed", ["invalid_parameters"]) == await ended({"step": StepExecutor}, nested("http", 1))
    assert ("failed", ["invalid_parameters"]) == await ended({"http": object, "step": StepExecutor}, nested("http", 1))


@pytest.mark.parametrize("depth", [0, 1])
async def test_steps_of_a_function_run_what_its_manager_means(depth):
    """B13: the steps of a function run what the engine and the manager were given."""
    parameters = {"steps": nested("http", depth)}
    async with (
        Engine(storage=connect("memory://"), executors={"http": refuse}) as engine,
        FunctionManager(engine) as manager,
    ):
        await manager.create_function(FunctionDefinition(id="f", executor="step", parameters=parameters))
        done = await manager.execute_function("f", {})

    assert "refused" == done.error["code"]


def test_the_steps_of_a_step_follow_its_settings():
    """B13: what the settings of a step executor say holds below it too."""
    Named = StepExecutor.under(executors={"http": refuse})  # noqa: N806 - a class

    with pytest.raises(ActionError, match="not here"):
        Named(steps=nested("http", 1)).execute_sync()
