"""What becomes of a BPMN model: tasks, gateways and events as a workflow that behaves as the model says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from circuit_breaker.errors import DocumentInvalid
from circuit_breaker.rules import rule
from circuit_breaker.workflow import Case, Workflow, dump_workflow, load_workflow
from circuit_breaker.workflow.bpmn import import_bpmn, load_bpmn
from tests.workflow.bpmn.models import CAMUNDA, SIGNAVIO, flows, model
from tests.workflow.running import begin, fire, rest


def read(*body: str, **given: Any) -> Workflow:
    return load_bpmn(model(*body), **given)


def here(case: Case) -> list[str]:
    """The states with tokens that do something still."""
    return sorted(token.state for token in case.marking)


def paths(workflow: Workflow) -> dict[str, str]:
    return {str(flow.name): str(flow.path) for flow in workflow.flows}


def test_a_model_of_camunda_modeler_is_a_workflow() -> None:
    """Names, documentation, groups, conditions, timers, messages and error events are taken over."""
    workflow = load_bpmn(CAMUNDA)
    kinds = {t.name: (type(t.trigger).__name__, t.roles) for t in workflow.transitions}
    assert ("Handle order", "Order placed", "From the order to the parcel.") == (
        workflow.name,
        workflow.initial,
        workflow.description,
    )
    assert ("Manual", ("clerks", "managers")) == kinds["Review order"]
    assert (172800.0, "payment received") == (workflow.named("too late")[0].delay, workflow.named("paid")[0].signal)
    assert "data.approved && data.amount <= 1000" == str(workflow.named("Approved: yes")[0].guard)
    assert ("out of stock", "Pack") == (
        workflow.named("Pack goods")[0].on_failure,
        workflow.named("Pack goods")[0].metadata["bpmn"],
    )


def test_a_model_without_conditions_is_decided_by_people() -> None:
    """A pool, a lane, a merging gateway and nameless events, as Signavio writes them."""
    imported = import_bpmn(SIGNAVIO)
    assert {
        "start": "start >> Check loan",
        "Check loan": "Check loan >> Granted",
        "Granted: yes": "Granted >> end",
        "Granted: again": "Granted >> Check loan",
    } == paths(imported.workflow)
    assert ("Clerk",) == imported.workflow.named("Check loan")[0].roles
    assert any("somebody chooses" in str(note) for note in imported.notes)


def test_what_is_left_alone_is_told_with_its_place() -> None:
    """Data, texts and extensions of tools do not change what happens; each is named with its line."""
    notes = {note.place: (note.line, note.message) for note in import_bpmn(CAMUNDA).notes}
    assert (42, "left alone: it is data") == notes["dataObjectReference 'Data_1'"]
    assert (43, "left alone: it is a text") == notes["textAnnotation 'Text_1'"]
    assert "'packing'" in notes["serviceTask 'Pack' (Pack goods)"][1]


def test_an_imported_workflow_is_written_and_read_again() -> None:
    """A workflow from a model round-trips through YAML."""
    workflow = load_bpmn(CAMUNDA)
    assert workflow.version == load_workflow(dump_workflow(workflow)).version


def test_work_is_done_by_what_is_given() -> None:
    """A function by the id or name of its task, an executor by the name that the model gives, or by the id."""

    class Pack:
        async def execute(self) -> dict[str, Any]:
            return {}

    body = (
        '<startEvent id="s"/><serviceTask id="a" name="A"/><scriptTask id="b"><script>x</script></scriptTask>'
        '<businessRuleTask id="c" camunda:decisionRef="table"/><sendTask id="d" camunda:topic="pack"/>'
        '<callActivity id="e" calledElement="other"/>'
    )
    ways = flows("s>a", "a>b", "b>c", "c>d", "d>e")
    workflow = read(body, ways, actions={"A": lambda token: {}}, executors={"pack": Pack})
    steps = {t.name: t.steps[0] for t in workflow.transitions if t.steps}
    assert ["A", "b", "table", "Pack", "other"] == [step.name for step in steps.values()]


def test_an_exclusive_gateway_takes_the_first_way_whose_condition_holds() -> None:
    """The default way is taken where no other is, also where a value is missing."""
    gateway = '<exclusiveGateway id="g" default="f4"/>'
    ends = "".join(f'<endEvent id="{name}"/>' for name in "abc")
    conditions = flows("s>g", "g>a:${x > 5}", "g>b:= x > 1", "g>c")
    workflow = read('<startEvent id="s"/>', gateway, ends, conditions)
    ended = {x: begin(workflow, **data).state for x, data in {9: {"x": 9}, 3: {"x": 3}, 0: {"x": 0}, None: {}}.items()}
    assert {9: "end", 3: "end b", 0: "end c", None: "end c"} == ended


def test_a_parallel_gateway_splits_and_joins() -> None:
    """The join waits for every branch."""
    tasks = '<task id="a"/><task id="b"/><parallelGateway id="f"/><parallelGateway id="j"/>'
    workflow = read(
        '<startEvent id="s"/>', tasks, '<endEvent id="e"/>', flows("s>f", "f>a", "f>b", "a>j", "b>j", "j>e")
    )
    case = begin(workflow)
    assert (["a", "b"], "waiting") == (here(case), (half := fire(workflow, case, "a")).status)
    assert "completed" == fire(workflow, half, "b").status


INCLUSIVE = (
    '<startEvent id="s"/><inclusiveGateway id="g" default="f4"/><inclusiveGateway id="j"/><endEvent id="e"/>',
    '<task id="a"/><task id="b"/><task id="c"/>',
    flows("s>g", "g>a:${x > 1}", "g>b:${y > 1}", "g>c", "a>j", "b>j", "c>j", "j>e"),
)


@pytest.mark.parametrize(
    ("data", "chosen"),
    [({"x": 2, "y": 2}, ["a", "b"]), ({"x": 2, "y": 0}, ["a"]), ({"x": 0, "y": 2}, ["b"]), ({}, ["c"])],
)
def test_an_inclusive_gateway_joins_what_it_chose(data, chosen) -> None:
    """Every way whose condition holds is taken, and the join waits for exactly those."""
    workflow = read(*INCLUSIVE)
    case = begin(workflow, **data)
    assert chosen == [state for state in here(case) if len(state) == 1]
    for name in chosen:
        assert "waiting" == case.status
        case = fire(workflow, case, name)
    assert "completed" == case.status


def test_an_inclusive_join_without_a_split_of_its_own_looks_at_the_whole_net() -> None:
    """It waits as long as another token could come."""
    tasks = '<task id="a"/><task id="b"/><parallelGateway id="f"/><inclusiveGateway id="j"/>'
    choice = '<exclusiveGateway id="x" default="f7"/><endEvent id="e"/><endEvent id="n"/>'
    ways = flows("s>f", "f>a", "f>b", "a>j", "b>x", "x>j:${go}", "x>n", "j>e")
    workflow = read('<startEvent id="s"/>', tasks, choice, ways)
    first = fire(workflow, begin(workflow), "a")
    assert ["b", "j/from a"] == here(first)
    assert ["end", "end n"] == here(fire(workflow, first, "b"))
    assert "completed" == fire(workflow, first, "b", go=True).status


def test_an_inclusive_join_of_single_tokens_brings_ways_together() -> None:
    """Where nothing splits, whatever comes goes on."""
    gates = '<exclusiveGateway id="x" default="f2"/><inclusiveGateway id="j"/><endEvent id="e"/><task id="a"/>'
    workflow = read('<startEvent id="s"/>', gates, flows("s>x", "x>j", "x>a:${go}", "a>j", "j>e"))
    assert "completed" == begin(workflow).status
    assert "completed" == fire(workflow, begin(workflow, go=True), "a").status


def test_an_event_based_gateway_lets_the_first_event_decide() -> None:
    """A message, a timer and a receive task wait in the same state."""
    events = (
        '<intermediateCatchEvent id="m" name="answer"><messageEventDefinition/></intermediateCatchEvent>'
        '<intermediateCatchEvent id="t"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition>'
        '</intermediateCatchEvent><receiveTask id="r" name="call"/>'
    )
    ends = "".join(f'<endEvent id="e{number}"/>' for number in (1, 2, 3))
    ways = flows("s>g", "g>m", "g>t", "g>r", "m>e1", "t>e2", "r>e3")
    workflow = read('<startEvent id="s"/><eventBasedGateway id="g"/>', events, ends, ways)
    case = begin(workflow)
    assert (["g"], "waiting") == (here(case), case.status)
    assert "end e2" == rest(workflow, case, after=timedelta(hours=2)).state
    assert {"answer": "answer", "call": "call", "t": ""} == {t.name: t.signal for t in workflow.transitions if t.waits}


def test_a_timer_at_the_edge_ends_the_task() -> None:
    """What a person has not done in time is withdrawn."""
    late = '<boundaryEvent id="l" attachedToRef="a"><timerEventDefinition><timeDuration>P1D</timeDuration>'
    body = (
        f'<startEvent id="s"/><userTask id="a"/>{late}</timerEventDefinition></boundaryEvent>',
        '<endEvent id="e"/>',
    )
    workflow = read(*body, '<endEvent id="x"/>', flows("s>a", "a>e", "l>x"))
    assert "end" == fire(workflow, begin(workflow), "a").state
    assert "end x" == rest(workflow, begin(workflow), after=timedelta(days=2)).state


def test_a_timer_at_the_edge_of_work_is_its_timeout() -> None:
    """Failures and lateness are told apart where both are drawn; the rest leads where nothing says a code."""
    late = '<boundaryEvent id="l" attachedToRef="a"><timerEventDefinition><timeDuration>PT5S</timeDuration>'
    errors = (
        '<boundaryEvent id="x" attachedToRef="a"><errorEventDefinition errorRef="E"/></boundaryEvent>'
        '<boundaryEvent id="y" attachedToRef="a"><errorEventDefinition/></boundaryEvent>'
    )
    body = f'<startEvent id="s"/><serviceTask id="a"/>{late}</timerEventDefinition></boundaryEvent>{errors}'
    ends = "".join(f'<endEvent id="e{number}"/>' for number in (1, 2, 3, 4))
    text = model(body, ends, flows("s>a", "a>e1", "l>e2", "x>e3", "y>e4"), outside='<error id="E" errorCode="LOST"/>')
    workflow = load_bpmn(text)
    assert (5.0, "a/failed") == (workflow.named("a")[0].timeout, workflow.named("a")[0].on_failure)
    guards = {t.name: str(t.guard) for t in workflow.transitions if t.name.startswith("a fails")}
    assert ['metadata.failure.code == "timeout"', 'metadata.failure.code == "LOST"', "None"] == [
        guards[f"a fails to {name}"].replace("'", '"') for name in "lxy"
    ]


def test_a_message_at_the_edge_that_does_not_end_the_task_starts_something_beside_it() -> None:
    """The task goes on; the event may come again until the task is done."""
    edge = '<boundaryEvent id="m" name="ping" attachedToRef="a" cancelActivity="false"><messageEventDefinition/>'
    body = f'<startEvent id="s"/><userTask id="a"/>{edge}</boundaryEvent><endEvent id="e"/><endEvent id="x"/>'
    workflow = read(body, flows("s>a", "a>e", "m>x"))
    assert "(ping/armed, end x)" == paths(workflow)["ping"].rpartition(" >> ")[2]
    case = begin(workflow)
    assert (["a", "ping/armed"], "completed") == (here(case), fire(workflow, case, "a").status)


def test_a_sub_process_is_left_when_nothing_in_it_goes_on() -> None:
    """Its branches need no join: their tokens become one at its end."""
    workflow = read(*SUB, flows("s>p", "p>e", "l>x"))
    half = fire(workflow, begin(workflow), "a", one=1)
    done = fire(workflow, half, "b", two=2)
    assert ("waiting", "completed", ["end e"]) == (half.status, done.status, here(done))
    assert {"one": 1, "two": 2} == dict(next(iter(done.marking)).data)


SUB = [
    '<startEvent id="s"/><subProcess id="p" name="Inner"><startEvent id="is"/><task id="a"/><task id="b"/>'
    '<endEvent id="ie"/><parallelGateway id="if"/>'
    + flows("is>if", "if>a", "if>b", "a>ie", "b>ie").replace('id="f', 'id="i')
    + '</subProcess><boundaryEvent id="l" attachedToRef="p"><timerEventDefinition><timeDuration>PT1H</timeDuration>'
    + '</timerEventDefinition></boundaryEvent><endEvent id="e"/><endEvent id="x"/>'
]


def test_a_timer_at_the_edge_of_a_sub_process_ends_all_of_it() -> None:
    """Every token inside is withdrawn."""
    workflow = read(*SUB, flows("s>p", "p>e", "l>x"))
    half = fire(workflow, begin(workflow), "a")
    assert (["end x"], "completed") == (here(case := rest(workflow, half, after=timedelta(hours=2))), case.status)


def test_an_error_end_is_caught_at_the_edge_of_the_sub_process() -> None:
    """What else is going on in it is withdrawn; without an event that catches it, it is an end like others."""
    inner = SUB[0].replace('<endEvent id="ie"/>', '<endEvent id="ie"><errorEventDefinition/></endEvent>')
    caught = inner.replace(
        "<timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition>", "<errorEventDefinition/>"
    )
    workflow = read(caught, flows("s>p", "p>e", "l>x"))
    assert ["end x"] == here(fire(workflow, begin(workflow), "a"))
    lonely = load_bpmn(model(inner, flows("s>p", "p>e", "l>x")))
    assert "waiting" == fire(lonely, begin(lonely), "a").status


def test_a_terminating_end_withdraws_everything() -> None:
    """The case is completed although another branch had something to do."""
    ends = '<endEvent id="e"/><endEvent id="t"><terminateEventDefinition/></endEvent>'
    body = f'<startEvent id="s"/><parallelGateway id="f"/><task id="a"/><task id="b"/>{ends}'
    workflow = read(body, flows("s>f", "f>a", "f>b", "a>e", "b>t"))
    assert ("completed", ["end/ended"]) == ((case := fire(workflow, begin(workflow), "b")).status, here(case))


def test_a_loop_repeats_a_task() -> None:
    """Asked after each round, or before the first."""
    again = '<loopCondition xsi:type="tFormalExpression">${more}</loopCondition></standardLoopCharacteristics>'
    body = '<startEvent id="s"/><task id="a"><standardLoopCharacteristics testBefore="ROUND">' + again + "</task>"
    until, while_ = (read(body.replace("ROUND", word), flows("s>a")) for word in ("false", "true"))
    case = fire(until, begin(until), "a", more=True)
    assert (["a"], "completed") == (here(case), fire(until, case, "a", more=False).status)
    assert ("completed", ["a"]) == (begin(while_).status, here(begin(while_, more=True)))


@pytest.mark.parametrize(("order", "first"), [("false", ["a", "a", "a"]), ("true", ["a", "a/to do", "a/to do"])])
def test_several_instances_run_at_once_or_in_turn(order, first) -> None:
    """It goes on when all of them are done."""
    many = f'<multiInstanceLoopCharacteristics isSequential="{order}"><loopCardinality>3</loopCardinality>'
    workflow = read(f'<startEvent id="s"/><task id="a">{many}</multiInstanceLoopCharacteristics></task>', flows("s>a"))
    case = begin(workflow)
    assert first == here(case)
    for _ in range(3):
        case = fire(workflow, case, "a")
    assert "completed" == case.status


def test_link_events_lead_on_elsewhere() -> None:
    """A thrown link goes on at the event that catches it."""
    links = (
        '<intermediateThrowEvent id="t"><linkEventDefinition name="L"/></intermediateThrowEvent>'
        '<intermediateCatchEvent id="c"><linkEventDefinition name="L"/></intermediateCatchEvent>'
    )
    workflow = read(f'<startEvent id="s"/>{links}<task id="a"/>', flows("s>t", "c>a"))
    assert {"start": "start >> a", "a": "a >> a/ended"} == paths(workflow)


def test_several_starts_wait_for_one_of_them() -> None:
    """A case then begins by a message or by hand."""
    starts = '<startEvent id="s"/><startEvent id="m" name="mail"><messageEventDefinition/></startEvent>'
    workflow = read(f'{starts}<task id="a"/>', flows("s>a", "m>a"))
    assert ("start", {"mail"}) == (workflow.initial, {t.signal for t in workflow.transitions} - {""})
    assert ["a"] == here(fire(workflow, begin(workflow), "start"))


def test_a_flow_with_a_condition_may_leave_an_activity() -> None:
    """Every flow whose condition holds is taken, the default one where none is."""
    body = '<startEvent id="s"/><task id="a" default="f4"/><task id="b"/><task id="c"/><task id="d"/>'
    workflow = read(body, flows("s>a", "a>b:${x > 1}", "a>c:${x > 2}", "a>d"))
    after = {x: here(fire(workflow, begin(workflow), "a", x=x)) for x in (0, 2, 3)}
    assert {0: ["d"], 2: ["b"], 3: ["b", "c"]} == after


def test_a_rule_stands_for_a_condition_that_cannot_be_translated() -> None:
    """It is named by the id of the flow; without it the flow is refused with its place."""
    body = ('<startEvent id="s"/><exclusiveGateway id="g" default="f3"/><endEvent id="a"/><endEvent id="b"/>',)
    ways = flows("s>g", "g>a:${bean.decide(x)}", "g>b")
    wanted = rule(lambda token: token.data.get("x") == 1).named("f2")
    workflow = read(*body, ways, rules=[wanted])
    assert ("end", "end b") == (begin(workflow, x=1).state, begin(workflow, x=2).state)
    with pytest.raises(DocumentInvalid, match="give a rule called 'f2' in rules"):
        read(*body, ways)
