"""Firing through the engine: what moves, what is refused, and what is written down."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from circuit_breaker import Change, Workflow, field, flow, rule, states
from circuit_breaker.errors import (
    ActionTimeout,
    CaseClosed,
    CaseExists,
    CaseNotFound,
    DataInvalid,
    MergeConflict,
    NotEnabled,
    OutcomeInvalid,
    Refused,
    TransitionNotFound,
    VersionConflict,
    WorkflowNotFound,
)
from circuit_breaker.workflow.events import (
    ActionFailed,
    ActionRetried,
    CaseCompleted,
    TransitionFired,
    TransitionRefused,
)

draft, review, approved, rejected = states("draft", "review", "approved", "rejected")
document = Workflow(
    "document",
    flow(draft >> review).transition("submit").manual(),
    flow(review >> approved).transition("approve").guard(field("score") >= 8),
    flow(review >> rejected).transition("reject").guard(field("score") < 8),
)


async def test_a_case_runs_until_it_completes(open_engine: Any) -> None:
    """E12, E13, D22: a manual step, then the engine chooses the branch whose guard holds, and the case is completed."""
    engine = await open_engine(document)
    case = await engine.start("document", data={"score": 9})
    case = await engine.run(await engine.fire(case, "submit", by="ann"))
    assert ("approved", "completed") == (case.state, case.status)
    assert ["CaseStarted", "TransitionFired", "TransitionFired", "CaseCompleted"] == [e.type for e in case.history]
    assert ("submit",) == tuple(event.transition for event in case.history.by_actor("ann"))


async def test_a_case_waits_for_people(open_engine: Any) -> None:
    """D17: a new case is in the first state, and waits there because only a person can go on."""
    engine = await open_engine(document)
    case = await engine.run(await engine.start("document"))
    assert ("draft", "waiting") == (case.state, case.status)


async def test_a_case_is_stuck_when_no_guard_holds(open_engine: Any) -> None:
    """ZB2: with the score missing neither guard holds, nobody can help, and the case says that it is stuck."""
    engine = await open_engine(document)
    case = await engine.run(await engine.fire(await engine.start("document"), "submit"))
    assert "stuck" == case.status
    assert "missing" in str(engine.explain(case))


async def test_data_given_with_a_firing_is_judged_and_kept(open_engine: Any) -> None:
    """E5: data that comes with a firing is on the token when rules are judged, and stays if it fires."""
    gated = Workflow("gated", flow(draft >> review).transition("submit").guard(field("score") >= 8).manual())
    engine = await open_engine(gated)
    case = await engine.fire(await engine.start("gated", data={"title": "x"}), "submit", data={"score": 9})
    assert {"title": "x", "score": 9} == case.data


async def test_a_refusal_is_recorded_and_changes_nothing(open_engine: Any) -> None:
    """A refused firing raises with the verdict, is in the history, and leaves token and data as they were."""
    gated = Workflow("gated", flow(draft >> review).transition("submit").policy(rules=field("score") >= 8).manual())
    engine = await open_engine(gated)
    case = await engine.start("gated", data={"score": 3})
    with pytest.raises(Refused, match="saw 7") as caught:
        await engine.fire(case, "submit", by="bob", data={"score": 7})
    after = await engine.get(case)
    assert ("draft", {"score": 3}) == (after.state, after.data)
    assert [7] == [leaf.seen for leaf in caught.value.verdict.failures()]
    assert ["bob"] == [event.by for event in after.history.by_type(TransitionRefused)]


async def test_a_refused_policy_leads_otherwise(open_engine: Any) -> None:
    """With .otherwise(state) a refusal is a way to go on, and nothing is raised."""
    routed = Workflow(
        "routed", flow(draft >> approved).transition("check").policy(rules=field("score") >= 8).otherwise(rejected)
    )
    engine = await open_engine(routed)
    case = await engine.run(await engine.start("routed", data={"score": 1}))
    assert ("rejected", "completed") == (case.state, case.status)


async def test_unknown_things_are_named_with_the_nearest(open_engine: Any) -> None:
    """D15: an unknown workflow, case or transition is an error that names what was meant."""
    engine = await open_engine(document)
    case = await engine.start("document")
    with pytest.raises(WorkflowNotFound, match="did you mean 'document'"):
        await engine.start("documnet")
    with pytest.raises(TransitionNotFound, match="did you mean 'submit'"):
        await engine.fire(case, "submti")
    with pytest.raises(CaseNotFound, match="no case 'nope'"):
        await engine.fire("nope", "submit")


async def test_a_transition_without_its_token_is_not_enabled(open_engine: Any) -> None:
    """D15: firing from the wrong state says which state holds no token, and writes nothing."""
    engine = await open_engine(document)
    case = await engine.start("document")
    with pytest.raises(NotEnabled, match="no free token in 'review'"):
        await engine.fire(case, "approve")
    assert 1 == (await engine.get(case)).sequence


async def test_a_closed_case_stays_closed(open_engine: Any) -> None:
    """A completed or cancelled case refuses everything."""
    engine = await open_engine(document)
    case = await engine.cancel(await engine.start("document"), reason="no longer needed", by="ann")
    assert ("cancelled", "no longer needed") == (case.status, case.history[-1].reason)
    for call in (engine.fire(case, "submit"), engine.cancel(case), engine.add_token(case)):
        with pytest.raises(CaseClosed, match="cancelled"):
            await call


async def test_of_a_hundred_firings_of_one_edge_one_wins(open_engine: Any) -> None:
    """A hundred tasks take the same edge: the token moves once and all others are told."""
    engine = await open_engine(document)
    case = await engine.start("document")
    outcomes = await asyncio.gather(*(engine.fire(case, "submit") for _ in range(100)), return_exceptions=True)
    assert 99 == sum(isinstance(outcome, NotEnabled) for outcome in outcomes)
    assert 1 == len((await engine.get(case)).history.by_type(TransitionFired))


async def test_an_expected_version_is_held(open_engine: Any) -> None:
    """expect= refuses a firing on a case that has changed since it was looked at."""
    engine = await open_engine(document)
    case = await engine.start("document")
    await engine.fire(case, "submit", expect=case.sequence)
    with pytest.raises(VersionConflict, match="has had 2 events, not 1"):
        await engine.fire(case, "approve", expect=case.sequence)


async def test_a_case_id_is_unique(open_engine: Any) -> None:
    """Starting a second case under the same id is refused and leaves the first alone."""
    engine = await open_engine(document)
    await engine.start("document", id="order-1", data={"a": 1})
    with pytest.raises(CaseExists, match="order-1"):
        await engine.start("document", id="order-1", data={"a": 2})
    assert {"a": 1} == (await engine.get("order-1")).data


@pytest.mark.parametrize("data", [{"x": object()}, {"x": float("nan")}, {1: "x"}, ["no", "mapping"], "text"])
async def test_data_that_is_no_json_is_refused(open_engine: Any, data: Any) -> None:
    """Data that cannot be kept is refused with its path, and no case comes to be."""
    engine = await open_engine(document)
    with pytest.raises(DataInvalid, match="data"):
        await engine.start("document", data=data)
    assert [] == await engine.cases()


def test_the_data_of_a_token_cannot_be_changed_in_place() -> None:
    """E2: whoever writes to the data of a token is told to return what to add instead."""
    case = document.start("c", at=datetime.now(UTC), data={"list": [1], "score": 1})
    for write in (
        lambda: case.data.update(score=9),
        lambda: case.data["list"].append(2),
        lambda: case.data.pop("score"),
    ):
        with pytest.raises(TypeError, match="immutable"):
            write()


def work(*steps: Any, **options: Any) -> Workflow:
    """A workflow with one automatic transition that does something."""
    made = flow(draft >> approved).transition("work")
    for step in steps:
        made = made.action(step)
    for name, value in options.items():
        made = getattr(made, name)(*value) if isinstance(value, tuple) else getattr(made, name)(value)
    return Workflow("work", made)


async def test_what_an_action_returns_is_added_to_the_data(open_engine: Any) -> None:
    """D19, D21, ZA27: plain and async actions add what they return, later steps see it, and rules judge the result."""

    async def count(token: Any) -> dict[str, Any]:
        return {"words": len(token.data["text"].split())}

    def double(token: Any) -> dict[str, Any]:
        return {"double": token.data["words"] * 2}

    engine = await open_engine(Workflow("work", *_judged(count, double)))
    case = await engine.run(await engine.start("work", data={"text": "a b c"}))
    assert {"text": "a b c", "words": 3, "double": 6} == case.data
    assert "completed" == case.status


def _judged(*steps: Any) -> tuple[Any, ...]:
    made = flow(draft >> approved).transition("work").policy(validations="text", rules=field("double") >= 6)
    for step in steps:
        made = made.action(step)
    return (made,)


async def test_nothing_stays_of_a_result_that_the_policy_refuses(open_engine: Any) -> None:
    """ZA27: the rules are judged on the result; if they refuse, the token stands where it stood, without the result."""
    guarded = Workflow(
        "work",
        flow(draft >> approved).transition("work").action(lambda t: {"score": 5}).policy(rules=field("score") >= 8),
    )
    engine = await open_engine(guarded)
    case = await engine.run(await engine.start("work", data={"score": 1}))
    assert ("draft", {"score": 1}, "stuck") == (case.state, case.data, case.status)
    assert 1 == len(case.history.by_type(TransitionRefused))


async def test_a_refused_transition_is_not_tried_again_until_something_changes(open_engine: Any) -> None:
    """A second run does not repeat what was refused with the same token; firing it by name does."""
    calls = []
    guarded = Workflow(
        "work",
        flow(draft >> approved).transition("work").action(lambda t: calls.append(1)).policy(rules=field("score") >= 8),
    )
    engine = await open_engine(guarded)
    case = await engine.run(await engine.start("work"))
    await engine.run(case)
    assert [1] == calls
    await engine.fire(case, "work", data={"score": 9})
    assert [1, 1] == calls


async def test_a_change_may_write_metadata_and_results(open_engine: Any) -> None:
    """E8: an action that returns a Change sets data, metadata and results apart."""
    engine = await open_engine(
        work(lambda t: Change(data={"a": 1}, metadata={"by": "me"}, results={"r": {"ok": True}}))
    )
    token = (await engine.run(await engine.start("work"))).token
    assert ({"a": 1}, {"by": "me"}, {"r": {"ok": True}}) == (token.data, token.metadata, token.results)


async def test_an_action_gets_its_context_if_it_asks(open_engine: Any) -> None:
    """The idempotency key is the same for every attempt, and names case and transition."""
    keys = []

    def flaky(token: Any, context: Any) -> None:
        keys.append((context.idempotency_key, context.attempt))
        if len(keys) < 3:
            raise OSError("again")

    engine = await open_engine(Workflow("work", _retried(flaky)))
    case = await engine.run(await engine.start("work", id="c1"))
    assert [("c1:work:2", 1), ("c1:work:2", 2), ("c1:work:2", 3)] == keys
    assert [1, 2] == [event.attempt for event in case.history.by_type(ActionRetried)]


def _retried(action: Any, **settings: Any) -> Any:
    settings = {"max_attempts": 3, "backoff_seconds": 0, **settings}
    return flow(draft >> approved).transition("work").action(action).retry(**settings)


async def test_only_errors_that_are_named_are_retried(open_engine: Any) -> None:
    """ZA28: retry_on names codes; another error fails at once."""
    calls = []

    def fails(token: Any) -> None:
        calls.append(1)
        raise KeyError("x")

    engine = await open_engine(Workflow("work", _retried(fails, retry_on=("timeout",))))
    case = await engine.run(await engine.start("work"))
    assert ([1], "failed") == (calls, case.status)


async def test_a_failure_is_recorded_and_raised_to_whoever_fired(open_engine: Any) -> None:
    """An action that raises: run() records it and says failed; fire() raises the error itself."""

    def fails(token: Any) -> None:
        raise LookupError("no such thing")

    engine = await open_engine(work(fails))
    case = await engine.run(await engine.start("work"))
    failed = case.history.by_type(ActionFailed)[0]
    assert ("failed", "no such thing", "LookupError") == (case.status, failed.error["message"], failed.error["code"])
    with pytest.raises(LookupError, match="no such thing"):
        await engine.fire(case, "work")


async def test_a_failure_leads_where_on_failure_says(open_engine: Any) -> None:
    """With .on_failure(state) the token goes on, with the failure in its metadata."""

    def fails(token: Any) -> None:
        raise LookupError("no such thing")

    routed = Workflow("work", flow(draft >> approved).transition("work").action(fails).on_failure(rejected))
    engine = await open_engine(routed)
    case = await engine.run(await engine.start("work"))
    assert ("rejected", "no such thing") == (case.state, case.token.metadata["failure"]["message"])


async def test_an_action_that_hangs_is_timed_out(open_engine: Any) -> None:
    """A timeout ends one attempt, with its own code."""

    async def hangs(token: Any) -> None:
        await asyncio.sleep(60)

    timed = Workflow("work", flow(draft >> approved).transition("work").action(hangs).timeout("20ms"))
    engine = await open_engine(timed)
    with pytest.raises(ActionTimeout, match=r"longer than 0\.02 s"):
        await engine.fire(await engine.start("work"), "work")


@pytest.mark.parametrize("nonsense", [42, "text", [1], {"x": object()}, {1: 2}])
async def test_an_action_that_returns_nonsense_fails(open_engine: Any, nonsense: Any) -> None:
    """What is no mapping of JSON is refused with the name of the action, and is not retried."""
    engine = await open_engine(Workflow("work", _retried(lambda token: nonsense)))
    case = await engine.start("work")
    with pytest.raises(OutcomeInvalid, match="'action' of transition 'work'"):
        await engine.fire(case, "work")
    assert ("draft", ()) == ((await engine.get(case)).state, (await engine.get(case)).history.by_type(ActionRetried))


@attrs.define
class Article:
    title: str
    score: int = 0


async def test_data_may_be_typed(open_engine: Any) -> None:
    """With data=Class the data of a token is an instance, for rules, actions and whoever looks at the case."""

    @rule("good enough")
    def good(token: Any) -> bool:
        return bool(token.data.score >= 8)

    typed = Workflow(
        "typed",
        flow(draft >> review)
        .transition("rate")
        .action(lambda token: {"score": len(token.data.title)})
        .policy(rules=good),
        data=Article,
    )
    engine = await open_engine(typed)
    case = await engine.run(await engine.start("typed", data=Article("a long title")))
    assert Article("a long title", 12) == case.data
    with pytest.raises(DataInvalid, match="titel"):
        await engine.start("typed", data={"titel": "x"})


async def test_an_action_cannot_break_typed_data(open_engine: Any) -> None:
    """A result that does not fit the declared class fails the action and leaves the token as it was."""
    typed = Workflow("typed", flow(draft >> review).transition("rate").action(lambda t: {"scroe": 1}), data=Article)
    engine = await open_engine(typed)
    case = await engine.run(await engine.start("typed", data=Article("x")))
    assert ("failed", Article("x")) == (case.status, case.data)
    assert "did you mean 'score'" in case.history.by_type(ActionFailed)[0].error["message"]


async def test_roles_are_needed(open_engine: Any) -> None:
    """Without one of the roles a firing is refused, and with it it fires."""
    guarded = Workflow("roles", flow(draft >> review).transition("submit").manual().roles("author", "admin"))
    engine = await open_engine(guarded)
    case = await engine.start("roles")
    with pytest.raises(Refused, match="admin or author"):
        await engine.fire(case, "submit", roles=["guest"])
    assert "review" == (await engine.fire(case, "submit", roles=["admin"])).state


async def test_priority_comes_before_the_order_of_definition(open_engine: Any) -> None:
    """Of two enabled automatic transitions the more urgent one fires."""
    racing = Workflow(
        "racing", flow(draft >> review).transition("first"), flow(draft >> approved).transition("urgent").priority(5)
    )
    engine = await open_engine(racing)
    assert "approved" == (await engine.run(await engine.start("racing"))).state


async def test_one_name_from_several_states(open_engine: Any) -> None:
    """D14: a transition that is possible from several states is fired by one name from each."""
    cancelled = states("cancelled")[0]
    order = Workflow(
        "order",
        flow(draft >> review).transition("submit").manual(),
        flow((draft | review) >> cancelled).transition("cancel").manual(),
    )
    engine = await open_engine(order)
    one, two = await engine.start("order"), await engine.start("order")
    await engine.fire(two, "submit")
    assert ["cancelled", "cancelled"] == [(await engine.fire(case, "cancel")).state for case in (one, two)]


a, b, c, d, e = states("a", "b", "c", "d", "e")


def diamond(left: Any = None, right: Any = None, **join: Any) -> Workflow:
    """A split into two branches with an action each, and their join."""
    joined = flow((b, c) >> d).transition("join")
    if "merge" in join:
        joined = joined.merge(join["merge"])
    b2, c2 = states("b2", "c2")
    return Workflow(
        "diamond",
        flow(a >> (b2, c2)).transition("split"),
        flow(b2 >> b).transition("left").action(left or (lambda token: {"left": 1})),
        flow(c2 >> c).transition("right").action(right or (lambda token: {"right": 2})),
        joined,
        initial="a",
    )


async def test_branches_really_run_at_the_same_time(open_engine: Any) -> None:
    """Each branch waits for the other: only if both run at once can the join be reached; and no join is lost."""
    met = asyncio.Barrier(2)

    async def meet(token: Any) -> None:
        async with asyncio.timeout(5):
            await met.wait()

    engine = await open_engine(diamond(meet, meet))
    case = await engine.run(await engine.start("diamond"))
    assert ("d", "completed") == (case.state, case.status)


async def test_a_join_merges_what_each_branch_changed(open_engine: Any) -> None:
    """Changes of different keys come together with what was there before the split."""
    engine = await open_engine(diamond())
    case = await engine.run(await engine.start("diamond", data={"base": 0}))
    assert {"base": 0, "left": 1, "right": 2} == case.data
    assert case.token.fork is None


async def test_branches_that_change_one_key_differently_do_not_join(open_engine: Any) -> None:
    """The conflict names the key and both values, and the case is stuck with both tokens there."""
    engine = await open_engine(diamond(lambda t: {"x": 1}, lambda t: {"x": 2}))
    case = await engine.run(await engine.start("diamond"))
    assert ("stuck", {"b", "c"}) == (case.status, set(case.states))
    assert "data.x: 1 against 2" in str(engine.explain(case))
    with pytest.raises(Refused, match=r"data\.x"):
        await engine.fire(case, "join")


async def test_a_merge_function_decides(open_engine: Any) -> None:
    """With .merge(function) the conflict is the user's to settle."""

    def larger(tokens: Any) -> dict[str, Any]:
        return {"x": max(token.data["x"] for token in tokens)}

    engine = await open_engine(diamond(lambda t: {"x": 1}, lambda t: {"x": 2}, merge=larger))
    assert {"x": 2} == (await engine.run(await engine.start("diamond"))).data
    assert MergeConflict.code == "merge_conflict"


async def test_a_hundred_rounds_of_split_and_join_leave_no_trace(open_engine: Any) -> None:
    """A loop of splits and joins does not grow: no chain of forks, no tokens left over."""
    loop = Workflow(
        "loop",
        flow(a >> (b, c)).transition("split").guard(field("n") < 100),
        flow((b, c) >> d).transition("join"),
        flow(d >> a).transition("again").action(lambda token: {"n": token.data["n"] + 1}),
        flow(a >> e).transition("done").guard(field("n") >= 100),
    )
    engine = await open_engine(loop)
    case = await engine.run(await engine.start("loop", data={"n": 0}))
    assert ("completed", {"n": 100}, None) == (case.status, case.data, case.token.fork)


async def test_completion_is_an_event(open_engine: Any) -> None:
    """The end of a case is a fact of its own, right after the firing that led to it."""
    engine = await open_engine(document)
    case = await engine.start("document", data={"score": 1})
    case = await engine.run(await engine.fire(case, "submit"))
    assert isinstance(case.history[-1], CaseCompleted)
    assert case.sequence == len(case.history) == 4


async def test_a_join_that_is_refused_or_fails_keeps_what_all_branches_did(open_engine: Any) -> None:
    """Where a join leads on by .otherwise or .on_failure, the data of every branch comes along, and nothing else."""

    def fails(token: Any) -> None:
        raise OSError("gone")

    for action, ends in ((None, rejected), (fails, draft)):
        join = flow((b, c) >> d).transition("join").manual()
        if action is None:
            join = join.policy(rules=field("never").exists()).otherwise(rejected)
        else:
            join = join.action(action).on_failure(draft)
        joined = Workflow(
            "joined",
            flow(a >> (e, c)).transition("split"),
            flow(e >> b).transition("left").action(lambda token: {"left": 1}),
            join,
            initial="a",
        )
        engine = await open_engine(joined)
        case = await engine.run(await engine.start("joined", data={"base": 0}))
        case = await engine.fire(case, "join", data={"given": 1})
        assert (ends.name, {"base": 0, "left": 1}) == (case.state, case.data)


def test_a_pure_firing_that_is_refused_may_lead_on() -> None:
    """The pure function goes where .otherwise leads, as the engine does."""
    routed = Workflow(
        "routed", flow(draft >> approved).transition("check").policy(rules=field("x").exists()).otherwise(rejected)
    )
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    assert "rejected" == routed.fire(routed.start("c", at=moment), "check", at=moment).state


async def test_a_token_can_be_named_that_is_to_be_taken(open_engine):
    """Where several tokens could move, the named one does; one that cannot is told."""
    a, b = states("a", "b")
    engine = await open_engine(Workflow("w", flow(a >> b).transition("go").guard(field("n") > 0).manual()))
    case = await engine.start("w", data={"n": 1})
    case = await engine.add_token(case, {"n": 2})
    case = await engine.add_token(case, {"n": 0})
    first, second, third = (token.id for token in case.marking)
    after = await engine.fire(case, "go", token=second)
    assert (second, {"n": 2}) == (after.marking.at("b")[0].id, after.marking.at("b")[0].data)
    with pytest.raises(NotEnabled, match=f"cannot take token '{second}'"):
        await engine.fire(case, "go", token=second)
    with pytest.raises(Refused):
        await engine.fire(case, "go", token=third)
    assert first == (await engine.fire(case, "go")).marking.at("b")[1].id
