"""Sequence, splits and merges: WCP-01 to 08, and 33, 37, 38, 41 and 42."""

from __future__ import annotations

from typing import Final

from circuit_breaker.rules import field
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.flow import flow
from circuit_breaker.workflow.patterns.basics import join, merge, parallel, sequence, thread_merge, thread_split
from circuit_breaker.workflow.patterns.catalogue.pattern import Pattern, task
from circuit_breaker.workflow.patterns.choices import branch, multi_choice
from circuit_breaker.workflow.patterns.joins import acyclic_merge, or_join, or_merge
from circuit_breaker.workflow.state import states

__all__ = ["PATTERNS"]

WAYS: Final = ("police", "fire", "medics")


def _sequence() -> Workflow:
    ordered, paid, shipped = states("ordered", "paid", "shipped")
    pay, ship = sequence(ordered, paid, shipped)
    return Workflow("sequence", pay.manual(), ship.manual())


def _parallel() -> Workflow:
    alarm, police, medics, guarded, helped = states("alarm", "police", "medics", "guarded", "helped")
    return Workflow(
        "parallel_split",
        flow(alarm >> (police, medics)).transition("raise"),
        task("guard", police, guarded),
        task("help", medics, helped),
    )


def _synchronization() -> Workflow:
    order, packing, billing, packed, billed, sent = states("order", "packing", "billing", "packed", "billed", "sent")
    return Workflow(
        "synchronization",
        *parallel(order, (packing, packed), (billing, billed), into=sent),
        task("pack", packing, packed),
        task("bill", billing, billed),
    )


def _exclusive_choice() -> Workflow:
    vote, accepted, recounted, rejected = states("vote", "accepted", "recounted", "rejected")
    high, middle = field("share") >= 0.6, field("share") >= 0.5
    return Workflow("exclusive_choice", *branch(vote, (high, accepted), (middle, recounted), otherwise=rejected))


def _simple_merge() -> Workflow:
    order, card, cash, receipt, done = states("order", "card", "cash", "receipt", "done")
    return Workflow(
        "simple_merge",
        *branch(order, (field("card") == "yes", card), otherwise=cash),
        *merge(card, cash, into=receipt),
        task("print", receipt, done),
    )


def _multi_choice() -> Workflow:
    call, police, fire, medics = states("call", *WAYS)
    ways = [(field(str(state)) == "yes", state) for state in (police, fire, medics)]
    return Workflow("multi_choice", *multi_choice(call, *ways, otherwise=police))


def _structured_synchronizing_merge() -> Workflow:
    call, police, fire, medics, report = states("call", *WAYS, "report")
    left, out, helped = states("left", "out", "helped")
    ways = [
        (field("police") == "yes", (police, left)),
        (field("fire") == "yes", (fire, out)),
        (field("medics") == "yes", (medics, helped)),
    ]
    return Workflow(
        "structured_synchronizing_merge",
        *or_join(call, *ways, into=report),
        task("guard", police, left),
        task("extinguish", fire, out),
        task("help", medics, helped),
        initial="call",
    )


def _multi_merge() -> Workflow:
    start, left, right, checked, done = states("start", "left", "right", "checked", "done")
    split = flow(start >> (left, right)).transition("split")
    return Workflow("multi_merge", split, *merge(left, right, into=checked), task("audit", checked, done))


def _generalised_join() -> Workflow:
    start, frames, wheels, frame, wheel, bike = states("start", "frames", "wheels", "frame", "wheel", "bike")
    return Workflow(
        "generalised_join",
        flow(start >> (frames * 2, wheels * 2)).transition("order"),
        task("weld", frames, frame),
        task("spoke", wheels, wheel),
        *join(frame, wheel, into=bike),
    )


def _acyclic_merge() -> Workflow:
    call, police, fire, medics, report = states("call", *WAYS, "report")
    left, out, helped = states("left", "out", "helped")
    ways = [(field(str(state)) == "yes", state) for state in (police, fire, medics)]
    return Workflow(
        "acyclic_merge",
        *multi_choice(call, *ways, otherwise=report, counted_for=report),
        task("guard", police, left),
        task("extinguish", fire, out),
        task("help", medics, helped),
        *acyclic_merge(left, out, helped, into=report),
        initial="call",
    )


def _general_merge() -> Workflow:
    call, police, medics, left, helped, report = states("call", "police", "medics", "left", "helped", "report")
    ways = [(field("police") == "yes", police), (field("medics") == "yes", medics)]
    return Workflow(
        "general_merge",
        *multi_choice(call, *ways, otherwise=report),
        task("guard", police, left),
        task("help", medics, helped),
        task("help_again", helped, medics),
        task("call_medics", police, (police, medics)).unless(medics, helped),
        *or_merge(left, helped, into=report),
        initial="call",
    )


def _thread_merge() -> Workflow:
    start, waiting, tested, done = states("start", "waiting", "tested", "done")
    return Workflow(
        "thread_merge",
        *thread_split(start, waiting, count=3),
        task("test", waiting, tested),
        *thread_merge(tested, count=3, into=done),
    )


def _thread_split() -> Workflow:
    start, seats, taken = states("start", "seats", "taken")
    return Workflow("thread_split", *thread_split(start, seats, count=3), task("take", seats, taken))


PATTERNS: Final = (
    Pattern(
        1,
        "Sequence",
        "A task becomes enabled when the one before it has been done.",
        "direct",
        ("sequence",),
        _sequence,
    ),
    Pattern(
        2,
        "Parallel Split",
        "One branch becomes several that all run at once.",
        "direct",
        ("parallel",),
        _parallel,
        note="Or `flow(a >> (b, c))` alone.",
    ),
    Pattern(
        3,
        "Synchronization",
        "Several branches become one when each of them has ended.",
        "direct",
        ("parallel", "join"),
        _synchronization,
        note="Or `flow((b, c) >> d)` alone. Data is merged three ways against the split.",
    ),
    Pattern(
        4,
        "Exclusive Choice",
        "Exactly one of several branches is taken, as data says.",
        "direct",
        ("branch",),
        _exclusive_choice,
    ),
    Pattern(
        5,
        "Simple Merge",
        "Of several branches only one is ever taken, and it goes on without waiting.",
        "direct",
        ("merge",),
        _simple_merge,
        note="That there are never two at once is a property of the whole workflow.",
    ),
    Pattern(
        6,
        "Multi-Choice",
        "One or more of several branches are taken, each by a rule of its own.",
        "direct",
        ("multi_choice",),
        _multi_choice,
    ),
    Pattern(
        7,
        "Structured Synchronizing Merge",
        "Those branches that a choice before has taken are joined once, when all of them have ended.",
        "direct",
        ("or_join",),
        _structured_synchronizing_merge,
    ),
    Pattern(
        8,
        "Multi-Merge",
        "Several branches meet, and each goes on by itself: what follows is done once for each.",
        "direct",
        ("merge",),
        _multi_merge,
    ),
    Pattern(
        33,
        "Generalised AND-Join",
        "It goes on once for each complete set of inputs; what comes earlier or more often is kept.",
        "direct",
        ("join",),
        _generalised_join,
    ),
    Pattern(
        37,
        "Acyclic Synchronizing Merge",
        "Several branches are joined by what is known locally of how many will come.",
        "few lines",
        ("multi_choice", "acyclic_merge"),
        _acyclic_merge,
    ),
    Pattern(
        38,
        "General Synchronizing Merge",
        "It waits until all active branches have arrived or none can arrive any more, also in loops.",
        "direct",
        ("or_merge",),
        _general_merge,
        note="Judged on the whole net; what rules will say of data that is still to come is not foreseen.",
    ),
    Pattern(
        41,
        "Thread Merge",
        "A fixed number of threads in one branch become one.",
        "direct",
        ("thread_merge",),
        _thread_merge,
    ),
    Pattern(
        42,
        "Thread Split",
        "One thread becomes a fixed number of threads in the same branch.",
        "direct",
        ("thread_split",),
        _thread_split,
    ),
)
