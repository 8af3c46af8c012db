"""What holds for every executor, whatever it does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import attrs
import jsonschema_rs
import pytest

from circuit_breaker import executors
from circuit_breaker.errors import ParameterInvalid
from circuit_breaker.executors import BaseExecutor, FunctionExecutor, StandaloneContext, StepExecutor, parameter


@parameter("text", description="Text to repeat")
class Repeat(BaseExecutor):
    """Repeats a text."""

    text: str
    times: int = 2

    async def execute_internal(self, context):
        return {"text": self.text * self.times}


@FunctionExecutor.of
def shout(text: str, mark: str = "!") -> dict[str, Any]:
    """Shouts a text."""
    return {"text": text.upper() + mark}


@attrs.frozen
class Subject:
    """An executor under test: parameters that are right, and some that are wrong."""

    executor: type[BaseExecutor]
    right: Mapping[str, Any]
    wrong: Mapping[str, Any]


SUBJECTS = [
    Subject(Repeat, {"text": "a"}, {"text": 5}),
    Subject(shout, {"text": "a"}, {"text": 5}),
    Subject(StepExecutor, {"steps": [{"executor": Repeat, "context": {"text": "a"}}]}, {"steps": 5}),
]


@pytest.fixture(params=SUBJECTS, ids=lambda subject: subject.executor.__name__)
def subject(request):
    return request.param


async def test_an_outcome_is_json_with_a_status(subject):
    """A8, A9: execute gives a mapping of JSON values with a text as status, which is also the result."""
    executor = subject.executor(**subject.right)
    outcome = await executor.execute()

    assert outcome == json.loads(json.dumps(outcome)) == executor.result
    assert "completed" == outcome["status"]


def test_a_script_gets_the_same_outcome(subject):
    """execute_sync gives what execute gives."""
    outcome = asyncio.run(subject.executor(**subject.right).execute())

    assert outcome == subject.executor(**subject.right).execute_sync()


async def test_it_can_be_executed_again(subject):
    """The same instance gives the same outcome a second time."""
    executor = subject.executor(**subject.right)

    assert await executor.execute() == await executor.execute()


async def test_wrong_parameters_are_refused_before_anything_runs(subject):
    """A3, A4: wrong, unknown and missing parameters are told together, and there is no result."""
    executor = subject.executor(**subject.wrong, surely_unknown=1)

    with pytest.raises(ParameterInvalid) as error:
        await executor.execute()
    assert [*(f"parameter '{name}'" for name in subject.wrong), "parameter 'surely_unknown'"] == [
        fault.place for fault in error.value.faults
    ]
    assert executor.result is None


def test_the_class_finds_the_same_faults_beforehand(subject):
    """check_parameters says what an instance would say, and nothing about parameters that are right."""
    assert [] == list(subject.executor.check_parameters(subject.right))
    assert len(subject.wrong) == len(list(subject.executor.check_parameters(subject.wrong)))


def test_it_describes_itself(subject):
    """A2: the description is a valid JSON Schema with a title and a text, and knows every parameter."""
    schema = subject.executor.describe()

    jsonschema_rs.meta.validate(schema)
    assert subject.executor.__name__ == schema["title"]
    assert schema["description"]
    assert list(subject.executor.executor_config.parameters) == list(schema["properties"])


async def test_it_can_be_built_step_by_step(subject):
    """A12: define, update_context, bind and execute make a chain."""
    outcome = await subject.executor.define().update_context(**subject.right).bind(StandaloneContext()).execute()

    assert "completed" == outcome["status"]


async def test_instances_are_independent(subject):
    """Two executors of one class can run at the same time."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(subject.executor(**subject.right).execute()) for _ in range(2)]

    assert tasks[0].result() == tasks[1].result()
    assert tasks[0].result() is not tasks[1].result()


def test_the_package_has_no_other_names():
    """What the package does not offer is an AttributeError, and what it offers is there."""
    assert all(hasattr(executors, name) for name in executors.__all__)
    assert not hasattr(executors, "Missing")
