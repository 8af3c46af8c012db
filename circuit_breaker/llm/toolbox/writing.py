"""Tools about texts: what they are made of, how they feel, what they say in short and cite, what could be better."""

from __future__ import annotations

from typing import Any

import attrs

from circuit_breaker.llm.toolbox.citations import citations_in
from circuit_breaker.llm.toolbox.improvement import suggestions_for
from circuit_breaker.llm.toolbox.inputs import TEXT
from circuit_breaker.llm.toolbox.prose import Prose, sentences_of
from circuit_breaker.llm.toolbox.sentiment import Sentiment, sentence_sentiment, sentiment_of
from circuit_breaker.llm.toolbox.summary import summary_of
from circuit_breaker.llm.tools.base import Tool

__all__ = [
    "AnalysisTool",
    "CitationTool",
    "ContentAnalysisTool",
    "ImprovementTool",
    "SentimentAnalysisTool",
    "SentimentTool",
    "SummarizeTool",
]

_WORDS_A_MINUTE = 238  # silent reading of English, Brysbaert (2019)


def _statistics(prose: Prose) -> dict[str, Any]:
    words, sentences = len(prose.words), len(prose.sentences)
    return {
        "characters": len(prose.text),
        "words": words,
        "sentences": sentences,
        "paragraphs": prose.paragraphs,
        "words_per_sentence": round(words / sentences, 2) if sentences else 0,
        "reading_ease": _rounded(prose.reading_ease),
        "grade_level": _rounded(prose.grade),
        "reading_minutes": round(words / _WORDS_A_MINUTE, 2),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _feeling(found: Sentiment) -> dict[str, Any]:
    return {
        "label": found.label,
        "score": found.score,
        "positive_words": list(found.positive),
        "negative_words": list(found.negative),
    }


class ContentAnalysisTool(Tool):
    """``content_analysis``: counts, readability and the words that a text is about."""

    def __init__(self) -> None:
        super().__init__(
            "content_analysis",
            "What a text is made of: characters, words, sentences, paragraphs, how hard it is to read (Flesch), how "
            "long it takes to read, and the words that it is about.",
            {
                "text": TEXT | {"description": "The text"},
                "keywords": {"type": "integer", "minimum": 0, "maximum": 50, "default": 10, "description": "How many"},
            },
        )

    def execute(self, text: str, keywords: int = 10) -> dict[str, Any]:
        """``{"characters", "words", "sentences", "paragraphs", "words_per_sentence", "reading_ease", ...}``."""
        prose = Prose.of(text)
        return {**_statistics(prose), "keywords": [{"word": w, "count": n} for w, n in prose.frequent(keywords)]}


class AnalysisTool(Tool):
    """``analysis``: a text at a glance: what it is made of, how it feels, what it is about, and a summary."""

    def __init__(self) -> None:
        super().__init__(
            "analysis",
            "A text at a glance: length and readability, sentiment, keywords, and a summary of three sentences.",
            {"text": TEXT | {"description": "The text"}},
        )

    def execute(self, text: str) -> dict[str, Any]:
        """``{"statistics", "sentiment", "keywords", "summary"}``."""
        prose = Prose.of(text)
        return {
            "statistics": _statistics(prose),
            "sentiment": _feeling(sentiment_of(text)),
            "keywords": [word for word, _ in prose.frequent(10)],
            "summary": " ".join(summary_of(text, 3)),
        }


class SentimentTool(Tool):
    """``sentiment``: how a text feels, by a lexicon (English)."""

    def __init__(self) -> None:
        super().__init__(
            "sentiment",
            "Whether a text is positive, negative or neutral, with a score from -1 to 1 and the words that decide.",
            {"text": TEXT | {"description": "The text, in English"}},
        )

    def execute(self, text: str) -> dict[str, Any]:
        """``{"label", "score", "positive_words", "negative_words"}``."""
        return _feeling(sentiment_of(text))


class SentimentAnalysisTool(Tool):
    """``sentiment_analysis``: how a text feels, sentence by sentence, by a lexicon (English)."""

    def __init__(self) -> None:
        super().__init__(
            "sentiment_analysis",
            "How a text feels as a whole and sentence by sentence, each with a score from -1 to 1.",
            {"text": TEXT | {"description": "The text, in English"}},
        )

    def execute(self, text: str) -> dict[str, Any]:
        """``{"label", "score", ..., "sentences": [{"sentence", "label", "score"}]}``, at most 200 sentences."""
        found = [(sentence, sentence_sentiment(sentence)) for sentence in sentences_of(text)[:200]]
        told = [{"sentence": sentence, "label": each.label, "score": each.score} for sentence, each in found]
        return {**_feeling(sentiment_of(text)), "sentences": told}


class SummarizeTool(Tool):
    """``summarize``: the sentences of a text that say most of what it is about."""

    def __init__(self) -> None:
        super().__init__(
            "summarize",
            "A summary of a text, made of its own most important sentences.",
            {
                "text": TEXT | {"description": "The text"},
                "sentences": {"type": "integer", "minimum": 1, "maximum": 20, "default": 3, "description": "How many"},
            },
        )

    def execute(self, text: str, sentences: int = 3) -> dict[str, Any]:
        """``{"summary", "sentences", "of_sentences"}``."""
        chosen = summary_of(text, sentences)
        return {"summary": " ".join(chosen), "sentences": list(chosen), "of_sentences": len(sentences_of(text))}


class CitationTool(Tool):
    """``citations``: the addresses, DOIs, arXiv and ISBN numbers, authors with years and numbers that a text cites."""

    def __init__(self) -> None:
        super().__init__(
            "citations",
            "What a text cites: web addresses, DOIs, arXiv and ISBN numbers, authors with years, [1]-style references.",
            {"text": TEXT | {"description": "The text"}},
        )

    def execute(self, text: str) -> dict[str, Any]:
        """``{"count", "citations": [{"kind", "text", "position", "identifier"}]}``, at most 500."""
        found = citations_in(text)
        return {"count": len(found), "citations": [attrs.asdict(citation) for citation in found[:500]]}


class ImprovementTool(Tool):
    """``improvement``: what could be better in a text (English)."""

    def __init__(self) -> None:
        super().__init__(
            "improvement",
            "Suggestions for a better text: sentences that are too long, passive voice, filler, wordy phrases, words "
            "that are there twice.",
            {"text": TEXT | {"description": "The text, in English"}},
        )

    def execute(self, text: str) -> dict[str, Any]:
        """``{"count", "suggestions": [{"kind", "sentence", "text", "advice"}], "reading_ease"}``, at most 100."""
        found = [attrs.asdict(suggestion) for suggestion in suggestions_for(text)]
        return {
            "count": len(found),
            "suggestions": found[:100],
            "reading_ease": _rounded(Prose.of(text).reading_ease),
        }
