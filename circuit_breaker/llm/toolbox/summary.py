"""A summary made of sentences of the text: those that say most of what the text is about.

As in Luhn, "The automatic creation of literature abstracts" (1958), and Nenkova and Vanderwende, SumBasic (2005): a
sentence is worth the mean probability of its words; when one is taken, its words count for less, so that the next says
something else. The first sentence of a text is worth a little more.
"""

from __future__ import annotations

from collections import Counter

from circuit_breaker.llm.toolbox.prose import STOP_WORDS, sentences_of, words_of_text

__all__ = ["summary_of"]

_FIRST = 1.25
_MOST_SENTENCES = 2000


def summary_of(text: str, sentences: int) -> tuple[str, ...]:
    """So many sentences of the text, in the order of the text."""
    found = sentences_of(text)[:_MOST_SENTENCES]
    contents = [[word for word in map(str.lower, words_of_text(each)) if word not in STOP_WORDS] for each in found]
    counted = Counter(word for words in contents for word in words)
    total = counted.total() or 1
    probability = {word: times / total for word, times in counted.items()}
    chosen: list[int] = []
    while len(chosen) < min(sentences, len(found)):
        best = max(
            (at for at in range(len(found)) if at not in chosen),
            key=lambda at: (_worth(contents[at], probability) * (_FIRST if at == 0 else 1.0), -at),
        )
        chosen.append(best)
        for word in set(contents[best]):
            probability[word] **= 2
    return tuple(found[at] for at in sorted(chosen))


def _worth(words: list[str], probability: dict[str, float]) -> float:
    return sum(probability[word] for word in words) / len(words) if words else 0.0
