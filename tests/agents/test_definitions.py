"""The parts of a definition: prompts, inputs, memory and states."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.agents import (
    AgentDefinition,
    AgentInput,
    AgentLimits,
    AgentMemory,
    AgentPrompts,
    AgentRetry,
    AgentState,
    ExecutionContext,
    Prompt,
)
from circuit_breaker.agents.asking import messages_of
from circuit_breaker.errors import AgentInvalid, DataInvalid, RateLimitExceeded, ResponseTimeout

REVIEW = AgentDefinition(
    id="content-reviewer",
    prompts=AgentPrompts(
        system="You are a content review specialist.",
        user_template="Review this {document_type} ({priority|normal}) of {workflow_id}: {input_data}",
        context_instructions="It is {token_id} in {current_place} after {history_count} steps: {token_metadata}",
    ),
    inputs={"document_type": AgentInput(), "priority": AgentInput(required=False)},
)
CONTEXT = ExecutionContext.from_document(
    {
        "workflow_context": {
            "token_id": "t1", "state_id": "review", "workflow_id": "articles", "history_count": 3,
            "metadata": {"a": [1]},
        },
        "custom_context": {"customer": "c1"},
    }
)  # fmt: skip


def test_prompts_are_filled_in():
    """M2, M3, M4: system prompt, question and context have the variables of the documents, and mapped inputs."""
    told, asked = messages_of(REVIEW, {"document_type": "article"}, CONTEXT)

    assert told.content == ('You are a content review specialist.\n\nIt is t1 in review after 3 steps: {"a": [1]}')
    assert asked.content == 'Review this article (normal) of articles: {"document_type": "article"}'


def test_a_missing_variable_is_named():
    """ZB6: a variable without a value and without a default is an error that names it."""
    with pytest.raises(DataInvalid, match="'document_type'"):
        messages_of(REVIEW, {}, CONTEXT)


def test_unknown_variables_are_refused_at_definition():
    """M6: a prompt that names what nobody gives is a fault of the definition, with a hint."""
    prompts = AgentPrompts(system="{documnt}", user_template="{input_data.deep}", context_instructions="{x} {x}")
    faults = list(AgentDefinition(id="a", prompts=prompts, inputs=["document"]).faults())

    assert ["prompts.system", "prompts.context_instructions"] == [fault.place for fault in faults]
    assert "document" in faults[0].remedy


@given(st.text())
def test_a_value_is_never_read_as_a_template(value):
    """M2: what is filled in stands there as it is, whatever it looks like."""
    assert f"<{value}>{{x}}" == Prompt("<{x}>{{x}}").render({"x": value})


def test_a_message_needs_no_json_around_it():
    """M2: an input that is nothing but a message is asked as it was said."""
    plain = AgentDefinition(id="a", prompts=AgentPrompts(system="{custom_context|nothing}"))

    assert ["nothing", "hi"] == [one.content for one in messages_of(plain, {"message": "hi"}, ExecutionContext())]
    assert ['{"customer": "c1"}', '{"message": "hi", "b": 1}'] == [
        one.content for one in messages_of(plain, {"message": "hi", "b": 1}, CONTEXT)
    ]
    assert '{"message": 3}' == messages_of(plain, {"message": 3}, CONTEXT)[-1].content
    with pytest.raises(DataInvalid, match="is asked nothing"):
        messages_of(plain, {"message": " "}, CONTEXT)


@pytest.mark.parametrize(
    "limits", [{"tokens": 0}, {"tokens": True}, {"tokens": None}, {"messages": 0}, {"messages": "3"}]
)
def test_a_memory_has_sound_limits(limits):
    """M6: a limit of a memory is a whole number from 1; of messages there may be any number."""
    with pytest.raises(AgentInvalid, match="is no limit"):
        AgentMemory(**limits)
    assert AgentMemory(messages=None)


def test_the_parts_of_a_definition_are_texts():
    """M6: what is to be a text and is none is a fault at its place."""
    faults = list(AgentDefinition(id="a", name=3, llm_provider=None, tags=["x", ""]).faults())

    assert ["tags", "name", "llm_provider"] == [fault.place for fault in faults]


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"id": 3}, "id"),
        ({"id": None}, "id"),
        ({"inputs": {3: AgentInput()}}, "inputs.3"),
        ({"workflow_integrations": ["", 5]}, "workflow_integrations"),
    ],
)
def test_what_is_no_text_is_a_fault_and_no_failure(members, place):
    """M6: an id, an input or a workflow whose name is no text is told as every other fault is."""
    with pytest.raises(AgentInvalid) as wrong:
        AgentDefinition(**{"id": "a"} | members).check()

    assert [place] == [fault.place for fault in wrong.value.faults]


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan"), True, "5", Decimal(5)])
def test_a_time_is_a_finite_number_of_seconds(seconds):
    """M6: what no clock can count to is no limit of time; a Decimal is for dollars."""
    with pytest.raises(AgentInvalid, match=r"timeout: .* is no limit"):
        AgentLimits(timeout=seconds)


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        (AgentLimits, {"iterations": 0, "tokens": 1.5, "depth": True, "dollars": "nan", "timeout": 0, "repairs": -1}),
        (AgentRetry, {"max_attempts": 101, "backoff_seconds": -0.1}),
    ],
)
def test_all_faults_of_limits_are_told_together(kind, members):
    """M6: each limit that is none is named, and none of them hides another."""
    with pytest.raises(AgentInvalid) as wrong:
        kind(**members)

    assert list(members) == [fault.place for fault in wrong.value.faults]


def test_pauses_grow_and_may_be_none():
    """N3: before each attempt the pause is twice as long; without one it is tried again at once."""
    assert [0.5, 1.0, 2.0] == [AgentRetry(backoff_seconds=0.5).seconds_before(number) for number in (2, 3, 4)]
    assert 0.0 == AgentRetry(backoff_seconds=0).seconds_before(9)


def test_one_name_needs_no_list():
    """M6: a single name is a list of one, wherever there may be several."""
    state = AgentState(name="first", actions="look_up")
    retry = AgentRetry(retry_on_errors="timeout")

    assert (("look_up",), ("timeout",)) == (state.actions, retry.retry_on_errors)
    assert retry.wanted_for(ResponseTimeout("slow", provider="p"))
    assert not retry.wanted_for(RateLimitExceeded("slow down", provider="p"))


def test_a_context_has_five_members():
    """P3: a context is tenant, execution, and what is known of user, workflow and all else; it reads as written."""
    document = {
        "tenant_id": "acme",
        "execution_id": "e1",
        "user_context": {"user_id": "ann", "session_id": "s", "preferences": {"language": "de"}},
        "workflow_context": {"resource_id": "r", "state_id": "s", "transition_id": "t"},
        "custom_context": {"x": [1, {"y": 2}]},
    }
    context = ExecutionContext.from_document(document)
    assert document == context.to_document()
    assert "de" == context.get("user_context.preferences.language")
    with pytest.raises(DataInvalid, match=r"context\.resource_id"):
        ExecutionContext.from_document({"resource_id": "r"})


@given(
    st.sampled_from(["user_context", "workflow_context", "custom_context"]), st.text("abc", min_size=1), st.booleans()
)
def test_what_is_set_in_a_context_is_got(part, name, value):
    """P2: a value that is set at a path is got there, in a new context; the old one stays as it was."""
    before = ExecutionContext(custom_context={"kept": 1})
    after = before.set(f"{part}.deep.{name}", value)
    assert (value, None) == (after.get(f"{part}.deep.{name}"), before.get(f"{part}.deep.{name}"))
    assert 1 == after.get("custom_context.kept")
