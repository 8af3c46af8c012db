"""A history as a text: JSON, YAML or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

from circuit_breaker.source.reading import write_source
from circuit_breaker.workflow.events import Event
from circuit_breaker.workflow.history import History

__all__ = ["export"]

COLUMNS = ("sequence", "at", "type", "by", "transition", "from", "to", "details")


def export(history: History, form: str) -> str:
    """The history as ``"json"`` (an array), ``"yaml"`` or ``"csv"`` (one row an event).

    Raises:
        ValueError: The form is another.
    """
    writer = _WRITERS.get(form)
    if writer is None:
        raise ValueError(f"no form '{form}' of a history (one of: {', '.join(_WRITERS)})")
    return writer(history)


def _json(history: History) -> str:
    return json.dumps(history.to_documents(), indent=2, ensure_ascii=False) + "\n"


def _yaml(history: History) -> str:
    return write_source(history.to_documents())


def _csv(history: History) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(map(_row, history))
    return text.getvalue()


_WRITERS: dict[str, Callable[[History], str]] = {"json": _json, "yaml": _yaml, "csv": _csv}


def _row(event: Event) -> tuple[Any, ...]:
    document = event.to_document()
    common = [document.pop(key, "") for key in ("sequence", "at", "type", "by", "transition")]
    document.pop("case", None)
    left, entered = (" + ".join(state for _, state in document.pop(key, ())) for key in ("consumed", "produced"))
    details = json.dumps(document, ensure_ascii=False) if document else ""
    return (*map(_safe, common), _safe(left), _safe(entered), details)


def _safe(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula, made harmless."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
