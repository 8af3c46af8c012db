"""Refusals: when and why a transition of a case was refused, as its history tells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from circuit_breaker.workflow.events import Event, TransitionRefused

__all__ = ["Refusal", "refusals"]

MOST_REASONS: Final = 8


@attrs.frozen
class Refusal:
    """One refusal.

    Attributes:
        sequence: The number of its event.
        at: When it was, in UTC.
        by: Who wanted it; empty for the engine itself.
        reasons: The conditions that did not hold, each with what was seen, in words.
        route: The states where its tokens went instead; empty where they stayed.
    """

    sequence: int
    at: datetime
    by: str
    reasons: tuple[str, ...]
    route: tuple[str, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """The refusal as plain JSON."""
        return {
            "sequence": self.sequence,
            "at": self.at.isoformat(),
            "by": self.by,
            "reasons": list(self.reasons),
            "route": list(self.route),
        }


def refusals(events: Iterable[Event]) -> dict[str, tuple[Refusal, ...]]:
    """The refusals of every transition, by its id, the oldest first."""
    found: dict[str, list[Refusal]] = {}
    for event in events:
        if isinstance(event, TransitionRefused):
            found.setdefault(event.transition, []).append(_refusal(event))
    return {transition: tuple(each) for transition, each in found.items()}


def _refusal(event: TransitionRefused) -> Refusal:
    route = tuple(state for _, state in event.produced)
    reasons = tuple(dict.fromkeys(_reasons(event.verdict, wanted=True)))[:MOST_REASONS]
    return Refusal(event.sequence, event.at, event.by, reasons, route)


def _reasons(verdict: Mapping[str, Any], *, wanted: bool) -> Iterator[str]:
    """The leaves of a recorded verdict that were in the way, in words."""
    if verdict.get("passed") is wanted and verdict.get("known", True):
        return
    children = verdict.get("children", ())
    if not children and verdict:
        yield _words(verdict)
    flipped = wanted if verdict.get("kind") != "not" else not wanted
    for child in children:
        yield from _reasons(child, wanted=flipped)


def _words(leaf: Mapping[str, Any]) -> str:
    text = f"{leaf['name']}: {leaf['text']}" if leaf.get("name") else str(leaf.get("text", ""))
    seen = leaf.get("seen")
    if "seen" not in leaf:
        return f"{text} ({leaf['reason']})" if leaf.get("reason") else text
    absent = isinstance(seen, Mapping) and seen.get("missing") is True
    return f"{text} (missing)" if absent else f"{text} (saw {seen!r:.60})"
