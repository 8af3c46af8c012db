"""What holds for every executor, whatever it does: the suite that authors use, over ours."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from typing import Any

import pytest

from circuit_breaker import executors
from circuit_breaker.errors import ActionError
from circuit_breaker.executors import (
    BaseExecutor,
    FunctionExecutor,
    StepExecutor,
    SubprocessExecutor,
    parameter,
    registry,
    secret,
)
from circuit_breaker.testing import ExecutorConformance, ExecutorSubject
from tests.executors.processes import Trace

KITS = {
    "docker": ["test_docker_conformance:TestDockerExecutor", "test_docker_conformance:TestOnPodman"],
    "http": ["test_calls_conformance:TestHttp"],
    "nats": ["test_calls_conformance:TestNats"],
    "python": ["test_python_executor:TestInThread", "test_python_executor:TestInProcess"],
    "serverless": [
        "test_serverless_local:TestLocalFunctions",
        "test_calls_conformance:TestHttpFunctions",
        "test_calls_conformance:TestLambdaFunctions",
    ],
    "step": ["test_conformance:TestStep", "test_conformance:TestStepsAtOnce"],
    "subprocess": ["test_subprocess_executor:TestConformance"],
}
ELSEWHERE = {"agent", "assistant"}  # those that ask models, which have a room of their own
SECRETS = {"KEY": "hunter2-hunter2"}


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

    shows = frozenset({"failure", "slowness"})

    @pytest.fixture
    def subject(self):
        @FunctionExecutor.of
        async def shout(text: str, mark: str = "!", pause: float = 0) -> dict[str, Any]:
            """Shouts a text."""
            await asyncio.sleep(pause)
            if not text:
                raise ActionError("there is nothing to shout", code="empty")
            return {"text": text.upper() + mark}

        return ExecutorSubject(
            shout, right={"text": "a"}, wrong={"text": 5}, failure={"text": ""}, slowness={"text": "a", "pause": 60}
        )


class TestStep(ExecutorConformance):
    """B13, B17: several executors as one, each after the other."""

    shows = frozenset({"failure", "slowness", "flood", "secret"})
    parallel = False

    @pytest.fixture
    def subject(self):
        left = Trace()
        shell = SubprocessExecutor.under(programs="sh", variables=["TRACE", "KEY"], secrets=SECRETS)

        def steps(*more):
            return {"steps": [{"executor": Repeat, "context": {"text": "a"}}, *more], "parallel": self.parallel}

        def script(text, **context):
            given = {"command": ["sh", "-c", text], "environment": left.variables, **context}
            return steps({"executor": "shell", "context": given})

        environment = {"KEY": secret("KEY"), **left.variables}
        return ExecutorSubject(
            StepExecutor.under(executors={"shell": shell}),
            right=steps({"executor": Repeat, "name": "again", "context": {"text": "b"}}),
            wrong={"steps": 5},
            failure=script("exit 3"),
            slowness=script("sleep 60"),
            flood=script("yes", max_output=1000),
            secret=script("echo $KEY; echo $KEY >&2", environment=environment),
            value=SECRETS["KEY"],
            leftovers=left.left,
        )


class TestStepsAtOnce(TestStep):
    """B13, B17: several executors as one, all at once."""

    parallel = True


@pytest.mark.parametrize("name", sorted(set(registry.OWN) - ELSEWHERE))
def test_each_of_ours_passes_the_suite(name):
    """B17: whoever adds an executor to ours adds a class that holds it to what every executor keeps."""
    assert name in KITS, f"write a subclass of ExecutorConformance for {name!r}, and name it here"
    for place in KITS[name]:
        module, _, kit = place.partition(":")
        found = importlib.import_module(f"tests.executors.{module}")
        assert issubclass(getattr(found, kit), ExecutorConformance)
        assert registry.find(name).__name__ in inspect.getsource(found)


def test_the_package_has_no_other_names():
    """What the package does not offer is an AttributeError, and what it offers is there."""
    assert all(hasattr(executors, name) for name in executors.__all__)
    assert not hasattr(executors, "Missing")
