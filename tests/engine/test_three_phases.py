"""The three phases of firing (reserve, act, commit) as a state machine, against a naive model of counted tokens."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from circuit_breaker import Change, Workflow, field, flow, states
from circuit_breaker.errors import CaseClosed, NotEnabled, Refused
from circuit_breaker.workflow import choosing, firing, standing
from circuit_breaker.workflow.case import Case, Pending
from circuit_breaker.workflow.evolution import evolve
from circuit_breaker.workflow.snapshot import decode_case, encode_case

a, b, c, d, e, lost, broken = states("a", "b", "c", "d", "e", "lost", "broken")
ok = field("ok") == True  # noqa: E712 - a rule

net = Workflow(
    "net",
    flow(a >> (b, c)).transition("split").manual(),
    flow((b, c) >> d).transition("join").manual().merge(lambda tokens: {"joined": len(tokens)}),
    flow(b >> b).transition("work").manual().action(lambda token: None).policy(rules=ok).otherwise(lost),
    flow(c >> d).transition("try").manual().action(lambda token: None).policy(rules=ok).on_failure(broken),
    flow(d >> a).transition("again").manual().unless(lost * 2),
    flow(d >> e).transition("finish").manual().clears(lost, broken).reads(lost),
    flow(d * 2 >> a).transition("pair").manual().merge(lambda tokens: {}),
    initial="a",
    final=["e"],
)
ACTIONS = {"work": "b", "try": "c"}
Bag = Counter[str]


class Model:
    """Tokens as numbers: what is free in each place, and the transitions in progress with what they hold."""

    def __init__(self) -> None:
        self.free: Bag = Counter(a=1)
        self.held: list[tuple[str, str]] = []

    @property
    def standing(self) -> Bag:
        """Reserved tokens still stand where they stood."""
        return self.free + Counter(place for _, place in self.held)

    def enabled(self, name: str) -> bool:
        need = {"split": {"a": 1}, "join": {"b": 1, "c": 1}, "work": {"b": 1}, "try": {"c": 1}, "again": {"d": 1},
                "finish": {"d": 1}, "pair": {"d": 2}}[name]  # fmt: skip
        if any(self.free[place] < count for place, count in need.items()):
            return False
        return not (name == "again" and self.standing["lost"] >= 2) and not (
            name == "finish" and not self.standing["lost"]
        )

    def fire(self, name: str) -> None:
        taken, given = {"split": ("a", "bc"), "join": ("bc", "d"), "again": ("d", "a"), "finish": ("d", "e"),
                        "pair": ("dd", "a")}[name]  # fmt: skip
        self.free = +(self.free - Counter(taken)) + Counter(given)
        if name == "finish":
            del self.free["lost"], self.free["broken"]

    def begin(self, name: str) -> None:
        self.free[ACTIONS[name]] -= 1
        self.held.append((name, ACTIONS[name]))

    def end(self, name: str, place: str) -> None:
        self.held.remove((name, ACTIONS[name]))
        self.free[place] += 1


class ThreePhases(RuleBasedStateMachine):
    """Fires, begins and ends at random, in every order that the phases allow."""

    @initialize()
    def begin_case(self) -> None:
        self.now = datetime(2030, 1, 1, tzinfo=UTC)
        self.model = Model()
        self.case: Case = net.start("case", at=self.now, data={})

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    @rule(name=st.sampled_from(["split", "join", "again", "finish", "pair"]))
    def fire(self, name: str) -> None:
        """Fires what the model says is enabled, and is told off for everything else."""
        try:
            self.case = net.fire(self.case, name, at=self.tick())
        except (NotEnabled, CaseClosed):
            assert self.case.closed or not self.model.enabled(name)
        else:
            assert self.model.enabled(name)
            self.model.fire(name)

    @rule(name=st.sampled_from(sorted(ACTIONS)))
    def begin(self, name: str) -> None:
        """Reserves tokens for an action; nobody else can take them then."""
        if self.case.closed:
            return
        choice = next(choosing.choices(net, self.case, net.by_id[name]), None)
        assert self.model.enabled(name) == (choice is not None)
        if choice is not None:
            event = firing.begin(self.case, choice, at=self.tick(), worker="w")
            self.case = standing.apply(net, self.case, event)
            self.model.begin(name)

    @precondition(lambda self: self.case.pending)
    @rule(which=st.integers(0, 99), outcome=st.sampled_from(["ok", "refused", "failed"]))
    def end(self, which: int, outcome: str) -> None:
        """Ends one action: fired, refused (to .otherwise or back) or failed (to .on_failure or back)."""
        pending = self.case.pending[which % len(self.case.pending)]
        self.case = standing.apply(net, self.case, self._ended(pending, outcome))
        name = pending.transition
        after = {("work", "ok"): "b", ("work", "refused"): "lost", ("work", "failed"): "b",
                 ("try", "ok"): "d", ("try", "refused"): "c", ("try", "failed"): "broken"}  # fmt: skip
        self.model.end(name, after[name, outcome])

    def _ended(self, pending: Pending, outcome: str):  # type: ignore[no-untyped-def]
        if outcome == "failed":
            return firing.fail(net, self.case, pending, at=self.tick(), error={"code": "x", "message": "y"})
        change = Change(data={"ok": outcome == "ok"})
        return firing.finish(net, self.case, pending, at=self.tick(), change=change)[0]

    @invariant()
    def tokens_are_where_the_model_says(self) -> None:
        """No token is lost or doubled, wherever it stands."""
        if hasattr(self, "case"):
            held = {place: self.case.marking.count(place) for place in self.case.states}
            assert +self.model.standing == Counter(held)
            assert sorted(self.model.held) == sorted((p.transition, p.consumed[0][1]) for p in self.case.pending)

    @invariant()
    def the_journal_tells_the_same_story(self) -> None:
        """Replaying the history gives the case, and so does a snapshot; the ids of its tokens are unique."""
        if hasattr(self, "case"):
            replayed = reduce(evolve, self.case.history, None)
            assert standing.settle(net, replayed) == self.case  # type: ignore[arg-type]
            assert decode_case(encode_case(self.case)) == self.case
            ids = [token.id for token in self.case.marking]
            assert len(ids) == len(set(ids))

    @invariant()
    def it_is_complete_when_every_token_has_arrived(self) -> None:
        """The case is completed exactly when all tokens are in the final state and nothing is in progress."""
        if hasattr(self, "case"):
            arrived = set(self.case.states) <= {"e"} and not self.case.pending
            assert arrived == (self.case.status == "completed")


ThreePhases.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestThreePhases = ThreePhases.TestCase


def test_a_refusal_by_name_leaves_no_reservation() -> None:
    """Firing what its policy refuses raises and reserves nothing."""
    gated = Workflow("gated", flow(a >> b).transition("go").policy(rules=ok).manual())
    case = gated.start("c", at=datetime(2030, 1, 1, tzinfo=UTC), data={"ok": False})
    with pytest.raises(Refused) as refused:
        gated.fire(case, "go", at=datetime(2030, 1, 1, tzinfo=UTC))
    assert [False] == [leaf.seen for leaf in refused.value.verdict.failures()]
