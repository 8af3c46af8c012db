"""Workflow: what is checked when it is defined, what a case is, and what data may be."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker import BaseExecutor, State, Workflow, field, flow, parameter, states, template
from circuit_breaker.data import Data, DataList, difference, freeze, freeze_mapping, merge, thaw
from circuit_breaker.errors import (
    CaseClosed,
    DataInvalid,
    HistoryIncomplete,
    MergeConflict,
    NotEnabled,
    Refused,
    TokenNotFound,
    TransitionNotFound,
    WorkflowInvalid,
)
from circuit_breaker.workflow import History
from circuit_breaker.workflow.token import Fork, Token, common_fork
from tests.workflow.running import START, begin, fire, rest

a, b, c, d = states("a", "b", "c", "d")
go = flow(a >> b).transition("go")


def act(token: Any) -> None: ...


@attrs.frozen
class Order:
    amount: float = 0.0
    paid: bool = False


@parameter("image", type="string")
class Runner(BaseExecutor):
    """Runs an image."""

    async def execute_internal(self, context: Any) -> dict[str, Any]:
        return {}


def faults(*flows: Any, **options: Any) -> list[str]:
    with pytest.raises(WorkflowInvalid, match=r"has [0-9]+ fault") as caught:
        Workflow("w", *flows, **options)
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("flows", "options", "message"),
    [
        ([], {}, "workflow: has no transitions"),
        ([], {"data": 3}, "data: is a value of type int"),
        (["go"], {}, "'go': is no flow"),
        ([flow(a >> b)], {}, "flow(a >> b): has no name"),
        ([go, flow(b >> c).transition("go")], {}, "transition 'go': is defined 2 times"),
        ([go.guard("goood")], {"rules": {"good": field("x") > 1}}, "names a rule 'goood' that is not"),
        ([go.reads(c)], {}, ".reads() names state 'c', which no transition enters"),
        ([go.unless(c)], {}, ".unless() names state 'c'"),
        ([go.clears(c)], {}, ".clears() names state 'c'"),
        ([go.unless(a)], {}, ".unless(a) forbids the very token that it takes from 'a'"),
        ([go.merge(act)], {}, "has .merge(), but takes only one token"),
        ([go.correlate(field("x"))], {}, "has .correlate(), but takes only one token"),
        ([go.timeout(1)], {}, "has .timeout(), but no action"),
        ([go.retry(2)], {}, "has .retry(), but no action"),
        ([go.on_failure(b)], {}, "has .on_failure(), but no action"),
        ([go.effect("idempotent")], {}, "has .effect(), but no action"),
        ([go.compensate(act)], {}, "has .compensate(), but no action"),
        ([go.otherwise(b)], {}, "has .otherwise(), but no policy"),
        ([go.counts("n").restarts("n")], {}, "has .counts('n') and .restarts('n')"),
        ([go.automatic().roles("boss")], {}, "has .roles(), but nobody fires it"),
        ([go.execute(Runner, image="x", imag="y")], {}, "parameter 'imag'"),
        ([go], {"data": dict}, "is no attrs class"),
        ([[go, go]], {}, "a list of 2 flows: is no flow (write a * before it"),
        ([go.metadata(x={1})], {}, "transition 'go': metadata.x: a builtins.set is no JSON"),
        ([go], {"metadata": {"x": [object()]}}, "workflow: metadata.x[0]: a builtins.object is no JSON"),
        ([go], {"metadata": 3}, "workflow: metadata: 3 is no mapping"),
        ([go], {"description": 3}, "workflow: description=3 is no text"),
        ([go.guard("x")], {"rules": {"x": "y", "y": "x"}}, "rules: the rule 'x' is made of itself"),
        ([go], {"rules": [3]}, "rules: "),
        ([go.guard(field("amont") > 1)], {"data": Order}, "Order has no field 'amont' (did you mean 'amount'?)"),
        ([go.execute("X", x=field("payed"))], {"data": Order}, "speaks of 'data.payed'"),
        ([go.execute("X", x=template("{payed}"))], {"data": Order}, "speaks of 'data.payed'"),
        ([flow((a * 2) >> b).transition("x").correlate(field("key"))], {"data": Order}, "speaks of 'data.key'"),
        ([go], {"initial": "x"}, "initial='x' is none of its states"),
        ([go], {"final": ["x"]}, "final='x' is none of its states"),
        ([go, flow(c >> d).transition("x")], {}, "state 'c': cannot be reached from 'a'"),
        ([go, flow(State("x", initial=True) >> b).transition("x")], {}, "has several first states: a, x"),
    ],
)  # fmt: skip
def test_a_wrong_definition_is_refused(flows: list[Any], options: dict[str, Any], message: str) -> None:
    """D10, D15: each fault names its place, and what to do about it."""
    assert any(message in fault for fault in faults(*flows, **options))


def test_all_faults_are_reported_at_once() -> None:
    """D10, D15: nothing has to be mended to see the next fault."""
    assert 4 == len(faults(go.timeout(1).otherwise(b), flow(a >> b).transition("x").reads(d).guard("nope")))


@pytest.mark.parametrize(
    ("flows", "options", "fault"),
    [
        ([go], {"initial": "z"}, "workflow: initial='z' is none of its states"),
        ([go, flow(State("x", initial=True) >> b).transition("x")], {}, "workflow: has several first states: a, x"),
        ([go, flow(c >> d).transition("x"), flow(d >> b).transition("y")], {}, "state 'c': cannot be reached"),
        ([go, flow(c >> d).transition("x"), flow(c >> c).transition("y")], {}, "state 'c': cannot be reached"),
        ([go, flow((b, c) >> d).transition("x"), flow(d >> State("e")).transition("y")], {}, "state 'c': cannot be"),
        ([go, go.guard("nope")], {"rules": [3]}, "transition 'go': is defined 2 times"),
        (["go", flow(b >> c).transition("x").reads(d)], {}, "'go': is no flow"),
        ([go.guard(field("x") == 1)], {"data": 3}, "data: is a value of type int"),
    ],
)  # fmt: skip
def test_what_only_follows_from_a_fault_is_no_fault(flows: list[Any], options: dict[str, Any], fault: str) -> None:
    """D15: whoever mends the first fault sees no others vanish."""
    found = [each for each in faults(*flows, **options) if not each.startswith("rules:")]
    assert [fault] == [found[0][: len(fault)], *found[1:]]


def test_two_islands_are_two_faults() -> None:
    """D15: each part that no case can come to is a fault; of a ring, each of its states, but not where it leads."""
    e, f, g = states("e", "f", "g")
    flows = [flow(f >> g).transition("w"), flow(c >> d).transition("x"), flow(e >> f).transition("y")]
    flows += [flow(f >> e).transition("z"), flow((b, g) >> d).transition("v")]
    assert ["state 'f'", "state 'e'", "state 'c'"] == [
        each.partition(":")[0] for each in faults(go, *flows, initial="a")
    ]


EDGES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=9)


@given(EDGES)
def test_to_lead_to_what_is_told_is_to_reach_everything(edges: list[tuple[int, int]]) -> None:
    """D15: with a way to each state that was told, every state is reached; and none is told that can be."""
    each = [State(f"s{number}") for number in range(7)]
    flows = [flow(each[one] >> each[other]).transition(f"t{n}") for n, (one, other) in enumerate(edges)]
    start = each[edges[0][0]]
    try:
        Workflow("w", *flows, initial=start)
    except WorkflowInvalid as error:
        told = [fault.place.split("'")[1] for fault in error.faults]
        assert start.name not in told
        mended = [flow(start >> State(name)).transition(f"to {name}") for name in told]
        assert Workflow("w", *flows, *mended, initial=start)


def test_a_state_is_one_thing() -> None:
    """D15: two values of one name that say different things are a fault; what only one of them says is kept."""
    said = faults(
        flow(a >> b.says("x").stamps("p")).transition("go"),
        flow(a >> State("b", final=True, message="y", timestamp="q")).transition("again"),
        flow(b >> State("b", final=False)).transition("round").action(act).on_failure(State("b", message="z")),
    )
    assert [
        "state 'b': is given message='x' and message='y' and message='z'",
        "state 'b': is given timestamp='p' and timestamp='q'",
        "state 'b': is given final=True and final=False",
    ] == [each.partition(" (")[0] for each in said]
    once = Workflow("w", flow(a >> b.says("x")).transition("go"), flow(a >> b.stamps("p")).transition("x")).state("b")
    assert ("x", "p") == (once.message, once.timestamp)


def test_at_most_once_says_which_failures_are_safe() -> None:
    """ZA28: an action that must not happen twice is tried again only after failures that are named."""
    once = go.action(act).effect("at_most_once")
    assert ["has .effect('at_most_once') and .retry()" in each for each in faults(once.retry(3))] == [True]
    for policy in (once.retry(1), once.retry(retry_on="unreachable"), go.action(act).retry(3)):
        assert Workflow("w", policy).transitions[0].retry is not None


def test_what_is_right_is_not_a_fault() -> None:
    """Metadata and results are not fields of the data; an inhibitor above its own weight can be."""
    each = (
        flow(a * 2 >> b).transition("x").correlate(field("metadata.key")).unless(a * 3).guard(field("results.r.x") > 1)
    )
    assert "Workflow('w', 2 states, 1 transitions)" == repr(Workflow("w", each, data=Order))


def test_a_workflow_needs_a_name() -> None:
    """A workflow is known by its name, which has to be one."""
    with pytest.raises(WorkflowInvalid, match="no name for a workflow"):
        Workflow("", go)


@pytest.mark.parametrize(
    ("flows", "options", "initial", "final"),
    [
        ([go], {}, "a", {"b"}),
        ([flow(c >> d).transition("x")], {}, "c", {"d"}),
        ([go, flow(b >> a).transition("x")], {"initial": b}, "b", set()),
        ([go, flow(b >> a).transition("x")], {"final": [b]}, "a", {"b"}),
        ([go, flow(b >> a).transition("x")], {"final": b}, "a", {"b"}),
        ([go, flow(b >> a).transition("x")], {"final": "b"}, "a", {"b"}),
        ([flow(a >> b.ends()).transition("go"), flow(b >> a).transition("x")], {}, "a", {"b"}),
        ([flow(a >> State("b", final=False)).transition("go")], {}, "a", set()),
    ],
)
def test_where_cases_start_and_end(flows: list[Any], options: Any, initial: str, final: set[str]) -> None:
    """D6, D17: cases start in the first state, and end in those that nothing leaves, unless something else is said."""
    workflow = Workflow("w", *flows, **options)
    assert (initial, final) == (workflow.initial, set(workflow.final))


def test_a_state_is_known_by_its_name() -> None:
    """The richest mention of a state is the state; an unknown one is named with the nearest."""
    workflow = Workflow("w", flow(a >> b.says("Done.")).transition("go"), flow(b >> a).transition("x"))
    assert "Done." == workflow.state("b").message
    with pytest.raises(WorkflowInvalid, match="has no state 'aa'"):
        workflow.state("aa")


def test_a_transition_is_known_by_its_name() -> None:
    """An unknown transition is named with the nearest."""
    with pytest.raises(TransitionNotFound, match="did you mean 'go'"):
        Workflow("w", go).named("goo")


def test_the_net_has_the_ways_out_of_refusals_and_failures() -> None:
    """E9: a policy that refuses and an action that fails are transitions of the net."""
    out = go.policy(rules=field("x") > 1).action(act).otherwise(c).on_failure(d)
    assert ["go", "go/otherwise", "go/failed"] == [each.name for each in Workflow("w", out).net.transitions]


def test_low_confidence_goes_to_a_person() -> None:
    """D20, D21, D22, ZA26: quality comes before analysis, and what is not sure enough goes to human review."""
    raw, processed, analyzed, review, done = states("raw", "processed", "analyzed", "human_review", "completed")
    workflow = Workflow(
        "data",
        flow(raw >> processed).transition("process").policy(validations="input_file"),
        flow(processed >> analyzed).transition("analyze").policy(rules=field("quality") >= field("quality_threshold")),
        flow(analyzed >> done).transition("complete").guard(field("confidence") >= field("confidence_threshold")),
        flow(analyzed >> review)
        .transition("request_review")
        .guard(field("confidence") < field("confidence_threshold")),
    )
    token = {"input_file": "x.csv", "quality_threshold": 0.8, "confidence_threshold": 0.9, "quality": 0.85}
    assert "completed" == begin(workflow, **token, confidence=0.95).state
    assert "human_review" == begin(workflow, **token, confidence=0.5).state
    assert "processed" == begin(workflow, **(token | {"quality": 0.1})).state


def test_a_case_is_a_record() -> None:
    """E3, E4, E7, E8: a case has an id, its workflow, state, data, metadata and history; its token has them too."""
    workflow = Workflow("w", go.manual())
    case = workflow.start("c1", at=START, by="ann", data={"x": 1}, metadata={"source": "mail"})
    assert ("c1", "w", "a", workflow.version) == (case.id, case.workflow, case.state, case.definition)
    assert ({"x": 1}, {"source": "mail"}, "a") == (case.data, case.token.metadata, case.token.state)
    case = workflow.fire(case, "go", at=START + timedelta(hours=1), by="bob", data={"y": 2})
    assert ("b", {"x": 1, "y": 2}, 3) == (case.state, case.data, len(case.history))
    assert {"a": START, "b": START + timedelta(hours=1)} == case.timestamps
    assert ["bob"] == [event.by for event in case.history.by_type("TransitionFired")]


def test_a_record_is_json() -> None:
    """E3, E7: the case with its tokens, and its history, are plain JSON that says the same."""
    workflow = Workflow("w", go.manual())
    case = workflow.start("c1", at=START, by="ann", data={"tags": ["x"]}, metadata={"source": "mail"})
    record = json.loads(json.dumps(case.to_document()))
    assert {"case": "c1", "workflow": "w", "version": workflow.version, "state": "a", "status": "waiting"} == {
        key: record[key] for key in ("case", "workflow", "version", "state", "status")
    }
    (token,) = record["tokens"]
    assert (case.data, case.metadata, START.isoformat()) == (token["data"], token["metadata"], token["entered"])
    assert ["ann"] == [event["by"] for event in json.loads(json.dumps(case.history.to_documents()))]


def test_a_case_may_start_elsewhere() -> None:
    """E4: a case is put into the state that is asked for."""
    workflow = Workflow("w", go.manual(), flow(b >> c).transition("on").manual())
    assert "b" == workflow.start("c", at=START, state=b).state


def test_firing_refuses_what_cannot_be() -> None:
    """E5, D15: a wrong name, a missing token, a guard, an action, a closed case: each is its own error."""
    end = flow(b >> c).transition("end").manual().guard(field("x") > 1)
    workflow = Workflow("w", go.manual(), end, flow(b >> c).transition("work").action(act).manual())
    case = begin(workflow)
    at_b = fire(workflow, case, "go")
    closed = fire(workflow, at_b, "end", x=2)
    wrong: list[tuple[Any, str, type[Exception]]] = [
        (case, "gone", TransitionNotFound),
        (case, "end", NotEnabled),
        (at_b, "end", Refused),
        (at_b, "work", NotEnabled),
        (closed, "go", CaseClosed),
    ]
    for each, name, error in wrong:
        with pytest.raises(error):
            workflow.fire(each, name, at=START)


def test_typed_data_is_an_instance_of_its_class() -> None:
    """D19, E2: with a class the data of a token is an instance, its defaults are there, and other data is refused."""
    workflow = Workflow("w", go.manual().guard(field("amount") > 1), data=Order)
    case = begin(workflow, amount=2)
    assert Order(amount=2.0) == case.data
    assert Order(2.0, paid=True) == fire(workflow, case, "go", paid=True).data
    assert Order(3.0) == workflow.start("c", at=START, data=Order(3.0)).data
    with pytest.raises(DataInvalid, match="amont"):
        workflow.start("c", at=START, data={"amont": 1})


def test_only_a_lone_token_is_the_token() -> None:
    """With several tokens the error says to look at all of them."""
    workflow = Workflow("w", flow(a >> (b, c)).transition("split"))
    case = begin(workflow)
    with pytest.raises(TokenNotFound, match=r"2 tokens \(b, c\)"):
        _ = case.token
    assert ["b", "c"] == [token.state for token in case.tokens]
    assert "b" == case.find("c.2").state
    with pytest.raises(TokenNotFound, match="no token 'x'"):
        case.find("x")


def test_a_join_merges_three_ways() -> None:
    """D19: a key changed in one branch wins, the same change twice is fine, two changes are a conflict."""
    work = [flow(b >> b).transition("b").manual(), flow(c >> c).transition("c").manual()]
    workflow = Workflow(
        "w", flow(a >> (b, c)).transition("split"), *work, flow((b, c) >> d).transition("join").manual()
    )
    case = fire(workflow, fire(workflow, begin(workflow, x=0, y=0), "b", x=1, z=3), "c", y=2, z=3)
    assert {"x": 1, "y": 2, "z": 3} == fire(workflow, case, "join").data
    with pytest.raises(Refused, match="x"):
        fire(workflow, fire(workflow, case, "c", x=5), "join")


def test_a_timer_fires_when_it_is_due() -> None:
    """A transition with a delay fires that long after the token entered its state."""
    workflow = Workflow("w", go.after("1h"))
    case = begin(workflow)
    assert ["a", "b"] == [rest(workflow, case, after=timedelta(minutes=minutes)).state for minutes in (59, 60)]


def test_a_history_can_be_asked() -> None:
    """E3, E7: by time, number, kind and actor; slices too."""
    workflow = Workflow("w", go.manual(), flow(b >> a).transition("back").manual())
    case = begin(workflow)
    for number, name in enumerate(["go", "back", "go"], start=1):
        case = workflow.fire(case, name, at=START + timedelta(hours=number), by="ann")
    history = case.history
    assert (4, 2, 1) == (len(history), len(history.since(START + timedelta(hours=2))), len(history.since(3)))
    assert ([], 3) == ([*history.by_actor("bob")], len(history.by_actor("ann")))
    assert ("CaseStarted", 4, 2) == (history[0].type, history[-1].sequence, len(history[1:3]))
    assert 4 == len(json.loads(history.export("json")))
    with pytest.raises(IndexError):
        _ = history[4]


def test_a_history_that_grew_twice_is_two_histories() -> None:
    """Histories that grew from the same one do not see each other's events."""
    workflow = Workflow("w", go.manual(), flow(a >> c).transition("other").manual())
    case = begin(workflow)
    one, other = (workflow.fire(case, name, at=START) for name in ("go", "other"))
    assert (1, ["go"], ["other"]) == (
        len(case.history),
        [event.transition for event in one.history[1:2]],
        [event.transition for event in other.history[1:2]],
    )
    assert one.history != other.history
    assert case != one


def test_the_end_of_a_history_knows_what_it_does_not_hold() -> None:
    """What is not in memory is not silently left out."""
    workflow = Workflow("w", go.manual(), flow(b >> a).transition("back").manual())
    case = fire(workflow, fire(workflow, begin(workflow), "go"), "back")
    end = case.history.last(1)
    assert (3, 1, "back") == (len(end), end.held, end[-1].transition)
    assert 1 == len(end.since(2))
    for ask in (lambda: end[0], lambda: list(end), lambda: end.by_type("CaseStarted"), lambda: end.since(0)):
        with pytest.raises(HistoryIncomplete):
            ask()
    assert History(end[-1:], offset=2) == end
    assert "History(3 events, the last 1 in memory)" == repr(end)


def test_a_history_gives_what_came_after_a_number() -> None:
    """E3: the events above a number, as far as they are in memory."""
    workflow = Workflow("w", go.manual(), flow(b >> a).transition("back").manual())
    history = fire(workflow, fire(workflow, begin(workflow), "go"), "back").history
    assert [[1, 2, 3], [3], []] == [[event.sequence for event in history.after(number)] for number in (0, 2, 3)]
    with pytest.raises(HistoryIncomplete):
        history.last(1).after(0)
    assert history != [*history]
    assert "History(3 events)" == repr(history)


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), JSON, max_size=4)


@given(JSON)
def test_frozen_data_is_equal_to_what_it_was_made_of(value: Any) -> None:
    """E2: freezing changes nothing but that it cannot be changed; thawing gives plain values again."""
    frozen = freeze(value)
    assert value == frozen == thaw(frozen) == copy.deepcopy(frozen)
    assert json.dumps(value) == json.dumps(frozen)
    assert type(thaw(frozen)) is type(value)
    assert freeze(frozen) is frozen or not isinstance(frozen, (dict, list))
    assert hash(Data({"x": frozen})) == hash(Data({"x": freeze(value)}))


CHANGES: list[Callable[[Any, Any], object]] = [
    lambda data, _: data.update(x=1),
    lambda data, _: data.pop("x"),
    lambda data, _: data.__setitem__("x", 1),
    lambda data, _: data.clear(),
    lambda _, items: items.append(1),
    lambda _, items: items.sort(),
    lambda _, items: items.__setitem__(0, 1),
    lambda _, items: items.__delitem__(0),
]


@pytest.mark.parametrize("change", CHANGES, ids=map(str, range(len(CHANGES))))
def test_data_cannot_be_changed_in_place(change: Callable[[Any, Any], object]) -> None:
    """D19: tokens are immutable; the error says how to do it."""
    data = freeze_mapping({"x": [1]})
    with pytest.raises(TypeError, match="tokens are immutable"):
        change(data, data["x"])


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"x": {1}}, r"data\.x: a builtins\.set is no JSON"),
        ({"x": [1, {"y": object()}]}, r"data\.x\[1\]\.y: a builtins\.object is no JSON"),
        ({1: 2}, "the key 1 is no text"),
        ({"x": float("nan")}, "nan is no JSON number"),
        ({"x": nested(80)}, "nested deeper than 64"),
        ("x" * 99, "is no mapping"),
    ],
)
def test_what_is_no_json_is_no_data(value: Any, message: str) -> None:
    """What cannot be kept is refused with its path."""
    with pytest.raises(DataInvalid, match=message):
        freeze_mapping(value)


def test_kinds_that_derive_from_json_become_json() -> None:
    """Subclasses of text and numbers become plain text and numbers, and tuples become lists."""

    class Text(str):
        __slots__ = ()

    class Number(int):
        pass

    frozen = freeze({"x": (Text("a"), Number(1))})
    assert [str, int] == [type(value) for value in frozen["x"]]
    assert isinstance(frozen["x"], DataList)


@given(before=OBJECTS, after=OBJECTS)
def test_a_difference_leads_from_one_to_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    """What was set and what was removed, applied to the first, give the second."""
    changed, removed = difference(before, after)
    assert after == {key: value for key, value in {**before, **changed}.items() if key not in removed}


@given(base=OBJECTS, branch=OBJECTS)
def test_one_changed_branch_wins(base: dict[str, Any], branch: dict[str, Any]) -> None:
    """Where only one branch changed anything, its data is the merged data; the same change twice is one."""
    assert branch == merge(base, [base, branch]) == merge(base, [branch, base]) == merge(base, [branch, branch])


@given(base=OBJECTS, one=OBJECTS, other=OBJECTS)
def test_a_merge_agrees_with_both_branches_or_names_the_conflict(base: Any, one: Any, other: Any) -> None:
    """Every key of the result comes from a branch that changed it; otherwise the conflict names the key."""
    try:
        merged = merge(base, [one, other])
    except MergeConflict as conflict:
        keys = {key.removeprefix("data.") for key in conflict.conflicts}
        assert keys <= base.keys() | one.keys() | other.keys()
    else:
        for key, value in merged.items():
            assert value in (one.get(key), other.get(key))


@pytest.mark.parametrize(
    ("one", "other"),
    [(True, 1), ([True], [1]), ({"x": False}, {"x": 0}), ([1], [1, 2]), ({"x": 1}, {"y": 1}), (1, "1")],
)
def test_different_json_is_a_conflict(one: Any, other: Any) -> None:
    """True is not 1, also inside of lists and objects."""
    with pytest.raises(MergeConflict, match=r"data\.k"):
        merge({}, [{"k": one}, {"k": other}])


def test_a_removal_against_a_change_is_a_conflict() -> None:
    """A key that one branch removed and another changed has no right value."""
    with pytest.raises(MergeConflict, match="removed"):
        merge({"k": 1}, [{}, {"k": 2}])


def test_tokens_are_updated_into_new_ones() -> None:
    """E2, E8: data, metadata and results are added to; the token that was stays as it was."""
    token = Token("t", "a", Data(x=1))
    updated = token.updated(data=Data(y=2), metadata=Data(m=1), results=Data(r=1))
    assert ({"x": 1}, {"x": 1, "y": 2}, {"m": 1}, {"r": 1}) == (
        token.data,
        updated.data,
        updated.metadata,
        updated.results,
    )
    assert token == token.updated()
    assert hash(token) == hash(updated)


def test_the_common_split_is_the_innermost() -> None:
    """Tokens that descend from a split inside of a split meet at the inner one, or at the outer one."""
    outer = Fork("outer")
    inner = Fork("inner", outer=outer)
    one, two, three, alone = (Token(n, "a", fork=f) for n, f in [("1", inner), ("2", inner), ("3", outer), ("4", None)])
    assert (inner, outer, None) == (common_fork((one, two)), common_fork((two, three)), common_fork((one, alone)))
