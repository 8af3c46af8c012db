"""Several executors as one."""

from __future__ import annotations

import asyncio

import pytest

from circuit_breaker.errors import ActionError, ParameterInvalid
from circuit_breaker.executors import BaseExecutor, FunctionExecutor, StandaloneContext, StepExecutor, parameter


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
                {"executor": "fetch", "context": [1], "name": 3, "when": "never"},
                {"executor": fetch, "name": "twice"},
                {"executor": fetch, "name": "twice"},
            ]
        ).execute_sync()

    assert [
        "steps[0]: has an unknown key 'executer' (did you mean 'executor'?)",
        "steps[0]: None is no executor class (give a subclass of BaseExecutor under 'executor')",
        "steps[1]: 'fetch' is no executor class (give a subclass of BaseExecutor under 'executor')",
        "steps[1]: its context is no mapping of parameters by name (give a dict with text keys)",
        "steps[1]: 3 is no name (give a text)",
        "steps[1]: 'when' cannot be called (give a function of the results so far)",
        "steps[3]: has the name 'twice', which another step has (give it a name of its own)",
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
