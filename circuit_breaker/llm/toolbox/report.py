"""Reports in Markdown, made of sections with texts, lists and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

__all__ = ["markdown"]

_ACTIVE: Final = re.compile(r"([\\`*_\[\]<>|])")


def markdown(title: str, sections: Iterable[Mapping[str, Any]], *, summary: str = "") -> str:
    """The report. A section has a ``heading``, and may have a ``text``, ``items`` and a ``table`` (rows by column).

    Headings, items and cells are shown as they are, whatever they hold; texts are Markdown themselves.
    """
    blocks = [f"# {_line(title)}", *([summary.strip()] if summary.strip() else [])]
    for section in sections:
        blocks.extend(_section(section))
    return "\n\n".join(blocks) + "\n"


def _section(section: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {_line(section['heading'])}"
    if str(section.get("text", "")).strip():
        yield str(section["text"]).strip()
    if section.get("items"):
        yield "\n".join(f"- {_line(item)}" for item in section["items"])
    if section.get("table"):
        yield "\n".join(_table(section["table"]))


def _table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    yield _row(columns)
    yield _row(["---"] * len(columns), plain=True)
    yield from (_row([row.get(name, "") for name in columns]) for row in rows)


def _row(cells: Iterable[Any], *, plain: bool = False) -> str:
    return f"| {' | '.join(cell if plain else _line(cell) for cell in cells)} |"


def _line(value: Any) -> str:
    """The value in one line, with nothing in it that Markdown would read."""
    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return _ACTIVE.sub(r"\\\1", " ".join(text.split()))
