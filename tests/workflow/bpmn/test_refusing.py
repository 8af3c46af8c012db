"""What is not understood in a BPMN model, or broken: refused together, each with id, line and column."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_breaker.errors import DocumentInvalid
from circuit_breaker.workflow.bpmn import load_bpmn
from tests.workflow.bpmn.models import CAMUNDA, HEAD, flows, model

START = '<startEvent id="s"/>'
TASK = '<task id="a"/><endEvent id="e"/>'
EDGE = '<boundaryEvent id="b" attachedToRef="a"{}>{}</boundaryEvent>'
TIMER = "<timerEventDefinition>{}</timerEventDefinition>"
RING = '<task id="t"/><sequenceFlow id="r" sourceRef="t" targetRef="t"/>'
MANY = "<multiInstanceLoopCharacteristics>{}</multiInstanceLoopCharacteristics>"


def refused(*body: str) -> str:
    with pytest.raises(DocumentInvalid) as caught:
        load_bpmn(model(START, *body), name="m.bpmn")
    assert all(fault.line and fault.column for fault in caught.value.faults)
    return "\n".join(map(str, caught.value.faults))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('<complexGateway id="g"/>', "complexGateway 'g': is not understood (use exclusive"),
        ('<transaction id="t"/>', "transaction 't': is not understood"),
        ('<adHocSubProcess id="t"/>', "adHocSubProcess 't': is not understood"),
        ('<strange id="t"/>', "strange 't': is not understood"),
        ('<subProcess id="p" triggeredByEvent="true"/>', 'triggeredByEvent="true" is not understood'),
        ('<task id="c" isForCompensation="true"/>', 'isForCompensation="true" is not understood'),
        ("<task/>", "<task>: has no id"),
        ('<task id="s"/>', "task 's': has the id of line 4"),
        ('<boundaryEvent id="b" attachedToRef="zz"><timerEventDefinition/></boundaryEvent>', "edge of 'zz'"),
        (EDGE.format("", ""), "boundaryEvent 'b': waits for nothing"),
        ('<startEvent id="c"><eventDefinitionRef>x</eventDefinitionRef></startEvent>', "refers to"),
        (EDGE.format("", TIMER.format("") + "<messageEventDefinition/>"), "waits for several things"),
        (flows("a>zz"), "targetRef 'zz' is no node of this process"),
        (flows("e>a"), "endEvent 'e': is left by a flow"),
        (flows("a>s"), "startEvent 's': is entered by a flow"),
        ('<task id="d" default="f9"/>', "default 'f9' is no flow that leaves it"),
        ('<parallelGateway id="g"/>', "parallelGateway 'g': leads nowhere"),
        ('<eventBasedGateway id="g"/>' + flows("g>a"), "leads one way only"),
        ('<laneSet><lane id="l"><flowNodeRef>zz</flowNodeRef></lane></laneSet>', "lane 'l': holds 'zz'"),
    ],
)
def test_what_cannot_be_read_is_named(body, message) -> None:
    """Unknown elements, missing and repeated ids, references that lead nowhere, ends that do not fit."""
    assert message in refused(TASK, body, flows("s>a", "a>e"))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('<task id="i"/>' + flows("s>a", "a>e"), "task 'i': is never come to"),
        (EDGE.format("", TIMER.format("<timeDuration>P1M</timeDuration>")) + flows("s>a", "b>e"), "no fixed duration"),
        (EDGE.format("", TIMER.format("<timeDate>2030-01-01</timeDate>")) + flows("s>a", "b>e"), "no fixed duration"),
        (EDGE.format("", "<cancelEventDefinition/>") + flows("s>a", "b>e"), "kind 'cancel' is not understood"),
        (EDGE.format("", '<messageEventDefinition messageRef="M"/>') + flows("s>a", "b>e"), "names no message"),
        ('<endEvent id="x"><cancelEventDefinition/></endEvent>' + flows("s>a", "a>x"), "kind 'cancel'"),
        (
            '<intermediateThrowEvent id="x"><escalationEventDefinition/></intermediateThrowEvent>'
            + flows("s>x", "x>a"),
            "what it throws, of kind 'escalation', is not understood",
        ),
        (
            '<intermediateThrowEvent id="x"><linkEventDefinition name="L"/></intermediateThrowEvent>'
            + flows("s>a", "a>x"),
            "leads to 0 link events called 'L'",
        ),
        ('<exclusiveGateway id="g"/><exclusiveGateway id="h"/>' + flows("s>g", "g>h", "h>g"), "leads back to itself"),
        ('<eventBasedGateway id="g"/>' + flows("s>g", "g>a", "g>e"), "no event that can be waited for"),
        (f'<subProcess id="p">{RING}</subProcess>' + flows("s>p", "p>a"), "subProcess 'p': begins nowhere"),
        (
            '<exclusiveGateway id="g"/><endEvent id="x"/><endEvent id="y"/>' + flows("s>g", "g>e:${x}", "g>x", "g>y"),
            "has no condition, but flows beside it",
        ),
    ],
)
def test_what_has_no_meaning_here_is_named(body, message) -> None:
    """Times that are not fixed, events of other kinds, gateways that lead nowhere, choices that are half said."""
    assert message in refused(TASK, body)


@pytest.mark.parametrize(
    ("loop", "message"),
    [
        (MANY.format("<loopCardinality>${n}</loopCardinality>"), "number of its instances is not fixed"),
        (MANY.format("<loopCardinality>2</loopCardinality><completionCondition>x</completionCondition>"), "before all"),
        ('<standardLoopCharacteristics loopMaximum="3"/>', "loopMaximum is not understood"),
    ],
)
def test_a_loop_that_is_not_understood_is_named(loop, message) -> None:
    """The number of instances must be fixed, and a loop must say when it ends."""
    assert message in refused(f'<task id="a">{loop}</task>', flows("s>a"))


def test_all_faults_are_reported_together_in_the_order_of_the_text() -> None:
    """Whoever mends a model sees everything at once."""
    lines = refused('<complexGateway id="g"/>', "<task/>", flows("s>zz")).splitlines()
    assert {"complexGateway 'g'", "<task>", "startEvent 's'", "sequenceFlow 'f1'"} == {
        line.split(": ")[1] for line in lines
    }
    assert lines == sorted(lines, key=lambda line: [int(found) for found in re.findall(r"\d+", line)[:2]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<definitions/>", "is no BPMN 2.0 model"),
        (model(""), "has no process"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><x/>', "document type"),
        (CAMUNDA[:900], "unclosed token|no element found"),
        (CAMUNDA.encode("utf-8")[:60], "unclosed token"),
    ],
)
def test_what_is_no_model_is_refused(text, message) -> None:
    """Another document, an empty one, a hostile one, a torn one."""
    with pytest.raises(DocumentInvalid, match=message):
        load_bpmn(text)


def test_of_several_processes_one_is_named() -> None:
    """Without a name the document is refused with the ids; with one that process is read."""
    inner = '<startEvent id="{0}s"/><task id="{0}t"/><sequenceFlow id="{0}f" sourceRef="{0}s" targetRef="{0}t"/>'
    one = f'<process id="{{0}}">{inner}</process>'
    head = HEAD.replace("bpmn:definitions", "definitions").replace("xmlns:bpmn=", "xmlns=")
    text = f"{head}{one.format('p')}{one.format('q')}</definitions>"
    with pytest.raises(DocumentInvalid, match="has 2 processes: p, q"):
        load_bpmn(text)
    with pytest.raises(DocumentInvalid, match="did you mean 'q'"):
        load_bpmn(text, process="qq")
    assert "q" == load_bpmn(text, process="q").name


PARTS = re.findall(r"<[^>]+>", CAMUNDA)


@settings(max_examples=300)
@given(st.integers(2, len(PARTS) - 1), st.integers(2, len(PARTS) - 1), st.sampled_from(["drop", "swap", "copy", "cut"]))
def test_a_damaged_model_is_read_or_refused(first, second, how) -> None:
    """Whatever is lost, doubled or exchanged in a real model: a workflow, or one error with places."""
    parts = list(PARTS)
    if how == "swap":
        parts[first], parts[second] = parts[second], parts[first]
    elif how == "copy":
        parts.insert(first, parts[second])
    else:
        del parts[first : first + 1 if how == "drop" else second]
    try:
        found = load_bpmn("\n".join(parts)).transitions
    except DocumentInvalid as error:
        found = [fault.place for fault in error.faults]
    assert found
    assert all(found)
