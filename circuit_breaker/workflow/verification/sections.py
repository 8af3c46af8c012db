"""Sections: what was proved, for the page of a workflow."""

from __future__ import annotations

from collections.abc import Iterator

from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.pages import Section
from circuit_breaker.workflow.picture import picture
from circuit_breaker.workflow.verification.findings import Finding
from circuit_breaker.workflow.verification.report import Verification

__all__ = ["sections"]


def sections(workflow: Workflow, verification: Verification) -> Iterator[Section]:
    """What was proved of a workflow, and each finding with the way to it in a picture.

    Args:
        workflow: The workflow.
        verification: What :meth:`Workflow.verify` gave.
    """
    size = f"{verification.markings:,} markings and {verification.edges:,} steps between them were looked at."
    verdict = f"{workflow.name} is {verification.headline}. {size}"
    assumed = [f"Assumed: {text}." for text in verification.assumptions]
    rows = [
        (finding.code, finding.severity, finding.text, "" if finding.mend is None else finding.mend.text)
        for finding in verification.findings
    ]
    columns = ("Finding", "Severity", "What", "Mend") if rows else ()
    yield Section("Verification", (verdict, *assumed), columns=columns, rows=rows)
    for finding in verification.findings:
        yield from _way(workflow, finding)


def _way(workflow: Workflow, finding: Finding) -> Iterator[Section]:
    example = finding.counterexample
    if example is not None and example.steps:
        lines = tuple(str(example).splitlines())
        yield Section(f"{finding.code}: {finding.about}", lines, picture=picture(workflow, path=example.path))
