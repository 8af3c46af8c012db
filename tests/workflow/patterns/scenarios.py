"""For each pattern of the catalogue a run of its workflow, and what must have become of the case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs

from circuit_breaker.workflow import Case

__all__ = ["SCENARIOS", "Done", "Scenario", "done"]


@attrs.frozen
class Done:
    """What is done to a case from outside: ``fire``, ``signal``, ``lost`` (a signal that nobody keeps), ``cancel``."""

    kind: str
    name: str = ""
    data: Mapping[str, Any] = attrs.field(factory=dict)


def done(name: str, **data: Any) -> Done:
    return Done("fire", name, data)


def signal(name: str) -> Done:
    return Done("signal", name)


@attrs.frozen
class Scenario:
    """A run.

    Attributes:
        data: What the case begins with.
        steps: What is done, in this order.
        state: Where its tokens end: the names of their states, in alphabetical order.
        fired: How often these transitions have fired at the end.
        result: What the data of some token then is, or a part of it.
        status: Of the case at the end.
        silent: Transitions that have not fired before the last step.
    """

    steps: tuple[Done, ...]
    state: str
    data: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True)
    fired: Mapping[str, int] = attrs.field(factory=dict, kw_only=True)
    result: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True)
    status: str = attrs.field(default="completed", kw_only=True)
    silent: tuple[str, ...] = attrs.field(default=(), kw_only=True)

    def holds(self, case: Case) -> None:
        """Fails where the case did not end as it must."""
        counts = Counter(event.transition.partition("[")[0] for event in case.history.by_type("TransitionFired"))
        assert (self.state, self.status) == (" ".join(sorted(token.state for token in case.tokens)), case.status)
        assert dict(self.fired) == {name: counts[name] for name in self.fired}
        assert any(self.result.items() <= token.data.items() for token in case.tokens)


LINES = {"lines": ["nut", "bolt", "nail"]}
YES = {"police": "yes", "medics": "yes"}
ANN, BOB, EVE = (done(f"{name}_answers", **{name: True}) for name in ("ann", "bob", "eve"))
FIRST, SECOND, THIRD = (done("check", price=price) for price in (10, 150, 7))

SCENARIOS: dict[int, Scenario] = {
    1: Scenario((done("ordered-to-paid"), done("paid-to-shipped")), "shipped"),
    2: Scenario((done("help"), done("guard")), "guarded helped"),
    3: Scenario(
        (done("pack", boxes=2), done("bill", sum=9)),
        "sent",
        fired={"sent-joins": 1},
        result={"boxes": 2, "sum": 9},
        silent=("sent-joins",),
    ),
    4: Scenario((), "recounted", data={"share": 0.55}),
    5: Scenario((done("print"),), "done", data={"card": "yes"}, fired={"card-to-receipt": 1, "cash-to-receipt": 0}),
    6: Scenario((), "medics police", data=YES),
    7: Scenario((done("guard"), done("help")), "report", data=YES, fired={"report-joins": 1}, silent=("report-joins",)),
    8: Scenario((done("audit"), done("audit")), "done done", fired={"audit": 2}),
    9: Scenario((EVE, ANN, BOB), "decided", fired={"decided-joins": 1, "decided-swallows": 2}, result={"eve": True}),
    10: Scenario(
        tuple(map(done, ("submit", "send_back", "skip_review", "doubt", "accept", "doubt", "accept", "print"))),
        "printed",
        fired={"accept": 2},
    ),
    11: Scenario((done("deliver"), done("post")), "delivered posted"),
    12: Scenario((FIRST, SECOND, THIRD), "checked checked checked done", data=LINES),
    13: Scenario(
        (done("check"), done("check"), done("check")), "done", fired={"done-joins": 1}, silent=("done-joins",)
    ),
    14: Scenario((FIRST, SECOND, THIRD), "done", data=LINES, result={"results": [10, 150, 7]}, silent=("done-joins",)),
    15: Scenario(
        (FIRST, done("add", line="screw"), SECOND, THIRD, done("check", price=1)),
        "done",
        data=LINES,
        result={"results": [10, 150, 7, 1]},
        silent=("done-joins",),
    ),
    16: Scenario((signal("answer"),), "answered"),
    17: Scenario(
        (
            done("blood-is-next"),
            done("test", found=1),
            done("surgery-is-next"),
            done("operate", found=2),
            done("xray-is-next"),
            done("look", seen=True),
        ),
        "done",
        result={"found": 2, "seen": True},
        silent=("done-joins",),
    ),
    18: Scenario((done("open"), done("wish-to-booked"), done("close")), "booked closed"),
    19: Scenario((done("withdraw"),), "withdrawn", fired={"answer": 0}),
    20: Scenario((done("order-to-packed"), Done("cancel")), "packed", status="cancelled"),
    21: Scenario(
        (done("revise", score=6), done("revise", score=9)), "done", data={"score": 5}, fired={"judge-again": 2}
    ),
    22: Scenario(
        (done("enter"), done("enter", depth=2), done("read", seen=1), done("leave"), done("leave")),
        "done",
        fired={"inner-returns": 2, "start-returns": 1},
        result={"seen": 1, "depth": 2},
    ),
    23: Scenario((Done("lost", "dough"), done("heat"), signal("dough")), "baking", silent=("dough",)),
    24: Scenario((signal("dough"), done("heat")), "baking", silent=("dough",)),
    25: Scenario((done("ask"), done("suspect")), "ended", fired={"mend": 0, "pay": 0}),
    26: Scenario((FIRST, done("drop")), "dropped", data=LINES, result={"results": [10]}, fired={"check": 1}),
    27: Scenario((FIRST, done("suffice")), "done", data=LINES, result={"results": [10]}, fired={"check": 1}),
    28: Scenario((ANN, ANN, BOB, EVE, EVE, BOB), "decided decided", fired={"decided-joins": 2, "decided-resets": 2}),
    29: Scenario((BOB,), "decided", fired={"decided-joins": 1}, result={"bob": True}),
    30: Scenario(
        (ANN, EVE, BOB), "decided", fired={"decided-joins": 1, "decided-swallows": 1}, result={"ann": True, "eve": True}
    ),
    31: Scenario((ANN, BOB, ANN, EVE, BOB, EVE), "decided decided", fired={"decided-joins": 2, "decided-resets": 2}),
    32: Scenario((EVE, ANN), "decided", fired={"decided-joins": 1, "bob_answers": 0}, silent=("decided-joins",)),
    33: Scenario((done("weld"), done("weld"), done("spoke"), done("spoke")), "bike bike", fired={"bike-joins": 2}),
    34: Scenario(
        (FIRST, SECOND, THIRD), "done", data=LINES, fired={"done-has-enough": 1}, result={"results": [10, 150]}
    ),
    35: Scenario(
        (FIRST, SECOND), "done", data=LINES, fired={"done-has-enough": 1, "check": 2}, result={"results": [10, 150]}
    ),
    36: Scenario(
        (FIRST, done("add", line="screw"), SECOND, THIRD, done("check", price=1)),
        "done",
        data=LINES,
        fired={"done-has-enough": 1, "check": 4},
        result={"results": [10, 150]},
    ),
    37: Scenario(
        (done("guard"), done("help")), "report", data=YES, fired={"report-joins": 1}, silent=("report-joins",)
    ),
    38: Scenario(
        (done("call_medics"), done("guard", calm=True), done("help", hurt=0)),
        "report",
        data={"police": "yes"},
        fired={"report-joins": 1},
        result={"calm": True, "hurt": 0},
        silent=("report-joins",),
    ),
    39: Scenario((done("put"), done("take")), "deposited drawn", fired={"deposit-enters": 1, "draw-enters": 1}),
    40: Scenario(
        (
            done("xray-is-next"),
            done("look"),
            done("surgery-is-next"),
            done("operate"),
            done("blood-is-next"),
            done("test"),
        ),
        "done",
        silent=("done-joins",),
    ),
    41: Scenario((done("test"), done("test"), done("test")), "done", fired={"done-joins": 1}, silent=("done-joins",)),
    42: Scenario((done("take"), done("take"), done("take")), "taken taken taken"),
    43: Scenario((done("stop"),), "over", fired={"over-joins": 0}),
}
