"""How a text feels, by a lexicon and a few rules.

The rules follow Hutto and Gilbert, "VADER: a parsimonious rule-based model for sentiment analysis" (2014): a negation
within three words turns a feeling into 0.74 of its opposite, words of degree scale it, what follows a "but" counts one
and a half times and what comes before half, exclamation marks and capitals add to it, and the sum is brought to -1..1
by x / sqrt(x² + 15). The lexicon is our own and English only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from circuit_breaker.llm.toolbox.lexicon import CONTRASTS, DEGREES, FEELINGS, NEGATIONS
from circuit_breaker.llm.toolbox.prose import sentences_of, words_of_text

__all__ = ["Sentiment", "sentence_sentiment", "sentiment_of"]

_NEGATED: Final = -0.74
_REACH: Final = 3
_NORMAL: Final = 15
_NEUTRAL: Final = 0.05


@attrs.frozen
class Sentiment:
    """How something feels.

    Attributes:
        score: From -1 (terrible) to 1 (wonderful).
        positive: The words that speak for it.
        negative: The words that speak against it.
    """

    score: float
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """``"positive"``, ``"negative"`` or ``"neutral"``."""
        if abs(self.score) < _NEUTRAL:
            return "neutral"
        return "positive" if self.score > 0 else "negative"


def sentiment_of(text: str) -> Sentiment:
    """How a text feels: the mean over those of its sentences that feel like anything."""
    found = [sentence_sentiment(sentence) for sentence in sentences_of(text)]
    felt = [each for each in found if each.positive or each.negative]
    if not felt:
        return Sentiment(0.0)
    score = math.fsum(each.score for each in felt) / len(felt)
    return Sentiment(
        round(score, 4), _distinct(each.positive for each in felt), _distinct(each.negative for each in felt)
    )


def sentence_sentiment(sentence: str) -> Sentiment:
    """How one sentence feels."""
    written = words_of_text(sentence.replace("’", "'"))
    words = [word.lower() for word in written]
    turn = next((at for at, word in enumerate(words) if word in CONTRASTS and at), None)
    felt = {}
    for at, word in enumerate(words):
        if word in FEELINGS:
            weight = 1.0 if turn is None else 1.5 if at > turn else 0.5
            felt[at] = weight * _feeling(words, at) * _loudness(written, at)
    total = math.fsum(felt.values())
    emphasis = min(sentence.count("!"), 4) * 0.292
    total += math.copysign(emphasis, total) if total else 0.0
    return Sentiment(
        round(total / math.sqrt(total * total + _NORMAL), 4),
        tuple(words[at] for at, value in felt.items() if value > 0),
        tuple(words[at] for at, value in felt.items() if value < 0),
    )


def _feeling(words: Sequence[str], at: int) -> float:
    before = words[max(0, at - _REACH) : at]
    value = FEELINGS[words[at]] * (DEGREES.get(before[-1], 1.0) if before else 1.0)
    return value * _NEGATED if any(word in NEGATIONS for word in before) else value


def _loudness(written: Sequence[str], at: int) -> float:
    """A word in capitals among others that are not is shouted."""
    shouted = written[at].isupper() and len(written[at]) > 2 and not all(word.isupper() for word in written)
    return 1.25 if shouted else 1.0


def _distinct(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for group in groups for word in group))[:20]
