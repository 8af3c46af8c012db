"""A page in Markdown, with tables and Mermaid as GitHub and most wikis show them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from circuit_breaker.net.drawing import mermaid
from circuit_breaker.net.graph import printable
from circuit_breaker.workflow.pages.section import Row, Section

__all__ = ["markdown"]

# What Markdown or HTML would read as its own; a line may not begin as a list, a heading or a quotation either.
UNSAFE: Final = re.compile(r"[\\`*_{}\[\]<>#|~$&!]")
LIST: Final = re.compile(r"^(\s*\d*)([-+.)=])", re.MULTILINE)


def markdown(title: str, sections: Iterable[Section]) -> str:
    """The page as Markdown; pictures are Mermaid.

    Args:
        title: The heading of the page.
        sections: What stands under it.
    """
    blocks = [f"# {_safe(title)}", *(block for section in sections for block in _section(section))]
    return "\n\n".join(blocks) + "\n"


def _section(section: Section) -> Iterator[str]:
    if section.title:
        yield f"## {_safe(section.title)}"
    yield from map(_safe, section.sentences)
    if section.picture is not None:
        yield f"```mermaid\n{mermaid(section.picture)}```"
    if section.columns:
        lines = [_line(section.columns), "|" + " --- |" * len(section.columns), *map(_line, section.rows)]
        yield "\n".join(lines)


def _line(cells: Row) -> str:
    return f"| {' | '.join(_safe(cell) for cell in cells)} |"


def _safe(text: str) -> str:
    safe = UNSAFE.sub(lambda found: "\\" + found[0], printable(text, keep="\n").strip())
    safe = safe.replace("\\<", "&lt;").replace("\\>", "&gt;").replace("\\&", "&amp;")
    return LIST.sub(r"\1\\\2", safe).replace("\n", "<br>")
