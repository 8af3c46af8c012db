"""JSON Schema in the dialects of Anthropic and Google: what they can carry is carried, the rest is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import RuleInvalid
from circuit_breaker.llm.schema_dialects import anthropic_schema, gemini_schema
from circuit_breaker.rules.schema import fitting

GEMINI = {
    "type", "format", "title", "description", "nullable", "enum", "items", "properties", "required", "anyOf",
    "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern",
}  # fmt: skip
BOTH = pytest.mark.parametrize("dialect", [gemini_schema, anthropic_schema])


def carried(dialect, schema):
    """The schema in the dialect, and what is checked on our side."""
    told = []
    found = dialect(schema, lambda *loss: told.append(loss), "here")
    assert all(("here", "checked") == loss[:2] for loss in told)
    return found, [why for _, _, why in told]


def keywords(schema):
    """Every keyword in a schema."""
    yield from schema
    for inner in (*schema.get("properties", {}).values(), *schema.get("anyOf", ())):
        yield from keywords(inner)
    if "items" in schema:
        yield from keywords(schema["items"])


plain = st.one_of(
    st.just({"type": "string", "minLength": 2, "default": "x"}),
    st.just({"type": "string", "format": "email"}),
    st.just({"type": "integer", "exclusiveMinimum": 0, "multipleOf": 2}),
    st.just({"type": ["number", "null"]}),
    st.just({"const": "a"}),
    st.just({"enum": [1, 2]}),
    st.just({"$ref": "#/$defs/name"}),
    st.just({"type": ["string", "integer"]}),
)
schemas = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items, "uniqueItems": True}, inner),
        st.builds(lambda several: {"oneOf": several}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda one: {"allOf": [one], "description": "d"}, inner),
        st.builds(
            lambda members: {"type": "object", "properties": members, "required": ["a"], "additionalProperties": False},
            st.dictionaries(st.sampled_from("abc"), inner, min_size=1),
        ),
    ),
    max_leaves=6,
)
roots = st.builds(
    lambda inner: {"type": "object", "properties": {"a": inner}, "$defs": {"name": {"type": "string", "pattern": "a"}}},
    schemas,
)


@given(schema=roots)
def test_google_gets_no_word_that_it_does_not_know(schema):
    """Pains 43: whatever the schema, only the subset goes out, and required members are named ones."""
    found, _ = carried(gemini_schema, schema)

    assert GEMINI >= set(keywords(found))


@given(schema=roots)
def test_every_object_is_closed_for_anthropic(schema):
    """What the vendor demands of every object; references are written out."""
    found, _ = carried(anthropic_schema, schema)

    assert not {"$ref", "oneOf", "allOf", "multipleOf", "minLength"} & set(keywords(found))
    assert found["additionalProperties"] is False
    fitting(found)  # and it is a schema


def test_what_google_can_carry_is_carried():
    """Types, null, alternatives, names of values and bounds, in its words."""
    found, lost = carried(
        gemini_schema,
        {
            "type": "object",
            "properties": {
                "name": {"type": ["string", "null"], "maxLength": 9},
                "when": {"type": "string", "format": "date-time"},
                "kind": {"const": "a"},
                "one": {"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "d"},
                "two": {"type": ["string", "integer"]},
                "some": {"enum": ["a", "b", None]},
            },
            "required": ["name", "gone"],
        },
    )

    assert [] == lost
    assert {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 9, "nullable": True},
            "when": {"type": "string", "format": "date-time"},
            "kind": {"type": "string", "enum": ["a"]},
            "one": {"type": "integer", "nullable": True, "description": "d"},
            "two": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            "some": {"type": "string", "enum": ["a", "b"], "nullable": True},
        },
        "required": ["name"],
    } == found


@pytest.mark.parametrize(
    ("inner", "expected", "lost"),
    [
        ({"type": "integer", "enum": [1, 2]}, {"type": "integer"}, "enum"),
        ({"type": "string", "format": "email"}, {"type": "string"}, "format"),
        ({"type": "integer", "multipleOf": 2}, {"type": "integer"}, "multipleOf"),
        ({"oneOf": [{"type": "string"}]}, {"type": "string"}, "oneOf"),
    ],
)  # fmt: skip
def test_what_google_cannot_say_is_checked_on_our_side(inner, expected, lost):
    """ZB5: the word is left out, and the response says so."""
    found, told = carried(gemini_schema, {"type": "object", "properties": {"a": inner}})

    assert expected == found["properties"]["a"]
    assert [f"the vendor takes no '{lost}'"] == told


@BOTH
@pytest.mark.parametrize(
    ("inner", "why"),
    [
        ({"$ref": "#"}, "contains itself"),
        ({"$ref": "#/$defs/gone"}, "leads nowhere"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "does not name"),
        ({"type": "object"}, "does not name"),
        ({"type": "array"}, "says nothing"),
        ({}, "no type"),
        (True, "says nothing"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "different values of 'type'"),
        ({"allOf": [True]}, "says nothing"),
    ],
)
def test_what_a_dialect_cannot_carry_is_not_sent_in_it(dialect, inner, why):
    """Pains 43: nothing is silently emptied."""
    found, told = carried(dialect, {"type": "object", "properties": {"a": inner}})

    assert found is None
    assert why in told[0]


def test_null_alone_has_no_words_at_google():
    """A value that is always null is no type there."""
    for inner in ({"type": "null"}, {"anyOf": [{"type": "null"}]}):
        assert carried(gemini_schema, {"type": "object", "properties": {"a": inner}})[0] is None


@BOTH
def test_a_schema_that_grows_without_bound_is_not_written_out(dialect):
    """Thirty definitions of two references each are a thousand million schemas."""
    pair = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]} for n in range(30)}
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/d0"}},
        "$defs": {**pair, "d30": {"type": "string"}},
    }

    assert "more than" in carried(dialect, schema)[1][0]


def test_a_schema_nested_too_deep_is_told():
    """Depth is bounded too."""
    schema = {"type": "string"}
    for _ in range(3000):
        schema = {"type": "array", "items": schema}

    assert "too deep" in carried(gemini_schema, {"type": "object", "properties": {"a": schema}})[1][0]


@BOTH
def test_references_with_words_beside_them_say_both(dialect):
    """What stands beside a reference is added to what it leads to; parts of allOf add up."""
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/a~1b", "description": "mine"}},
        "allOf": [
            {"properties": {"a": {"title": "t"}, "b": {"type": "integer"}}, "required": ["b"]},
            {"required": ["a"]},
        ],
        "$defs": {"a/b": {"type": "string", "description": "theirs"}},
    }
    found, _ = carried(dialect, schema)

    assert {"type": "string", "description": "mine", "title": "t"} == found["properties"]["a"]
    assert ["b", "a"] == found["required"]


def test_types_are_read_out_of_values_and_members():
    """A schema need not name the type."""
    properties = {
        "a": {"properties": {"x": {"const": True}}},
        "b": {"items": {"const": 1.5}, "minItems": 1},
        "c": {"const": 1},
        "d": {"enum": [{}]},
    }
    found, _ = carried(anthropic_schema, {"properties": {**properties, "d": {"enum": ["x"]}}})
    told = found["properties"]

    assert [True, 1] == [told["a"]["additionalProperties"] is False, told["b"]["minItems"]]
    assert carried(gemini_schema, {"properties": {"c": {"const": 1}}})[0]["properties"] == {"c": {"type": "integer"}}
    assert carried(gemini_schema, {"properties": {"d": {"enum": [[1]]}}})[0] is None
    assert carried(gemini_schema, {"properties": {"d": {"enum": [{}]}}})[0] is None


@pytest.mark.parametrize("dialect", [gemini_schema, anthropic_schema])
@pytest.mark.parametrize(
    "wrong", [{"type": 5}, {"properties": []}, {"required": True, "anyOf": 1}, {"properties": {"a": {"type": 1}}}]
)
def test_what_is_no_schema_is_one_clear_error(dialect, wrong):
    """A client may send anything as the schema of a tool: it is refused with its place, and nothing breaks."""
    with pytest.raises(RuleInvalid, match=r"tools\.f: the JSON schema is not valid"):
        dialect(wrong, lambda *_: None, "tools.f")
