"""Explain: an exact answer to what can happen, and why not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from circuit_breaker import Engine, Workflow, connect, field, flow, rule, states
from circuit_breaker.testing import ManualClock

a, b, c, d, e = states("a", "b", "c", "d", "e")


@rule("somebody else looked at it")
def somebody_else(token: Any) -> bool:
    return token.data["author"] != token.data["reviewer"]


review = Workflow(
    "review",
    flow(a >> b).transition("approve").policy(rules=(field("score") >= 8) & somebody_else).manual(),
    flow(a >> c).transition("escalate").after("1h"),
    flow(a >> d).transition("pay").on_signal("payment"),
    flow(b >> e).transition("archive").manual().roles("clerk").reads(c),
    flow((a, c) >> e).transition("join").unless(d),
)


async def test_every_failed_condition_is_named_with_what_was_seen(open_engine: Any) -> None:
    """A refused rule shows each leaf: the value seen, the value wanted, a missing field, a rule in its own words."""
    engine = await open_engine(review)
    case = await engine.start("review", data={"score": 7, "author": "ann", "reviewer": "ann"})
    told = engine.explain(case)["approve"]
    leaves = [(leaf.path or leaf.name, leaf.seen, leaf.wanted) for leaf in told.verdict.failures()]
    assert ("data.score", 7, ">= 8") in leaves
    assert "somebody else looked at it" in str(engine.explain(case))
    assert not told.enabled


async def test_a_remedy_is_the_smallest_change_that_works(open_engine: Any) -> None:
    """Where only field conditions fail, the change that would mend them is given, and it does."""
    guard = (field("score") >= 8) & field("title").exists()
    gated = Workflow("gated", flow(a >> b).transition("go").guard(guard).manual())
    engine = await open_engine(gated)
    case = await engine.start("gated", data={"score": 7})
    (remedy,) = engine.explain(case)["go"].remedies
    assert 8 == remedy["data.score"]
    assert "it would with" in str(engine.explain(case))
    assert "b" == (await engine.fire(case, "go", data={"score": 8, "title": "x"})).state


async def test_missing_tokens_signals_times_and_roles_are_named(open_engine: Any, clock: ManualClock) -> None:
    """Whatever keeps a transition from firing is named in words, and what can fire is listed."""
    engine = await open_engine(review)
    case = await engine.start("review", data={"score": 9, "author": "ann", "reviewer": "bob"})
    told = engine.explain(case, roles=["guest"])
    assert ("approve",) == told.enabled
    assert ("it waits for the signal 'payment'",) == told["pay"].missing
    assert "it is due at 2030-01-01T01:00:00+00:00" in told["escalate"].missing
    assert ("no free token in 'b'", "no token in 'c' to read") == told["archive"].missing
    assert ("no free token in 'c'",) == told["join"].missing
    await clock.advance("1h")
    assert engine.explain(case)["escalate"].enabled
    case = await engine.add_token(await engine.fire(case, "approve"), state="c")
    assert "it needs the role clerk" in engine.explain(case, roles=["guest"])["archive"].missing
    assert engine.explain(case, roles=["clerk"])["archive"].enabled


async def test_an_inhibitor_is_named(open_engine: Any) -> None:
    """A token in a place that must be empty is what is in the way."""
    engine = await open_engine(review)
    case = await engine.start("review")
    for state in ("c", "d"):
        case = await engine.add_token(case, state=state)
    assert ("there is a token in 'd', which must be empty",) == engine.explain(case)["join"].missing


async def test_a_failed_action_is_the_reason(open_engine: Any) -> None:
    """An automatic transition that failed is not tried by itself, and explain says with what it failed."""

    def fails(token: Any) -> None:
        raise OSError("the disk is gone")

    engine = await open_engine(Workflow("w", flow(a >> b).transition("go").action(fails)))
    case = await engine.run(await engine.start("w"))
    assert ("it failed with these tokens: the disk is gone",) == engine.explain(case)["go"].missing


async def test_a_closed_case_has_nothing_to_explain_but_its_end(open_engine: Any) -> None:
    """After the end every transition says so."""
    engine = await open_engine(review)
    case = await engine.cancel(await engine.start("review"))
    assert {("the case is cancelled",)} == {reason.missing for reason in engine.explain(case).reasons}


async def test_an_explanation_is_a_plain_document(open_engine: Any) -> None:
    """The whole is JSON, for doors to come; an unknown transition is a KeyError."""
    engine = await open_engine(review)
    told = engine.explain(await engine.start("review", data={"score": 1, "author": "a", "reviewer": "a"}))
    document = json.loads(json.dumps(told.to_document()))
    assert ["approve", "escalate", "pay", "archive", "join"] == [t["transition"] for t in document["transitions"]]
    assert "verdict" in document["transitions"][0]
    with pytest.raises(KeyError):
        told["nothing"]


async def test_a_join_whose_tokens_do_not_agree_says_so(open_engine: Any) -> None:
    """Correlated tokens that belong to different orders are there, but not together."""
    match = flow((a, b) >> c).transition("match").correlate(field("order"))
    joined = Workflow("w", match, flow(a >> b).transition("x").manual())
    engine = await open_engine(joined)
    case = await engine.add_token(await engine.start("w", data={"order": 1}), {"order": 2}, state="b")
    assert ("the tokens do not agree on the key that they are joined by",) == engine.explain(case)["match"].missing


async def test_a_timer_whose_action_failed_says_so():
    """What failed with these tokens is not said to be able to fire, whatever its trigger."""

    def fail(token):
        raise ValueError("no paper")

    here, there = states("here", "there")
    workflow = Workflow("w", flow(here >> there).transition("print").on_signal("go").action(fail))
    async with Engine(workflow, storage=connect("memory://")) as engine:
        case = await engine.start("w")
        await engine.signal(case, "go")
        case = await engine.run(case)
        reason = engine.explain(case)["print"]

    assert not reason.enabled
    assert any("failed with these tokens: no paper" in line for line in reason.missing)


async def test_a_period_says_why_the_last_one_did_nothing():
    """What fires again and again tells when it is due, and why it did nothing the last time."""

    def fail(token):
        raise ValueError("no paper")

    here, there = states("here", "there")
    workflow = Workflow("w", flow(here >> there).transition("print").every("1h").action(fail))
    clock = ManualClock()
    async with Engine(workflow, storage=connect("memory://"), clock=clock) as engine:
        case = await engine.start("w")
        await clock.advance("1h")
        reason = engine.explain(await engine.run(case))["print"]

    assert 1 == len(reason.missing)
    assert reason.missing[0].startswith("it is due at 2030-01-01T02:00:00")
    assert "no paper" in reason.missing[0]


async def test_a_role_that_is_needed_is_named_with_the_other_reasons():
    """Who has not the data right is told the role as well, and what only an action can set is said to be so."""
    here, there = states("here", "there")
    workflow = Workflow(
        "w", flow(here >> there).transition("accept").guard(field("metadata.approvals") >= 2).roles("boss")
    )
    async with Engine(workflow, storage=connect("memory://")) as engine:
        lines = list(engine.explain(await engine.start("w"))["accept"].lines())

    assert "    only somebody with the role boss may fire it" in lines
    assert "    it would with metadata.approvals = 2 (set by an action)" in lines
