"""Verification: what was proved of a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from circuit_breaker.workflow.verification.findings import Finding

__all__ = ["Verdict", "Verification"]

Verdict = Literal["sound", "not sound", "not decided"]


@attrs.frozen
class Verification:
    """What was proved.

    Attributes:
        workflow: The name of the workflow.
        verdict: ``sound``: no error is possible. ``not sound``: one is, for certain. ``not decided``: neither is
            proved; :attr:`not_decided` says why.
        markings: How many markings were found; with the assumptions about data among them.
        edges: How many steps between them.
        findings: What is wrong, errors first.
        bounds: For each state the most tokens of one case in it; None where there is no bound.
        assumptions: What is taken for granted, in words.
        not_decided: Why it is not decided, or an empty text.
    """

    workflow: str
    verdict: Verdict
    markings: int
    edges: int
    findings: tuple[Finding, ...] = ()
    bounds: Mapping[str, int | None] = attrs.field(factory=dict)
    assumptions: tuple[str, ...] = ()
    not_decided: str = ""

    @property
    def sound(self) -> bool:
        """Whether it is proved to be sound."""
        return self.verdict == "sound"

    @property
    def safe(self) -> bool:
        """Whether no state ever holds more than one token of a case."""
        return all(bound is not None and bound <= 1 for bound in self.bounds.values())

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that keep it from being sound."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The others."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the findings."""
        return tuple(finding.code for finding in self.findings)

    def to_document(self) -> dict[str, Any]:
        """All of it as plain JSON."""
        return {
            "workflow": self.workflow,
            "verdict": self.verdict,
            "sound": self.sound,
            "markings": self.markings,
            "edges": self.edges,
            "bounds": dict(self.bounds),
            "findings": [finding.to_document() for finding in self.findings],
            "assumptions": list(self.assumptions),
            "not_decided": self.not_decided,
        }

    def __str__(self) -> str:
        size = f"{self.markings:,} markings, {self.edges:,} edges"
        why = f": {self.not_decided}" if self.not_decided else ""
        lines = [f"{self.workflow} is {self.verdict}{why} ({size})", *map(str, self.findings)]
        lines += [f"assumed: {text}" for text in self.assumptions]
        return "\n".join(lines)
