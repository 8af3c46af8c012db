"""The JSON Schema of what is told as a document names all that is in it, and nothing else."""

from __future__ import annotations

import jsonschema_rs
import pytest

from circuit_breaker import Workflow, connect, field, flow, states
from circuit_breaker.engine import SyncEngine
from circuit_breaker.workflow.explain import told_schema
from tests.workflow.explain.test_suggestions import asked

a, b = states("a", "b")


def strict(schema):
    """The schema, with which nothing passes that it does not name."""
    if isinstance(schema, dict):
        closed = {"additionalProperties": False} if "properties" in schema else {}
        return {key: strict(value) for key, value in schema.items()} | closed
    return [strict(value) for value in schema] if isinstance(schema, list) else schema


def test_explanations_of_random_cases_fit_their_schema():
    """Whatever keeps transitions from firing, the document has the form that the schema says, and no other fields."""
    validator = jsonschema_rs.validator_for(strict(told_schema("explanation")))
    for seed in range(0, 1200, 4):
        _, _, told = asked(seed)
        validator.validate(told.to_document())


def policy(least):
    return Workflow("w", flow(a >> b).transition("go").guard(field("n") > least).manual())


@pytest.mark.parametrize("least", [0, 9])
def test_the_difference_of_policies_fits_its_schema(least):
    """The document of a difference has the form that the schema says, with and without changed decisions."""
    with SyncEngine(policy(1), storage=connect("memory://")) as engine:
        engine.fire(engine.start("w", data={"n": 5}), "go")
        found = engine.diff_policy(policy(1), policy(least))
    assert bool(found) == (least == 9)
    jsonschema_rs.validator_for(strict(told_schema("policy-diff"))).validate(found.to_document())
