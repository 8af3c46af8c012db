"""What could be better in a text: sentences that are too long, passive voice, filler, wordy phrases, repeated words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from circuit_breaker.llm.toolbox.prose import sentences_of, words_of_text

__all__ = ["Suggestion", "suggestions_for"]

LONG: Final = 30
"""Words of a sentence above which it is called long."""


@attrs.frozen
class Suggestion:
    """One thing to change.

    Attributes:
        kind: ``"long_sentence"``, ``"passive"``, ``"filler"``, ``"wordy"`` or ``"repeated_word"``.
        sentence: Where.
        text: What is meant.
        advice: What to do.
    """

    kind: str
    sentence: str
    text: str
    advice: str


_PASSIVE: Final = re.compile(
    r"\b(?:am|is|are|was|were|be|been|being)\s+(?:\w+ly\s+)?(\w{2,}ed|made|done|given|taken|seen|known|shown|written|"
    r"found|held|kept|left|put|read|said|sent|set|told|built|chosen|driven|broken|spoken|brought|bought|caught)\b",
    re.IGNORECASE,
)
_FILLER: Final = re.compile(
    r"\b(very|really|quite|just|actually|basically|simply|literally|obviously|clearly|somewhat|perhaps|in fact|"
    r"of course|kind of|sort of|needless to say)\b",
    re.IGNORECASE,
)
_REPEATED: Final = re.compile(r"\b([^\W\d_]{1,40})\s+\1\b", re.IGNORECASE)
_WORDY: Final[Mapping[str, str]] = {
    "a large number of": "many",
    "a majority of": "most",
    "at this point in time": "now",
    "due to the fact that": "because",
    "for the purpose of": "to",
    "has the ability to": "can",
    "in a timely manner": "soon",
    "in order to": "to",
    "in spite of the fact that": "although",
    "in the event that": "if",
    "in the near future": "soon",
    "is able to": "can",
    "it is important to note that": "(nothing)",
    "make use of": "use",
    "prior to": "before",
    "subsequent to": "after",
    "the fact that": "that",
    "utilize": "use",
    "utilise": "use",
    "with regard to": "about",
    "with the exception of": "except",
}
_WORDS: Final = re.compile(rf"\b({'|'.join(sorted(map(re.escape, _WORDY), key=len, reverse=True))})\b", re.IGNORECASE)


def suggestions_for(text: str) -> Iterator[Suggestion]:
    """What could be better, sentence by sentence (English)."""
    for sentence in sentences_of(text):
        count = len(words_of_text(sentence))
        if count > LONG:
            yield Suggestion("long_sentence", sentence, f"{count} words", f"split it: {LONG} words are enough")
        for found in _WORDS.finditer(sentence):
            yield Suggestion("wordy", sentence, found[0], f"write '{_WORDY[found[0].lower()]}'")
        for found in _FILLER.finditer(sentence):
            yield Suggestion("filler", sentence, found[0], "leave it out, or say how much")
        for found in _PASSIVE.finditer(sentence):
            yield Suggestion("passive", sentence, found[0], "say who does it")
        for found in _REPEATED.finditer(sentence):
            yield Suggestion("repeated_word", sentence, found[0], f"write '{found[1]}' once, unless it is meant")
