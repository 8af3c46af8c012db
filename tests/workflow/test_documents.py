"""Definitions as YAML and JSON: nothing is lost, and every fault has its place."""

from __future__ import annotations

import contextlib
import copy
import functools
import json
from itertools import pairwise
from typing import Any

import attrs
import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_breaker import BaseExecutor, Workflow, field, flow, parameter, rule, states, template
from circuit_breaker.errors import DocumentInvalid
from circuit_breaker.rules import depends_on
from circuit_breaker.source.reading import read_source
from circuit_breaker.workflow import (
    State,
    dump_workflow,
    load_workflow,
    workflow_from_document,
    workflow_schema,
    workflow_to_document,
)
from circuit_breaker.workflow.state import Alternatives, Bundle, Path
from tests.workflow.running import begin, fire


@rule("the text is clear enough")
def clear_enough(token: Any) -> bool:
    return bool(token.data.get("clear"))


def bill(token: Any) -> dict[str, Any]:
    return {"billed": True}


def refund(token: Any) -> None: ...


def newest(tokens: Any) -> Any:
    return tokens[-1].data


@attrs.frozen
class Order:
    amount: float = 0.0
    paid: bool = False


@parameter("image", type="string")
@parameter("note", type="string", default="")
class Runner(BaseExecutor):
    """Runs an image."""

    async def execute_internal(self, context: Any) -> dict[str, Any]:
        return {}


ACTIONS = {"bill": bill, "refund": refund, "newest": newest}
EXECUTORS = {"Runner": Runner}
LIBRARY: dict[str, Any] = {"rules": [clear_enough], "actions": ACTIONS, "executors": EXECUTORS}
validator = jsonschema_rs.validator_for(workflow_schema())


def read(text: str, **library: Any) -> Workflow:
    return load_workflow(text, name="flow.yaml", **(LIBRARY | library))


def full() -> Workflow:
    """A workflow with every step of a flow."""
    a, b, c, d, e = (
        State("a", initial=True, message="Write!"),
        State("b", timestamp="submitted_at"),
        State("c", final=True),
        State("d"),
        State("e"),
    )
    return Workflow(
        "full",
        flow(a >> (b * 2, c))
        .transition("submit")
        .policy(
            validations=["title", field("author") != field("reviewer"), depends_on("paid_at", "invoice")],
            rules={"all": ["clear_enough"], "any": [field("words") > 50, "size(data.text) > 3"], "none": ["short"]},
        )
        .execute(Runner, image=field("image"), note=template("for {data.title|nobody}"), result="run")
        .execute("Later", deep={"list": [field("x"), {"field": "plain"}], "literal": 1}, flag=None)
        .action(bill)
        .timeout("1m 30s")
        .retry(max_attempts=4, backoff_seconds=0.5, retry_on="timeout")
        .effect("at_most_once", again_if=field("safe").exists())
        .compensate(refund)
        .otherwise(d)
        .on_failure(e)
        .describe("Begins.")
        .roles("author", "clerk")
        .metadata(owner="ann", tags=["x"]),
        flow((b * 2, c) >> d)
        .transition("join")
        .merge(newest)
        .correlate(field("key"))
        .priority(3)
        .counts("joins")
        .restarts("tries"),
        flow((d | e | (b & c)) >> a).transition("again").manual().guard(~clear_enough).reads(a).unless(b * 3),
        flow(d >> c).transition("stop").on_signal("stop", transient=True).clears(b, e),
        flow(e >> d).transition("wake").after("2h"),
        flow(e >> ()).transition("drop").every(0.5),
        rules={"clear_enough": clear_enough, "short": field("words") < 5, "both": clear_enough & (field("x") == 1)},
        description="Everything.",
        metadata={"team": {"field": "a"}},
    )


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_every_step_of_a_flow_is_written_and_read_back(form: Any) -> None:
    """D3, D13, D16, D18, ZA1, ZA26: a definition with everything in it is the same after it was written and read."""
    text = dump_workflow(full(), form=form)
    again = read(text, executors=None)
    assert text == dump_workflow(again, form=form)
    assert full().version == again.version
    assert full().states == again.states
    assert [validator.is_valid(workflow_to_document(each)) for each in (full(), again)] == [True, True]


def test_a_document_is_plain_and_reads_well() -> None:
    """D14, D17: the document says what somebody would write by hand, and nothing that goes without saying."""
    draft, done = states("draft", "done")
    workflow = Workflow("w", flow(draft >> done).transition("finish").guard(field("score") >= 8).manual())
    assert {
        "circuit_breaker": 1,
        "name": "w",
        "states": ["draft", "done"],
        "transitions": [
            {
                "name": "finish",
                "from": "draft",
                "to": "done",
                "manual": True,
                "guard": {"field": "data.score", "op": ">=", "value": 8},
            }
        ],
    } == workflow_to_document(workflow)


def test_a_read_workflow_runs() -> None:
    """D17, D22, E1, E2: a case starts in the first state, carries its data, and guards choose between two ways."""
    workflow = read(
        """
        circuit_breaker: 1
        name: review
        states: [draft, approved, rejected]
        transitions:
        - {name: approve, from: draft, to: approved, guard: data.score >= 8}
        - {name: reject, from: draft, to: rejected, guard: data.score < 8}
        """
    )
    assert ["approved", "rejected"] == [begin(workflow, score=score).state for score in (9, 3)]


def test_what_stands_for_the_same_is_read_the_same() -> None:
    """Short forms: one step of a list, an attempt count, texts for durations, false for what is automatic."""
    short = """
        circuit_breaker: 1
        name: w
        states: [a, b]
        transitions:
        - {name: go, from: [a], to: {b: 1}, manual: true, roles: boss, clears: a, retry: 3, timeout: 1m,
           steps: [{action: bill}]}
    """
    a, b = states("a", "b")
    long = flow(a >> b).transition("go").manual().roles("boss").clears(a).retry(3).timeout(60).action(bill)
    assert Workflow("w", long).version == read(short).version


def test_the_version_is_that_of_what_happens() -> None:
    """D12: the version changes with the definition, but not with rules that nothing names."""
    a, b = states("a", "b")
    plain = Workflow("w", flow(a >> b).transition("go").guard("x"), rules={"x": field("x").exists()})
    more = Workflow("w", *plain.flows, rules={"x": field("x").exists(), "y": field("y").exists()})
    other = Workflow("w", *plain.flows, rules={"x": field("x").missing()})
    assert (True, False) == (plain.version == more.version, plain.version == other.version)


def test_two_orders_are_two_versions() -> None:
    """The order of definition decides which of two transitions fires, so it is in the version."""
    a, b = states("a", "b")
    one, two = flow(a >> b).transition("one"), flow(a >> b).transition("two")
    assert Workflow("w", one, two).version != Workflow("w", two, one).version


def test_typed_data_is_known_by_the_name_of_its_class() -> None:
    """D12: the class of the data is written by its name, and given to the reader."""
    a, b = states("a", "b")
    workflow = Workflow("w", flow(a >> b).transition("go").guard(field("paid") == True), data=Order)  # noqa: E712
    text = dump_workflow(workflow)
    again = read(text, data=Order)
    assert (workflow.version, Order) == (again.version, again.schema)
    assert ["the class 'Order' is not at hand"] == messages(text)
    assert ["the class is called 'State', not 'Order'"] == messages(text, data=State)[:1]


NAMES = st.from_regex(r"[a-zé][\w .:/-]{0,8}[\w]", fullmatch=True)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-9, 9), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
VALUES = st.recursive(
    st.one_of(LEAVES, st.just(field("a.b")), st.just(template("{data.x} {{}}"))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["field", "template", "literal", "x", ""]), inner, max_size=2),
    ),
    max_leaves=6,
)
RULES = st.recursive(
    st.one_of(
        st.builds(
            lambda path, value: field(path) == value, st.sampled_from(["a", "metadata.b", "results.c.d"]), LEAVES
        ),
        st.sampled_from(
            [clear_enough, field("x").one_of(1, "a", None), field("x") < field("y"), field("x").between(1, 2)]
        ),
    ),
    lambda inner: st.one_of(
        st.builds(lambda a, b: a & b, inner, inner),
        st.builds(lambda a, b: (a | b).named("either", description="either one"), inner, inner),
        st.builds(lambda a: ~a, inner),
    ),
    max_leaves=4,
)


@st.composite
def workflows(draw: Any) -> Workflow:
    """A valid workflow: a chain through all its states, with anything said about its transitions."""
    names = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
    made = [State(name, initial=not n, message=draw(st.text(max_size=9)), timestamp=draw(st.sampled_from(["", "at"])))
            for n, name in enumerate(names)]  # fmt: skip
    pick = st.sampled_from(made)
    flows = []
    for number, (source, target) in enumerate(pairwise(made)):
        bundles = [
            Bundle.of(source),
            *draw(st.lists(st.builds(lambda s, n: s * n, pick, st.integers(1, 3)), max_size=2)),
        ]
        targets = Bundle.of([target, *draw(st.lists(pick, max_size=2))])
        made_flow = flow(Path(Alternatives(tuple(bundles)).bundles, targets)).transition(f"t{number}")
        for step in draw(st.lists(st.sampled_from(STEPS), unique=True, max_size=6)):
            made_flow = step(draw, made_flow, pick)
        flows.append(made_flow)
    return Workflow(draw(NAMES), *flows, description=draw(st.text(max_size=9)), rules=[clear_enough])


STEPS = [
    lambda draw, each, _: each.guard(draw(RULES)),
    lambda draw, each, _: each.policy(validations=draw(RULES), rules=draw(RULES)),
    lambda draw, each, _: each.priority(draw(st.integers(-3, 3))),
    lambda draw, each, _: each.describe(draw(st.text(max_size=9))),
    lambda draw, each, _: each.roles(*draw(st.lists(st.from_regex(r"[a-z]{1,5}", fullmatch=True), min_size=1))),
    lambda draw, each, _: each.metadata(**draw(st.dictionaries(st.text(max_size=3), LEAVES, max_size=2))),
    lambda draw, each, _: each.executed(
        "Later", draw(st.dictionaries(st.text(max_size=4), VALUES, max_size=3)), result="r"
    ),
    lambda draw, each, _: each.action(bill).timeout(draw(st.floats(0.001, 1e6))).retry(draw(st.integers(1, 9))),
    lambda draw, each, _: each.on_signal(draw(NAMES), transient=draw(st.booleans())),
    lambda draw, each, pick: each.reads(draw(pick)),
    lambda draw, each, pick: each.unless(draw(pick) * 9),
    lambda draw, each, pick: each.clears(draw(pick)),
]


@settings(max_examples=60)
@given(workflow=workflows(), form=st.sampled_from(["yaml", "json"]))
def test_any_workflow_is_the_same_after_a_round_trip(workflow: Workflow, form: Any) -> None:
    """D16: whatever a workflow says is read back as it was written, and the published schema accepts it."""
    text = dump_workflow(workflow, form=form)
    again = load_workflow(text, rules=[clear_enough], actions=ACTIONS)
    assert workflow.version == again.version
    assert text == dump_workflow(again, form=form)
    assert workflow_to_document(workflow) == workflow_to_document(workflow_from_document(json.loads(json.dumps(
        workflow_to_document(workflow))), rules=[clear_enough], actions=ACTIONS))  # fmt: skip
    validator.validate(workflow_to_document(workflow))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in a plain value."""
    steps = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(inner for step in steps for inner in places(value[step], (*path, step)))]


PLAIN = workflow_to_document(full())
ANYTHING = st.recursive(
    st.one_of(LEAVES, st.sampled_from(["a", "b", "clear_enough", "", "1h"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(["name", "a", "any", "field", "rule", "not", "action", "self", "all"]), inner, max_size=2
        ),
    ),
    max_leaves=4,
)


@settings(max_examples=300)
@given(path=st.sampled_from(places(PLAIN)[1:]), value=ANYTHING)
def test_whatever_stands_in_a_document_it_is_read_or_refused(path: tuple[Any, ...], value: Any) -> None:
    """D15: any JSON anywhere in a document gives a workflow or the one error, and never another."""
    document = copy.deepcopy(PLAIN)
    inner: Any = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with contextlib.suppress(DocumentInvalid):
        workflow = workflow_from_document(document, rules=[clear_enough], actions=ACTIONS)
        assert path == ("name",) or "full" == workflow.name


def messages(text: str, **library: Any) -> list[str]:
    with pytest.raises(DocumentInvalid) as caught:
        read(text, **library)
    return [fault.message for fault in caught.value.faults]


HEAD = "circuit_breaker: 1\nname: w\nstates: [a, b]\n"
GO = "- {name: go, from: a, to: b"

FAULTS = [
    ("- 1", [(1, 1, "[1] is no mapping")]),
    ("name: w", [(1, 1, "has no 'circuit_breaker'"), (1, 1, "has no 'states'"), (1, 1, "has no 'transitions'")]),
    (HEAD + f"transitions:\n{GO}, clears: []}}", [(5, 38, "names no state")]),
    (HEAD + "transitions: []", [(4, 14, "there are no transitions")]),
    (HEAD + "transitions: 3", [(4, 14, "3 is no list")]),
    (HEAD.replace("1", "2") + f"transitions:\n{GO}}}", [(1, 18, "the format 2 is not known here")]),
    (HEAD.replace("1", "true") + f"transitions:\n{GO}}}", [(1, 18, "the format True is not known here")]),
    (
        HEAD.replace("[a, b]", "[]") + f"transitions:\n{GO}}}",
        [(3, 9, "there are no states"), (5, 20, "there is no state 'a'"), (5, 27, "there is no state 'b'")],
    ),
    (HEAD.replace("[a, b]", "[a, b, b]") + f"transitions:\n{GO}}}", [(3, 16, "the state 'b' is there twice")]),
    (HEAD.replace("[a, b]", "[a, b, '1']") + f"transitions:\n{GO}}}", [(3, 16, "'1' is no name for a state")]),
    (
        HEAD.replace("[a, b]", "[a, b, {name: 3, final: 1, messag: x}]") + f"transitions:\n{GO}}}",
        [
            (3, 23, "3 is no text"),
            (3, 33, "1 is no boolean: write true or false"),
            (3, 36, "the key 'messag' is not known"),
        ],
    ),
    (HEAD.replace("[a, b]", "[a, b, c]") + f"transitions:\n{GO}}}", [(3, 16, "no transition leads to it or from it")]),
    (HEAD + f"initial: c\ntransitions:\n{GO}}}", [(4, 10, "'c' is none of the states")]),
    (HEAD + f"transitions:\n{GO}, gaurd: x}}", [(5, 30, "the key 'gaurd' is not known")]),
    (
        HEAD + f"transitions:\n{GO}, guard: x}}",
        [(5, 37, "transition 'go' names a rule 'x' that is not in the rulebook")],
    ),
    (HEAD + f"transitions:\n{GO}, guard: data.x >}}", [(5, 37, "the expression ends too early at position 8")]),
    (
        HEAD + "transitions:\n- {from: a, to: c, guard: [nope]}",
        [(5, 3, "has no 'name'"), (5, 17, "there is no state 'c'"), (5, 28, "names a rule 'nope'")],
    ),
    (
        HEAD + "transitions:\n- {name: [x], from: {any: []}, to: {b: 0}}",
        [
            (5, 10, "['x'] is no name for a transition"),
            (5, 21, "there is no state to choose from"),
            (5, 40, "a weight is"),
        ],
    ),
    (HEAD + "transitions:\n- {name: go, from: {any: [a, x]}, to: b}", [(5, 30, "there is no state 'x'")]),
    (
        HEAD + "transitions:\n- {name: go, from: {c: 1}, to: {}}",
        [(5, 24, "there is no state 'c'"), (5, 32, "names no state")],
    ),
    (HEAD + "transitions:\n- {name: go, from: 1, to: b}", [(5, 20, "1 is no text")]),
    (HEAD + f"transitions:\n{GO}, manual: true, after: 1h}}", [(5, 51, "fires in two ways")]),
    (HEAD + f"transitions:\n{GO}, manual: 1}}", [(5, 38, "1 is no boolean")]),
    (
        HEAD + f"transitions:\n{GO}, on_signal: 1, transient: x}}",
        [(5, 41, "1 is no text"), (5, 55, "'x' is no boolean")],
    ),
    (
        HEAD + f"transitions:\n{GO}, transient: true, again_if: x}}",
        [
            (5, 41, "'transient' says nothing without 'on_signal'"),
            (5, 57, "'again_if' says nothing without 'effect'"),
            (5, 57, "names a rule 'x' that is not in the rulebook"),
        ],
    ),
    (HEAD + f"transitions:\n{GO}, priority: true}}", [(5, 40, "True is no whole number")]),
    (HEAD + f"transitions:\n{GO}, roles: []}}", [(5, 37, "names nothing")]),
    (HEAD + f"transitions:\n{GO}, counts: [1]}}", [(5, 39, "1 is no text")]),
    (HEAD + f"transitions:\n{GO}, restarts: 3}}", [(5, 40, "3 is no list")]),
    (
        HEAD + f"transitions:\n{GO}, reads: c, unless: c, clears: c}}",
        [(5, 37, "there is no state 'c'"), (5, 48, "there is no state 'c'"), (5, 59, "there is no state 'c'")],
    ),
    (
        HEAD + f"transitions:\n{GO}, description: 1, correlate: 2, metadata: 3}}",
        [(5, 43, "1 is no text"), (5, 57, "2 is no text"), (5, 70, "3 is no mapping")],
    ),
    (HEAD + f"transitions:\n{GO}, policy: {{rule: x}}}}", [(5, 38, "a policy has no 'rule'")]),
    (HEAD + f"transitions:\n{GO}, policy: {{rules: {{fild: x}}}}}}", [(5, 47, "key 'fild'")]),
    (
        HEAD + f"transitions:\n{GO}, steps: [{{action: bil}}, {{action: 1}}, {{}}, {{run: x}}]}}",
        [
            (5, 47, "there is no action 'bil'"),
            (5, 62, "1 is no text"),
            (5, 66, "has no 'execute'"),
            (5, 70, "has no 'execute'"),
            (5, 71, "the key 'run' is not known"),
        ],
    ),
    (
        HEAD + f"transitions:\n{GO}, steps: [{{execute: Runer}}, {{execute: 1}}]}}",
        [(5, 48, "there is no executor 'Runer'"), (5, 66, "1 is no text")],
    ),
    (
        HEAD + f"transitions:\n{GO}, steps: [{{execute: Runner, parameters: {{image: {{field: ''}}}}, result: 1}}]}}",
        [(5, 76, "path"), (5, 98, "1 is no text")],
    ),
    (
        HEAD + f"transitions:\n{GO}, steps: [{{execute: Runner, parameters: {{imag: {{literal: 1}}}}}}]}}",
        [(5, 75, "the literal 1 is no mapping")],
    ),
    (
        HEAD + f"transitions:\n{GO}, steps: [{{execute: Runner, parameters: {{imag: x}}}}]}}",
        [(5, 3, "imag"), (5, 69, "imag")],
    ),
    (
        HEAD + f"transitions:\n{GO}, steps: [{{action: bill}}], timeout: 1x, retry: {{max_atempts: 3}}"
        ", effect: twice, again_if: ' '}",
        [
            (5, 64, "timeout '1x' is no duration"),
            (5, 76, "the key 'max_atempts'"),
            (5, 101, "no effect 'twice'"),
            (5, 118, "the expression is empty at position 1"),
        ],
    ),
    (HEAD + f"transitions:\n{GO}, steps: [{{action: bill}}], retry: x}}", [(5, 62, "'x' is no whole number")]),
    (
        HEAD + f"transitions:\n{GO}, compensate: bil, merge: bil, otherwise: c, on_failure: c}}",
        [
            (5, 42, "there is no action 'bil'"),
            (5, 54, "there is no action 'bil'"),
            (5, 70, "no state 'c'"),
            (5, 85, "no state 'c'"),
        ],
    ),
    (
        HEAD + f"rules: {{x: {{field: a, op: '=>', value: 1}}, '': data.x}}\ntransitions:\n{GO}, guard: x}}",
        [(4, 12, "=>"), (4, 48, "no name")],
    ),
    (HEAD + f"rules: {{x: y, y: x}}\ntransitions:\n{GO}, guard: x}}", [(4, 9, "is made of itself")]),
    (
        HEAD + f"rules: 3\nmetadata: []\ndescription: {{}}\ntransitions:\n{GO}}}",
        [(4, 8, "3 is no mapping"), (5, 11, "[] is no mapping"), (6, 14, "{} is no text")],
    ),
    (HEAD + f"transitions:\n{GO}}}\n{GO}}}", [(6, 10, "the name 'go' is that of transitions[0] too")]),
    (
        HEAD.replace("w", "'1'") + f"transitions:\n{GO}, guard: {{all: [data.x >, nope]}}, timeout: 3}}",
        [
            (2, 7, "'1' is no name for a workflow"),
            (5, 3, "has .timeout(), but no action"),
            (5, 44, "the expression ends too early"),
            (5, 54, "names a rule 'nope'"),
        ],
    ),
    (
        HEAD + f"transitions:\n{GO}, policy: {{validations: [a.b.c, 'x y'], rules: [1 +, nope]}}, otherwise: a,"
        " steps: 3, effect: at_most_once}",
        [
            (5, 60, "unknown name 'x'"),
            (5, 76, "the expression ends too early"),
            (5, 81, "names a rule 'nope'"),
            (5, 110, "3 is no list"),
        ],
    ),
    (
        HEAD + f"transitions:\n{GO}, steps: [{{execute: Later}}], effect: at_most_once, retry: {{max_attempts: 2}}}}",
        [(5, 48, "there is no executor 'Later'"), (5, 65, "has .effect('at_most_once') and .retry()")],
    ),
    (
        HEAD
        + f"rules: {{x: [data.x >, data.y <]}}\ntransitions:\n{GO}, guard: x, metadata: {{}}}}\n- {{to: a, guard: y}}",
        [
            (4, 13, "the expression ends too early"),
            (4, 23, "the expression ends too early"),
            (7, 3, "has no 'name'"),
            (7, 3, "has no 'from'"),
            (7, 18, "names a rule 'y'"),
        ],
    ),
    (
        HEAD.replace("b]", "b, c, d]") + f"transitions:\n{GO}, reads: d}}\n- {{name: x, from: c, to: b}}",
        [(3, 16, "state 'c' cannot be reached from 'a'"), (5, 37, "names state 'd', which no transition enters")],
    ),
    (  # of two with the same name, each has its own faults
        HEAD + f"transitions:\n{GO}, unless: a}}\n{GO}, gard: data.x > 1}}",
        [
            (5, 20, ".unless(a) forbids the very token"),
            (6, 10, "the name 'go' is that of transitions[0] too"),
            (6, 30, "the key 'gard' is not known"),
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), FAULTS, ids=[str(number) for number, _ in enumerate(FAULTS)])
def test_every_fault_has_its_line_and_column(text: str, expected: list[tuple[int, int, str]]) -> None:
    """D15: all faults of a document are reported together, each where it stands."""
    with pytest.raises(DocumentInvalid, match=r"flow\.yaml is no workflow") as caught:
        read(text)
    found = [(fault.line, fault.column, fault.message) for fault in caught.value.faults]
    assert [place[:2] for place in expected] == [place[:2] for place in found], found
    assert all(wanted in said for (_, _, wanted), (_, _, said) in zip(expected, found, strict=True)), found


ONLY_BY_MEANING = {36, 37, 8, 40, 41, 11, 12, 42, 14, 15, 44, 18, 29, 47, 49}
"""The faults of names and rules, which no schema can see."""


@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_the_published_schema_refuses_what_has_a_wrong_form(number: int) -> None:
    """D15: editors that know the schema see wrong keys and kinds while somebody writes."""
    assert (number in ONLY_BY_MEANING) == validator.is_valid(read_source(FAULTS[number][0]).value)


def test_a_document_without_a_text_has_faults_without_lines() -> None:
    """A document of plain values names the paths of its faults."""
    document = workflow_to_document(Workflow("w", flow(State("a") >> State("b")).transition("go")))
    document["transitions"][0]["to"] = "c"
    with pytest.raises(DocumentInvalid) as caught:
        workflow_from_document(document)
    assert [("transitions[0].to", None)] == [(fault.place, fault.line) for fault in caught.value.faults]


def test_executors_are_left_to_the_engine_where_none_are_given() -> None:
    """The name of an executor is kept where the reader is given no classes."""
    text = HEAD + f"transitions:\n{GO}, steps: [{{execute: Anything}}]}}"
    [step] = read(text, executors=None).flows[0].steps
    assert "Anything" == step.name


def test_executors_that_are_given_are_found_by_name() -> None:
    """The class of an executor is found by its name, and its parameters are checked."""
    [step] = read(HEAD + f"transitions:\n{GO}, steps: [{{execute: Runner, parameters: {{image: x}}}}]}}").flows[0].steps
    assert Runner is step.executor


def test_rules_of_the_document_come_before_those_that_are_given() -> None:
    """A rule that the document has itself is not replaced; one that it only names is found among those given."""
    text = HEAD + f"rules: {{x: data.x > 1}}\ntransitions:\n{GO}, guard: [x, y]}}"
    given = {"x": field("x") > 5, "y": field("y") > 1, "z": field("z") > 1}
    workflow = read(text, rules=given)
    assert {"x", "y"} == set(workflow.rules)
    assert "b" == begin(workflow, x=2, y=2).state


def unnamed(**options: Any) -> list[str]:
    a, b, c = states("a", "b", "c")
    each = flow((a, b) >> c).transition("go")
    for step, value in options.items():
        each = getattr(each, step)(value)
    workflow = Workflow("w", flow(a >> (a, b)).transition("x"), each, rules=[clear_enough])
    assert 16 == len(workflow.version)
    with pytest.raises(DocumentInvalid, match="cannot be written") as caught:
        dump_workflow(workflow)
    return [f"{fault.message}; {fault.remedy}" for fault in caught.value.faults]


def test_what_has_no_name_cannot_be_written() -> None:
    """Lambdas have no name to be found by; the version does not need one."""
    assert ["has a lambda without a name; define it with def, or give name="] == unnamed(action=lambda token: None)
    assert ["has a lambda without a name; define it with def, or give name="] == unnamed(merge=lambda tokens: {})
    [said] = unnamed(guard=(lambda token: True))
    assert "has a rule without a name: the function <lambda>; decorate it with @rule" == said


def test_what_is_no_json_cannot_be_written() -> None:
    """Parameters must be JSON."""
    a, b = states("a", "b")
    each = flow(a >> b).transition("go").execute("X", path=Order(), least=float("inf"))
    workflow = Workflow("w", each)
    with pytest.raises(DocumentInvalid) as caught:
        dump_workflow(workflow)
    assert ["parameter 'path'", "parameter 'least'"] == [f.place.partition(", ")[2] for f in caught.value.faults]
    assert workflow.version == Workflow("w", each).version


def test_one_name_stands_for_one_thing() -> None:
    """Two functions, executors or rules of one name could not be told apart when they are read."""
    a, b = states("a", "b")
    other = functools.partial(bill)
    shadow = rule(lambda token: False, name="clear_enough")
    each = flow(a >> b).transition("go").action(bill).action(other, name="bill").guard(shadow)
    with pytest.raises(DocumentInvalid) as caught:
        dump_workflow(Workflow("w", each, rules=[clear_enough]))
    assert [
        "has another rule that is called 'clear_enough'",
        "has another action that is called 'bill'",
    ] == [fault.message for fault in caught.value.faults]


def test_a_lambda_may_be_given_a_name() -> None:
    """An action with a name is found by it, whatever it is."""
    a, b = states("a", "b")
    text = dump_workflow(Workflow("w", flow(a >> b).transition("go").action(lambda token: None, name="nothing")))
    assert "nothing" == read(text, actions={"nothing": bill}).flows[0].steps[0].name


def test_an_unknown_form_is_refused() -> None:
    """There is YAML and JSON."""
    with pytest.raises(DocumentInvalid, match="did you mean 'yaml'"):
        dump_workflow(full(), form="yam")  # type: ignore[arg-type]


def test_what_ends_without_a_trace_is_read() -> None:
    """A transition to nowhere is written as an empty list, and the token is gone when it fires."""
    a, b, c = states("a", "b", "c")
    text = dump_workflow(Workflow("w", flow(a >> (b, c)).transition("x"), flow(b >> ()).transition("gone").manual()))
    workflow = read(text)
    assert ("c",) == fire(workflow, begin(workflow), "gone").states
