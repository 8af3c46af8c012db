"""Models as people draw them, proved: what is found is said in the words of the model."""

from __future__ import annotations

import pytest

from circuit_breaker.errors import DocumentInvalid
from circuit_breaker.workflow.bpmn import load_bpmn
from tests.workflow.bpmn.models import flows, model

START, END = '<startEvent id="s"/>', '<endEvent id="e"/>'
PEOPLE = '<userTask id="a" name="Check"/><userTask id="b" name="Pack"/>'
SPLIT, JOIN = '<parallelGateway id="g" name="Both"/>', '<parallelGateway id="j" name="Join"/>'


def proved(*body):
    """What is found in a model."""
    return load_bpmn(model(START, END, *body)).verify()


def test_ways_that_exclude_each_other_are_not_joined():
    """The commonest fault of all: a choice that ends at a gateway which waits for both ways."""
    choice = '<exclusiveGateway id="x" name="Large?" default="f3"/>'
    ends = flows("s>x", "x>a:${n > 5}", "x>b", "a>j", "b>j", "j>e")
    (found,) = proved(PEOPLE, choice, JOIN, ends).errors

    assert ("starved-join", True) == (found.code, found.mend.verified)
    assert "make the gateway 'Join' inclusive" in found.mend.text


def test_conditions_with_a_gap_want_a_default_flow():
    """What is proposed can be drawn."""
    choice = '<exclusiveGateway id="x" name="Score?"/>'
    found = proved(PEOPLE, choice, flows("s>x", "x>a:${n > 5}", "x>b:${n < 5}", "a>e", "b>e")).errors[0]

    assert ("gap", {"n": 5}, True) == (found.code, found.counterexample.data, found.mend.verified)
    assert "let one of the flows that leave 'Score' be the default one" == found.mend.text


@pytest.mark.parametrize("repeats", ["", "<multiInstanceLoopCharacteristics><loopCardinality>3</loopCardinality>"])
def test_a_sub_process_with_branches_is_sound(repeats):
    """Its branches are brought together when it is left, whether they have been before or not."""
    several = f"{repeats}{'</multiInstanceLoopCharacteristics>' if repeats else ''}"
    inner = flows("s2>g", "g>a", "g>b", "a>j", "b>j", "j>e2").replace('id="f', 'id="i')
    tasks = f'<startEvent id="s2"/><task id="a">{several}</task><task id="b"/><endEvent id="e2"/>'
    inside = f'<subProcess id="p" name="Ship">{tasks}{SPLIT}{JOIN}{inner}</subProcess>'
    found = proved(inside, flows("s>p", "p>e"))

    assert found.faultless
    assert () == found.errors


def test_a_gateway_that_waits_for_what_comes_after_it_is_named():
    """A way back into a parallel gateway makes a join of it, that nothing can pass."""
    choice = '<exclusiveGateway id="x" name="Ready?"/>'
    with pytest.raises(DocumentInvalid) as caught:
        proved(PEOPLE, SPLIT, JOIN, choice, flows("s>g", "g>a", "g>b", "a>x", "x>j", "x>g", "b>j", "j>e"))
    (fault,) = caught.value.faults

    assert "parallelGateway 'g' (Both)" == fault.place
    assert "waits for the flow from 'Ready?' too" in fault.message


@pytest.mark.parametrize("kind", ["compensate", "cancel", "escalation"])
def test_what_has_no_meaning_at_an_edge_is_refused_by_name(kind):
    """Also where no flow leads from it, as with compensation; each with what to draw instead."""
    edge = f'<boundaryEvent id="x" attachedToRef="a"><{kind}EventDefinition/></boundaryEvent>'
    with pytest.raises(DocumentInvalid) as caught:
        proved('<task id="a"/>', edge, flows("s>a", "a>e"))
    (fault,) = caught.value.faults

    assert (f"an event of kind '{kind}' is not understood", True) == (fault.message, bool(fault.remedy))
