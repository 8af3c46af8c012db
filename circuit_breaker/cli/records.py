"""Records: cases as plain documents, for ``--json``."""

from __future__ import annotations

from typing import Any

import attrs
import msgspec

from circuit_breaker.engine.ports import CaseSummary
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.data import thaw
from circuit_breaker.workflow.token import Token

__all__ = ["case_record", "summary_record", "token_record"]


def token_record(token: Token) -> dict[str, Any]:
    """A token as a plain document."""
    return {
        "id": token.id,
        "state": token.state,
        "entered": token.entered.isoformat() if token.entered else None,
        "data": thaw(token.data),
        "metadata": thaw(token.metadata),
        "results": thaw(token.results),
    }


def case_record(case: Case) -> dict[str, Any]:
    """A case as a plain document, without its history."""
    return {
        "case": case.id,
        "workflow": case.workflow,
        "version": case.definition,
        "status": case.status,
        "state": case.state,
        "states": list(case.states),
        "sequence": case.sequence,
        "started_at": case.started_at.isoformat(),
        "updated_at": case.updated_at.isoformat(),
        "tokens": [token_record(token) for token in case.marking],
        "pending": [msgspec.to_builtins(pending) for pending in case.pending],
        "blocked": [msgspec.to_builtins(block) for block in case.blocked],
        "signals": [signal.to_document() for signal in case.signals],
    }


def summary_record(summary: CaseSummary) -> dict[str, Any]:
    """What a list says of a case, as a plain document."""
    record = attrs.asdict(summary, recurse=False)
    record["case"] = record.pop("id")
    record["version"] = record.pop("definition")
    record["states"] = list(summary.states)
    for name in ("started_at", "updated_at", "due"):
        record[name] = record[name].isoformat() if record[name] else None
    return {"case": record.pop("case"), **record}
