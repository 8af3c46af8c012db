"""Multiple instances: WCP-12 to 15, 26, 27 and 34 to 36."""

from __future__ import annotations

from typing import Final

from circuit_breaker.rules import cel
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.patterns.basics import Flows
from circuit_breaker.workflow.patterns.catalogue.pattern import Pattern, task
from circuit_breaker.workflow.patterns.instances import Batch, instances
from circuit_breaker.workflow.state import states

__all__ = ["PATTERNS"]

order, line, checked, done, dropped, returned = states("order", "line", "checked", "done", "dropped", "returned")
BATCH: Final = Batch(line, checked, into=done, most=4, value="data.price")


def _ordering(name: str, *parts: Flows) -> Workflow:
    flows = [each for flows in parts for each in flows]
    return Workflow(name, *flows, task("check", line, checked), initial="order")


def _each(name: str, *parts: Flows) -> Workflow:
    return _ordering(name, BATCH.for_each(order, "data.lines", item="line", otherwise=returned), *parts)


def _scattered() -> Workflow:
    return _ordering("instances_apart", BATCH.scattered(order, "data.lines", item="line", otherwise=returned))


def _designed() -> Workflow:
    return _ordering("instances_designed", instances(order, line, checked, count=3, into=done))


PATTERNS: Final = (
    Pattern(
        12,
        "Multiple Instances without Synchronization",
        "Several instances of a task run at once in one case, and nothing waits for them.",
        "few lines",
        ("Batch.scattered",),
        _scattered,
    ),
    Pattern(
        13,
        "Multiple Instances with a Priori Design-Time Knowledge",
        "The definition says how many instances there are, and it goes on when all have ended.",
        "direct",
        ("instances",),
        _designed,
    ),
    Pattern(
        14,
        "Multiple Instances with a Priori Run-Time Knowledge",
        "Data says how many instances there are before they begin, and it goes on when all have ended.",
        "few lines",
        ("Batch.for_each", "Batch.gathered"),
        lambda: _each("instances_from_data", BATCH.gathered()),
        note="With `most=` the number has a bound that can be proven; data that asks for more does not pass.",
    ),
    Pattern(
        15,
        "Multiple Instances without a Priori Run-Time Knowledge",
        "Instances may be added while others run, and it goes on when all have ended, the added ones too.",
        "few lines",
        ("Batch.for_each", "Batch.gathered", "Batch.more"),
        lambda: _each("instances_growing", BATCH.gathered(), BATCH.more("add")),
        note="The data that comes with an added instance also stays in the data that goes on.",
    ),
    Pattern(
        26,
        "Cancel Multiple Instance Activity",
        "Instances that have not ended are withdrawn; what has ended stays.",
        "few lines",
        ("Batch.for_each", "Batch.gathered", "Batch.cancelled"),
        lambda: _each("instances_cancelled", BATCH.gathered(), BATCH.cancelled("drop", dropped)),
    ),
    Pattern(
        27,
        "Complete Multiple Instance Activity",
        "Instances that have not ended are withdrawn, and what follows begins.",
        "few lines",
        ("Batch.for_each", "Batch.gathered", "Batch.completed"),
        lambda: _each("instances_completed", BATCH.gathered(), BATCH.completed("suffice")),
    ),
    Pattern(
        34,
        "Static Partial Join for Multiple Instances",
        "It goes on when N of M instances have ended; the others end without effect.",
        "few lines",
        ("Batch.for_each", "Batch.gathered"),
        lambda: _each("instances_partly", BATCH.gathered(enough=2)),
    ),
    Pattern(
        35,
        "Cancelling Partial Join for Multiple Instances",
        "It goes on when N of M instances have ended, and the others are withdrawn.",
        "few lines",
        ("Batch.for_each", "Batch.gathered"),
        lambda: _each("instances_partly_cancelled", BATCH.gathered(enough=2, cancelling=True)),
    ),
    Pattern(
        36,
        "Dynamic Partial Join for Multiple Instances",
        "Instances may be added, and a condition that is judged whenever one has ended says when it goes on.",
        "few lines",
        ("Batch.for_each", "Batch.gathered", "Batch.more"),
        lambda: _each(
            "instances_until",
            BATCH.gathered(enough=cel("data.results.exists(price, price >= 100)")),
            BATCH.more("add"),
        ),
    ),
)
