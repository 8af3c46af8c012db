"""A docstring in Google style, read for what a model should know of a function."""

from __future__ import annotations

import inspect
import re
from typing import Final

import attrs

__all__ = ["Docstring"]

_SECTION: Final = re.compile(r"^(\w[\w ]*):\s*$")
_ARGUMENTS: Final = frozenset({"args", "arguments", "parameters"})
_ENTRY: Final = re.compile(r"^\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)$")


@attrs.frozen
class Docstring:
    """What a docstring says.

    Attributes:
        summary: Everything before the first section.
        arguments: What it says of each argument, by name.
    """

    summary: str = ""
    arguments: dict[str, str] = attrs.field(factory=dict)

    @classmethod
    def of(cls, thing: object) -> Docstring:
        """The docstring of a function or a class; empty if there is none."""
        sections = _sections(inspect.getdoc(thing) or "")
        entries = next((lines for name, lines in sections.items() if name.lower() in _ARGUMENTS), [])
        return cls(_joined(sections[""]), {name: _joined(lines) for name, lines in _entries(entries).items()})


def _sections(text: str) -> dict[str, list[str]]:
    """The lines of each section by its title; those before the first under an empty one."""
    title, sections = "", {"": list[str]()}
    for line in text.splitlines():
        found = _SECTION.match(line)
        if found:
            title = found[1]
        sections.setdefault(title, [])
        if not found:
            sections[title].append(line)
    return sections


def _entries(lines: list[str]) -> dict[str, list[str]]:
    """The lines about each argument: what is indented deeper than the first goes on with the one above."""
    entries: dict[str, list[str]] = {}
    depth = next((len(line) - len(line.lstrip()) for line in lines if line.strip()), 0)
    current: list[str] = []
    for line in lines:
        found = _ENTRY.match(line.strip()) if len(line) - len(line.lstrip()) <= depth else None
        if found:
            current = entries.setdefault(found[1], [])
            current.append(found[2])
        else:
            current.append(line.strip())
    return entries


def _joined(lines: list[str]) -> str:
    """The lines as running text; an empty line stays one."""
    paragraphs = "\n".join(line.strip() for line in lines).strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
