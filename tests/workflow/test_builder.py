"""WorkflowBuilder: the same definition, written one step after the other."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from circuit_breaker import Engine, RulesEngine, Workflow, connect, field, flow, rule, states
from circuit_breaker.errors import NotEnabled, Refused, RuleInvalid, WorkflowInvalid
from circuit_breaker.workflow import WorkflowBuilder, choosing, declare, definition_of, firing, standing
from circuit_breaker.workflow.activities import ActivityDefinition, WorkflowDefinition
from circuit_breaker.workflow.patterns import rounds_key
from tests.workflow.running import START, begin, fire, names


def order() -> WorkflowBuilder:
    return (
        WorkflowBuilder("order")
        .add_states("pending", "processing", "completed", "cancelled")
        .add_transition("pending", "processing", "start_processing")
        .add_transition("processing", "completed", "complete_order")
        .add_transition("pending", "cancelled", "cancel_order")
        .add_transition("processing", "cancelled", "cancel_order")
        .set_initial_state("pending")
    )


def part(*names: str) -> WorkflowBuilder:
    """A part of a workflow: one state after the other, by activities that are named after where they lead."""
    builder = WorkflowBuilder("part").add_states(*names)
    for one, other in pairwise(names):
        builder = builder.add_transition(one, other, f"to_{other}")
    return builder


def faults(builder: WorkflowBuilder) -> list[str]:
    with pytest.raises(WorkflowInvalid) as caught:
        builder.build()
    return [str(fault) for fault in caught.value.faults]


def test_a_builder_begins_empty() -> None:
    """D1: a new builder has a name and nothing else."""
    assert WorkflowDefinition(name="order") == WorkflowBuilder.new("order").definition()


def test_states_keep_their_order() -> None:
    """D2: states are listed in the order in which they were added."""
    builder = WorkflowBuilder("w").add_state("b").add_state("a").add_state("c")
    assert ("b", "a", "c") == builder.definition().states


def test_a_transition_becomes_an_activity() -> None:
    """D3, D13: an activity has its id, one state to begin in, one to lead to, and no conditions."""
    builder = WorkflowBuilder("w").add_states("a", "b").add_transition("a", "b", "go")
    expected = ActivityDefinition(id="go", from_states=["a"], to_state="b")
    assert (expected,) == builder.definition().activities
    assert (None, (), None) == (expected.name, expected.conditions, expected.rules)


def test_building_upon_a_builder_leaves_it_as_it_was() -> None:
    """Every step is a new value."""
    base = order()
    base.add_state("lost").add_rule("cancel_order", "nonsense")
    assert "order" == base.build().name


def test_a_built_workflow_runs() -> None:
    """D10, D12, E1, E5, E12: the workflow starts in its initial state, waits, and moves when an activity is fired."""
    workflow = order().build()
    case = begin(workflow, items=1)
    assert ("pending", "waiting", {"items": 1}) == (case.state, case.status, case.data)
    case = fire(workflow, case, "start_processing", by_card=True)
    case = fire(workflow, case, "complete_order", completed=True)
    assert ("completed", {"items": 1, "by_card": True, "completed": True}) == (case.state, case.data)


@pytest.mark.parametrize("path", [[], ["start_processing"]])
def test_one_activity_may_lead_from_several_states(path: list[str]) -> None:
    """D14: cancelling is one activity, possible from two states."""
    workflow = order().build()
    case = begin(workflow)
    for name in [*path, "cancel_order"]:
        case = fire(workflow, case, name)
    assert "cancelled" == case.state


def test_rules_are_required_by_their_activity() -> None:
    """D4: an activity is refused until its rule holds."""
    workflow = order().add_rule("complete_order", field("shipped") == True).build()  # noqa: E712
    case = fire(workflow, begin(workflow), "start_processing")
    with pytest.raises(Refused, match=r"data.shipped"):
        fire(workflow, case, "complete_order")
    assert "completed" == fire(workflow, case, "complete_order", shipped=True).state


@pytest.mark.parametrize(("require_all", "enough"), [(True, False), (False, True), (None, False)])
def test_all_or_one_of_the_rules(require_all: bool | None, enough: bool) -> None:
    """D4, D13: all rules are required, or one of them where require_all is False."""
    rules = [field("paid") == True, field("vip") == True]  # noqa: E712
    builder = order().add_rules("start_processing", rules, require_all)
    assert require_all == builder.definition().activity("start_processing").requires_all_rules
    workflow = builder.build()
    case = begin(workflow, vip=True)
    assert enough == any(
        choosing.admitted(workflow, each) for each in choosing.choices(workflow, case, start(workflow))
    )


def start(workflow: Workflow) -> Any:
    return workflow.named("start_processing")[0]


def test_a_simple_rule_is_named_after_its_field() -> None:
    """D5: a field, an operator and a value make a rule called <field>_rule."""
    builder = order().add_simple_rule("start_processing", "payment_verified", "==", True)
    [made] = builder.definition().activity("start_processing").rules
    assert ("payment_verified_rule", {"data.payment_verified"}) == (made.name, made.paths)
    case = begin(builder.build(), payment_verified=True)
    assert "processing" == fire(builder.build(), case, "start_processing").state


def test_a_simple_rule_with_an_unknown_operator_is_refused() -> None:
    """D5: a wrong operator is refused where it is written."""
    with pytest.raises(RuleInvalid):
        order().add_simple_rule("start_processing", "x", "===", 1)


def test_a_builder_without_states_is_refused() -> None:
    """D10, D15: no states, no initial state: both are said at once."""
    found = faults(WorkflowBuilder("w"))
    assert ["has no states", "has no initial state"] == [fault[10:].partition(" (")[0] for fault in found]


def test_the_initial_state_must_be_set() -> None:
    """D6: without an initial state nothing is built."""
    [fault] = faults(WorkflowBuilder("w").add_states("a", "b").add_transition("a", "b", "go"))
    assert fault.startswith("workflow: has no initial state")


def test_every_fault_is_reported_at_once() -> None:
    """D4, D10, D15: unknown states, activities and rules are named with the nearest known, all together."""
    builder = (
        order()
        .set_initial_state("pendin")
        .add_state("pending")
        .add_state("alone")
        .add_transition("processing", "complete", "finish")
        .add_transition("processing", "pending", "complete_order")
        .add_rule("cancel_ordr", field("x") == 1)
        .add_rule("finish", "no_such_rule")
        .refine("start_processing", lambda each: each.timeout(-1))
    )
    text = "\n".join(faults(builder))
    for expected in (
        "no state 'pendin' to start in (did you mean 'pending'?)",
        "state 'pending': is added twice",
        "from 'processing' to 'complete': there is no state 'complete' (did you mean 'completed'?)",
        "activity 'cancel_ordr': is not in the workflow (did you mean 'cancel_order'?)",
        "state 'alone': has no transition to it or from it",
        "activity 'complete_order': it leads to several states: completed, pending",
        "activity 'start_processing': timeout -1 is not between",
        "activity 'finish': names a rule 'no_such_rule' that is in no rulebook",
    ):
        assert expected in text


def test_what_the_workflow_finds_is_reported_too() -> None:
    """A state that cannot be reached is a fault of the built workflow."""
    builder = order().add_state("island").add_transition("island", "completed", "leave")
    with pytest.raises(WorkflowInvalid, match="island"):
        builder.build()


def test_an_activity_can_be_refined() -> None:
    """Whatever a flow can say can be said about an activity; automatic ones do not wait."""
    builder = order().refine("start_processing", lambda each: each.priority(2).describe("begins"))
    workflow = builder.automatic("start_processing").add_state("lost").add_transition("pending", "lost", "lose").build()
    assert (2, "begins") == (start(workflow).priority, start(workflow).description)
    assert (True, False) == (start(workflow).automatic, workflow.named("complete_order")[0].automatic)


def test_states_have_facts() -> None:
    """A state of a builder may have a message, a time stamp, and be final though something leads away."""
    builder = order().add_state("filed", message="Done.", timestamp="filed_at", final=True)
    workflow = builder.add_transition("completed", "filed", "file").add_transition("filed", "pending", "reopen").build()
    state = workflow.state("filed")
    assert ("Done.", "filed_at", True) == (state.message, state.timestamp, "filed" in workflow.final)


@pytest.mark.parametrize(
    ("data", "state"), [({"size": 9, "on": True}, "large"), ({"size": 5, "on": True}, "middle"), ({"size": 9}, "small")]
)
def test_branches_are_merged_into_the_parent(data: dict[str, Any], state: str) -> None:
    """D7: the first way whose condition holds is taken; otherwise, or where the common condition fails, the last."""
    workflow = (
        WorkflowBuilder("w")
        .add_state("begin")
        .set_initial_state("begin")
        .branch(field("on") == True)  # noqa: E712
        .when("data.size > 7", part("large", "done"))
        .when(field("size") > 3, part("middle", "done"))
        .otherwise("small")
        .refine("to_done", lambda each: each)
        .build()
    )
    assert state == begin(workflow, **data).state


def test_a_builder_goes_on_where_all_branches_end() -> None:
    """D7: what follows branches that end in the same state begins there; otherwise it must say where it begins."""
    builder = part("a").set_initial_state("a").branch().when("data.x", part("b", "z")).otherwise("z")
    assert "z" == builder.draft.at
    apart = part("a").branch().when("data.x", "b").otherwise("c")
    with pytest.raises(WorkflowInvalid, match=r"parallel\(\) begins nowhere"):
        apart.parallel("d", "e", join_at="f")
    assert {"b-splits", "f-joins"} <= {each.name for each in apart.parallel("d", "e", join_at="f", at="b").draft.flows}


def test_parallel_parts_run_at_once_and_join() -> None:
    """D8, ZB1: every part holds a token, and the case goes on at join_at when each has ended."""
    builder = WorkflowBuilder("w").add_state("begin").set_initial_state("begin")
    workflow = builder.parallel(part("legal", "legal_ok"), "archive", join_at="ready").build()
    case = begin(workflow)
    assert {"legal", "archive"} == set(case.states)
    assert ("ready", "completed") == ((case := fire(workflow, case, "to_legal_ok")).state, case.status)


def test_parallel_parts_cannot_share_states() -> None:
    """Two tokens of one case in a shared state would be mixed up, so shared states are refused."""
    with pytest.raises(WorkflowInvalid, match="share the state 'done'"):
        part("a").parallel(part("b", "done"), part("c", "done"), join_at="d")


@pytest.mark.parametrize("branch", [part("b", "c").add_transition("c", "b", "back"), part("b").add_state("c")])
def test_a_part_must_end_in_one_state(branch: WorkflowBuilder) -> None:
    """A part that goes round for ever, or ends in two states, cannot be joined."""
    with pytest.raises(WorkflowInvalid, match="exactly one state"):
        part("a").parallel(branch, "x", join_at="d")


def test_a_part_must_have_states() -> None:
    """An empty part is refused."""
    with pytest.raises(WorkflowInvalid, match="has no states"):
        part("a").loop_while("data.x", WorkflowBuilder("part"), exit_to="b")


@pytest.mark.parametrize(("asked", "rounds"), [(0, 0), (2, 2), (9, 3)])
def test_a_loop_is_left_after_its_last_round(asked: int, rounds: int) -> None:
    """D9, ZB1: the body is repeated while the condition holds, at most max_iterations times, and exit_to follows."""
    builder = (
        part("draft")
        .set_initial_state("draft")
        .loop_while(
            f"data.asked > 0 && (!has(metadata.{rounds_key('draft')}) || metadata.{rounds_key('draft')} < data.asked)",
            part("edit", "edited").automatic("to_edited"),
            max_iterations=3,
            exit_to="published",
        )
    )
    case = begin(builder.build(), asked=asked)
    assert ("published", rounds) == (case.state, names(case).count("to_edited"))


def failing(token: Any) -> None: ...


def tried(**options: Any) -> Workflow:
    body = part("call", "answered").refine("to_answered", lambda each: each.action(failing))
    builder = part("begin").set_initial_state("begin").try_(body).catch(part("broken", "told"), **options)
    return builder.build()


def failed(workflow: Workflow) -> Any:
    """The case after its action failed for good."""
    case = begin(workflow)
    [choice] = choosing.choices(workflow, case, workflow.named("to_answered")[0])
    case = standing.apply(workflow, case, firing.begin(case, choice, at=START, worker="w"))
    event = firing.fail(workflow, case, case.pending[0], at=START, error={"code": "down", "message": "no answer"})
    return standing.apply(workflow, case, event)


def test_a_failure_in_a_tried_part_is_caught() -> None:
    """D15: an action that fails for good leads to the handler, with the failure in the metadata."""
    workflow = tried()
    case = failed(workflow)
    assert ("broken", "down") == (case.state, case.token.metadata["failure"]["code"])
    assert "told" == fire(workflow, case, "to_told").state


def test_finally_follows_the_part_and_its_handler() -> None:
    """Both the end of the part and the end of the handler lead to what comes finally."""
    workflow = tried(finally_="clean")
    assert "clean" == fire(workflow, failed(workflow), "to_told").state
    assert {"answered-finally", "told-finally"} <= set(workflow.by_name)


def test_an_action_that_routes_its_own_failure_keeps_it() -> None:
    """Catching changes only actions that do not say where their failure leads."""
    own = flow(states("call")[0] >> states("answered")[0]).transition("ask").action(failing)
    kept = own.on_failure(states("elsewhere")[0])
    body = WorkflowBuilder("part").add_states("call", "answered")
    for each, expected in ((own, "broken"), (kept, "elsewhere")):
        inner = body._pattern((each,), at="answered")
        caught = part("begin").try_(inner).catch("broken")
        assert [expected] == [str(each.failed_to) for each in caught.draft.flows if each.name == "ask"]


def test_rules_are_found_in_a_rulebook_or_an_engine() -> None:
    """D11: activities name rules of the rulebook, or of the rules engine that the builder is given."""
    engine = RulesEngine()
    engine.register_rule("paid", field("paid") == True)  # noqa: E712

    @rule("packed")
    def packed(token: Any) -> bool:
        return bool(token.data.get("packed"))

    builder = WorkflowBuilder("order", rules=[packed], draft=order().draft)
    builder = builder.add_rule("start_processing", "paid").add_rule("complete_order", "packed")
    workflow = builder.with_rules_engine(engine).build()
    assert {"paid", "packed"} == set(workflow.rules)
    assert "processing" == fire(workflow, begin(workflow, paid=True), "start_processing").state


def test_an_engine_says_what_is_wrong_with_the_rules() -> None:
    """D11: validate_rules gives the engine's opinion; with an engine, build refuses what it refuses."""
    builder = order().add_rule("start_processing", "no_such_rule")
    result = builder.validate_rules(RulesEngine())
    assert (False, 1) == (result.valid, len(result.errors))
    assert any("no_such_rule" in fault for fault in faults(builder.with_rules_engine(RulesEngine())))


async def test_a_built_workflow_runs_on_an_engine() -> None:
    """E6, ZB1: resources are created, read and moved by an engine; loops and caught failures are the same there."""

    def fail(token: Any) -> None:
        raise OSError("no answer")

    body = part("call", "answered").refine("to_answered", lambda each: each.action(fail)).automatic("to_answered")
    rounds = part("edit", "edited").automatic("to_edited")
    builder = part("draft").set_initial_state("draft")
    builder = builder.loop_while("data.more", rounds, max_iterations=3, exit_to="checked").try_(body).catch("broken")
    async with Engine(builder.build(), storage=connect("memory://")) as engine:
        created = await engine.start("part", data={"more": True})
        await engine.run(created)
        case = await engine.get(created.id)
    assert ("broken", "completed", 3) == (case.state, case.status, names(case).count("to_edited"))
    assert "no answer" == case.token.metadata["failure"]["message"]


def declared(**rules: Any) -> Workflow:
    return declare(
        "order",
        initial_state="pending",
        states=["pending", "processing", "completed", "cancelled"],
        transitions=[
            ("pending", "processing", "start_processing"),
            ("processing", "completed", "complete_order"),
            ("pending", "cancelled", "cancel_order"),
            ("processing", "cancelled", "cancel_order"),
        ],
        rules=rules,
    )


def test_a_workflow_is_declared_in_one_block() -> None:
    """D14: the declared form is the same workflow as that of the builder, and requires what its rules say."""
    rules = {"start_processing": field("payment_verified") == True, "complete_order": [field("items_shipped") == True]}  # noqa: E712
    workflow = declared(**rules)
    assert order().build().version == declared().version
    case = begin(workflow, payment_verified=True)
    case = fire(workflow, case, "start_processing")
    with pytest.raises(Refused):
        fire(workflow, case, "complete_order")
    assert "completed" == fire(workflow, case, "complete_order", items_shipped=True).state


def test_an_activity_is_refused_where_it_does_not_begin() -> None:
    """D15: an activity that does not begin in the state of the case is not enabled."""
    workflow = declared()
    with pytest.raises(NotEnabled, match="no free token in 'processing'"):
        fire(workflow, begin(workflow), "complete_order")


def test_the_plain_form_becomes_a_workflow() -> None:
    """D12, D13: conditions and rules of an activity must hold, its name is its description."""
    document = {
        "name": "order",
        "states": ["pending", "done"],
        "activities": [
            {
                "id": "finish",
                "name": "Finish it",
                "from_states": ["pending"],
                "to_state": "done",
                "conditions": ["data.paid"],
                "rules": [{"field": "score", "op": ">", "value": 3}],
            },
            {"id": "reopen", "from_states": ["done"], "to_state": "pending"},
        ],
    }
    workflow = WorkflowBuilder.of(WorkflowDefinition.from_document(document)).build()
    assert ("pending", "Finish it") == (workflow.initial, workflow.named("finish")[0].description)
    assert "done" == fire(workflow, begin(workflow, paid=True), "finish", score=4).state
    with pytest.raises(Refused):
        fire(workflow, begin(workflow, paid=False, score=4), "finish")


def test_an_empty_plain_form_has_no_initial_state() -> None:
    """D12: a plain form without states is read, and then refused for having none."""
    assert 2 == len(faults(WorkflowBuilder.of(WorkflowDefinition(name="w"))))


def test_a_workflow_has_a_plain_form() -> None:
    """D12: from the plain form to a workflow and back nothing is lost that the plain form can say."""
    workflow = declared(start_processing=field("paid") == True)  # noqa: E712
    definition = definition_of(workflow)
    assert ("pending", "processing") == definition.activity("cancel_order").from_states
    assert workflow.version == WorkflowBuilder.of(definition).build().version


def test_what_the_plain_form_cannot_say_is_refused() -> None:
    """D12: joins, splits, actions and automatic transitions have no plain form; all of them are named."""
    a, b, c = states("a", "b", "c")
    workflow = Workflow(
        "w",
        flow(a >> (b, c)).transition("split"),
        flow(b >> a).transition("act").manual().action(failing),
        flow((b, c) >> a).transition("join").manual().correlate(field("key")),
    )
    with pytest.raises(WorkflowInvalid) as caught:
        definition_of(workflow)
    assert ["split", "split", "act", "join", "join"] == [fault.place[12:-1] for fault in caught.value.faults]
