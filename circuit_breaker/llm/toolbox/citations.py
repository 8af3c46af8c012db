"""What a text cites: addresses, DOIs, arXiv and ISBN numbers, authors with years, and numbered references."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import attrs

__all__ = ["Citation", "citations_in"]


@attrs.frozen
class Citation:
    """One thing that is cited.

    Attributes:
        kind: ``"url"``, ``"doi"``, ``"arxiv"``, ``"isbn"``, ``"author_year"`` or ``"number"``.
        text: As it stands in the text.
        position: Where, in characters from 0.
        identifier: What it comes to, such as the DOI alone.
    """

    kind: str
    text: str
    position: int
    identifier: str


_AUTHOR: Final = r"[A-Z][^\W\d_]{1,40}(?:[-'’][A-Z][^\W\d_]{1,40})?"
_AUTHORS: Final = rf"{_AUTHOR}(?:(?:,? (?:and|&) |, ){_AUTHOR}){{0,4}}(?: et al\.?)?"
_YEAR: Final = r"(?:1[5-9]|20)\d\d[a-z]?"

# In this order: what one has found, the next leaves alone.
_KINDS: Final = (
    ("doi", re.compile(r"(?:https?://(?:dx\.)?doi\.org/|\bdoi:\s?|\b)(10\.\d{4,9}/[^\s\"<>]{1,200})", re.IGNORECASE)),
    ("arxiv", re.compile(r"(?:https?://arxiv\.org/(?:abs|pdf)/|\barxiv:\s?)(\d{4}\.\d{4,5}(?:v\d+)?)", re.IGNORECASE)),
    ("url", re.compile(r"(https?://[^\s<>\"']{3,2000})", re.IGNORECASE)),
    ("isbn", re.compile(r"\bISBN(?:-1[03])?:?\s?((?:97[89][- ]?)?\d(?:[- ]?\d){8}[- ]?[\dX])\b", re.IGNORECASE)),
    ("author_year", re.compile(rf"(\({_AUTHORS},? {_YEAR}(?:, pp?\. ?[\d–-]{{1,11}})?\)|{_AUTHORS} \({_YEAR}\))")),
    ("number", re.compile(r"(\[\d{1,4}(?:\s?[,–-]\s?\d{1,4}){0,20}\])(?!\()")),
)
_AFTER: Final = ".,;:!?)]}'\""


def citations_in(text: str) -> tuple[Citation, ...]:
    """What the text cites, in the order of the text."""
    taken = bytearray(len(text))
    found = [citation for kind, pattern in _KINDS for citation in _found(kind, pattern, text, taken)]
    return tuple(sorted(found, key=lambda citation: citation.position))


def _found(kind: str, pattern: re.Pattern[str], text: str, taken: bytearray) -> Iterator[Citation]:
    for match in pattern.finditer(text):
        whole, identifier = match[0], match[1]
        if kind in ("url", "doi"):
            whole, identifier = _trimmed(whole), _trimmed(identifier)
        start, end = match.start(), match.start() + len(whole)
        if any(taken[start:end]) or (kind == "isbn" and not _isbn(identifier)):
            continue
        taken[start:end] = b"\1" * len(whole)
        yield Citation(kind, whole, start, identifier)


def _trimmed(address: str) -> str:
    """The address without what ends the sentence; a bracket that it opened itself stays."""
    while address and address[-1] in _AFTER and not (address[-1] == ")" and address.count("(") >= address.count(")")):
        address = address[:-1]
    return address


def _isbn(text: str) -> bool:
    """Whether the last digit is as ISO 2108 wants it."""
    digits = re.sub(r"[- ]", "", text).upper()
    if len(digits) == 10:
        values = [10 if digit == "X" else int(digit) for digit in digits]
        return sum(value * weight for value, weight in zip(values, range(10, 0, -1), strict=True)) % 11 == 0
    return digits.isdigit() and sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(digits)) % 10 == 0
