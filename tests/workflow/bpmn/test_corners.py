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


TWO = '<task id="a"/><task id="b"/><task id="c"/>'


@pytest.mark.parametrize("gate", ["", '<inclusiveGateway id="g"/><inclusiveGateway id="j"/>'])
def test_a_choice_of_which_no_condition_holds_stands_still(gate: str) -> None:
    """BPMN calls that an error; the token does not vanish, and the proof tells it."""
    ways = ("g>b:${x > 5}", "g>c:${x > 3}", "b>j", "c>j", "j>d") if gate else ("a>b:${x > 5}", "a>c:${x > 3}")
    after = '<task id="d"/>' if gate else ""
    workflow = read(TWO, gate, after, flows("s>a", *(("a>g",) if gate else ()), *ways))
    case = fire(workflow, begin(workflow, x=1), "a")
    assert "stuck" == case.status
    assert {"gap"} <= {finding.code for finding in workflow.verify().errors}


def test_a_default_flow_alone_is_a_flow_like_any_other() -> None:
    """Some editors let it be marked where there is nothing to choose."""
    workflow = read('<task id="a" default="f2"/><task id="b"/>', flows("s>a", "a>b"))
    assert "b" == fire(workflow, begin(workflow), "a").state


def test_a_default_flow_beside_one_that_is_always_taken_is_refused() -> None:
    """It would never be taken; beside flows that are all taken it is one of them."""
    tasks = '<task id="a" default="f2"/><task id="b"/><task id="c"/><task id="d"/>'
    with pytest.raises(DocumentInvalid, match="'f2': is never taken, for 'f3' beside it has no condition"):
        read(tasks, flows("s>a", "a>b", "a>c", "a>d:${x}"))
    workflow = read(tasks, flows("s>a", "a>b", "a>c", "a>d"))
    assert {"b", "c", "d"} == set(fire(workflow, begin(workflow), "a").marking.places)


def test_one_flow_with_a_condition_is_asked_for_it() -> None:
    """At an inclusive gateway, and at an exclusive one, also where there is only one way."""
    for gate in ("inclusiveGateway", "exclusiveGateway"):
        workflow = read(f'<task id="a"/><{gate} id="g"/><task id="b"/>', flows("s>a", "a>g", "g>b:${x > 5}"))
        assert "stuck" == fire(workflow, begin(workflow, x=1), "a").status
        assert "b" == fire(workflow, begin(workflow, x=6), "a").state


@pytest.mark.parametrize("gate", ["parallelGateway", "eventBasedGateway"])
def test_a_condition_that_nobody_asks_for_is_refused(gate: str) -> None:
    """It would be left out otherwise, in silence."""
    event = f'<intermediateCatchEvent id="e">{SIGNAL}</intermediateCatchEvent><receiveTask id="r"/>'
    with pytest.raises(DocumentInvalid, match="has a condition, and none is asked at"):
        read(f'<{gate} id="g"/>{event}', flows("s>g", "g>e:${x > 1}", "g>r"))


def test_a_condition_in_another_file_is_refused() -> None:
    """An expression without a text is none that is always true."""
    elsewhere = '<conditionExpression camunda:resource="deployment://may.groovy"/>'
    way = f'<sequenceFlow id="f9" sourceRef="a" targetRef="b">{elsewhere}</sequenceFlow>'
    with pytest.raises(DocumentInvalid, match="is not understood"):
        read(TWO, flows("s>a", "a>c"), way)


def test_the_events_at_the_edge_of_work_exclude_each_other() -> None:
    """A message that comes while the failure is told apart from others takes it along."""
    edges = EDGE.format("x", "a", "", ERROR) + EDGE.format("m", "a", "", SIGNAL)
    timer = EDGE.format("t", "a", "", "<timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition>")
    workflow = read(
        f'<serviceTask id="a"/>{edges}{timer}<task id="h"/><task id="n"/>', flows("s>a", "x>h", "m>n", "t>h")
    )
    assert {"a/failed", "x", "t"} <= set(workflow.named("m")[0].net.resets)


def test_of_two_timers_the_later_one_never_comes() -> None:
    """That is said, whichever is drawn first."""
    timers = "".join(
        EDGE.format(name, "a", "", f"<timerEventDefinition><timeDuration>{time}</timeDuration></timerEventDefinition>")
        for name, time in (("t1", "PT2H"), ("t2", "PT1H"))
    )
    with pytest.raises(DocumentInvalid, match=r"'t1'.*never happens: boundaryEvent 't2'"):
        read(f'<serviceTask id="a"/>{timers}<task id="b"/>', flows("s>a", "t1>b", "t2>b", "a>b"))


def test_a_branch_that_forks_is_waited_for_with_both_tokens() -> None:
    """An inclusive join behind it looks at what can still come, and is sound."""
    gates = '<inclusiveGateway id="g"/><inclusiveGateway id="j"/><parallelGateway id="p"/>'
    workflow = read(
        gates, TWO, '<task id="e"/>',
        flows("s>g", "g>p:${x > 1}", "g>c:${x <= 1}", "p>a", "p>b", "a>j", "b>j", "c>j", "j>e"),
    )  # fmt: skip
    case = fire(workflow, begin(workflow, x=2), "a")
    assert "e" not in case.marking.places
    assert "e" == fire(workflow, case, "b").state
    assert workflow.verify().verdict in ("sound", "sound if")
