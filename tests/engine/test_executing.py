"""Executors on transitions: parameters that refer to the token, outcomes, names, and what can go wrong."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from circuit_breaker import (
    BaseExecutor,
    Engine,
    FunctionExecutor,
    StepExecutor,
    Workflow,
    connect,
    field,
    flow,
    parameter,
    states,
    template,
)
from circuit_breaker.errors import ActionError, OutcomeInvalid, ParameterInvalid, WorkflowInvalid
from circuit_breaker.workflow.events import StepFinished

a, b, c = states("a", "b", "c")


@parameter("text", description="What is measured")
@parameter("unit", default="words")
class Measure(BaseExecutor):
    """Counts words or letters."""

    text: str
    unit: str

    async def execute_internal(self, context: dict[str, Any]) -> dict[str, Any]:
        self.execution.progress(0.5, "counting")
        return {"count": len(self.text.split() if self.unit == "words" else self.text), "unit": self.unit}


def measuring(*, result: str | None = None, **parameters: Any) -> Workflow:
    return Workflow("w", flow(a >> b).transition("measure").execute(Measure, result=result, **parameters))


async def run(open_engine: Any, workflow: Workflow, data: Any = None, **options: Any) -> Any:
    engine = await open_engine(workflow, **options)
    return await engine.run(await engine.start("w", data=data))


async def test_an_outcome_is_merged_into_the_data(open_engine: Any) -> None:
    """D19: without a result name the whole outcome is added to the data, its status included."""
    case = await run(open_engine, measuring(text=field("content")), {"content": "three small words"})
    assert {"content": "three small words", "count": 3, "unit": "words", "status": "completed"} == case.data


async def test_parameters_are_read_from_data_and_metadata(open_engine: Any) -> None:
    """E8: what an executor is given may come from the data, the metadata or the results of the token, in any depth."""
    given: list[Any] = []

    def gather(text: str, nested: Any, said: str) -> dict[str, Any]:
        given.append((text, nested, said))
        return {}

    mapped = FunctionExecutor.of(gather)
    made = flow(a >> b).transition("go")
    made = made.execute(
        mapped, text=field("a.b"), nested={"by": [field("metadata.by")]}, said=template("{metadata.by}: {data.a.b}")
    )
    engine = await open_engine(Workflow("w", made))
    await engine.run(await engine.start("w", data={"a": {"b": "x"}}, metadata={"by": "ann"}))
    assert [("x", {"by": ["ann"]}, "ann: x")] == given


async def test_an_outcome_is_kept_under_its_name(open_engine: Any) -> None:
    """With result= the outcome stays apart from the data, in the results of the token, also for the policy."""
    judged = flow(a >> b).transition("measure").execute(Measure, text=template("{data.x} and more"), result="size")
    workflow = Workflow("w", judged.policy(rules=field("results.size.count") >= 3))
    case = await run(open_engine, workflow, {"x": "one"})
    assert ({"x": "one"}, 3) == (case.data, case.token.results["size"]["count"])


async def test_references_are_read_deep_inside(open_engine: Any) -> None:
    """Fields and templates inside of lists and mappings are read too; what refers to nothing is left out."""

    @FunctionExecutor.of
    def keep(values: list[Any], more: dict[str, Any]) -> dict[str, Any]:
        return {"values": values, "more": more}

    made = (
        flow(a >> b)
        .transition("keep")
        .execute(keep, values=[field("x"), template("<{data.x}>")], more={"x": field("x"), "none": field("nothing")})
    )
    case = await run(open_engine, Workflow("w", made), {"x": 1})
    assert ([1, "<1>"], {"x": 1}) == (case.data["values"], case.data["more"])


async def test_a_missing_parameter_fails_with_its_name(open_engine: Any) -> None:
    """A4: a required parameter whose field is not there fails the action before anything runs, and is not retried."""
    engine = await open_engine(measuring(text=field("content")))
    with pytest.raises(ParameterInvalid, match="text"):
        await engine.fire(await engine.start("w"), "measure")


def test_an_unknown_parameter_is_found_when_the_workflow_is_made() -> None:
    """A misspelt parameter of an executor is a fault of the definition, with the right name."""
    with pytest.raises(WorkflowInvalid, match="did you mean 'text'"):
        measuring(txet="x")


async def test_an_executor_may_be_named(open_engine: Any) -> None:
    """A definition may name its executors; the engine is given them by name."""
    workflow = Workflow("w", flow(a >> b).transition("measure").execute("measure", text="one two"))
    case = await run(open_engine, workflow, executors={"measure": Measure})
    assert 2 == case.data["count"]


async def test_an_executor_that_nobody_registered_fails(open_engine: Any) -> None:
    """An unknown name fails the action and says how to register it."""
    workflow = Workflow("w", flow(a >> b).transition("measure").execute("measure", text="one two"))
    engine = await open_engine(workflow)
    with pytest.raises(ActionError, match="executors="):
        await engine.fire(await engine.start("w"), "measure")


class Bare:
    """A class that is no BaseExecutor, but has what the engine needs."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def execute(self) -> Any:
        return self.answer


@pytest.mark.parametrize(("answer", "works"), [({"x": 1}, True), ("nonsense", False), (None, False)])
async def test_any_class_with_execute_is_an_executor(open_engine: Any, answer: Any, works: bool) -> None:
    """The engine asks for nothing but keywords and an async execute that returns a mapping."""
    workflow = Workflow("w", flow(a >> b).transition("bare").execute(Bare, answer=answer))
    engine = await open_engine(workflow)
    case = await engine.start("w")
    if works:
        assert {"x": 1} == (await engine.fire(case, "bare")).data
    else:
        with pytest.raises(OutcomeInvalid, match="'Bare'"):
            await engine.fire(case, "bare")


def test_what_is_no_executor_is_refused() -> None:
    """An instance, or a class without execute, is refused where it is written."""
    for wrong in (Measure(text="x"), int, None):
        with pytest.raises(WorkflowInvalid, match="is no executor"):
            flow(a >> b).transition("x").execute(wrong)


async def test_several_executors_follow_one_another(open_engine: Any) -> None:
    """Each execute sees what those before it added; each outcome is remembered by itself."""
    made = (
        flow(a >> b)
        .transition("both")
        .execute(Measure, text=field("content"), result="words")
        .execute(Measure, text=template("{results.words.count}"), unit="letters", result="letters")
    )
    case = await run(open_engine, Workflow("w", made), {"content": "a b"})
    assert 1 == case.token.results["letters"]["count"]
    assert ["#1 Measure", "#2 Measure"] == [event.name for event in case.history.by_type(StepFinished)]


async def test_steps_of_a_step_executor_survive_a_failure(open_engine: Any) -> None:
    """B13: several executors in one transition, each done once although a later one had to be retried."""
    calls: list[str] = []

    @FunctionExecutor.of
    def first() -> dict[str, Any]:
        calls.append("first")
        return {"text": "one two"}

    @FunctionExecutor.of
    def second(text: str) -> dict[str, Any]:
        calls.append("second")
        if len(calls) < 3:
            raise OSError("again")
        return {"copied": text}

    made = (
        flow(a >> b)
        .transition("steps")
        .execute(StepExecutor, steps=[{"executor": first}, {"executor": second}], result="steps")
        .retry(max_attempts=2, backoff_seconds=0)
    )
    case = await run(open_engine, Workflow("w", made))
    assert ["first", "second", "second"] == calls
    assert "one two" == case.token.results["steps"]["results"]["second"]["copied"]


async def test_a_callable_object_is_an_action(open_engine: Any) -> None:
    """Objects with an async or plain __call__, bound methods and partial functions are actions."""

    class Counter:
        async def __call__(self, token: Any) -> dict[str, int]:
            return {"called": 1}

        def method(self, token: Any, context: Any) -> dict[str, int]:
            return {"attempt": context.attempt}

    made = flow(a >> b).transition("x").action(Counter(), name="call").action(Counter().method)
    assert {"called": 1, "attempt": 1} == (await run(open_engine, Workflow("w", made))).data


async def test_the_action_decorator_finishes_a_flow() -> None:
    """.action decorates a function; its name is then the flow."""

    @flow(a >> b).transition("go").action
    async def go(token: Any) -> dict[str, int]:
        return {"x": 1}

    async with Engine(Workflow("w", go), storage=connect("memory://")) as engine:
        assert {"x": 1} == (await engine.run(await engine.start("w"))).data


async def test_the_steps_of_an_action_need_no_thread(open_engine: Any) -> None:
    """An action of several async steps stays on the event loop."""

    async def step(token: Any) -> dict[str, Any]:
        return {"n": token.data.get("n", 0) + 1}

    made = flow(a >> b).transition("go").action(step, name="one").action(step, name="two").action(step, name="three")
    engine = await open_engine(Workflow("w", made))
    seen: set[str] = set()
    threading.setprofile(lambda *_: seen.add(threading.current_thread().name))
    try:
        case = await engine.run(await engine.start("w"))
    finally:
        threading.setprofile(None)
    assert ({"n": 3}, set()) == (case.data, {name for name in seen if "action" in name})
