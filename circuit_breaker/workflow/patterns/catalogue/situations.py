"""What the state of the whole case decides, and what ends things: WCP-10, 11, 16 to 25, 39, 40 and 43."""

from __future__ import annotations

from typing import Final

from circuit_breaker.rules import field
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.flow import flow
from circuit_breaker.workflow.patterns.basics import parallel, sequence
from circuit_breaker.workflow.patterns.catalogue.pattern import Pattern, task
from circuit_breaker.workflow.patterns.choices import deferred_choice, trigger
from circuit_breaker.workflow.patterns.cycles import loop, recursion
from circuit_breaker.workflow.patterns.regions import (
    cancel_activity,
    cancel_region,
    critical_section,
    explicit_termination,
    interleaved,
    milestone,
)
from circuit_breaker.workflow.state import states

__all__ = ["PATTERNS"]


def _arbitrary_cycles() -> Workflow:
    draft, review, layout, printed = states("draft", "review", "layout", "printed")
    return Workflow(
        "arbitrary_cycles",
        task("submit", draft, review),
        task("skip_review", draft, layout),
        task("send_back", review, draft),
        task("accept", review, layout),
        task("doubt", layout, review),
        task("print", layout, printed),
    )


def _implicit_termination() -> Workflow:
    start, letter, parcel, posted, delivered = states("start", "letter", "parcel", "posted", "delivered")
    return Workflow(
        "implicit_termination",
        flow(start >> (letter, parcel)).transition("split"),
        task("post", letter, posted),
        task("deliver", parcel, delivered),
    )


def _deferred_choice() -> Workflow:
    waiting, answered, escalated = states("waiting", "answered", "escalated")
    return Workflow(
        "deferred_choice",
        *deferred_choice(waiting, {"answer": answered}, signals=True, timeout=("3d", escalated)),
    )


def _interleaved(name: str, *, ordered: bool) -> Workflow:
    start, blood, xray, surgery, done = states("start", "blood", "xray", "surgery", "done")
    tested, seen, operated = states("tested", "seen", "operated")
    order = [(blood, surgery)] if ordered else []
    return Workflow(
        name,
        *interleaved(start, (blood, tested), (xray, seen), (surgery, operated), into=done, order=order, manual=True),
        task("test", blood, tested),
        task("look", xray, seen),
        task("operate", surgery, operated),
        initial="start",
    )


def _milestone() -> Workflow:
    start, travel, wish, selling, booked, closed = states("start", "travel", "wish", "selling", "booked", "closed")
    (book,) = milestone(wish, booked, reached=selling)
    return Workflow(
        "milestone",
        flow(start >> (travel, wish)).transition("split"),
        task("open", travel, selling),
        book.manual(),
        task("close", selling, closed),
        task("give_up", wish, booked),
    )


def _cancel_activity() -> Workflow:
    start, asking, answered, done, withdrawn = states("start", "asking", "answered", "done", "withdrawn")
    return Workflow(
        "cancel_activity",
        *cancel_activity(start, (asking, answered), into=done, cancelled=withdrawn, name="withdraw"),
        task("answer", asking, answered),
    )


def _cancel_case() -> Workflow:
    order, packed, sent = states("order", "packed", "sent")
    pack, send = sequence(order, packed, sent)
    return Workflow("cancel_case", pack.manual(), send.manual())


def _structured_loop() -> Workflow:
    judge, draft, revised, done = states("judge", "draft", "revised", "done")
    return Workflow(
        "structured_loop",
        *loop(judge, draft, revised, condition=field("score") < 8, exit_to=done, max_iterations=3),
        task("revise", draft, revised),
    )


def _recursion() -> Workflow:
    start, folder, inner, left, read, done = states("start", "folder", "inner", "left", "read", "done")
    return Workflow(
        "recursion",
        *recursion(start, folder, read, into=done),
        task("enter", folder, inner),
        *recursion(inner, folder, read, into=left),
        task("leave", left, read),
        task("read", folder, read),
        initial="start",
    )


def _trigger(name: str, *, transient: bool) -> Workflow:
    heating, ready, baking = states("heating", "ready", "baking")
    return Workflow(name, task("heat", heating, ready), *trigger(ready, baking, signal="dough", transient=transient))


def _cancel_region() -> Workflow:
    claim, police, garage, watch, ended = states("claim", "police", "garage", "watch", "ended")
    asked, mended, fraud, paid = states("asked", "mended", "fraud", "paid")
    return Workflow(
        "cancel_region",
        flow(claim >> (police, garage, watch)).transition("split"),
        task("ask", police, asked),
        task("mend", garage, mended),
        task("suspect", watch, fraud),
        *cancel_region(fraud, ended, police, garage, asked, mended),
        flow((asked, mended, watch) >> paid).transition("pay"),
        initial="claim",
    )


def _critical_section() -> Workflow:
    start, deposit, draw, depositing, drawing = states("start", "deposit", "draw", "depositing", "drawing")
    deposited, drawn = states("deposited", "drawn")
    return Workflow(
        "critical_section",
        flow(start >> (deposit, draw)).transition("split"),
        *critical_section([deposit, depositing], [draw, drawing]),
        task("put", depositing, deposited),
        task("take", drawing, drawn),
        initial="start",
    )


def _explicit_termination() -> Workflow:
    start, search, clock, found, over = states("start", "search", "clock", "found", "over")
    return Workflow(
        "explicit_termination",
        *explicit_termination(
            (
                *parallel(start, (search, found), clock, into=over),
                task("find", search, found),
                task("stop", clock, over),
            ),
            over,
        ),
        initial="start",
    )


PATTERNS: Final = (
    Pattern(
        10,
        "Arbitrary Cycles",
        "There are cycles with more than one way in or out.",
        "direct",
        ("flow",),
        _arbitrary_cycles,
    ),
    Pattern(
        11,
        "Implicit Termination",
        "A case ends when nothing is left to do, without an end that everything leads to.",
        "direct",
        ("Workflow",),
        _implicit_termination,
        note="A case is completed when every token is in a final state.",
    ),
    Pattern(
        16,
        "Deferred Choice",
        "The first thing that happens decides the branch, and the others are withdrawn.",
        "direct",
        ("deferred_choice",),
        _deferred_choice,
    ),
    Pattern(
        17,
        "Interleaved Parallel Routing",
        "Tasks in a partial order are each done once, one at a time, in an order that is decided while it runs.",
        "direct",
        ("interleaved",),
        lambda: _interleaved("interleaved_parallel_routing", ordered=True),
    ),
    Pattern(
        18,
        "Milestone",
        "A task is possible only while the case is in a given state.",
        "direct",
        ("milestone",),
        _milestone,
        note="Or `.reads(state)` on a flow.",
    ),
    Pattern(
        19,
        "Cancel Activity",
        "A task is withdrawn before it begins or while it runs.",
        "direct",
        ("cancel_activity",),
        _cancel_activity,
    ),
    Pattern(
        20,
        "Cancel Case",
        "A whole case is withdrawn with all that runs in it, and recorded as cancelled.",
        "direct",
        ("Engine.cancel",),
        _cancel_case,
        note="Every workflow has it.",
    ),
    Pattern(
        21,
        "Structured Loop",
        "A part with one way in and one way out is repeated while a condition holds.",
        "direct",
        ("loop",),
        _structured_loop,
    ),
    Pattern(
        22,
        "Recursion",
        "A part calls itself, and each call goes on where it was made.",
        "few lines",
        ("recursion",),
        _recursion,
        note="No bound for the depth can be proven from the paths alone; a rule can set one.",
        bounded=False,
    ),
    Pattern(
        23,
        "Transient Trigger",
        "A signal begins a task, and is lost where nothing waits for it.",
        "direct",
        ("trigger",),
        lambda: _trigger("transient_trigger", transient=True),
    ),
    Pattern(
        24,
        "Persistent Trigger",
        "A signal begins a task, and is kept until it can be used.",
        "direct",
        ("trigger",),
        lambda: _trigger("persistent_trigger", transient=False),
    ),
    Pattern(
        25,
        "Cancel Region",
        "Tasks that need not be connected are withdrawn together.",
        "direct",
        ("cancel_region",),
        _cancel_region,
        note="Or `.clears(state, ...)` on a flow.",
    ),
    Pattern(
        39,
        "Critical Section",
        "Parts of a case never run at the same time.",
        "direct",
        ("critical_section",),
        _critical_section,
    ),
    Pattern(
        40,
        "Interleaved Routing",
        "Tasks are each done once, one at a time, in any order.",
        "direct",
        ("interleaved",),
        lambda: _interleaved("interleaved_routing", ordered=False),
    ),
    Pattern(
        43,
        "Explicit Termination",
        "A case ends as soon as it comes to a certain state, and what is left is withdrawn.",
        "direct",
        ("explicit_termination",),
        _explicit_termination,
    ),
)
