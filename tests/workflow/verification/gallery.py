"""A gallery of broken workflows: one for each kind of finding, with what must be found."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from circuit_breaker import Workflow, field, flow, states
from circuit_breaker.workflow.verification import Property, always_followed_by, at_most, mutually_exclusive, never

__all__ = ["GALLERY", "Broken"]

a, b, c, d, e, f = states("a", "b", "c", "d", "e", "f")
SCORE = field("score")


@attrs.frozen
class Broken:
    """A workflow, and what must be found of it.

    Attributes:
        code: The code of the finding.
        about: What it is about.
        path: The transitions of its counterexample; None where it has none.
        made: Makes the workflow.
        data: What the counterexample's last data are.
        properties: What is asked beside soundness.
        mended: Whether the proposed mend was tried, and helps.
    """

    code: str
    about: str
    path: tuple[str, ...] | None
    made: Callable[[], Workflow]
    data: Mapping[str, object] | None = None
    properties: tuple[Property, ...] = ()
    mended: bool = True


def skipped_branch() -> Workflow:
    """Only one of two branches is chosen, but a join waits for both."""
    return Workflow(
        "skipped_branch",
        flow(a >> b).transition("choose_b").manual(),
        flow(a >> c).transition("choose_c").manual(),
        flow((b, c) >> d).transition("join"),
        flow(d >> e).transition("go_on"),
    )


def unequal_branches() -> Workflow:
    """Two branches of unequal length lead into one state without a join."""
    return Workflow(
        "unequal_branches",
        flow(a >> (b, c)).transition("split"),
        flow(b >> d).transition("short"),
        flow(c >> e).transition("long"),
        flow(e >> d).transition("longer"),
        flow(d >> f).transition("work"),
    )


def silent_source() -> Workflow:
    """A join waits for a source that ended elsewhere."""
    return Workflow(
        "silent_source",
        flow(a >> (b, c)).transition("split"),
        flow(c >> d).transition("drop").manual(),
        flow((b, c) >> e).transition("join").manual(),
        final=[d, e],
    )


def forgotten_token() -> Workflow:
    """The first of two branches ends the case, and the other is left."""
    return Workflow(
        "forgotten_token",
        flow(a >> (b, c)).transition("split"),
        flow(b >> d).transition("first"),
        flow(c >> e).transition("second").unless(d),
        final=[d, e],
    )


def gap() -> Workflow:
    return Workflow(
        "gap",
        flow(a >> b).transition("score").manual(),
        flow(b >> c).transition("approve").guard(SCORE > 8),
        flow(b >> d).transition("reject").guard(SCORE < 8),
    )


def gap_unknown() -> Workflow:
    return Workflow(
        "gap_unknown",
        flow(a >> b).transition("score").manual(),
        flow(b >> c).transition("approve").guard(SCORE >= 8),
        flow(b >> d).transition("reject").guard(SCORE < 8),
    )


def refused() -> Workflow:
    return Workflow(
        "refused",
        flow(a >> b).transition("write").action(lambda token: {}).policy(rules=SCORE >= 70),
        flow(b >> c).transition("give_up").manual(),
        final=[b, c],
    )


def trap() -> Workflow:
    return Workflow(
        "trap",
        flow(a >> b).transition("accept").manual(),
        flow(a >> c).transition("park").manual(),
        final=b,
    )


def mutual_wait() -> Workflow:
    """Each of two branches waits for the other to have gone."""
    return Workflow(
        "mutual_wait",
        flow(a >> (b, c)).transition("split"),
        flow(b >> d).transition("first").unless(c),
        flow(c >> e).transition("second").unless(b),
    )


def livelock() -> Workflow:
    return Workflow(
        "livelock",
        flow(a >> b).transition("finish").manual(),
        flow(a >> c).transition("ask").manual(),
        flow(c >> d).transition("answer").manual(),
        flow(d >> c).transition("ask_again").manual(),
    )


def endless() -> Workflow:
    return Workflow(
        "endless",
        flow(a >> b).transition("check").guard(SCORE < 8),
        flow(a >> c).transition("pass").guard(SCORE >= 8),
        flow(b >> a).transition("again"),
    )


def never_ends() -> Workflow:
    return Workflow(
        "never_ends", flow(a >> b).transition("open").manual(), flow(b >> a).transition("close").manual(), final=[]
    )


def unbounded() -> Workflow:
    return Workflow(
        "unbounded",
        flow(a >> (a, b)).transition("order").manual(),
        flow(a >> c).transition("stop").manual(),
    )


def dead_transition() -> Workflow:
    """Two states are never marked together."""
    return Workflow(
        "dead_transition",
        flow(a >> b).transition("left").manual(),
        flow(a >> c).transition("right").manual(),
        flow(b >> d).transition("end_left").manual(),
        flow(c >> d).transition("end_right").manual(),
        flow((b, c) >> d).transition("both").manual(),
    )


def contradictory() -> Workflow:
    return Workflow(
        "contradictory",
        flow(a >> b).transition("go").manual(),
        flow(b >> c).transition("never").guard((SCORE > 8) & (SCORE < 8)),
        flow(b >> d).transition("always").priority(-1),
    )


def shadowed() -> Workflow:
    return Workflow(
        "shadowed",
        flow(a >> b).transition("low").guard(SCORE.exists()),
        flow(a >> c).transition("high").guard(SCORE >= 8),
        flow(a >> d).transition("rest").priority(-1),
    )


def dead_way() -> Workflow:
    return Workflow(
        "dead_way",
        flow(a >> b).transition("check").manual().policy(rules=SCORE.exists() | ~SCORE.exists()).otherwise(c),
        flow(a >> c).transition("skip").manual(),
    )


def never_entered() -> Workflow:
    return Workflow(
        "never_entered",
        flow(a >> b).transition("check").policy(rules=SCORE.exists() | ~SCORE.exists()).otherwise(c),
        flow(c >> b).transition("repair").manual(),
    )


def decided_by_order() -> Workflow:
    return Workflow(
        "decided_by_order",
        flow(a >> b).transition("good").guard(SCORE >= 5),
        flow(a >> c).transition("bad").guard(SCORE <= 5),
    )


def paid_twice() -> Workflow:
    return Workflow(
        "paid_twice",
        flow(a >> (b, c)).transition("split"),
        flow(b >> d).transition("pay").manual(),
        flow(c >> e).transition("cancel").manual(),
        final=[d, e],
    )


def unfollowed() -> Workflow:
    return Workflow(
        "unfollowed",
        flow(a >> b).transition("charge").manual(),
        flow(b >> c).transition("ship").manual(),
        flow(b >> d).transition("forget").manual(),
        final=[c, d],
    )


GALLERY: Mapping[str, Broken] = {
    "a skipped branch drops the join": Broken(
        "starved-join", "join", ("choose_b",), skipped_branch
    ),
    "branches of unequal length run what follows twice": Broken(
        "runs-twice", "d", ("split", "short", "long", "longer"), unequal_branches, mended=False
    ),
    "a join whose one source went elsewhere": Broken("starved-join", "join", ("split", "drop"), silent_source),
    "a token is left behind": Broken("left-behind", "c", ("split", "first"), forgotten_token),
    "guards with a gap": Broken("gap", "b", ("score",), gap, data={"score": 8}),
    "guards that cannot judge": Broken("gap-unknown", "b", ("score",), gap_unknown),
    "a refused result that leads nowhere": Broken("refused", "write", ("write",), refused),
    "a state that nothing leaves": Broken("trap", "c", ("park",), trap),
    "branches that wait for each other": Broken("stuck", "b", ("split",), mutual_wait, mended=False),
    "a circle without a way to the end": Broken(
        "livelock", "answer → ask_again", ("ask", "answer", "ask_again"), livelock
    ),
    "a circle that never rests": Broken("endless", "check → again", ("check", "again"), endless, data={"score": 7}),
    "nothing ends": Broken("never-ends", "open → close", ("open", "close"), never_ends, mended=False),
    "tokens pile up": Broken("unbounded", "b", ("order",), unbounded, mended=False),
    "a join of what excludes each other": Broken("dead-transition", "both", None, dead_transition, mended=False),
    "a guard that no data pass": Broken("contradictory", "never", None, contradictory, mended=False),
    "a guard behind a wider one": Broken("shadowed", "high", None, shadowed),
    "a way that no refusal takes": Broken("dead-way", "check/otherwise", None, dead_way, mended=False),
    "a state that no case enters": Broken("never-entered", "c", None, never_entered, mended=False),
    "guards that overlap": Broken("decided-by-order", "good, bad", (), decided_by_order, data={"score": 5}),
    "never": Broken(
        "violated", "never(d, e)", ("split", "pay", "cancel"), paid_twice, properties=(never(d, e),), mended=False
    ),
    "mutually exclusive": Broken(
        "violated", "mutually_exclusive(b, c)", ("split",), paid_twice,
        properties=(mutually_exclusive(b, c),), mended=False,
    ),
    "at most": Broken(
        "violated", "at_most(1, d)", ("split", "short", "long", "longer"), unequal_branches,
        properties=(at_most(1, d),), mended=False,
    ),
    "always followed by": Broken(
        "violated", "always_followed_by(charge, ship)", ("charge", "forget"), unfollowed,
        properties=(always_followed_by("charge", "ship"),), mended=False,
    ),
}  # fmt: skip
"""By what is wrong."""
