"""What holds for every executor, whatever it does: the suite that authors use, over ours."""

from __future__ import annotations

from typing import Any

import pytest

from circuit_breaker import executors
from circuit_breaker.errors import ActionError
from circuit_breaker.executors import BaseExecutor, FunctionExecutor, StepExecutor, parameter
from circuit_breaker.testing import ExecutorConformance, ExecutorSubject


@parameter("text", description="Text to repeat")
@parameter("times", description="How often")
class Repeat(BaseExecutor):
    """Repeats a text."""

    text: str
    times: int = 2

    async def execute_internal(self, context):
        if self.times < 0:
            raise ActionError("it cannot be repeated less than never", code="negative")
        return {"text": self.text * self.times}


class TestRepeat(ExecutorConformance):
    """B17: an executor of one's own, as authors write it."""

    shows = frozenset({"failure"})

    @pytest.fixture
    def subject(self):
        return ExecutorSubject(Repeat, right={"text": "a"}, wrong={"text": 5}, failure={"text": "a", "times": -1})


class TestFunction(ExecutorConformance):
    """B17: an executor made of a function."""

    @pytest.fixture
    def subject(self):
        @FunctionExecutor.of
        def shout(text: str, mark: str = "!") -> dict[str, Any]:
            """Shouts a text."""
            return {"text": text.upper() + mark}

        return ExecutorSubject(shout, right={"text": "a"}, wrong={"text": 5})


class TestStep(ExecutorConformance):
    """B13, B17: several executors as one."""

    shows = frozenset({"failure"})

    @pytest.fixture
    def subject(self):
        step = {"executor": Repeat, "context": {"text": "a"}}
        failing = {"executor": Repeat, "context": {"text": "a", "times": -1}}
        return ExecutorSubject(StepExecutor, right={"steps": [step]}, wrong={"steps": 5}, failure={"steps": [failing]})


def test_the_package_has_no_other_names():
    """What the package does not offer is an AttributeError, and what it offers is there."""
    assert all(hasattr(executors, name) for name in executors.__all__)
    assert not hasattr(executors, "Missing")
