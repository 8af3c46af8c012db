"""Explain, as a pure function: what a transition lacks, by which way it could come, and what was refused before."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from typing import Any

import attrs
import msgspec
import pytest

from circuit_breaker import Workflow, cel, field, flow, rule, states
from circuit_breaker.data import Data
from circuit_breaker.errors import Refused
from circuit_breaker.workflow import choosing, firing, patterns
from circuit_breaker.workflow.events import ActionFailed, SignalReceived
from circuit_breaker.workflow.evolution import evolve
from circuit_breaker.workflow.explain import explain
from tests.workflow.running import START, begin

a, b, c, d, e, f = states("a", "b", "c", "d", "e", "f")


@rule
def odd_day(token: Any) -> bool:
    return False


def work(token: Any) -> None:
    """An action."""


def told(workflow, case, name, **options):
    """What is said about one transition."""
    return explain(workflow, case, at=START, **options)[name]


def test_tokens_that_are_lacking_come_by_the_shortest_way():
    """A join far ahead names the transitions that lead there, and the data that the tokens will still lack."""
    w = Workflow(
        "w",
        flow(a >> (b, c)).transition("split").manual(),
        flow(b >> d).transition("left").manual(),
        flow((d, c) >> e).transition("join").guard(field("score") >= 8),
    )
    reason = told(w, begin(w, score=3), "join")
    assert ("split", "left") == reason.suggestion.way
    assert {"data.score": 8} == reason.suggestion.changes
    assert "    it would after 'split', 'left' with data.score = 8" in list(reason.lines())


def test_a_state_that_nothing_leads_to_is_said_to_be_one():
    """Where no transition can bring the token any more, that is said; by hand it could still be added."""
    w = Workflow("w", flow(a >> b).transition("go").manual(), flow(b >> c).transition("on"))
    reason = told(w, w.fire(begin(w), "go", at=START), "go")
    assert ((), "no transition leads there any more") == (reason.suggestion.way, reason.suggestion.unknown)
    assert "    no transition leads there any more" in list(reason.lines())


def test_a_way_is_found_past_many_parallel_branches():
    """Where there are too many markings to look at, only what leads to the place is followed."""
    chains = [states(*(f"s{chain}.{number}" for number in range(5))) for chain in range(6)]
    flows = [flow(a >> tuple(chain[0] for chain in chains)).transition("split").manual()]
    flows += [
        flow(one >> two).transition(f"{one}-{two}").manual()
        for chain in chains
        for one, two in itertools.pairwise(chain)
    ]
    w = Workflow("w", *flows, initial=a)
    case = w.fire(begin(w), "split", at=START)
    assert ("s5.0-s5.1", "s5.1-s5.2", "s5.2-s5.3") == told(w, case, "s5.3-s5.4").suggestion.way


def test_a_state_that_must_be_empty_names_the_token_in_it():
    """An inhibitor asks for the token to leave, and names the transition by which it can."""
    w = Workflow("w", flow(a >> (b, c)).transition("split"), flow(b >> d).transition("go").unless(c).manual(),
                 flow(c >> e).transition("leave").manual())  # fmt: skip
    suggestion = told(w, begin(w), "go").suggestion
    assert (["empty"], ("leave",)) == ([need.kind for need in suggestion.needs], suggestion.way)


def test_a_nested_value_is_told_with_the_whole_that_has_to_be_given():
    """Data is given by whole values: what stands beside a nested value is kept."""
    w = Workflow("w", flow(a >> b).transition("go").guard(field("author.name") == "ann").manual())
    case = begin(w, author={"name": "bob", "age": 3})
    suggestion = told(w, case, "go").suggestion
    assert {"author": {"name": "ann", "age": 3}} == suggestion.give
    assert "b" == w.fire(case, "go", at=START, data=suggestion.give).state


def test_a_signal_is_told_with_what_it_must_bring():
    """Where rules look at what a signal brings, that is told; and so is a signal that waits and does not fit."""
    w = Workflow("w", flow(a >> b).transition("pay").on_signal("paid").guard(field("amount") > 10))
    case = begin(w)
    (need,) = told(w, case, "pay").suggestion.needs
    assert ("signal", "paid", {"amount": 11}) == (need.kind, need.name, need.data)
    case = evolve(case, firing.signal(w, case, "paid", at=START, data={"amount": 3}))
    assert ("the signal that waits does not fit",) == told(w, case, "pay").missing
    case = evolve(case, SignalReceived(case.id, case.sequence + 1, START, "", "paid"))
    assert ("2 signals 'paid' wait, and none of them fits",) == told(w, case, "pay").missing


def test_a_timer_says_when_it_is_due():
    """The exact time is a need; of a token that is still to come, how long it will have to wait there."""
    w = Workflow("w", flow(a >> b).transition("go").after("1h"), flow(b >> c).transition("on").after("2h"))
    case = begin(w)
    assert START + timedelta(hours=1) == told(w, case, "go").suggestion.needs[0].due
    assert ("go",) == told(w, case, "on").suggestion.way
    assert "    it would after 'go' with 2h of waiting" in list(told(w, case, "on").lines())


def test_a_role_and_a_value_are_told_together():
    """Who lacks the role and the data lacks both."""
    w = Workflow("w", flow(a >> b).transition("go").guard(field("x") == 1).roles("boss", "chief"))
    suggestion = told(w, begin(w), "go", roles=["clerk"]).suggestion
    assert "with data.x = 1 and the role boss or chief" == suggestion.text


@pytest.mark.parametrize(("doubt", "kind"), [(False, "action"), (True, "doubt")])
def test_a_reserved_token_is_waited_for(doubt, kind):
    """An action in progress has to end, and one in doubt has to be resolved."""
    w = Workflow("w", flow(a >> b).transition("long").action(work).manual(), flow(a >> c).transition("short").manual())
    case = begin(w)
    (choice,) = choosing.choices(w, case, w.by_id["long"])
    case = evolve(case, firing.begin(case, choice, at=START, worker="here"))
    case = msgspec.structs.replace(case, pending=tuple(msgspec.structs.replace(p, doubt=doubt) for p in case.pending))
    assert [kind] == [need.kind for need in told(w, case, "short").suggestion.needs]


def test_what_failed_by_itself_is_fired_again_by_hand():
    """A failed automatic transition is not tried again: somebody has to."""
    w = Workflow("w", flow(a >> b).transition("go").action(work))
    case = w.start("c", at=START)
    choice = choosing.next_automatic(w, case)
    case = evolve(case, firing.begin(case, choice, at=START, worker="here"))
    key = case.pending[0].key
    case = evolve(case, ActionFailed("c", case.sequence + 1, START, "", "go", choice.moves, key=key))
    assert ["again"] == [need.kind for need in told(w, case, "go").suggestion.needs]


def test_a_failure_of_several_lines_is_told_in_lines():
    """What an error says line by line stands below one another, each line as deep as the first or deeper."""
    w = Workflow("w", flow(a >> b).transition("go").action(work))
    case = w.start("c", at=START)
    choice = choosing.next_automatic(w, case)
    case = evolve(case, firing.begin(case, choice, at=START, worker="here"))
    error = Data({"message": "wrong:\n  - one"})
    case = evolve(
        case, ActionFailed("c", case.sequence + 1, START, "", "go", choice.moves, key=case.pending[0].key, error=error)
    )
    said = "\n".join(told(w, case, "go").lines())
    assert "    it failed with these tokens: wrong:\n      - one\n    it would with somebody who fires it again" in said


def test_tokens_that_disagree_are_made_to_agree():
    """Two branches that changed one key get one value; tokens that are joined by a key get the same."""
    w = Workflow("w", flow(a >> (b, c)).transition("split"), flow(b >> d).transition("left").manual(),
                 flow((d, c) >> e).transition("join").manual(), flow(d >> c).transition("back").manual())  # fmt: skip
    case = w.fire(begin(w, x=0), "left", at=START, data={"x": 1})
    other = next(iter(case.marking.at("c")))
    changed = msgspec.structs.replace(other, data=type(other.data)({"x": 2}))
    case = msgspec.structs.replace(case, marking=case.marking.change([("c", other)], [("c", changed)]))
    (need,) = told(w, case, "join").suggestion.needs
    assert ("data.x", 1, 2) == (need.path, need.value, len(need.tokens))


def joined(guard, **values):
    """A case in which two branches have set the same keys to different values, before they are joined."""
    join = flow((d, e) >> f).transition("join").guard(guard).manual()
    w = Workflow("w", flow(a >> (b, c)).transition("split"), flow(b >> d).transition("left").manual(),
                 flow(c >> e).transition("right").manual(), join)  # fmt: skip
    case = w.fire(begin(w), "left", at=START, data={key: one for key, (one, _) in values.items()})
    return w, w.fire(case, "right", at=START, data={key: other for key, (_, other) in values.items()})


def test_branches_that_disagree_may_agree_on_what_rules_ask_for():
    """Where the rules read what branches disagree about, one new value does for both."""
    w, case = joined(field("z").exists() | (field("x") > 0), x=("q", "r"))
    suggestion = told(w, case, "join").suggestion
    assert {"data.x": 1} == suggestion.changes
    assert suggestion.minimal


@pytest.mark.parametrize("key", ["my key", "a.b", ""])
def test_branches_may_disagree_about_a_key_of_any_name(key):
    """Also one that no rule could read by its path."""
    w, case = joined(field("z").exists(), **{key: (1, 2)})
    suggestion = told(w, case, "join").suggestion
    assert ([1, "<any value>"], True) == (list(suggestion.changes.values()), suggestion.certain)


def test_a_key_has_to_have_a_place_on_every_token():
    """What is no object cannot hold the key by which tokens are joined: another object takes its place."""
    join = flow((b, c) >> d).transition("join").correlate(field("order.id")).manual()
    w = Workflow("w", flow(a >> (b, c)).transition("split"), join)
    suggestion = told(w, begin(w, order="A-17"), "join").suggestion
    assert suggestion.certain
    assert {"data.order": {"id": "<any value>"}} == suggestion.changes


def test_tokens_are_not_joined_by_all_of_their_data():
    """Nobody can set the whole of the data; then nothing is known that would do."""
    join = flow((b, c) >> d).transition("join").correlate(field("data")).manual()
    w = Workflow("w", flow(a >> (b, c)).transition("split"), join)
    case = begin(w)
    other = next(iter(case.marking.at("c")))
    changed = msgspec.structs.replace(other, data=Data({"x": 2}))
    case = msgspec.structs.replace(case, marking=case.marking.change([("c", other)], [("c", changed)]))
    assert not told(w, case, "join").suggestion.certain


def test_a_key_that_brings_disagreement_is_not_said_to_need_the_fewest_changes():
    """A token that is to come with a key inside of an object could bring all of that object."""
    w = Workflow("w", flow(a >> b).transition("on").manual(),
                 flow((b, a) >> c).transition("join").correlate(field("n.z")).manual())  # fmt: skip
    case = w.fire(begin(w, n={"z": 1, "w": 5}), "on", at=START)
    suggestion = told(w, case, "join").suggestion
    assert (True, False) == (suggestion.certain, suggestion.minimal)


def test_a_condition_on_all_of_the_data_counts_every_field():
    """One field may be what a condition on the whole asks for, and a condition on that field."""
    either = (field("tags").missing() & (field("metadata.m") == 2)) | (cel("size(data) > 1") & (field("y") == "q"))
    w = Workflow("w", flow(a >> b).transition("go").guard(either).manual())
    suggestion = told(w, begin(w, tags=["q"]), "go").suggestion
    assert ({"data.y": "q"}, True) == (suggestion.changes, suggestion.minimal)


@pytest.mark.parametrize(
    ("guard", "data"),
    [
        (field("x") > field("y"), {"x": 1, "y": 2**63 - 1}),
        (field("x") > 2**63 - 1, {"x": 1}),
        (field("x") < -(2**63), {"x": 1}),
    ],
)
def test_a_number_that_no_token_can_hold_is_not_suggested(guard, data):
    """Whole numbers have 64 bits: beyond them another value is looked for."""
    w = Workflow("w", flow(a >> b).transition("go").guard(guard).manual())
    suggestion = told(w, begin(w, **data), "go").suggestion
    assert "b" == w.fire(begin(w, **data), "go", at=START, data=suggestion.give).state


def test_a_function_is_not_guessed():
    """Of a rule that is a function nobody knows what it wants: the rest is told, and that this is not known."""
    w = Workflow("w", flow(a >> b).transition("go").guard(odd_day).roles("boss"))
    reason = told(w, begin(w), "go", roles=[])
    assert not reason.suggestion.certain
    assert ["role"] == [need.kind for need in reason.suggestion.needs]
    assert "odd_day" in reason.suggestion.unknown
    assert any("is not known" in line for line in reason.lines())


def test_rules_that_contradict_one_another_are_said_to():
    """Where no data at all would do, that is proved, and said."""
    w = Workflow("w", flow(a >> b).transition("go").guard((field("x") > 5) & (field("x") < 3)).manual())
    assert told(w, begin(w), "go").suggestion.unknown.startswith("no data would make it hold: data.x > 5")


def test_arcs_that_contradict_one_another_are_said_to():
    """A transition that takes a token from a state that must be empty can never fire."""
    never = flow(b >> d).transition("never").reads(c).unless(c).manual()
    w = Workflow("w", flow(a >> b).transition("on").manual(), never, flow(a >> c).transition("off").manual())
    assert "its arcs contradict one another" == told(w, begin(w), "never").suggestion.unknown


def test_typed_data_gets_values_of_its_class():
    """With a class of data a suggestion is one that the class accepts."""

    @attrs.frozen
    class Order:
        amount: int = 0
        note: str | None = None

    w = Workflow("w", flow(a >> b).transition("go").guard(field("note").exists() & (field("amount") > 3)).manual(),
                 data=Order)  # fmt: skip
    case = w.start("c", at=START, data=Order())
    suggestion = told(w, case, "go").suggestion
    assert suggestion.certain
    assert "b" == w.fire(case, "go", at=START, data=suggestion.give).state


def test_an_or_join_says_what_it_waits_for():
    """A general merge names the transitions after which nothing more can come."""
    w = Workflow("w", flow(a >> (b, c)).transition("split"), flow(b >> d).transition("left").manual(),
                 *patterns.or_merge(d, c, into=e))  # fmt: skip
    reasons = [
        each for each in explain(w, begin(w), at=START).reasons if not each.enabled and each.transition != "left"
    ]
    waiting = next(each for each in reasons if any("could still come" in text for text in each.missing))
    assert not waiting.suggestion.certain


def test_refusals_are_told_with_their_reasons():
    """How often, when, by whom and why a transition was refused is part of what is said about it."""
    w = Workflow("w", flow(a >> b).transition("go").guard((field("x") == 1) & ~(field("y") == 2)).manual())
    case = begin(w, y=2)
    for who in ("ann", "bob"):
        with pytest.raises(Refused):
            w.fire(case, "go", at=START, by=who)
        _, refusal = firing.select(w, case, "go", at=START, by=who)
        case = evolve(case, refusal)
    reason = told(w, case, "go")
    assert ["ann", "bob"] == [each.by for each in reason.refusals]
    assert ("data.x == 1 (missing)", "data.y == 2 (saw 2)") == reason.refusals[0].reasons
    assert any(line.startswith("    it was refused 2 times, last at") for line in reason.lines())


def test_refusals_of_a_part_of_the_history_are_said_to_be_so():
    """Of a case that holds only the end of its history, what is told may not be all."""
    w = Workflow("w", flow(a >> b).transition("go").manual())
    case = begin(w)
    short = msgspec.structs.replace(case, history=case.history.last(0))
    assert not explain(w, short).complete
    assert explain(w, short, events=case.history).complete


def test_the_rules_for_the_outcome_are_told():
    """A transition that can fire tells what its outcome will have to meet."""
    w = Workflow("w", flow(a >> b).transition("go").policy(rules=field("score") > 5).action(work).manual())
    assert "    its outcome must meet: data.score > 5" in list(told(w, begin(w), "go").lines())


def test_the_document_is_plain_and_has_a_form():
    """Every need, refusal and verdict is plain JSON under a form with a number."""
    w = Workflow("w", flow(a >> (b, c)).transition("split").after("1h"),
                 flow((b, c) >> d).transition("join").on_signal("go").guard(field("n.x") > 1))  # fmt: skip
    document = json.loads(json.dumps(explain(w, begin(w), at=START, roles=[]).to_document()))
    assert "circuit-breaker.explanation/1" == document["form"]
    assert ["token", "token", "signal"] == [n["kind"] for n in document["transitions"][1]["suggestion"]["needs"]]
    assert ["time"] == [need["kind"] for need in document["transitions"][0]["suggestion"]["needs"]]


def test_only_some_transitions_can_be_asked_for():
    """An explanation can be cut down to the transitions of some names."""
    w = Workflow("w", flow(a >> b).transition("go").manual(), flow(b >> c).transition("on").manual())
    assert ["on"] == [reason.id for reason in explain(w, begin(w)).only(["on"]).reasons]
    assert 2 == len(explain(w, begin(w)).only([]).reasons)


def test_typed_data_that_is_not_of_its_class_is_said_to_be_so():
    """Where the token's data is not of the declared class, that is what is not known how to mend."""

    @attrs.frozen
    class Order:
        amount: int

    w = Workflow("w", flow(a >> b).transition("go").guard(field("amount") > 3).manual(), data=Order)
    case = w.start("c", at=START, data={"amount": 1})
    (token,) = case.marking
    broken = msgspec.structs.replace(token, data=type(token.data)({"amount": "many"}))
    case = msgspec.structs.replace(case, marking=case.marking.change([("a", token)], [("a", broken)]))
    suggestion = told(w, case, "go").suggestion
    assert (False, True) == (suggestion.certain, "amount" in suggestion.unknown)


def test_actions_on_the_way_may_bring_what_is_lacking():
    """Where a transition on the way has an action, what it brings is not known, and the suggestion says so."""
    w = Workflow("w", flow(a >> b).transition("work").action(work).manual(),
                 flow(b >> c).transition("go").guard(field("x") == 1))  # fmt: skip
    line = "    it would after 'work' with data.x = 1 (unless the action of 'work' brings it)"
    assert line in list(told(w, begin(w), "go").lines())


def test_a_join_that_a_function_merges_says_what_it_raised():
    """A function that fails to merge is not second-guessed."""

    def broken(tokens: Any) -> Any:
        raise ValueError("no idea")

    w = Workflow(
        "w", flow(a >> (b, c)).transition("split"), flow((b, c) >> d).transition("join").merge(broken).manual()
    )
    assert "no idea" in told(w, begin(w), "join").suggestion.unknown


def test_other_changes_that_are_as_small_are_told_as_well():
    """Where several changes would do, the others follow the first."""
    w = Workflow("w", flow(a >> b).transition("go").guard((field("x") == 1) | field("metadata.ok").is_true()).manual())
    assert "    or with metadata.ok = True (set by an action)" in list(told(w, begin(w), "go").lines())


def test_a_value_that_cannot_be_given_names_the_tokens_that_lack_it():
    """Where tokens have to agree before they are joined, nothing is to be given, and the tokens are named."""
    join = flow((b, c) >> d).transition("join").correlate(field("order")).manual()
    w = Workflow("w", flow(a >> (b, c)).transition("split"), join)
    suggestion = told(w, begin(w), "join").suggestion
    assert (True, {}) == (suggestion.certain, suggestion.give)
    assert all(" on c." in text for text in suggestion.text.split(" and data."))
    assert "give" not in suggestion.to_document()


def test_any_value_is_another_one_where_there_is_one():
    """What is there and will not do is to be replaced; what is missing may be anything."""
    w = Workflow(
        "w",
        flow(a >> b).transition("go").guard((field("x") != field("y")) & field("z").exists()).manual(),
    )
    lines = list(told(w, begin(w, x="ann", y="ann"), "go").lines())

    assert "    it would with data.x = any other value and data.z = any value" in lines


def test_what_other_branches_bring_is_not_called_the_least():
    """A token that is to come by a join has what all branches bring; the change that is shown may be one too many."""
    a, b, c, d, e, f, g = states(*"abcdefg")
    work = Workflow(
        "work",
        flow(a >> (b, c)).transition("split"),
        flow(b >> d).transition("team/ask").manual(),
        flow(c >> e).transition("q").manual(),
        flow((d, e) >> f).transition("join"),
        flow(f >> g).transition("end").manual().guard(field("k") < 3),
    )
    case = firing.fire(work, begin(work), "q", at=START, data={"k": 0})
    found = told(work, case, "end").suggestion

    assert not found.minimal
    assert "after 'team/ask', 'join'" in found.text
