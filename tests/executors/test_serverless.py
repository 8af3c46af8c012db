"""Functions that others run, whatever the back end."""

from __future__ import annotations

import json

import pytest

from circuit_breaker.errors import ExecutorInvalid, ParameterInvalid
from circuit_breaker.executors.secrets import secret
from circuit_breaker.executors.serverless import ServerlessExecutor
from circuit_breaker.executors.serverless.contract import Invocation


class Recorded:
    """A back end that keeps what it is asked."""

    def __init__(self, **outcome):
        self.calls: list[Invocation] = []
        self.outcome = outcome

    async def invoke(self, invocation):
        self.calls.append(invocation)
        invocation.log("hello", "stderr")
        return {"status": "completed", "output": invocation.environment, **self.outcome}


async def test_a_back_end_is_told_everything():
    """B12: function, runtime, payload, environment, version and limits reach the back end; secrets are revealed."""
    there = Recorded()
    executor = ServerlessExecutor.under(backends={"own": there}, secrets={"KEY": "s3cret"})(
        function_name="orders",
        runtime="ruby",
        payload={"token": secret("KEY")},
        environment={"KEY": secret("KEY")},
        version="7",
        invocation="async",
        backend="own",
        timeout=5,
        max_output=10,
    )
    outcome = await executor.execute()

    (call,) = there.calls
    assert ("orders", "ruby", "7", True, 5, 10) == (
        call.function_name, call.runtime, call.version, call.asynchronous, call.timeout, call.max_output,
    )  # fmt: skip
    assert ({"token": "s3cret"}, {"KEY": "s3cret"}) == (call.payload, call.environment)
    assert executor.execution.idempotency_key == call.idempotency_key
    assert "s3cret" not in json.dumps(outcome) + repr(executor) + repr(call)
    assert [("hello", "stderr")] == [(line.line, line.stream) for line in executor.logs]


async def test_the_outcome_is_what_the_back_end_says():
    """The status and what else is known come from the back end."""
    settings = ServerlessExecutor.under(backends={"local": Recorded(status="accepted", request_id="r")})
    outcome = await settings(function_name="orders").execute()

    assert {"status": "accepted", "output": {}, "request_id": "r"} == outcome


async def test_functions_of_this_machine_run_by_default(tmp_path):
    """B12: without another back end, the function of that name in the operator's folder runs."""
    (tmp_path / "shout").mkdir()
    (tmp_path / "shout" / "handler.py").write_text(
        "def handler(payload, context):\n    return payload['text'].upper()\n"
    )

    outcome = await ServerlessExecutor.under(functions=tmp_path)(function_name="shout", payload={"text": "a"}).execute()

    assert ("completed", "A") == (outcome["status"], outcome["output"])


@pytest.mark.parametrize(
    ("settings", "hint"), [({}, "let the operator give one"), ({"backends": {"aws": Recorded()}}, "aws")]
)
async def test_a_back_end_that_is_not_there_is_told(settings, hint):
    """Nothing runs on this machine, or anywhere else, before an operator has said where."""
    with pytest.raises(ParameterInvalid, match=hint):
        await ServerlessExecutor.under(**settings)(function_name="orders").execute()


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "x" * 300])
async def test_a_function_has_a_plain_name(name):
    """A name that could lead elsewhere is refused before anything runs."""
    with pytest.raises(ParameterInvalid, match="function_name"):
        await ServerlessExecutor.under(backends={"local": Recorded()})(function_name=name).execute()


def test_a_back_end_can_invoke():
    """What is no back end is refused as a setting."""
    with pytest.raises(ExecutorInvalid, match="'aws' cannot invoke functions"):
        ServerlessExecutor.under(backends={"aws": "eu-west-1"})
