"""Agents as YAML and JSON documents."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import jsonschema_rs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from circuit_breaker.agents import (
    AgentDefinition,
    AgentInput,
    AgentLimits,
    AgentMemory,
    AgentPrompts,
    AgentRetry,
    AgentState,
    AgentTransition,
    agent_from_document,
    agent_schema,
    dump_agent,
    dump_agents,
    load_agent,
    load_agents,
)
from circuit_breaker.errors import DocumentInvalid
from circuit_breaker.source.reading import read_source

KEY = "sk-abcdefghijklmnop1234"
FULL = AgentDefinition(
    id="full",
    name="Everything",
    description="All that a definition can say",
    type="state_machine",
    llm_provider="openai",
    llm_config={"model": "gpt-4o", "temperature": 0.5, "max_tokens": 100, "stop": ["END"]},
    prompts=AgentPrompts(
        system="You are {{ours}}.\n\nBe brief.", user_template="{document|none} {language}", context_instructions="{x}"
    ),
    inputs={
        "document": AgentInput(description="The text", required=False),
        "language": AgentInput(schema={"type": "string"}),
        "x": AgentInput(),
    },
    capabilities=["review"],
    tools=["calculator", "sentiment"],
    approve=["calc*"],
    tags=["a b", "no"],
    output_schema={"type": "object", "properties": {"score": {"type": "integer"}}},
    limits=AgentLimits(
        iterations=3,
        tokens=1000,
        dollars="0.10",
        timeout=None,
        depth=2,
        repairs=0,
        retry=AgentRetry(max_attempts=3, backoff_seconds=0.5, retry_on_errors=["timeout"]),
    ),
    memory=AgentMemory(tokens=10, messages=3, summaries=True),
    guardrails=["no_names"],
    states=[AgentState(name="first", prompt="Ask.", actions=["sentiment"]), AgentState(name="last")],
    transitions=[AgentTransition(source="first", target="last", condition="data.message == 'bye'")],
    workflow_integrations=["support"],
    allowed_workflows=[],
    allowed_tenants=["acme"],
    metadata={"team": {"name": "a", "floors": [1, 2.5, None]}},
    created_at=datetime(2026, 1, 31, tzinfo=UTC),
)

words = st.text(st.characters(codec="utf-8", exclude_characters="{}"), max_size=30)
names = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,9}", fullmatch=True)
lists = st.lists(words.filter(bool), max_size=3, unique=True)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(-10, 10) | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names.map(lambda one: f"k{one}k"), inner, max_size=2),
    max_leaves=5,
)
definitions = st.builds(
    AgentDefinition,
    id=st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
    name=words,
    description=words,
    llm_provider=names,
    llm_config=st.fixed_dictionaries(
        {}, optional={"model": names, "temperature": st.floats(0, 2), "seed": st.integers(0, 9)}
    ),
    prompts=st.builds(AgentPrompts, system=words, user_template=words, context_instructions=words),
    inputs=st.dictionaries(
        names.map(lambda one: f"in_{one}"), st.builds(AgentInput, description=words, required=st.booleans()), max_size=2
    ),
    capabilities=lists,
    tags=lists,
    guardrails=lists,
    output_schema=st.none() | st.just({"type": "object"}),
    limits=st.builds(
        AgentLimits,
        iterations=st.none() | st.integers(1, 99),
        dollars=st.none() | st.decimals(Decimal("0.01"), 10, places=4),
        timeout=st.none() | st.floats(0.1, 1000),
        repairs=st.integers(0, 5),
    ),
    memory=st.none() | st.builds(AgentMemory, tokens=st.integers(1, 9999), summaries=st.booleans()),
    allowed_workflows=st.none() | lists,
    metadata=st.dictionaries(names.map(lambda one: f"k{one}k"), plain, max_size=2),
)


def faults_of(text: str) -> list[tuple[int, str, str]]:
    """What is wrong with a text: line, place and message of each fault."""
    with pytest.raises(DocumentInvalid) as wrong:
        load_agents(text)
    return [(fault.line, fault.place, fault.message) for fault in wrong.value.faults]


def test_an_agent_is_read_back_as_it_was_written():
    """M1, M2, M7: what is written as YAML, JSON or a plain document is the same agent, in the same version."""
    document = FULL.to_document()

    for read in (agent_from_document(document), load_agent(dump_agent(FULL)), load_agent(json.dumps(document))):
        assert document == read.to_document()
        assert FULL == read
        assert FULL.created_at == read.created_at


@settings(max_examples=60)
@given(definitions)
def test_nothing_is_lost_on_the_way(definition):
    """ZA32: every definition without a fault comes back from YAML, and fits the published JSON Schema."""
    assume(not list(definition.faults()))
    read = load_agent(dump_agent(definition))

    assert definition.to_document() == read.to_document()
    assert jsonschema_rs.is_valid(agent_schema(), definition.to_document())


def test_a_set_is_written_and_read_as_one():
    """M1: several agents are one document, which the schema knows."""
    agents = [FULL, AgentDefinition(id="least")]
    text = dump_agents(agents)

    assert agents == load_agents(text)
    assert jsonschema_rs.is_valid(agent_schema(), {"agents": [agent.to_document() for agent in agents]})
    with pytest.raises(DocumentInvalid, match="there are 2 agents"):
        load_agent(text)


def test_what_is_short_to_write_is_read():
    """M4: inputs may be a list of names, a memory may be 'true', and a null is as good as nothing."""
    read = load_agent("id: a\ninputs: [x]\nmemory: true\nname: null\nlimits: {timeout: null}\nprompts: {system: '{x}'}")

    assert {"x": AgentInput()} == read.inputs
    assert AgentMemory() == read.memory
    assert (None, "a") == (read.limits.timeout, read.title)
    assert load_agent("id: a\nmemory: false").memory is None
    assert {"x": AgentInput()} == load_agent("id: a\ninputs: {x: }").inputs


FAULTS = [
    ("name: a", 1, "the document", "has no 'id'"),
    ("id: a b", 1, "id", "is no id"),
    ("id: 3", 1, "id", "3 is no text"),
    ("id: a\ntyp: workflow", 2, "typ", "is not known"),
    ("id: a\ntype: robot", 2, "type", "there is no type 'robot'"),
    ("id: a\ntype: workflow", 1, "workflow", "is missing"),
    ("id: a\ncircuit_breaker: 2", 2, "circuit_breaker", "the format 2"),
    ("id: a\nllm_config: [gpt]", 2, "llm_config", "is no mapping"),
    ("id: a\nllm_config: {temperature: hot}", 2, "llm_config.temperature", "invalid"),
    ("id: a\nllm_config: {temprature: 1}", 2, "llm_config.temprature", "is not known"),
    ("id: a\nllm_config: {model: 4}", 2, "llm_config.model", "is no name of a model"),
    ("id: a\nprompts: {sytem: x}", 2, "prompts.sytem", "is not known"),
    ("id: a\nprompts:\n  system: '{nobody}'", 3, "prompts.system", "{nobody} is not known"),
    ("id: a\nprompts:\n  system: 'a { b'", 3, "prompts.system", "a '{' stands alone"),
    ("id: a\ninputs: {token_id: }", 2, "inputs.token_id", "is no name of an input"),
    ("id: a\ninputs: {x: {schema: {type: nothing}}}", 2, "inputs.x.schema", "is not valid"),
    ("id: a\noutput_schema: {type: nothing}", 2, "output_schema", "is not valid"),
    ("id: a\ntools: calculator", 2, "tools", "is no list"),
    ("id: a\ntools: [a, a]", 2, "tools", "twice"),
    ("id: a\ntags: [a, 3]", 2, "tags[1]", "3 is no text"),
    ("id: a\nlimits: {iterations: 0}", 2, "limits.iterations", "is no limit"),
    ("id: a\nlimits: {dollars: much}", 2, "limits.dollars", "is no limit"),
    ("id: a\nlimits: {retry: {max_attempts: 0}}", 2, "limits.retry.max_attempts", "attempts"),
    ("id: a\nmemory: {tokens: 0}", 2, "memory.tokens", "is no limit"),
    ("id: a\nmemory: {messages: many}", 2, "memory.messages", "is no limit"),
    ("id: a\nstates: [{name: x}]", 2, "states", "belong to"),
    ("id: a\ntype: state_machine\nstates: [{name: x}, {name: x}]", 3, "states[1]", "several states"),
    ("id: a\ntype: state_machine\nstates: [{name: ' '}]", 3, "states[0].name", "is no name"),
    ("id: a\ntype: state_machine\nstates: [{}]", 3, "states[0]", "has no 'name'"),
    ("id: a\ntype: state_machine\nstates: [{name: x}]\ntransitions: [{source: x, target: y}]", 4,
     "transitions[0].target", "there is no state 'y'"),
    ("id: a\ntype: state_machine\nstates: [{name: x}]\ntransitions: [{source: x, target: x, condition: 'a ='}]", 4,
     "transitions[0].condition", "position"),
    ("id: a\ncreated_at: yesterday", 2, "created_at", "is no time"),
    ("agents:\n- id: a\n- id: a", 3, "agents[1].id", "twice"),
    ("agents:\n- 4", 2, "agents[0]", "is no mapping"),
    ("agents: []\nmore: 1", 2, "more", "is not known"),
    ("id: a\nlimits: {dollars: nan}", 2, "limits.dollars", "NaN is no limit"),
    ("id: a\nworkflow_integrations: ['']", 2, "workflow_integrations", "is no name"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "place", "message"), FAULTS, ids=[fault[0][:60] for fault in FAULTS])
def test_a_fault_has_its_place(text, line, place, message):
    """M6: whatever is wrong is told with its line and its place."""
    [fault] = faults_of(text)

    assert (line, place) == fault[:2]
    assert message in fault[2]


def test_all_faults_are_told_together():
    """M6: one fault hides no other, neither in a part nor in a set."""
    found = faults_of(
        "agents:\n- id: a\n  llm_config: {api_key: x, seed: y, tempo: 1}\n  tools: 3\n  limits: {tokens: x}\n"
        "- id: b c\n  prompts: {system: 3, user_template: '{x}'}\n"
    )

    assert [
        "agents[0].llm_config.api_key",
        "agents[0].llm_config.seed",
        "agents[0].llm_config.tempo",
        "agents[0].tools",
        "agents[0].limits.tokens",
        "agents[1].id",
        "agents[1].prompts.system",
        "agents[1].prompts.user_template",
    ] == [place for _, place, _ in found]


KEYS = [
    f"id: a\nllm_config: {{api_key: {KEY}}}",
    f"id: a\nllm_config: {{extra: {{headers: [x, {KEY}]}}}}",
    "id: a\nllm_config: {user: Bearer abcdefghijkl}",
    f"id: a\nllm_config: {KEY}",
    f"id: a\napi_key: {KEY}",
    f"id: a\nmetadata: {{deep: {{password: {KEY}}}}}",
    f"id: a\ndescription: use {KEY}",
    f"id: a\nprompts: {{system: 'Call it with {KEY}'}}",
    f"id: a\ntools: [{KEY}]",
    f"id: a\nlimits: {KEY}",
    f"id: a\noutput_schema: {{default: {KEY}}}",
    f"agents: [{KEY}]",
    f"agents: {KEY}",
    f"- {KEY}",
    f'{{"id": "a", "secret": "{KEY}", }}',
    f"id: !!int {KEY}",
]


@pytest.mark.parametrize("text", KEYS)
def test_a_key_is_refused_and_not_shown(text):
    """ZA16, M8: a definition with a key in it is no definition, and the error does not tell the key."""
    with pytest.raises(DocumentInvalid) as wrong:
        load_agents(text)

    assert wrong.value.faults
    assert KEY not in str(wrong.value)
    assert "abcdefghijkl" not in str(wrong.value)


def test_a_key_in_a_value_of_python_is_refused_too():
    """ZA16: also a definition that was not read from a text has no key in any of its texts."""
    definition = AgentDefinition(id="a", description=KEY, llm_config={"secret": "x"}, metadata={"a": [KEY]})
    faults = list(definition.faults())

    assert ["llm_config.secret", "metadata.a[0]", "description"] == [fault.place for fault in faults]
    assert not any(KEY in str(fault) for fault in faults)
    assert [] == list(AgentDefinition(id="a", inputs={"token": AgentInput()}).faults())


COUNTS = {
    "llm_config": {
        "extra": {"thinking": {"budget_tokens": 1024}, "max_completion_tokens": 100, "suppress_tokens": [9]}
    },
    "metadata": {
        "prompt_tokens": 12,
        "maxOutputTokens": 9,
        "used_tokens": {"input": 5, "cached": None},
        "needs_password": True,
        "secret": None,
    },
}


def test_a_number_of_tokens_is_no_key():
    """ZA16: a key is a text, or a number that counts no tokens; how vendors limit tokens is read and written."""
    read = load_agent(json.dumps({"id": "a", **COUNTS}))

    assert COUNTS == {name: value for name, value in read.to_document().items() if name != "id"}
    assert [] == list(AgentDefinition(id="a", **COUNTS).faults())


@pytest.mark.parametrize(
    "key", [{"password": 4711}, {"auth_tokens": "x"}, {"auth_tokens": [1, "x"]}, {"token": 1}, {"secret": {"deep": 1}}]
)
def test_a_number_under_the_name_of_a_key_is_one(key):
    """ZA16: a password may be a number, and what has the name of tokens and is a text is no number of them."""
    [name] = key

    assert [f"metadata.{name}"] == [fault.place for fault in AgentDefinition(id="a", metadata=key).faults()]
    assert [f"metadata.{name}"] == [place for _, place, _ in faults_of(json.dumps({"id": "a", "metadata": key}))]


def test_a_definition_that_nobody_has_checked_shows_no_key():
    """ZA16: what stands under the name of a key, or looks like one, is not in its repr; all else is."""
    shown = repr(AgentDefinition(id="a", llm_config={"model": "m", "api_key": "hunter22"}, metadata={"a": [KEY]}))

    assert "hunter22" not in shown
    assert KEY not in shown
    assert "'model': 'm'" in shown


@pytest.mark.parametrize("text", [fault[0] for fault in FAULTS[1:10] + FAULTS[17:18] + FAULTS[19:23]])
def test_the_schema_refuses_what_the_reader_refuses(text):
    """M6: an editor that knows the schema finds a fault of form where the reader does."""
    lines = dict(line.split(": ", 1) for line in text.split("\n"))
    document = json.loads(json.dumps({name: _value(value) for name, value in lines.items()}))
    faulty = text.endswith("type: workflow")  # needs more than a form

    assert faulty == jsonschema_rs.is_valid(agent_schema(), document)


def _value(text: str):
    return read_source(f"x: {text}").value["x"]


def test_what_is_stored_is_read_whatever_is_judged_today():
    """M1: a definition that was kept is read by its form alone, so that its executions go on under stricter rules."""
    document = {"id": "a", "prompts": {"system": "{nobody}"}, "metadata": {"password": "x"}}

    assert document == agent_from_document(document, judged=False).to_document()
    with pytest.raises(DocumentInvalid):
        agent_from_document(document)
    with pytest.raises(DocumentInvalid):
        agent_from_document({"id": 3}, judged=False)
