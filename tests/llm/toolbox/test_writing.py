"""Tools about texts."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.llm.toolbox import (
    AnalysisTool,
    CitationTool,
    ContentAnalysisTool,
    ImprovementTool,
    SentimentAnalysisTool,
    SentimentTool,
    SummarizeTool,
)
from circuit_breaker.llm.toolbox.prose import sentences_of

TEXT = """Petri nets describe systems in which many things happen at once. A net has places, transitions and tokens.

Dr. Petri wrote about nets in 1962. Tokens move when transitions fire, e.g. from one place to another. Lunch was
good."""


def test_content_is_counted_and_rated():
    """K7: counts, readability and keywords of a text."""
    found = ContentAnalysisTool().execute(TEXT, keywords=3)

    assert (2, 5) == (found["paragraphs"], found["sentences"])
    assert ["nets", "petri", "tokens"] == [each["word"] for each in found["keywords"]]
    assert 50 < found["reading_ease"] < 100
    assert 0 < found["grade_level"] < 10


def test_a_text_without_words_is_counted_too():
    """Nothing is divided by nothing."""
    found = ContentAnalysisTool().execute("...")

    assert (0, 0, None, None) == tuple(found[n] for n in ("words", "sentences", "reading_ease", "grade_level"))


def test_sentences_end_where_people_end_them():
    """Abbreviations, quotations and empty lines are read as people read them."""
    assert ("Dr. Smith came.", '"Good!" he said.', "Then 3.5 hours passed.", "End") == sentences_of(
        'Dr. Smith came. "Good!" he said. Then 3.5 hours passed.\n\nEnd'
    )


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("This is a wonderful library, I love it!", "positive"),
        ("The service was terrible and the staff rude.", "negative"),
        ("The meeting is on Tuesday.", "neutral"),
        ("It is not good.", "negative"),
        ("It was not bad at all.", "positive"),
        ("The food was fine but the waiter was horrible.", "negative"),
        ("", "neutral"),
    ],
)
def test_feelings_are_told(text, label):
    """K7: positive, negative or neutral, with negation and contrast."""
    assert label == SentimentTool().execute(text)["label"]


def test_feelings_have_degrees():
    """Words of degree, capitals and exclamation marks make a feeling stronger."""
    scores = [SentimentTool().execute(text)["score"] for text in ("It is good.", "It is very good.", "It is GOOD!!!")]

    assert 0 < scores[0] < scores[1] < scores[2] < 1
    assert 0 < SentimentTool().execute("It is slightly good.")["score"] < scores[0]


def test_feelings_are_told_sentence_by_sentence():
    """K7: the second tool says which sentence feels how, and which words decide."""
    found = SentimentAnalysisTool().execute("I love the design. The price is awful. It is blue.")

    assert ["positive", "negative", "neutral"] == [each["label"] for each in found["sentences"]]
    assert (["love"], ["awful"]) == (found["positive_words"], found["negative_words"])


def test_a_summary_is_made_of_sentences_of_the_text():
    """K7: the most telling sentences, in the order of the text."""
    found = SummarizeTool().execute(TEXT, sentences=2)

    assert 2 == len(found["sentences"])
    assert 5 == found["of_sentences"]
    assert "Lunch" not in found["summary"]
    assert all(sentence in sentences_of(TEXT) for sentence in found["sentences"])
    assert TEXT.rsplit(maxsplit=1)[-1] in SummarizeTool().execute(TEXT, sentences=20)["summary"]


@given(st.text(alphabet="abc. \n!?", max_size=200), st.integers(1, 5))
def test_any_text_has_a_summary(text, sentences):
    """A summary never has more sentences than wanted or than there are."""
    found = SummarizeTool().execute(text, sentences)
    assert min(sentences, found["of_sentences"]) == len(found["sentences"])


def test_a_text_at_a_glance():
    """K7: statistics, sentiment, keywords and a summary in one."""
    found = AnalysisTool().execute(TEXT)

    assert {"statistics", "sentiment", "keywords", "summary"} == set(found)
    assert "nets" in found["keywords"]


@pytest.mark.parametrize(
    ("text", "kind", "identifier"),
    [
        ("see https://example.com/a_(b)?c=d).", "url", "https://example.com/a_(b)?c=d"),
        ("doi:10.1000/xyz123.", "doi", "10.1000/xyz123"),
        ("https://doi.org/10.1000/xyz123", "doi", "10.1000/xyz123"),
        ("arXiv:2101.00001v2", "arxiv", "2101.00001v2"),
        ("ISBN 978-0-306-40615-7", "isbn", "978-0-306-40615-7"),
        ("ISBN 0-8044-2957-X", "isbn", "0-8044-2957-X"),
        ("as (Smith & Jones, 2020) say", "author_year", "(Smith & Jones, 2020)"),
        ("Petri et al. (1962) show", "author_year", "Petri et al. (1962)"),
        ("known [1, 3–5]", "number", "[1, 3–5]"),
    ],
)
def test_citations_are_found(text, kind, identifier):
    """K7: addresses, DOIs, arXiv and ISBN numbers, authors with years, numbers; with their place."""
    (found,) = CitationTool().execute(text)["citations"]

    assert (kind, identifier) == (found["kind"], found["identifier"])
    assert found["text"] == text[found["position"] :][: len(found["text"])]


def test_what_only_looks_like_a_citation_is_none():
    """A wrong check digit, a link of Markdown and a sum in brackets are left alone."""
    assert 0 == CitationTool().execute("ISBN 978-0-306-40615-8, [1](#here), and [1.5]")["count"]


@pytest.mark.parametrize(
    ("text", "kind", "advice"),
    [
        ("The report was written by the team.", "passive", "say who"),
        ("It is really nice.", "filler", "leave it out"),
        ("We did it in order to win.", "wordy", "write 'to'"),
        ("This is is twice.", "repeated_word", "write 'is' once"),
        ("word " * 31 + ".", "long_sentence", "split it"),
    ],
)
def test_improvements_are_suggested(text, kind, advice):
    """K7: each suggestion names the sentence, the words and what to do."""
    found = {each["kind"]: each for each in ImprovementTool().execute(text)["suggestions"]}

    assert advice in found[kind]["advice"]


@pytest.mark.parametrize(
    "text", ["a" * 200_000, "a-" * 100_000, "A " * 100_000, "10.1234/" * 20_000, "(" * 200_000, "Smith, " * 28_000,
             "[1," * 60_000, ". " * 100_000, "is is " * 33_000, "Dr. " * 50_000]
)  # fmt: skip
def test_no_text_holds_up_a_machine(text):
    """The time is in proportion to the text, whatever stands in it."""
    started = time.perf_counter()
    for maker in (AnalysisTool, CitationTool, ImprovementTool, SentimentAnalysisTool, SummarizeTool):
        maker().execute(text)
    assert time.perf_counter() - started < 20
