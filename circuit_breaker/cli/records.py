"""Records: lines of a list as plain documents, for ``--json``."""

from __future__ import annotations

from typing import Any

import attrs

from circuit_breaker.engine.ports import CaseSummary

__all__ = ["summary_record"]


def summary_record(summary: CaseSummary) -> dict[str, Any]:
    """What a list says of a case, as a plain document."""
    record = attrs.asdict(summary, recurse=False)
    record["case"] = record.pop("id")
    record["version"] = record.pop("definition")
    record["states"] = list(summary.states)
    for name in ("started_at", "updated_at", "due"):
        record[name] = record[name].isoformat() if record[name] else None
    return {"case": record.pop("case"), **record}
