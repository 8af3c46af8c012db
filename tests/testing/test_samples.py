"""Samples of JSON Schemas."""

from __future__ import annotations

import pytest

from circuit_breaker.rules.schema import misfits
from circuit_breaker.testing.samples import sample

NODE = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}}}
SCHEMAS = [
    {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "required": ["a", "b"]},
    {"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"enum": ["p", "q"]}}},
    {"$ref": "#/$defs/n", "$defs": {"n": NODE}},
    {"allOf": [{"properties": {"a": {"const": 1}}, "required": ["a"]}, {"properties": {"b": {}}, "required": ["b"]}]},
    {"type": "array", "items": {"type": "string", "minLength": 20}, "minItems": 2},
    {"prefixItems": [{"type": "boolean"}, {"type": "null"}], "minItems": 3},
    {"type": "integer", "exclusiveMinimum": 0},
    {"type": "integer", "exclusiveMaximum": 0},
    {"type": "integer", "multipleOf": 7, "minimum": 1},
    {"type": "number", "maximum": -3},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    {"type": "number", "exclusiveMinimum": 5},
    {"type": "number", "exclusiveMaximum": -2},
    {"type": ["null", "string"]},
    {"type": "string", "format": "date"},
    {"type": "string", "maxLength": 2},
    {"examples": [[1]]},
    {"default": {"x": 1}},
    {},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_a_sample_fits_its_schema(schema):
    """What is made for a schema is valid against it."""
    assert [] == list(misfits(schema, sample(schema)))


def test_what_is_no_schema_gives_nothing():
    """A truth value, a type of no kind and a reference that leads nowhere are no reason to fail."""
    assert (None, None, "sample") == (sample(schema=True), sample({"type": []}), sample({"$ref": "#/$defs/none"}))
