"""SARIF: findings as code hosts read them (SARIF 2.1.0, an OASIS standard)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from circuit_breaker import __version__
from circuit_breaker.workflow.verification import KINDS, Finding, Verification

__all__ = ["sarif"]

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(verification: Verification, target: str) -> dict[str, Any]:
    """The findings as a SARIF document.

    Args:
        verification: What was found.
        target: What was verified, as it was named: the file in it is where the findings are.
    """
    file = _file(target)
    driver = {
        "name": "circuit-breaker",
        "version": __version__,
        "rules": [
            {
                "id": kind.code,
                "shortDescription": {"text": kind.meaning},
                "defaultConfiguration": {"level": kind.severity},
            }
            for kind in KINDS.values()
        ],
    }
    run = {
        "tool": {"driver": driver},
        "results": [_result(finding, file) for finding in verification.findings],
        "properties": {"verdict": verification.verdict, "conditions": list(verification.conditions)},
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _file(target: str) -> Path:
    """The file of a target: ``path.py:attribute``, a document, or a module that lies below here."""
    place = target.rpartition(":")[0] if ":" in target else target
    path = Path(place)
    return path if path.suffix and path.exists() else Path(f"{place.replace('.', '/')}.py")


def _result(finding: Finding, file: Path) -> dict[str, Any]:
    text = finding.text if finding.mend is None else f"{finding.text}\nMend: {finding.mend.text}"
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "level": finding.severity,
        "message": {"text": text},
        "locations": [{"physicalLocation": _place(file, _line(file, finding.about))}],
        "partialFingerprints": {"finding/v1": f"{finding.code}:{finding.about}"},
    }
    if finding.counterexample is not None and finding.counterexample.steps:
        result["codeFlows"] = [{"threadFlows": [{"locations": list(_flow(finding, file))}]}]
    return result


def _flow(finding: Finding, file: Path) -> Iterator[dict[str, Any]]:
    for step in finding.counterexample.steps if finding.counterexample else ():
        place = _place(file, _line(file, step.transition))
        yield {"location": {"physicalLocation": place, "message": {"text": str(step)}}}


def _place(file: Path, line: int) -> dict[str, Any]:
    uri = file.as_uri() if file.is_absolute() else quote(file.as_posix())
    return {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}


def _line(file: Path, about: str) -> int:
    """The first line that names what a finding is about; 1 where none does."""
    name = about.partition("[")[0].partition("/")[0].partition(" → ")[0].partition(", ")[0]
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 1
    quoted = (f'"{name}"', f"'{name}'", f"name: {name}", f"({name}")
    return next((number for number, text in enumerate(lines, start=1) if any(each in text for each in quoted)), 1)
