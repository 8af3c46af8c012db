"""Prose taken apart: paragraphs, sentences, words and syllables, and how hard it is to read."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

import attrs

__all__ = ["STOP_WORDS", "Prose", "sentences_of", "words_of_text"]

_WORD: Final = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_END: Final = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[^\W_a-z])|(?<=[。！？])|\n\s*\n")
_ABBREVIATION: Final = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|vs|etc|e\.g|i\.e|cf|fig|no|al|approx|inc|ltd|co|jr|sr)|\b[A-Z])\.$", re.IGNORECASE
)
_VOWELS: Final = re.compile(r"[aeiouyàáâäãåæèéêëìíîïòóôöõøùúûüýœ]+")
_SILENT: Final = re.compile(r"(?:[^laeiouy]es|[^aeiouytd]ed|[^aeiouyl]e)$")

STOP_WORDS: Final = frozenset(
    """a about above after again all also am an and any are as at be because been before being below between both but by
    can could did do does doing down during each few for from further had has have having he her here hers him his how i
    if in into is it its itself just may me might more most must my no nor not now of off on once only or other our ours
    out over own s same she should so some such t than that the their theirs them then there these they this those
    through to too under until up us very was we were what when where which while who whom why will with would you your
    yours""".split()
)
"""Words that say nothing about what a text is about (English)."""


@attrs.frozen
class Prose:
    """A text and what it is made of.

    Attributes:
        text: The text.
        sentences: Its sentences.
        words: Its words, as they stand.
    """

    text: str
    sentences: tuple[str, ...]
    words: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Prose:
        """The text, taken apart."""
        return cls(text, sentences_of(text), words_of_text(text))

    @property
    def paragraphs(self) -> int:
        """How many paragraphs there are."""
        return sum(1 for block in re.split(r"\n\s*\n", self.text) if block.strip())

    @property
    def syllables(self) -> int:
        """How many syllables there are, by the rules of English spelling: right for about nine words in ten."""
        return sum(map(_syllables, self.words))

    @property
    def reading_ease(self) -> float | None:
        """From 100 (easy) to 0 and below (hard): Flesch, "A new readability yardstick" (1948). None without words."""
        if not self.words:
            return None
        return 206.835 - 1.015 * self._words_a_sentence - 84.6 * self._syllables_a_word

    @property
    def grade(self) -> float | None:
        """Years at school that it takes to read it: Kincaid and others (1975). None without words."""
        if not self.words:
            return None
        return 0.39 * self._words_a_sentence + 11.8 * self._syllables_a_word - 15.59

    def frequent(self, most: int) -> list[tuple[str, int]]:
        """The words that come most often, with how often; those that say nothing are left out."""
        counted = Counter(word for word in map(str.lower, self.words) if word not in STOP_WORDS and len(word) > 2)
        return sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:most]

    @property
    def _words_a_sentence(self) -> float:
        return len(self.words) / max(1, len(self.sentences))

    @property
    def _syllables_a_word(self) -> float:
        return self.syllables / len(self.words)


def words_of_text(text: str) -> tuple[str, ...]:
    """The words of a text, as they stand; ``don't`` and ``well-known`` are one each."""
    return tuple(_WORD.findall(text))


def sentences_of(text: str) -> tuple[str, ...]:
    """The sentences of a text, in order. An abbreviation such as ``Dr.`` ends none."""
    found: list[str] = []
    for piece in _END.split(text):
        part = " ".join(piece.split())
        if found and _ABBREVIATION.search(found[-1][-12:]):
            found[-1] = f"{found[-1]} {part}"
        elif part:
            found.append(part)
    return tuple(sentence for sentence in found if _WORD.search(sentence))


def _syllables(word: str) -> int:
    lower = word.lower()
    groups = len(_VOWELS.findall(lower))
    return max(1, groups - (groups > 1 and _SILENT.search(lower) is not None))
