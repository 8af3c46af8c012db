"""Rows as a table for people, or as one JSON object a line for scripts."""

from __future__ import annotations

import json

import attrs
from rich.table import Table

from benchmarks.registry import Row

__all__ = ["line", "table"]


def line(row: Row) -> str:
    """The row as one JSON object."""
    return json.dumps(attrs.asdict(row))


def table(found: list[Row]) -> Table:
    """The rows as a table; a ratio above 1 means that we are better."""
    drawn = Table("name", title="ratio above 1: we are better", title_justify="left")
    for heading in ("value", "unit", "peer", "peer value", "ratio"):
        drawn.add_column(heading, justify="left" if heading in {"unit", "peer"} else "right")
    for row in found:
        ratio = "" if row.ratio is None else f"{row.ratio:.1f}"
        drawn.add_row(row.name, _figure(row.value), row.unit, row.peer or "", _figure(row.peer_value), ratio)
    return drawn


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
