"""Which texts are about what is asked: Okapi BM25 (Robertson and Zaragoza, 2009), with k1 = 1.2 and b = 0.75."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs

from circuit_breaker.llm.toolbox.prose import STOP_WORDS, words_of_text

__all__ = ["Ranking", "snippet"]

_K1: Final = 1.2
_B: Final = 0.75


@attrs.frozen
class Ranking:
    """Texts, indexed by their words.

    Attributes:
        counts: For each text how often each word is in it.
        holders: For each word the texts that hold it.
        mean: How many words a text has.
    """

    counts: tuple[Counter[str], ...]
    holders: Mapping[str, Sequence[int]]
    mean: float

    @classmethod
    def of(cls, texts: Iterable[str]) -> Ranking:
        """The texts, indexed."""
        counts = tuple(Counter(_terms(text)) for text in texts)
        holders: dict[str, list[int]] = {}
        for at, counted in enumerate(counts):
            for word in counted:
                holders.setdefault(word, []).append(at)
        total = sum(counted.total() for counted in counts)
        return cls(counts, holders, total / len(counts) if counts else 0.0)

    def best(self, query: str, most: int) -> list[tuple[int, float]]:
        """The texts that have most to do with the query, with their scores, best first."""
        scores: dict[int, float] = {}
        for word in set(_terms(query)):
            holders = self.holders.get(word, ())
            rarity = math.log(1 + (len(self.counts) - len(holders) + 0.5) / (len(holders) + 0.5))
            for at in holders:
                scores[at] = scores.get(at, 0.0) + rarity * self._weight(self.counts[at], word)
        return sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:most]

    def _weight(self, counted: Counter[str], word: str) -> float:
        times, length = counted[word], counted.total()
        return times * (_K1 + 1) / (times + _K1 * (1 - _B + _B * length / self.mean))


def snippet(text: str, query: str, width: int) -> str:
    """The part of a text, of about so many characters, that holds most of the words of the query."""
    words = set(_terms(query))
    starts = [found.start() for found in re.finditer(r"[^\W_]+", text) if _term(found[0]) in words][:500]
    around = max(starts, key=lambda start: sum(start <= other < start + width for other in starts), default=0)
    start = max(0, around - width // 4)
    part = " ".join(text[start : start + width].split())
    return f"{'… ' if start else ''}{part}{' …' if start + width < len(text) else ''}"


def _terms(text: str) -> list[str]:
    return [_term(word) for word in words_of_text(text) if word.lower() not in STOP_WORDS]


def _term(word: str) -> str:
    """The word as it is compared: in lower case, without the ending of a plural."""
    lower = word.lower()
    if len(lower) > 4 and lower.endswith("ies"):
        return f"{lower[:-3]}y"
    return lower[:-1] if len(lower) > 3 and lower.endswith("s") and not lower.endswith("ss") else lower
