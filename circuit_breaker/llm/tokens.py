"""Tokens counted: exactly where there is a vocabulary of the model, and otherwise estimated, which the count says.

The estimate reads a text as tokenizers split it (words, numbers, signs, space) and takes for each piece what such a
piece comes to on average in OpenAI's ``o200k_base``. Other vendors' tokenizers come to between 0.9 and 1.3 times that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import attrs

from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.parts import File, Image, Part, Text, Thinking, ToolCall, ToolResult
from circuit_breaker.llm.usage import Usage
from circuit_breaker.llm.vocabulary import Vocabulary

__all__ = ["TokenCount", "count_tokens", "estimated", "estimated_usage"]


@attrs.frozen
class TokenCount:
    """A number of tokens.

    Attributes:
        tokens: How many.
        estimated: Whether that is an estimate.
    """

    tokens: int
    estimated: bool = False

    def __int__(self) -> int:
        return self.tokens

    def __add__(self, other: TokenCount) -> TokenCount:
        return TokenCount(self.tokens + other.tokens, self.estimated or other.estimated)


_NONE: Final = TokenCount(0)

# What OpenAI's cookbook gives: three tokens around each message, three that begin the answer, and one for a name.
_AROUND: Final = TokenCount(3)
_NAME: Final = TokenCount(1)
# A call and its result are wrapped in some tokens more, which no vendor documents.
_CALL: Final = TokenCount(8, estimated=True)
# An image of 1024 by 1024 at high detail comes to 765 with OpenAI; a page of a PDF to 1,500 to 3,000 with Anthropic.
_IMAGE: Final = TokenCount(765, estimated=True)
_FILE: Final = TokenCount(2000, estimated=True)
_BYTES_A_TOKEN: Final = 24


def count_tokens(
    content: str | ChatMessage | Iterable[ChatMessage], model: str = "", *, vocabulary: Vocabulary | None = None
) -> TokenCount:
    """How many tokens a text, a message or a conversation is for a model.

    It is exact for texts where the vocabulary has that of the model. Messages of texts are counted as OpenAI's cookbook
    does; calls of tools, images and files make it an estimate.

    Args:
        content: What to count.
        model: The model; without one it is an estimate.
        vocabulary: A folder with vocabularies; see :class:`Vocabulary`.

    Raises:
        ExtraMissing: There is a vocabulary, and tiktoken is not installed.
    """
    if isinstance(content, str):
        return _text(content, model, vocabulary)
    if isinstance(content, ChatMessage):
        return _message(content, model, vocabulary)
    return sum((_message(message, model, vocabulary) for message in content), _AROUND)


def estimated_usage(asked: Iterable[ChatMessage], answered: Iterable[ChatMessage], model: str = "") -> Usage:
    """The tokens of what was asked and answered, where nobody has counted them."""
    read, written = (count_tokens(messages, model).tokens for messages in (asked, answered))
    return Usage(input_tokens=read, output_tokens=written, estimated=True)


def _text(text: str, model: str, vocabulary: Vocabulary | None) -> TokenCount:
    exact = vocabulary.count(text, model) if vocabulary is not None else None
    return TokenCount(estimated(text), estimated=bool(text)) if exact is None else TokenCount(exact)


def _message(message: ChatMessage, model: str, vocabulary: Vocabulary | None) -> TokenCount:
    parts = (_part(part, model, vocabulary) for part in message.parts)
    return sum(parts, _AROUND + (_NAME if message.name else _NONE) + _text("assistant", model, vocabulary))


def _part(part: Part, model: str, vocabulary: Vocabulary | None) -> TokenCount:
    match part:
        case Text():
            return _text(part.text, model, vocabulary)
        case Image():
            return _IMAGE
        case File():
            return _FILE + TokenCount(len(part.data or "") // _BYTES_A_TOKEN, estimated=True)
        case Thinking():
            hidden = len(part.redacted or part.signature or "") // 8
            return _text(part.text, model, vocabulary) + TokenCount(hidden, estimated=True)
        case ToolCall():
            return _CALL + _text(part.name, model, vocabulary) + _text(part.arguments, model, vocabulary)
        case ToolResult():
            return _CALL + _text(part.content, model, vocabulary)


_PIECE: Final = re.compile(
    r"(?P<word>[A-Z]?[a-z]+|[A-Z]+(?![a-z]))"
    r"|(?P<digits>[0-9]+)"
    r"|(?P<space>\s*[\r\n]|\s\s+)"
    r"|(?P<gap>[ ](?=[0-9]))"  # a blank before a number is a token of its own
    r"|\s"
    r"|(?P<signs>[!-/:-@\[-`{-~]+)"
    r"|(?P<latin>[A-Za-z\u00c0-\u024f]+)"
    r"|(?P<east>[\u0400-\u052f\u0370-\u03ff]+)"
    r"|(?P<south>[\u0590-\u0dff]+)"
    r"|(?P<dense>[\u1100-\u11ff\u2e80-\ud7ff\uf900-\ufaff\uff00-\uffef]+)"
    r"|(?P<other>[^\x00-\x7f\s]+)"
)


def estimated(text: str) -> int:
    """How many tokens a text has by estimate: within 10 % for prose and code, 20 % for other scripts, in o200k_base."""
    total = 0.0
    for found in _PIECE.finditer(text):
        kind = found.lastgroup
        if kind is not None:
            length = found.end() - found.start()
            least, free, each = _COST[kind]
            total += least + (max(0, length - free) * each)
    return round(total)


# For a piece: the least that it comes to, for how many characters, and what each more adds.
_COST: Final = {
    "word": (1.0, 6, 0.11),
    "digits": (1.0, 3, 0.36),
    "gap": (1.0, 1, 0.0),
    "space": (0.6, 40, 0.01),
    "signs": (0.87, 2, 0.30),
    "latin": (1.0, 5, 0.22),
    "east": (1.0, 4, 0.24),
    "south": (1.05, 3, 0.36),
    "dense": (0.7, 1, 0.72),
    "other": (1.2, 1, 1.3),
}
