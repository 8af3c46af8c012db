"""Verdicts: what follows from what was found, and from how much was looked at."""

from __future__ import annotations

from collections.abc import Sequence

from circuit_breaker.workflow.verification.findings import Finding
from circuit_breaker.workflow.verification.model import Model
from circuit_breaker.workflow.verification.properties import Property
from circuit_breaker.workflow.verification.reach import Reach
from circuit_breaker.workflow.verification.report import Verdict

__all__ = ["seen_in", "unlooked", "verdict_of"]


def verdict_of(found: Reach, findings: Sequence[Finding]) -> tuple[Verdict, str]:
    """The verdict, and why it is not decided; an empty text where it is."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if any(finding.certain for finding in errors):
        return "not sound", ""
    if found.why:
        return "not decided", found.why
    if errors:
        return "not decided", f"not decided: perhaps {errors[0].text}, but no way to it was confirmed"
    return "sound", ""


def unlooked(found: Reach, properties: Sequence[Property]) -> str:
    """Which properties nothing is known of, or not all, though the verdict is."""
    if not properties or found.whole:
        return ""
    every = ", ".join(map(str, properties))
    return f"not looked at: {every}" if found.walks is None else f"not wholly looked at: {every}"


def seen_in(model: Model, found: Reach) -> dict[str, int]:
    """The most tokens that were seen in each state, those left out that have no bound."""
    seen = dict.fromkeys((spot.state for spot in model.spots.values()), 0)
    seen |= {} if found.walks is None else found.walks.bounds
    return {state: count for state, count in seen.items() if state not in found.unbounded}
