"""Tokens counted and estimated."""

from __future__ import annotations

import base64
import hashlib
import sys

import pytest

from circuit_breaker.errors import ExtraMissing
from circuit_breaker.llm.messages import assistant, tool_result, user
from circuit_breaker.llm.parts import File, Image, Thinking, ToolCall
from circuit_breaker.llm.tokens import TokenCount, count_tokens, estimated
from circuit_breaker.llm.vocabulary import ENCODINGS, Vocabulary, encoding_of
from tests.services.npm import installed

PROSE = (
    "A workflow is a coloured Petri net. So a join cannot be lost, two branches really run at once, and before "
    "anything runs we can prove that every case can finish, or show the shortest way in which it gets stuck. The run "
    "is a journal of facts: kill the process anywhere and start it again, and nothing is lost."
)
CODE = '''def schedule(self) -> list[YearOfLoan]:
    """What is paid in each year."""
    balance, rows = self.principal, []
    for month in range(1, 13):
        due = money(balance * self.monthly_rate)
        balance = balance - min(balance, payment - due)
    return rows
'''
JSON = '[{"id": 1, "name": "item 1", "price": 13.44, "tags": ["a", "b"], "at": "2026-11-02T10:00:00Z"}]'
CHINESE = (
    "人工智能是计算机科学的一个分支，它企图了解智能的实质，并生产出一种新的能以人类智能相似的方式做出反应的智能机器。"
)
JAPANESE = (
    "今日は天気がいいので、公園を散歩しましょう。昨日、彼は本を三冊買いましたが、どれもとても面白かったそうです。"
)
KOREAN = "오늘은 날씨가 좋으니 공원에서 산책합시다. 그는 어제 책을 세 권 샀는데 모두 매우 재미있다고 합니다."
RUSSIAN = "Сегодня хорошая погода, пойдёмте гулять в парк. Вчера он купил три книги, и все они очень интересные."

# What tiktoken 0.14 counts with o200k_base.
MEASURED = [
    (PROSE, 69, 0.10),
    (CODE, 68, 0.15),
    (JSON, 51, 0.20),
    (CHINESE, 40, 0.20),
    (JAPANESE, 37, 0.20),
    (KOREAN, 34, 0.20),
    (RUSSIAN, 30, 0.20),
]


@pytest.mark.parametrize(("text", "tokens", "tolerance"), MEASURED)
def test_the_estimate_is_near(text, tokens, tolerance):
    """The error of the estimate stays within its tolerance on prose, code, JSON and other scripts."""
    assert tokens == pytest.approx(estimated(text), abs=tolerance * tokens)


def test_the_estimate_is_bounded_by_the_text():
    """Nothing has tokens where there is no text, and no text has more tokens than bytes."""
    assert 0 == estimated("")
    for text in ("a" * 1000, " " * 1000, "🎉" * 50, "\x00\x01"):
        assert 0 <= estimated(text) <= len(text.encode())


def test_a_count_says_whether_it_is_an_estimate():
    """Without a vocabulary every count is an estimate; nothing is exactly nothing."""
    assert count_tokens("hello world").estimated
    assert TokenCount(0) == count_tokens("")
    assert 7 == int(TokenCount(3) + TokenCount(4, estimated=True))


def test_a_conversation_is_more_than_its_texts():
    """Each message has tokens around it; calls, images and files have theirs."""
    text = count_tokens("hello there").tokens
    message = count_tokens(user("hello there")).tokens

    assert text < message < count_tokens([user("hello there")]).tokens
    assert message < count_tokens(user("hello there", name="ann")).tokens
    for part in (Image(url="x"), File(data="x" * 100), Thinking(text="hm", signature="x" * 80)):
        assert count_tokens(assistant(part)).tokens > count_tokens(assistant()).tokens
    call = ToolCall(id="1", name="search", arguments='{"query": "nets"}')
    assert count_tokens(assistant(call)).tokens > 10
    assert count_tokens(tool_result(call, "found")).tokens > 10


@pytest.mark.parametrize(
    ("model", "encoding"),
    [("gpt-4o-mini", "o200k_base"), ("gpt-4-turbo", "cl100k_base"), ("openai/gpt-5", "o200k_base"), ("claude-4", None)],
)
def test_models_have_encodings(model, encoding):
    """The longest beginning of the name that fits says which encoding a model has."""
    assert encoding == encoding_of(model)


@pytest.fixture
def bytes_only(tmp_path, monkeypatch):
    """A vocabulary of a known encoding in which each byte is a token."""
    pytest.importorskip("tiktoken")
    monkeypatch.setattr("circuit_breaker.llm.vocabulary.ENCODINGS", {"o200k_base": (ENCODINGS["o200k_base"][0], 256)})
    lines = (f"{base64.b64encode(bytes([byte])).decode()} {byte}" for byte in range(256))
    (tmp_path / "o200k_base.tiktoken").write_text("\n".join(lines))
    return tmp_path


def test_a_vocabulary_counts_exactly(bytes_only):
    """A folder of the operator's is read, and nothing is downloaded."""
    vocabulary = Vocabulary(bytes_only)

    assert TokenCount(11) == count_tokens("hello world", "gpt-4o", vocabulary=vocabulary)
    assert not count_tokens([user("hello")], "gpt-4o", vocabulary=vocabulary).estimated
    assert count_tokens("hello world", "gpt-4", vocabulary=vocabulary).estimated
    assert (True, False, False) == tuple(vocabulary.has(model) for model in ("gpt-4o", "gpt-4", "claude-4"))


def test_the_cache_of_tiktoken_is_a_folder_too(bytes_only):
    """A file under the name that tiktoken's cache gives it is found."""
    address = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
    (bytes_only / "o200k_base.tiktoken").rename(bytes_only / hashlib.sha1(address.encode()).hexdigest())  # noqa: S324

    assert 5 == Vocabulary(bytes_only).count("hello", "gpt-4o")


@pytest.mark.parametrize("content", ["nonsense", "aGVsbG8= 0", "!!! 1"])
def test_a_damaged_vocabulary_is_refused(tmp_path, content):
    """A file that is cut off or something else never counts wrongly."""
    pytest.importorskip("tiktoken")
    (tmp_path / "o200k_base.tiktoken").write_text(content)
    with pytest.raises(ValueError, match=r"o200k_base\.tiktoken is damaged"):
        Vocabulary(tmp_path).count("hello", "gpt-4o")


def test_a_vocabulary_needs_the_extra(bytes_only, monkeypatch):
    """Without tiktoken the message says what to install."""
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    with pytest.raises(ExtraMissing, match=r"circuit-breaker-sdk\[tokens\]"):
        Vocabulary(bytes_only).count("hello", "gpt-4o")


@pytest.mark.oracle
@pytest.mark.parametrize(("text", "tokens", "tolerance"), MEASURED)
def test_what_was_measured_is_what_the_vocabulary_says(text, tokens, tolerance):
    """The numbers of this file are those of tiktoken, with the vocabulary that gpt-tokenizer carries."""
    pytest.importorskip("tiktoken")
    folder = installed("gpt-tokenizer", "4.0.0") / "data"

    assert TokenCount(tokens) == count_tokens(text, "gpt-4o", vocabulary=Vocabulary(folder))
