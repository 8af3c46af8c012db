"""The less usual corners of BPMN models."""

from __future__ import annotations

import pytest

from circuit_breaker.errors import DocumentInvalid
from circuit_breaker.rules import rule
from circuit_breaker.workflow import Workflow
from circuit_breaker.workflow.bpmn import import_bpmn, load_bpmn
from tests.workflow.bpmn.models import flows, model
from tests.workflow.running import begin, fire

START = '<startEvent id="s"/>'
EDGE = '<boundaryEvent id="{0}" attachedToRef="{1}"{2}>{3}</boundaryEvent>'
ERROR = "<errorEventDefinition/>"
SIGNAL = "<signalEventDefinition/>"


def read(*body: str, **given: object) -> Workflow:
    return load_bpmn(model(START, *body), **given)  # type: ignore[arg-type]


def notes(*body: str) -> str:
    return "\n".join(map(str, import_bpmn(model(START, *body)).notes))


def test_an_error_at_the_edge_of_a_task_of_people_is_fired_by_them() -> None:
    """Nothing fails by itself there."""
    body = '<userTask id="a"/>' + EDGE.format("x", "a", "", ERROR) + '<task id="b"/>' + flows("s>a", "x>b")
    workflow = read(body)
    assert "b" == fire(workflow, begin(workflow), "x").state
    assert "somebody fires this way" in notes(body)


def test_an_error_at_the_edge_of_a_sub_process_of_people_is_fired_from_anywhere_in_it() -> None:
    """Everything inside is withdrawn."""
    inner = '<subProcess id="p"><task id="a"/><task id="b"/>' + flows("a>b").replace("f1", "i1") + "</subProcess>"
    workflow = read(inner, EDGE.format("x", "p", "", ERROR), '<endEvent id="e"/>', flows("s>p", "x>e"))
    case = begin(workflow)
    assert ("end", "end") == (fire(workflow, case, "x").state, fire(workflow, fire(workflow, case, "a"), "x").state)


def test_a_failure_inside_leads_to_the_edge_of_the_sub_process() -> None:
    """Work without an event of its own fails to that of what it is in."""
    inner = '<subProcess id="p"><serviceTask id="a"/></subProcess>'
    workflow = read(inner, EDGE.format("x", "p", "", ERROR), '<endEvent id="e"/>', flows("s>p", "x>e"))
    assert ("x", "x >> end") == (
        workflow.named("a")[0].on_failure,
        next(str(flow.path) for flow in workflow.flows if flow.name == "x"),
    )


def test_a_timer_alone_takes_every_failure() -> None:
    """It is noted, with what to do about it."""
    timer = "<timerEventDefinition><timeDuration>PT5S</timeDuration></timerEventDefinition>"
    body = '<serviceTask id="a"/>' + EDGE.format("x", "a", "", timer) + '<endEvent id="e"/>' + flows("s>a", "x>e")
    assert "any failure of the activity leads this way too" in notes(body)
    assert "x" == read(body).named("a")[0].on_failure
    with pytest.raises(DocumentInvalid, match="no fixed duration"):
        read(body.replace("PT5S", "${x}"))


def test_a_signal_ends_work_that_is_going_on() -> None:
    """It waits beside the work, and withdraws it."""
    workflow = read(
        '<serviceTask id="a"/>', EDGE.format("x", "a", "", SIGNAL), flows("s>a", "x>e"), '<endEvent id="e"/>'
    )
    (cut,) = workflow.named("x")
    assert (("x/armed",), ("a",), "x") == (cut.sources, cut.net.resets, cut.signal)


def test_a_timer_beside_an_activity_fires_once_or_again_and_again() -> None:
    """A duration once; an endless cycle every time."""
    timer = "<timerEventDefinition>{}</timerEventDefinition>"
    paths = {}
    for name, time in {"once": "<timeDuration>PT5S</timeDuration>", "always": "<timeCycle>R/PT5S</timeCycle>"}.items():
        edge = EDGE.format("x", "a", ' cancelActivity="false"', timer.format(time))
        workflow = read('<task id="a"/>', edge, '<endEvent id="e"/>', flows("s>a", "x>e"))
        paths[name] = (workflow.named("x")[0].delay, str(next(f.path for f in workflow.flows if f.name == "x")))
    assert {"once": (5.0, "x/armed >> end"), "always": (5.0, "x/armed >> (x/armed, end)")} == paths


def test_a_conditional_event_is_a_guard() -> None:
    """It goes on as soon as the condition holds."""
    event = '<intermediateCatchEvent id="c"><conditionalEventDefinition><condition>{}</condition>'
    body = event + "</conditionalEventDefinition></intermediateCatchEvent>"
    assert "completed" == begin(read(body.format("${x > 1}"), flows("s>c")), x=2).status
    assert "stuck" == begin(read(body.format("${x > 1}"), flows("s>c")), x=1).status
    given = {"rules": [rule(lambda token: True).named("c")]}
    assert "completed" == begin(read(body.format("${bean.x()}"), flows("s>c"), **given)).status


def test_what_is_thrown_is_sent_by_a_function_if_one_is_given() -> None:
    """Otherwise it is passed through, and noted; at an end too."""
    throw = "<intermediateThrowEvent id='t'><messageEventDefinition/></intermediateThrowEvent>"
    body = throw + '<endEvent id="e"><messageEventDefinition/></endEvent>' + flows("s>t", "t>e")
    assert 2 == notes(body).count("sends a message only if a function called")
    send = {"t": lambda token: {}, "e": lambda token: {}}
    workflow = read(body, actions=send)
    assert ["t", "e"] == [step.name for t in workflow.transitions for step in t.steps]
    assert "completed" == begin(read(body)).status


def test_a_process_without_events_begins_where_nothing_leads() -> None:
    """All such nodes begin at once; a ring begins nowhere."""
    workflow = load_bpmn(model('<task id="a"/><task id="b"/>'))
    assert ["a", "b"] == sorted(token.state for token in begin(workflow).marking)
    with pytest.raises(DocumentInvalid, match="begins nowhere"):
        load_bpmn(model('<task id="a"/>' + flows("a>a")))


def test_an_empty_sub_process_is_a_task() -> None:
    """A collapsed box of which only the name is known."""
    body = '<subProcess id="p" name="Later"/>' + flows("s>p")
    assert "completed" == fire(read(body), begin(read(body)), "Later").status
    assert "is empty: somebody fires it as one task" in notes(body)


def test_a_sub_process_begins_once() -> None:
    """Two start events in one are refused."""
    inner = '<startEvent id="x"/><startEvent id="y"/><task id="a"/>' + flows("x>a", "y>a").replace('id="f', 'id="i')
    with pytest.raises(DocumentInvalid, match="startEvent 'y': is a second start"):
        read(f'<subProcess id="p">{inner}</subProcess>', flows("s>p"))


def test_a_loop_without_a_condition_is_ended_by_people() -> None:
    """Somebody says whether it goes on."""
    workflow = read('<task id="a"><standardLoopCharacteristics/></task>', flows("s>a"))
    case = fire(workflow, begin(workflow), "a")
    assert ("a", "completed") == (fire(workflow, case, "a again").state, fire(workflow, case, "a is done").status)


def test_an_inclusive_choice_without_conditions_is_made_by_people() -> None:
    """Each way is taken or skipped by hand."""
    gates = '<inclusiveGateway id="g"/><task id="a"/><task id="b"/>'
    workflow = read(gates, flows("s>g", "g>a", "g>b"))
    case = fire(workflow, fire(workflow, begin(workflow), "g to a"), "g to b is skipped")
    assert "a" == case.state


def test_a_gateway_may_join_and_choose() -> None:
    """A mixed inclusive gateway joins first, and one flow without a condition is always taken."""
    gates = (
        '<parallelGateway id="f"/><inclusiveGateway id="g"/><task id="a"/><task id="b"/><task id="c"/><task id="d"/>'
    )
    workflow = read(gates, flows("s>f", "f>a", "f>b", "a>g", "b>g", "g>c", "g>d:${x > 1}"))
    case = fire(workflow, fire(workflow, begin(workflow, x=1), "a"), "b")
    assert "c" == case.state


def test_lanes_in_lanes_and_owners_are_roles() -> None:
    """The innermost lane counts, an owner more, and an expression is left alone."""
    owner = "<potentialOwner><resourceAssignmentExpression><formalExpression>{}</formalExpression>"
    ends = "</resourceAssignmentExpression></potentialOwner>"
    lanes = '<laneSet><lane id="o"><childLaneSet><lane id="i" name="Desk 1"><flowNodeRef>a</flowNodeRef></lane>'
    tasks = f'<task id="a"/><userTask id="b">{owner.format("chief")}{ends}</userTask>'
    computed = f'<userTask id="c">{owner.format("${x}")}{ends}</userTask>'
    body = f"{lanes}</childLaneSet></lane></laneSet>{tasks}{computed}" + flows("s>a", "a>b", "b>c")
    assert [("Desk 1",), ("chief",), ()] == [read(body).named(name)[0].roles for name in "abc"]
    assert "computed by an expression" in notes(body)


def test_the_start_of_a_case_by_a_message_is_outside() -> None:
    """A single start event with a definition is noted."""
    text = model('<startEvent id="s"><timerEventDefinition/></startEvent><task id="a"/>', flows("s>a"))
    assert "a timer does, from outside" in str(import_bpmn(text).notes[0])


def test_names_that_no_state_can_have_are_changed() -> None:
    """Signs become spaces, digits get a letter, doubles their id, nothing the id."""
    tasks = "".join(
        f'<task id="t{n}" name="{name}"/>' for n, name in enumerate(("2 §a", "twice", "twice", "§", "twice"))
    )
    workflow = read(tasks, flows("s>t0", "t0>t1", "t1>t2", "t2>t3", "t3>t4"))
    assert ["start", "n2 a", "twice", "twice t2", "t3", "twice t4"] == [t.name for t in workflow.transitions]


def test_what_can_never_be_come_to_is_refused_with_its_place() -> None:
    """What follows a sub-process that only ever fails is named by its element."""
    inner = '<task id="a"/><endEvent id="x"><errorEventDefinition/></endEvent>' + flows("a>x").replace("f1", "i1")
    caught = EDGE.format("b", "p", "", ERROR) + '<task id="c"/>\n<task id="d"/>'
    with pytest.raises(DocumentInvalid, match="line 6, column 1: state 'd': cannot be reached"):
        read(f'<subProcess id="p">{inner}</subProcess>{caught}', flows("s>p", "p>d", "b>c"))
