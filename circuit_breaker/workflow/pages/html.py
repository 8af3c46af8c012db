"""A page in HTML: one file without scripts, for screens light and dark and for paper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from circuit_breaker.net.graph import printable
from circuit_breaker.net.svg import svg
from circuit_breaker.workflow.pages.section import Section

__all__ = ["html"]

STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:15px/1.5 system-ui,'Segoe UI',Helvetica,Arial,sans-serif;max-width:70rem;"
    "margin:2rem auto;padding:0 1rem;color:#1f2937;background:#fff}"
    "h1{font-size:1.7rem;margin:0 0 .5rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}p{margin:.3rem 0}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;"
    "border-bottom:1px solid #d8dde3;overflow-wrap:break-word}th{font-weight:600;border-bottom-width:2px}"
    ".table,figure{overflow-x:auto;margin:0}svg{max-width:100%;height:auto}"
    "@media (prefers-color-scheme:dark){body{color:#e5e7eb;background:#0f141a}th,td{border-color:#333c47}}"
    "@media print{body{margin:0;max-width:none;color:#000;background:#fff}h2{break-after:avoid}"
    "tr,figure{break-inside:avoid}th,td{border-color:#bbb}svg{max-height:24cm}}"
)
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def html(title: str, sections: Iterable[Section]) -> str:
    """The page as one HTML document that needs no other file.

    Args:
        title: The heading of the page.
        sections: What stands under it.
    """
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_safe(title)}</title>",
        f"<style>{STYLE}</style>",
        "</head>",
        "<body>",
        f"<h1>{_safe(title)}</h1>",
        *(line for section in sections for line in _section(section)),
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield "<section>"
    if section.title:
        yield f"<h2>{_safe(section.title)}</h2>"
    yield from (f"<p>{_safe(sentence)}</p>" for sentence in section.sentences)
    if section.picture is not None:
        yield f"<figure>{svg(section.picture)}</figure>"
    if section.columns:
        yield '<div class="table"><table>'
        yield f"<thead><tr>{''.join(f'<th>{_safe(head)}</th>' for head in section.columns)}</tr></thead>"
        yield "<tbody>"
        yield from (f"<tr>{''.join(f'<td>{_safe(cell)}</td>' for cell in row)}</tr>" for row in section.rows)
        yield "</tbody></table></div>"
    yield "</section>"


def _safe(text: str) -> str:
    return escape(printable(text, keep="\n")).replace("\n", "<br>")
