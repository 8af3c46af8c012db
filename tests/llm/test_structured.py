"""Forms of answers: how they are asked for, read and checked; and the narrow dialect of OpenAI."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import ResponseInvalid, RuleInvalid
from circuit_breaker.llm.adapting import adapted
from circuit_breaker.llm.failures import Asked
from circuit_breaker.llm.messages import assistant, system, user
from circuit_breaker.llm.profile import ModelProfile
from circuit_breaker.llm.providers.answers import finished
from circuit_breaker.llm.request import ChatCompletionRequest, ResponseFormat, ToolDefinition
from circuit_breaker.llm.response import ChatCompletionResponse, Choice
from circuit_breaker.llm.strict_schema import strict, without_nulls
from circuit_breaker.llm.structured import Plan, reading
from circuit_breaker.rules.schema import checked, misfits

OBJECT = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
PLAN = Plan(how="native", schema=checked(OBJECT, "x"))


def answered(text, reason="stop"):
    return ChatCompletionResponse(id="1", model="m", choices=(Choice(message=assistant(text), finish_reason=reason),))


def drafted(*abilities, schema=OBJECT, **options):
    form = ResponseFormat(kind="json_schema", schema=schema)
    messages = options.pop("messages", (user("?"),))
    request = ChatCompletionRequest(model="m", messages=messages, response_format=form, **options)
    return adapted(request, ModelProfile(capabilities={"system", *abilities}), kind="custom")


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        ' \n{"a": 1}\n',
        '```json\n{"a": 1}\n```',
        'Here it is: {"a": 1}. Bye!',
        'So:\n```\n{"a": 1}\n```\nOK',
    ],
)
def test_json_is_found_in_what_models_put_around_it(text):
    """All of the text, what is in a fence, or what is between the outermost braces."""
    assert {"a": 1} == reading(PLAN, answered(text)).value


@pytest.mark.parametrize(
    ("text", "fault"), [("nothing", "no JSON"), ("", "no JSON"), ('{"a": "x"}', "a: "), ("[1]", "the answer: ")]
)
def test_what_does_not_fit_is_told(text, fault):
    """Each fault has its place."""
    assert fault in reading(PLAN, answered(text)).faults[0]


def test_a_fence_that_never_ends_is_read_in_no_time():
    """A model that writes blank lines without end holds nobody else up."""
    began = time.perf_counter()

    assert ("it is no JSON",) == reading(PLAN, answered("```json" + "\n" * 100_000)).faults
    assert time.perf_counter() - began < 5


def test_an_answer_of_another_form_is_called_a_misfit():
    """So that it is not held against the provider."""
    response = answered("nothing")
    with pytest.raises(ResponseInvalid) as raised:
        finished(response, reading(PLAN, response), Asked(provider="p"), ModelProfile())

    assert raised.value.misfit


def test_an_answer_that_was_cut_says_so():
    """An answer that was too long does not fit for that reason."""
    assert "cut off" in reading(PLAN, answered('{"a"', "length")).faults[0]


def test_a_filtered_answer_is_not_judged():
    """There is nothing to mend in it."""
    assert () == reading(PLAN, answered("I can't", "content_filter")).faults


def test_a_form_without_a_schema_is_an_object():
    """Any object will do; nothing else."""
    plan = Plan(how="native", form=ResponseFormat(kind="json_object"))

    assert {"x": 1} == reading(plan, answered('{"x": 1}')).value
    assert reading(plan, answered("[1]")).faults


def test_a_wrapped_answer_is_unwrapped():
    """What was sent as an object is told as what it is."""
    plan = Plan(how="native", schema=checked({"type": "integer"}, "x"), wrapped=True)

    assert 5 == reading(plan, answered('{"answer": 5}')).value
    assert "no member 'answer'" in reading(plan, answered("5")).faults[0]


def test_a_model_without_a_member_for_it_gets_a_tool():
    """The tool takes the answer, and must be called."""
    draft = drafted("tools")

    assert ("tool", "answer", "answer") == (draft.plan.how, draft.plan.tool, draft.request.tool_choice)
    assert ["answer"] == [tool.name for tool in draft.request.tools]


def test_with_tools_of_its_own_some_tool_must_be_called():
    """The model may call another tool first."""
    draft = drafted("tools", tools=(ToolDefinition(name="f"),))

    assert "required" == draft.request.tool_choice


def test_a_model_without_tools_is_told():
    """The schema stands in what the model is told to be."""
    draft = drafted(messages=(system("Be kind."), user("?")))

    told = draft.request.messages[0]
    assert "prompt" == draft.plan.how
    assert told.content.startswith("Be kind.")
    assert '"a"' in told.content
    assert 2 == len(draft.request.messages)


def test_a_schema_that_is_none_is_refused():
    """A wrong schema is told before anything is asked."""
    with pytest.raises(RuleInvalid):
        drafted("json_schema", schema={"type": "nonsense"})


def object_of(members, some):
    """A schema of an object that requires some of its members."""
    return {"type": "object", "properties": members, "required": [name for name in members if name in some]}


NAMES = st.sampled_from("abc")
SCHEMAS = st.recursive(
    st.sampled_from([{"type": "integer"}, {"type": "string", "minLength": 1}, {"type": ["boolean", "null"]},
                     {"enum": ["x", "y"]}]),
    lambda inner: st.one_of(
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(object_of, st.dictionaries(NAMES, inner), st.sets(NAMES)),
        st.builds(lambda some: {"anyOf": some}, st.lists(inner, min_size=1, max_size=2)),
    ),
    max_leaves=6,
)  # fmt: skip


def objects(schema):
    """Every object in a schema."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for inner in schema.values():
            yield from objects(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from objects(inner)


@given(st.dictionaries(NAMES, SCHEMAS), st.sets(NAMES))
def test_the_strict_dialect_says_all_members(members, some):
    """Every object names all of its members, requires them, and allows no other."""
    schema = object_of(members, some)
    told = []
    narrow, is_strict = strict(schema, lambda *loss: told.append(loss), "x")

    assert is_strict
    for one in objects(narrow):
        assert sorted(one["properties"]) == sorted(one["required"])
        assert one["additionalProperties"] is False
    assert "minLength" not in json.dumps(narrow)
    assert ("minLength" in json.dumps(schema)) == bool(told)


def test_nulls_for_what_may_be_left_out_are_taken_out():
    """Deep inside too, and through references; a null that the schema wants stays."""
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "string"},
            "n": {"type": "null"},
            "more": {"type": "array", "items": {"$ref": "#/$defs/one"}},
        },
        "required": ["n", "more"],
        "$defs": {"one": {"type": "object", "properties": {"b": {"type": "integer"}}}},
    }
    value = {"a": None, "n": None, "more": [{"b": None}, {"b": 1}]}

    found = without_nulls(schema, value)
    assert {"n": None, "more": [{}, {"b": 1}]} == found
    assert [] == list(misfits(checked(schema, "x"), found))


@pytest.mark.parametrize(
    "schema",
    [{"type": "object"}, {"type": "object", "properties": {"a": True}},
     {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}}],
)  # fmt: skip
def test_what_the_dialect_cannot_carry_stays_as_it_is(schema):
    """The vendor is not held to it; we check it, and say so."""
    told = []

    assert (schema, False) == strict(schema, lambda *loss: told.append(loss), "x")
    assert "checked" == told[0][1]


def test_one_of_becomes_any_of():
    """What the vendor cannot tell apart is checked by us."""
    told = []
    schema = {"type": "object", "properties": {"a": {"oneOf": [{"type": "string"}, {"type": "integer"}]}},
              "required": ["a"]}  # fmt: skip
    narrow, _ = strict(schema, lambda *loss: told.append(loss), "x")

    assert [{"type": "string"}, {"type": "integer"}] == narrow["properties"]["a"]["anyOf"]
    assert "oneOf" in told[0][2]


def test_an_answer_that_is_nested_too_deep_does_not_fit():
    """Whatever cannot be checked is told as a fault of the answer, so the model is asked to mend it."""
    told = [reading(PLAN, answered('{"a":' * deep + "1" + "}" * deep)).faults for deep in range(500, 1000, 25)]

    assert all(told)
    assert ("it is nested too deep",) in told
