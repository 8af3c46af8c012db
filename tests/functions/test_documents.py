"""Functions as YAML and JSON documents."""

from __future__ import annotations

import json

import jsonschema_rs
import pytest

from circuit_breaker import field, template
from circuit_breaker.errors import DocumentInvalid, FunctionInvalid
from circuit_breaker.executors.secrets import secret
from circuit_breaker.functions import (
    ON_SUCCESS,
    ChainCondition,
    ContainerConfig,
    ContainerMount,
    FieldMapping,
    FunctionChain,
    FunctionCompletion,
    FunctionDefinition,
    MergedMapping,
    ResourceLimits,
    ResourceState,
    ScheduledTime,
    TemplateMapping,
    WorkflowEvent,
    dump_function,
    function_from_document,
    function_schema,
    load_function,
)
from circuit_breaker.workflow.timing import RetryPolicy

ORDER = """\
id: order-processor
name: Order Data Processor
container:
  image: node:18-alpine
  command: [node, process-order.js]
  environment: {}
  mounts: []
  working_dir: /app
triggers:
- trigger_type: ResourceState
  condition: state == 'processing'
  input_mapping: FullData
chains: []
input_schema:
  type: object
  properties: {orderId: {type: string}, items: {type: array}}
  required: [orderId, items]
metadata: {}
"""
FULL = FunctionDefinition(
    id="full",
    name="Everything",
    description="All that a definition can say",
    container=ContainerConfig(
        "tool:1",
        "run 'two words'",
        environment={"A": "b", "KEY": secret("API_KEY")},
        mounts=[ContainerMount("/in", "/data"), ContainerMount("/out", "/out", read_only=False)],
        resources=ResourceLimits(memory="64m", cpus=0.5, pids=10, timeout=5.0),
        working_dir="/app",
    ),
    triggers=[
        WorkflowEvent("TransitionFired", workflow="order", condition=field("amount") > 3),
        ResourceState("done", workflow="order", input_mapping=FieldMapping({"result": "data"})),
        FunctionCompletion("other", statuses=["failed"], loop=True, condition="event.type == 'CaseCompleted'"),
        ScheduledTime("0 9 * * MON-FRI", zone="Europe/Berlin", catch_up="all"),
        ScheduledTime(
            "every 5m", input_mapping=MergedMapping([TemplateMapping({"a": "{b}"}), FieldMapping({"c": "d"})])
        ),
    ],
    chains=[
        FunctionChain("next", ON_SUCCESS, FieldMapping({"result": "data"}), "5s"),
        FunctionChain("last", ChainCondition.custom("data.total > 100")),
    ],
    input_schema={"type": "object"},
    output_schema={"type": "object", "required": ["x"]},
    timeout="1m",
    retry=RetryPolicy(max_attempts=4, retry_on=("timeout",)),
    effect="at_most_once",
    metadata={"team": "billing"},
)
NAMED = FunctionDefinition(
    id="named", executor="thumbnail", parameters={"url": field("input.url"), "text": template("Hello {input.name}")}
)
DOCUMENTS = [FULL, NAMED, FunctionDefinition(id="least", container=ContainerConfig("a"))]


def test_the_function_of_the_documents_is_read():
    """F1, F2, F3, F14, F17: the order processor, as the documents have it."""
    definition = load_function(ORDER)

    assert ("order-processor", "Order Data Processor") == (definition.id, definition.name)
    assert ContainerConfig("node:18-alpine", ["node", "process-order.js"], mounts=[], working_dir="/app") == (
        definition.container
    )
    assert (ResourceState(condition="state == 'processing'"),) == definition.triggers
    assert ["orderId", "items"] == definition.input_schema["required"]


@pytest.mark.parametrize("definition", DOCUMENTS, ids=lambda each: each.id)
def test_a_function_is_read_back_as_it_was_written(definition):
    """F1: what is written as YAML, JSON or a plain document is the same function, in the same version."""
    document = definition.to_document()
    texts = [dump_function(definition), json.dumps(document)]

    for read in (function_from_document(document), *map(load_function, texts)):
        assert document == read.to_document()
        assert definition.version == read.version
        assert definition.triggers == read.triggers
        assert definition.workflow.version == read.workflow.version


def test_another_definition_is_another_version():
    """F8: every part of a definition counts for its version."""
    documents = [FULL.to_document() | change for change in ({"timeout": 61}, {"metadata": {}}, {"chains": []}, {})]

    assert 4 == len({function_from_document(document).version for document in documents})
    assert FULL.version == function_from_document(documents[-1]).version


@pytest.mark.parametrize("definition", DOCUMENTS, ids=lambda each: each.id)
def test_the_schema_says_what_is_read(definition):
    """F1: what is written fits the published JSON Schema."""
    assert jsonschema_rs.is_valid(function_schema(), definition.to_document())


FAULTS = [
    ("id: a\n", 1, "either a container or an executor"),
    ("id: a\nimage: b\ncontainer: {image: c}\n", 2, "the key 'image' is not known"),
    ("id: a\ncontainer: {}\n", 2, "has no 'image'"),
    ("id: a\ncontainer: node\n", 2, "no mapping"),
    ("id: a\ncontainer: {image: 3}\n", 2, "3 is no text"),
    ("id: a\ncontainer: {image: c, command: 3}\n", 2, "no list"),
    ("id: a\ncontainer: {image: c, environment: {A: 1}}\n", 2, "1 is no text"),
    ("id: a\ncontainer: {image: c, mounts: [{source: /a}]}\n", 2, "has no 'target'"),
    ("id: a\ncontainer: {image: c, mounts: [{source: a, target: b}]}\n", 1, "is no mount"),
    ("id: a\ncontainer: {image: c, resources: {cpus: many}}\n", 2, "no limit"),
    ("id: a\ncontainer: {image: c, resources: {timeout: soon}}\n", 2, "no duration"),
    ("id: a\nexecutor: x\ncircuit_breaker: 2\n", 3, "the format 2 is not known"),
    ("id: a\nexecutor: x\ntriggers: [{trigger_type: Sometimes}]\n", 3, "there is no trigger 'Sometimes'"),
    ("id: a\nexecutor: x\ntriggers: [{event: CaseStarted}]\n", 3, "has no 'trigger_type'"),
    ("id: a\nexecutor: x\ntriggers: [{trigger_type: WorkflowEvent}]\n", 3, "has no 'event'"),
    ("id: a\nexecutor: x\ntriggers: [{trigger_type: WorkflowEvent, event: Nothing}]\n", 3, "there is no event"),
    ("id: a\nexecutor: x\ntriggers: [{trigger_type: ResourceState, condition: 'data. ='}]\n", 3, "at position"),
    ("id: a\nexecutor: x\ntriggers: [{trigger_type: ScheduledTime, schedule: now}]\n", 3, "no schedule"),
    ("id: a\nexecutor: x\ntriggers: [{trigger_type: ResourceState, input_mapping: Half}]\n", 3, "no input mapping"),
    ("id: a\nexecutor: x\ntriggers: [{trigger_type: ResourceState, input_mapping: {FieldMapping: 3}}]\n", 3, "is no 3"),
    ("id: a\nexecutor: x\ntriggers: [{trigger_type: ResourceState, input_mapping: {Merged: [x]}}]\n", 3, "no input"),
    ("id: a\nexecutor: x\nchains: [{}]\n", 3, "has no 'target_function'"),
    ("id: a\nexecutor: x\nchains: [{target_function: b, condition: Maybe}]\n", 3, "no condition of a chain"),
    ("id: a\nexecutor: x\nchains: [{target_function: b, delay: soon}]\n", 3, "no duration"),
    ("id: a\nexecutor: x\nretry: often\n", 3, "no whole number"),
    ("id: a\nexecutor: x\nretry: {times: 3}\n", 3, "no setting 'times'"),
    ("id: a\nexecutor: x\neffect: maybe\n", 3, "no effect"),
    ("id: a\nexecutor: x\nparameters: {a: {field: ''}}\n", 3, "no path"),
    ("id: a\nexecutor: x\ninput_schema: {type: nothing}\n", 3, "JSON schema is not valid"),
    ("- a\n", 1, "no mapping"),
    ("id: a\nid: b\n", 2, "there twice"),
]


@pytest.mark.parametrize(("text", "line", "words"), FAULTS, ids=range(len(FAULTS)))
def test_a_fault_has_its_line(text, line, words):
    """F1: what is wrong in a document is named with its line and what to do."""
    with pytest.raises(DocumentInvalid) as refused:
        load_function(text, name="f.yaml")

    assert any(words in fault.message for fault in refused.value.faults), refused.value
    assert line in [fault.line for fault in refused.value.faults]


def test_every_fault_is_named_at_once():
    """F1: several faults of one document are reported together, in the order of the text."""
    text = "id: a\ncontainer: {image: 3, commands: x}\ntriggers: [{trigger_type: X}]\nchains: [{delay: x}]\neffect: y\n"
    with pytest.raises(DocumentInvalid) as refused:
        load_function(text)

    assert [2, 2, 3, 4, 4, 5] == [fault.line for fault in refused.value.faults]


@pytest.mark.parametrize("delay", ["5s", 5, 5.0])
def test_spellings_mean_the_same(delay):
    """F6, F7: durations are texts or numbers, and conditions may be written in any case."""
    texts = [
        f"id: a\nexecutor: x\nchains: [{{target_function: b, condition: {name}, delay: {delay}}}]\n"
        for name in ("OnSuccess", "on_success", "ON_SUCCESS")
    ]
    assert {FunctionChain("b", ON_SUCCESS, delay=5)} == {load_function(text).chains[0] for text in texts}


def test_what_cannot_be_written_is_named():
    """F1: values that are no JSON, and functions as rules, cannot be written; every one is named."""
    definition = FunctionDefinition(
        id="a", executor="x", parameters={"x": object()}, triggers=[ResourceState(condition=lambda token: True)]
    )
    with pytest.raises(FunctionInvalid) as refused:
        dump_function(definition)
    assert 2 == len(refused.value.faults)
