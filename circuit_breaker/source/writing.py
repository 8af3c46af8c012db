"""Readable YAML for a JSON value, such that reading it gives the same value again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from circuit_breaker.errors import DataInvalid
from circuit_breaker.source.located import DEEPEST, Path, shown
from circuit_breaker.source.scalars import canonical, resolve

__all__ = ["write_source"]

INDENT = "  "
WIDEST_FLOW = 72
LONGEST_KEY = 1000
INDICATORS = tuple("-?:,[]{}#&*!|>'\"%@`")
# Texts that older readers, which follow YAML 1.1, would take for a boolean, a number, a time or a date.
AMBIGUOUS = re.compile(r"(?i:y|n|yes|no|on|off|=|<<)|[-+.]?[0-9][0-9a-fA-F_:.xoTZ+-]*")
DOCUMENT_MARK = re.compile(r"(---|\.\.\.)")
FLOW_UNSAFE = re.compile(r"[,\[\]{}:#]")


def write_source(value: Any) -> str:
    """The value as YAML in block style; texts are quoted only where they must be, and blocks where they have lines.

    Args:
        value: A JSON value: mappings with text keys, lists, tuples, texts, numbers, booleans and None.

    Raises:
        DataInvalid: Something in it is no JSON, or it is nested deeper than 64.
    """
    return "\n".join(_document(value)) + "\n"


def _document(value: Any) -> Iterator[str]:
    if not _nested(value):
        yield from _scalar_lines("", value, ())
        return
    yield from _block(value, ())


def _nested(value: Any) -> bool:
    """Whether the value is written below its key rather than beside it."""
    return bool(value) and isinstance(value, (Mapping, list, tuple)) and not _flows(value)


def _block(value: Any, path: Path) -> Iterator[str]:
    if len(path) >= DEEPEST:
        raise _refused(path, f"is nested deeper than {DEEPEST}", "flatten it")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _entry(key, inner, path)
    else:
        for number, inner in enumerate(value):
            yield from _item(inner, (*path, number))


def _entry(key: object, value: Any, path: Path) -> Iterator[str]:
    if not isinstance(key, str):
        raise _refused(path, f"has the key {key!r}, which is no text", "use text keys")
    head = _text(key, (*path, key))
    if len(head) > LONGEST_KEY:
        yield f"? {head}"
        head = ""
    if not _nested(value):
        yield from _scalar_lines(f"{head}: ", value, (*path, key))
        return
    yield f"{head}:"
    for line in _block(value, (*path, key)):
        yield _indented(line)


def _item(value: Any, path: Path) -> Iterator[str]:
    if not _nested(value):
        yield from _scalar_lines("- ", value, path)
        return
    lines = _block(value, path)
    if isinstance(value, Mapping):
        yield f"- {next(lines)}"
    else:
        yield "-"
    for line in lines:
        yield _indented(line)


def _indented(line: str) -> str:
    return INDENT + line if line else line


def _scalar_lines(head: str, value: Any, path: Path) -> Iterator[str]:
    if isinstance(value, str) and _lines_well(value):
        yield head + _block_header(value)
        for line in value.removesuffix("\n").split("\n"):
            yield _indented(line)
        return
    yield head + _inline(value, path)


def _lines_well(text: str) -> bool:
    """Whether the text may stand as a literal block: it has lines, printable ones, none of them only blank."""
    lines = text.split("\n")
    return (
        len(lines) > 1
        and bool(lines[0])
        and all(line.replace("\t", " ").isprintable() for line in lines)
        and not any(line.isspace() or line.startswith("\t") for line in lines)
    )


def _block_header(text: str) -> str:
    indent = str(len(INDENT)) if text.startswith(" ") else ""
    return f"|{indent}" + ("-" if not text.endswith("\n") else "+" if text.endswith("\n\n") else "")


def _inline(value: Any, path: Path) -> str:
    if isinstance(value, str):
        return _text(value, path)
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_inline(inner, path) for inner in value)}]"
    if value is None or isinstance(value, (bool, int, float)):
        try:
            return canonical(value)
        except ValueError as error:
            raise _refused(path, f"cannot be written: {error}", "use a text") from None
    raise _refused(path, f"is a {type(value).__qualname__}, which is no JSON", "use JSON values")


def _flows(value: Any) -> bool:
    """Whether the value is a short list of plain words and numbers, written ``[a, b, 3]``."""
    if not isinstance(value, (list, tuple)) or len(value) > WIDEST_FLOW:
        return False
    if not all(_flat(inner) for inner in value):
        return False
    return sum(len(str(inner)) + 2 for inner in value) <= WIDEST_FLOW


def _flat(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= WIDEST_FLOW and _plain(value) and not FLOW_UNSAFE.search(value)
    return (
        value is None or isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < 10**WIDEST_FLOW)
    )


def _text(text: str, path: Path) -> str:
    if _plain(text):
        return text
    if re.search("[\ud800-\udfff]", text):
        raise _refused(path, "holds half of a surrogate pair", "use whole characters")
    return "".join(char if char.isprintable() else _escaped(char) for char in json.dumps(text, ensure_ascii=False))


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _plain(text: str) -> bool:
    """Whether the text needs no quotes in block style."""
    if not text or text != text.strip() or not text.isprintable() or text.startswith(INDICATORS):
        return False
    if ": " in text or " #" in text or text.endswith(":") or DOCUMENT_MARK.match(text) or AMBIGUOUS.fullmatch(text):
        return False
    try:
        return resolve(text) == text
    except ValueError:
        return False


def _refused(path: Path, message: str, remedy: str) -> DataInvalid:
    return DataInvalid(f"{shown(path)} {message}", remedy=remedy)
