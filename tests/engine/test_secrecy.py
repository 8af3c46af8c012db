"""Data cannot choose which secret an executor reveals."""

from __future__ import annotations

from typing import Any

import pytest

from circuit_breaker import BaseExecutor, Engine, Workflow, connect, field, flow, parameter, states, template
from circuit_breaker.executors import revealed, secret

a, b, failed = states("a", "b", "failed")


@parameter("environment", default={}, description="Variables, which may be secrets")
class Show(BaseExecutor):
    """Shows what it was given."""

    environment: Any

    async def execute_internal(self, context):
        shown, _ = await revealed(self.environment, {"DB": "pa55word"})
        return {"shown": shown}


async def fired(environment, data):
    workflow = Workflow("w", flow(a >> b).transition("t").execute(Show, environment=environment).on_failure(failed))
    async with Engine(workflow, storage=connect("memory://")) as engine:
        return await engine.run(await engine.start("w", data=data))


async def test_a_definition_names_a_secret():
    """What the author of the definition names is revealed, beside values from the token."""
    case = await fired({"PASSWORD": secret("DB"), "USER": field("user")}, {"user": "ann"})

    assert {"PASSWORD": "pa55word", "USER": "ann"} == case.data["shown"]


@pytest.mark.parametrize(
    ("environment", "data"),
    [
        ({"X": field("x")}, {"x": {"$secret": "DB"}}),
        ({"X": field("x")}, {"x": {"deep": [{"$secret": "DB"}]}}),
        (field("x"), {"x": {"X": {"$secret": "DB"}}}),
        ({"X": {"$secret": field("x")}}, {"x": "DB"}),
        ({"X": {"$secret": template("{data.x}")}}, {"x": "DB"}),
    ],
)
async def test_data_names_none(environment, data):
    """Data that refers to a secret, however deep, or that would choose one, is refused, and nothing is revealed."""
    case = await fired(environment, data)

    assert "failed" == case.state
    assert "pa55word" not in str(case.history[0:])
    assert "reference to a secret" in str(case.history[0:])
