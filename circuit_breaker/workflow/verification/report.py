"""Verification: what was proved of a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from circuit_breaker.workflow.verification.findings import Finding

__all__ = ["Verdict", "Verification"]

FORM = "circuit-breaker.verification/1"
"""The form of the document; its number grows when a field is renamed, removed or means something else."""
Verdict = Literal["sound", "sound if", "not sound", "not decided"]


@attrs.frozen
class Verification:
    """What was proved.

    Attributes:
        workflow: The name of the workflow.
        verdict: ``sound``: no error is possible. ``sound if``: none is, if the :attr:`conditions` hold. ``not sound``:
            one is, for certain. ``not decided``: neither is proved; :attr:`not_decided` says why.
        markings: How many markings were found; with the assumptions about data among them.
        edges: How many steps between them.
        findings: What is wrong, errors first.
        bounds: For each state the most tokens of one case in it; None where there is no bound. Of states of which that
            is not known there is none.
        at_least: For these states the most tokens that were seen in them.
        conditions: What must be true beside, that the definition does not say, in words.
        assumptions: What is taken for granted of everybody's workflows, in words.
        not_decided: Why it is not decided, such as ``"not decided within 10 markings"``; of another verdict which
            properties were not looked at; or an empty text.
    """

    workflow: str
    verdict: Verdict
    markings: int
    edges: int
    findings: tuple[Finding, ...] = ()
    bounds: Mapping[str, int | None] = attrs.field(factory=dict)
    at_least: Mapping[str, int] = attrs.field(factory=dict)
    conditions: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    not_decided: str = ""

    @property
    def sound(self) -> bool:
        """Whether it is proved to be sound, without conditions."""
        return self.verdict == "sound"

    @property
    def faultless(self) -> bool:
        """Whether nothing is wrong with the definition: it is sound, or sound if the :attr:`conditions` hold."""
        return self.verdict in ("sound", "sound if")

    @property
    def headline(self) -> str:
        """The verdict with what it depends on, such as ``"not decided within 10 markings"``."""
        if self.conditions:
            return f"{self.verdict} {'; and if '.join(self.conditions)}"
        if self.verdict == "not decided":
            return self.not_decided or self.verdict
        return f"{self.verdict}: {self.not_decided}" if self.not_decided else self.verdict

    @property
    def safe(self) -> bool:
        """Whether it is known that no state ever holds more than one token of a case."""
        return not self.at_least and all(bound is not None and bound <= 1 for bound in self.bounds.values())

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
            "form": FORM,
            "workflow": self.workflow,
            "verdict": self.verdict,
            "sound": self.sound,
            "conditions": list(self.conditions),
            "markings": self.markings,
            "edges": self.edges,
            "bounds": dict(self.bounds),
            "at_least": dict(self.at_least),
            "findings": [finding.to_document() for finding in self.findings],
            "assumptions": list(self.assumptions),
            "not_decided": self.not_decided,
        }

    def __str__(self) -> str:
        size = f"{self.markings:,} markings, {self.edges:,} edges"
        lines = [f"{self.workflow} is {self.headline} ({size})", *map(str, self.findings)]
        lines += [f"assumed: {text}" for text in self.assumptions]
        return "\n".join(lines)
