"""People: the reviewer, the approver and the author of the demo, played by a script.

What they do follows from the document alone, so that the demo ends without anybody at the keyboard, and in the same way
each time. In earnest a person would call :meth:`circuit_breaker.Engine.fire`, or type ``circuit-breaker fire``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from circuit_breaker.cli.demo.analysis import SECTIONS
from circuit_breaker.data import Data
from circuit_breaker.workflow.case import Case

__all__ = ["Deed", "next_deed"]

REVIEWERS = ("rita", "ravi")
APPROVERS = ("alex", "amira", "aziz")
PASSABLE = 60


@attrs.frozen
class Deed:
    """What somebody does: which transition they fire, in which role, and what they add to the data."""

    transition: str
    by: str
    role: str
    data: Mapping[str, Any]


def next_deed(case: Case) -> Deed | None:
    """What one of the people does now; None where it is nobody's turn."""
    turn = {"human_review": _review, "reviewed": _sign_off, "rejected": _revise}.get(case.state)
    return turn(case.data, case.token.results) if turn is not None and case.status == "waiting" else None


def _review(data: Data, results: Data) -> Deed:
    """The reviewer accepts a clear text that lacks no more than one section, and says what is wrong with any other."""
    reviewer = next(name for name in REVIEWERS if name != data["author"])
    lacking = []
    if results["words"]["count"] < 50:
        lacking.append("it is too short")
    if results["clarity"]["score"] < 70:
        lacking.append("too many long words")
    if results["completeness"]["score"] < PASSABLE:
        lacking.append(f"there is no {' and no '.join(results['completeness']['missing'])}")
    if lacking:
        return Deed("decline", reviewer, "reviewer", {"reviewer": reviewer, "comment": "; ".join(lacking)})
    return Deed("accept", reviewer, "reviewer", {"reviewer": reviewer, "comment": "good enough"})


def _sign_off(data: Data, results: Data) -> Deed:
    del results
    approver = next(name for name in APPROVERS if name not in (data["author"], data.get("reviewer")))
    return Deed("sign_off", approver, "approver", {"approver": approver})


def _revise(data: Data, results: Data) -> Deed:
    """The author adds the first section that is missing; the wording stays as it is."""
    missing = [name for name in SECTIONS if name in results["completeness"]["missing"]]
    added = f"\n\n## {missing[0].title()}\n\nTo be written.\n" if missing else ""
    return Deed("revise", data["author"], "author", {"content": data["content"] + added})
