"""Two versions of a policy over the recorded history: which decisions of the past would be otherwise."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from circuit_breaker import Workflow, field, flow, rule, states
from circuit_breaker.errors import NotEnabled, Refused, WorkflowInvalid
from circuit_breaker.testing import ManualClock
from circuit_breaker.workflow.policy_diff import diff_policy

asked, paid, sent, declined = states("asked", "paid", "sent", "declined")
strict = {"on": False}


@rule("the book allows it")
def allowed(token: Any) -> bool:
    return not strict["on"]


def orders(least: int, *, roles: tuple[str, ...] = (), more: Any = None, name: str = "orders") -> Workflow:
    """Orders of at least so much."""
    pay = flow(asked >> paid).transition("pay").guard(field("amount") >= least).manual()
    send = flow(paid >> sent).transition("send").guard(allowed if more is None else more)
    return Workflow(name, pay.roles(*roles) if roles else pay, send)


@pytest.fixture
async def journal(open_engine):
    """Runs one case, and gives its history."""

    async def run(workflow: Workflow, *deeds: Any, **data: Any) -> Any:
        engine = await open_engine(workflow)
        case = await engine.run(await engine.start(workflow, data=data))
        for name, options in deeds:
            try:
                case = await engine.run(await engine.fire(case, name, **options))
            except (Refused, NotEnabled):
                continue
        return await engine.history(case)

    return run


@pytest.fixture(autouse=True)
def lenient():
    strict["on"] = False


PAY = ("pay", {"by": "ann"})


async def test_a_firing_that_would_be_refused_is_told_with_both_verdicts(journal):
    """What fired under the old version and would not under the new one is a change, with what both say."""
    diff = diff_policy(orders(10), orders(20), [await journal(orders(10), PAY, amount=15)])
    (change,) = diff.changed
    assert ("pay", "ann", "fired", "refused") == (change.transition, change.by, change.was, change.would)
    assert (True, False, 15) == (change.old.passed, change.new.passed, change.new.seen)
    assert {"fired_to_refused": 1, "same_fired": 1}.items() <= diff.counts.items()
    assert diff


async def test_a_refusal_that_would_fire_is_told(journal):
    """What was refused under the old version, and would pass the new one, is a change."""
    diff = diff_policy(orders(20), orders(10), [await journal(orders(20), PAY, amount=15)])
    assert [("refused", "fired")] == [(change.was, change.would) for change in diff.changed]


async def test_the_same_decisions_are_counted(journal):
    """Where nothing would be otherwise the difference is empty, and says how much it looked at."""
    histories = [await journal(orders(10), PAY, amount=amount) for amount in (5, 15)]
    diff = diff_policy(orders(10), orders(11), histories)
    assert not diff
    assert {"cases": 2, "same_fired": 2, "same_refused": 1}.items() <= diff.counts.items()


async def test_data_that_came_with_the_request_is_part_of_what_was_judged(journal):
    """A firing is judged with the data that it brought, a refusal with what its verdict saw of it."""
    given = ("pay", {"data": {"amount": 15}})
    assert diff_policy(orders(10), orders(20), [await journal(orders(10), given)]).changed
    assert diff_policy(orders(20), orders(10), [await journal(orders(20), given)]).changed


async def test_what_a_refusal_did_not_look_at_is_not_guessed(journal):
    """A new rule that reads what the old verdict did not see cannot be judged on a refused request."""
    new = Workflow("orders", flow(asked >> paid).transition("pay").guard(field("vip").is_true()).manual())
    diff = diff_policy(orders(20), new, [await journal(orders(20), PAY, amount=15, vip=True)])
    (unjudged,) = diff.unjudged
    assert "not recorded" in unjudged.reason
    assert not diff.changed


async def test_functions_that_changed_are_found_out(journal):
    """Where the old version itself decides otherwise today, its functions are not what they were."""
    history = await journal(orders(10), PAY, amount=15)
    strict["on"] = True
    diff = diff_policy(orders(10), orders(10, more=field("amount") > 0), [history])
    assert ["send"] == [each.transition for each in diff.unjudged]
    assert "functions have changed" in next(iter(diff.reasons))


async def test_what_the_outcome_of_an_action_had_to_meet_is_judged_as_well(journal):
    """The rules after an action see what it brought; a refused outcome is known as far as its verdict tells."""

    def versions(least: int) -> Workflow:
        review = flow(asked >> paid).transition("review").policy(rules=field("score") >= least)
        return Workflow("reviews", review.action(lambda token: {"score": token.data["draft"]}).manual())

    histories = [await journal(versions(5), ("review", {}), draft=draft) for draft in (3, 6)]
    stricter, laxer = (diff_policy(versions(5), versions(least), histories) for least in (8, 2))
    assert [("after", "fired", "refused")] == [(c.stage, c.was, c.would) for c in stricter.changed]
    assert [("after", "refused", "fired")] == [(c.stage, c.was, c.would) for c in laxer.changed]


async def test_roles_that_are_not_recorded_are_not_guessed(journal):
    """A firing does not record the roles of who asked; a refusal for a role does."""
    fired = await journal(orders(10), PAY, amount=15)
    boss = orders(10, roles=("boss",))
    refused = await journal(boss, ("pay", {"roles": ["clerk"]}), amount=15)
    assert "roles" in diff_policy(orders(10), boss, [fired]).unjudged[0].reason
    assert diff_policy(boss, orders(10, roles=("boss", "clerk")), [refused]).changed
    assert not diff_policy(boss, orders(10, roles=("boss", "cook")), [refused]).changed


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (flow(asked >> paid).transition("buy").manual(), "no such transition"),
        (flow(sent >> paid).transition("pay").manual(), "other states"),
        (flow(asked >> paid).transition("pay").action(lambda token: None).manual(), "only one of the versions"),
    ],
)
async def test_a_transition_that_is_another_one_now_is_not_judged(journal, new, reason):
    """Where the new version has no such transition, or a different one, that is said."""
    other = Workflow("orders", new, initial=new.path.sources[0].states[0])
    diff = diff_policy(orders(10), other, [await journal(orders(10), PAY, amount=15)])
    assert reason in diff.unjudged[0].reason


async def test_a_join_is_judged_on_what_its_tokens_made_together(journal):
    """Tokens that were joined are merged again, as they were then."""

    def versions(least: int) -> Workflow:
        a, b, c, d, e = states("a", "b", "c", "d", "e")
        return Workflow(
            "joins",
            flow(a >> (b, c)).transition("split"),
            flow(b >> d).transition("left").manual(),
            flow((d, c) >> e).transition("join").guard(field("amount") >= least).manual(),
        )

    deeds = (("left", {"data": {"amount": 5}}), ("join", {}))
    diff = diff_policy(versions(3), versions(7), [await journal(versions(3), *deeds)])
    assert [("join", "fired", "refused")] == [(c.transition, c.was, c.would) for c in diff.changed]


async def test_decisions_of_other_versions_are_left_out(journal):
    """A case that ran under a third version says nothing about these two."""
    diff = diff_policy(orders(10), orders(20), [await journal(orders(7), PAY, amount=15)])
    assert (2, 0) == (diff.elsewhere, len(diff.changed))


def test_two_workflows_of_different_names_are_refused():
    """Only versions of one workflow can be compared."""
    with pytest.raises(WorkflowInvalid, match="not versions of one workflow"):
        diff_policy(orders(10), orders(10, name="others"), [])


async def test_the_difference_is_a_plain_document(journal):
    """The document has a form with a number, the counts, every change and every reason."""
    diff = diff_policy(orders(10), orders(20), [await journal(orders(10), PAY, amount=15)])
    document = json.loads(json.dumps(diff.to_document()))
    assert "circuit-breaker.policy-diff/1" == document["form"]
    assert {"case", "sequence", "at", "by", "transition", "stage", "was", "would", "old", "new"} == document["changed"][
        0
    ].keys()


async def test_the_engine_compares_every_case_of_the_journal(open_engine):
    """Engine.diff_policy reads the histories itself, of all cases or of those that are named."""
    engine = await open_engine(orders(10), clock=ManualClock())
    for number in range(3):
        case = await engine.start("orders", id=f"c{number}", data={"amount": 10 + number})
        await engine.run(await engine.fire(case, "pay"))
    diff = await engine.diff_policy(orders(10), orders(12))
    assert ["c0", "c1"] == [change.case for change in diff.changed]
    assert 1 == (await engine.diff_policy(orders(10), orders(12), cases=["c2"])).cases


async def test_roles_matter_only_where_they_could_decide(journal):
    """A wider circle of roles lets everybody pass who passed; rules that are the same held then as well."""
    clerk, boss = orders(10, roles=("clerk",)), orders(10, roles=("boss", "clerk"))
    fired = await journal(clerk, ("pay", {"roles": ["clerk"]}), amount=15)
    refused = await journal(clerk, ("pay", {"roles": ["boss"]}), amount=15)
    assert not diff_policy(clerk, boss, [fired])
    (change,) = diff_policy(clerk, boss, [refused]).changed
    assert "nothing is asked" == change.new.text
    assert diff_policy(clerk, orders(20, roles=("boss",)), [refused]).unjudged


async def test_branches_that_could_not_be_merged_still_cannot(journal):
    """A join that was refused for a conflict of its branches is refused by a version that merges no better."""
    a, b, c, d, e = states("a", "b", "c", "d", "e")

    def versions(least: int) -> Workflow:
        return Workflow(
            "joins",
            flow(a >> (b, c)).transition("split"),
            flow(b >> d).transition("left").action(lambda token: {"x": 1}),
            flow(c >> e).transition("right").action(lambda token: {"x": 2}),
            flow((d, e) >> a).transition("join").guard(field("amount") > least).manual(),
        )

    diff = diff_policy(versions(0), versions(1), [await journal(versions(0), ("join", {}), amount=5)])
    assert (0, 1) == (len(diff.changed), diff.counts["same_refused"])


async def test_data_of_a_declared_class_is_judged_as_such(journal):
    """With typed data rules see the class; what it does not accept is refused."""

    @attrs.frozen
    class Old:
        amount: int = 0

    @attrs.frozen
    class New:
        amount: int
        note: str

    def versions(kind: type) -> Workflow:
        return Workflow("typed", flow(asked >> paid).transition("pay").guard(field("amount") > 3).manual(), data=kind)

    history = await journal(versions(Old), PAY, amount=15)
    assert not diff_policy(versions(Old), versions(Old), [history])
    (change,) = diff_policy(versions(Old), versions(New), [history]).changed
    assert "data" == change.new.kind


async def test_a_routed_refusal_by_itself_is_judged_in_full(journal):
    """What the engine refused by itself had nothing beside the tokens, so that a new rule may look at anything."""

    def versions(rule_: Any) -> Workflow:
        check = flow(asked >> paid).transition("check").policy(rules=rule_).otherwise(declined)
        return Workflow("checks", check)

    history = await journal(versions(field("amount") > 10), amount=5, vip=True)
    diff = diff_policy(versions(field("amount") > 10), versions(field("vip").is_true()), [history])
    assert [("refused", "fired")] == [(change.was, change.would) for change in diff.changed]


async def test_a_journal_of_other_transitions_is_not_judged(journal):
    """A decision about a transition that the old version does not have is told, unless another version made it."""
    other = Workflow("orders", flow(asked >> paid).transition("buy").manual())
    history = await journal(other, ("buy", {}))
    assert 1 == diff_policy(orders(10), orders(20), [history]).elsewhere
