"""The search for tokens that may be taken together ends, and says so."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_breaker import Case, Engine, Rule, State, Workflow, connect, field, flow
from circuit_breaker.errors import NotEnabled, Refused, TooManyChoices
from circuit_breaker.workflow import choosing
from circuit_breaker.workflow.firing import add_token
from tests.workflow.running import START, names, rest

parts, whole, other = State("parts", initial=True), State("whole"), State("other")
never = field("ready").is_true()


def gathering(*flows: Any, guard: Rule = never) -> Workflow:
    return Workflow("gathering", flow(parts * 12 >> whole).transition("gather").guard(guard), *flows)


def with_parts(workflow: Workflow, values: Any) -> Case:
    """A case with one token for each value, none of which anything was done to."""
    first, *others = values
    case = workflow.start("c", at=START, data={"value": first})
    for value in others:
        case = add_token(workflow, case, at=START, by="", data={"value": value}, state=None)
    return case


def test_a_search_among_millions_of_choices_ends() -> None:
    """24 different tokens of which 12 are taken, and a guard that is false: the case is stuck, and nothing hangs."""
    workflow = gathering()
    begun = time.process_time()
    case = with_parts(workflow, range(24))

    assert ("stuck", 24) == (case.status, len(case.marking))
    assert time.process_time() - begun < 10.0


def test_who_fires_is_told_that_the_search_was_given_up() -> None:
    """The error names the transition, the state, the tokens, the weight and a remedy; the case stays as it was."""
    workflow = gathering()
    case = with_parts(workflow, range(24))

    with pytest.raises(TooManyChoices, match=r"'gather' of case 'c' takes 12 of the 24 tokens in 'parts'.*\.correlate"):
        workflow.fire(case, "gather", at=START)
    assert 24 == case.sequence == len(case.history)


async def test_other_cases_go_on_beside_a_search_that_ends() -> None:
    """An engine that gave up on one case carries out the next, and keeps no event of the attempt."""
    finish = flow(other >> whole).transition("finish")
    workflow = gathering(flow(parts >> other).transition("aside").manual().guard(never), finish)
    async with Engine(workflow, storage=connect("memory://")) as engine:
        lost = await engine.start("gathering", data={"value": 0})
        for value in range(1, 24):
            lost = await engine.add_token(lost, {"value": value})
        with pytest.raises(TooManyChoices):
            await engine.fire(lost, "gather")
        done = await engine.run(await engine.start("gathering", state=other))
        again = await engine.run(lost)

    assert ("completed", lost) == (done.status, again)


async def test_the_explanation_says_that_the_search_was_given_up() -> None:
    """Neither the explanation nor the picture hangs, and the reason names how many choices were tried."""
    workflow = gathering()
    case = with_parts(workflow, range(24))
    async with Engine(workflow, storage=connect("memory://")) as engine:
        reason = engine.explain(case)["gather"]

    assert not reason.enabled
    assert "takes 12 of the 24 tokens in 'parts': none of the 1,669 ways" in " ".join(reason.missing)
    assert "gather" in workflow.draw("mermaid", case=case)


def test_what_else_the_case_can_do_is_still_done() -> None:
    """A transition that is given up does not keep a less urgent one from firing by itself."""
    late = flow(parts >> other).transition("aside").guard(field("value") == 23).priority(-1)
    case = rest(workflow := gathering(late), with_parts(workflow, range(24)))

    assert ["aside"] == names(case)


def test_interchangeable_tokens_are_tried_once() -> None:
    """Of 24 tokens that carry the same there is one way to take 12, so the guard's refusal is what is told."""
    workflow = gathering()
    case = with_parts(workflow, [0] * 24)

    assert 1 == len(list(choosing.choices(workflow, case, workflow.named("gather")[0])))
    with pytest.raises(Refused, match="ready"):
        workflow.fire(case, "gather", at=START)


@settings(max_examples=30)
@given(st.lists(st.sampled_from([0, 1, True, 1.0, "1", None]), min_size=3, max_size=7))
def test_tokens_of_one_kind_stand_for_each_other_and_no_others_do(values: list[Any]) -> None:
    """Each way to take three values is tried once: as many as there are of different combinations of values."""
    workflow = Workflow("w", flow(parts * 3 >> whole).transition("three").guard(never).merge(lambda _: {}))
    case = with_parts(workflow, values)
    found = [
        tuple(sorted(repr(token.data["value"]) for token in choice.binding))
        for choice in choosing.choices(workflow, case, workflow.named("three")[0])
    ]

    assert len(found) == len(set(found))
    assert set(found) == {
        tuple(sorted(map(repr, (one, two, three))))
        for i, one in enumerate(values)
        for j, two in enumerate(values[i + 1 :], start=i + 1)
        for three in values[j + 1 :]
    }


async def test_a_token_that_was_refused_does_not_stand_for_its_equals() -> None:
    """An action that failed with two tokens is tried with two others that carry the same."""
    tried: list[str] = []

    def fails(token: Any) -> None:
        tried.append(token.id)
        raise ValueError("not today")

    workflow = Workflow("w", flow(parts * 2 >> whole).transition("pair").action(fails))
    async with Engine(workflow, storage=connect("memory://")) as engine:
        case = await engine.start("w", data={"value": 0})
        for _ in range(3):
            case = await engine.add_token(case, {"value": 0})
        case = await engine.run(case)

    assert "failed" == case.status
    assert {"3", "1"} <= {token_id.rpartition(".")[2] for token_id in tried}


def test_a_long_line_of_single_tokens_is_searched_to_its_end() -> None:
    """What takes one token looks at each, however many there are: there is one choice for each."""
    workflow = Workflow("w", flow(parts >> whole).transition("one").guard(field("value") == 2999).manual())
    case = with_parts(workflow, range(3000))

    assert 3000 == len(list(choosing.choices(workflow, case, workflow.named("one")[0])))
    assert "completed" != workflow.fire(case, "one", at=START).status


def test_correlated_tokens_are_found_however_many_pairs_there_are() -> None:
    """Tokens that are joined by a key are looked for by that key, and not by trying all of them."""
    pairs = flow((parts, other) >> whole).transition("pair").correlate(field("value")).guard(field("value") == 299)
    workflow = Workflow("w", flow(parts >> other).transition("aside").manual(), pairs.manual())
    case = with_parts(workflow, range(300))
    for value in range(300):
        case = add_token(workflow, case, at=START, by="", data={"value": value}, state=other)

    fired = workflow.fire(case, "pair", at=START)

    assert [299] == [token.data["value"] for token in fired.marking.at("whole")]


def test_a_timer_of_too_many_choices_is_no_timer() -> None:
    """A join that waits for a time and finds nothing that may be taken is due at no time."""
    workflow = Workflow("w", flow(parts * 12 >> whole).transition("late").guard(never).after(timedelta(hours=1)))
    case = with_parts(workflow, range(24))

    assert choosing.next_due(workflow, case) is None
    assert "stuck" == case.status
    with pytest.raises((NotEnabled, TooManyChoices)):
        workflow.fire(case, "late", at=START)
