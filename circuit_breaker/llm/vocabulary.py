"""Vocabularies of OpenAI's models, from a folder of the operator's: texts as tokens, exactly, without a network.

A vocabulary is a file of lines with a token in base64 and its rank. In the folder it is called as the encoding is
(``o200k_base.tiktoken``), or as tiktoken's own cache calls it. The patterns and special tokens are those of tiktoken's
``openai_public.py``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import attrs

from circuit_breaker.errors import ExtraMissing

__all__ = ["ENCODINGS", "Vocabulary", "encoding_of"]

_CL100K: Final = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
    r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
_UPPER: Final = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER: Final = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_SHORT: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_O200K: Final = "|".join(
    [
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_SHORT}",
        rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_SHORT}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)

ENCODINGS: Final[Mapping[str, tuple[str, int]]] = {"cl100k_base": (_CL100K, 100_256), "o200k_base": (_O200K, 199_998)}
"""The encodings that are known: how a text is split into words, and how many tokens there are."""

# The beginning of a model's name and its encoding; the longest that fits counts.
_MODELS: Final = {
    "chatgpt-4o": "o200k_base",
    "gpt-3.5": "cl100k_base",
    "gpt-4": "cl100k_base",
    "gpt-4.1": "o200k_base",
    "gpt-4.5": "o200k_base",
    "gpt-4o": "o200k_base",
    "gpt-5": "o200k_base",
    "gpt-oss": "o200k_base",
    "o1": "o200k_base",
    "o3": "o200k_base",
    "o4": "o200k_base",
    "text-embedding-3": "cl100k_base",
    "text-embedding-ada-002": "cl100k_base",
}
_ADDRESS: Final = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"


def encoding_of(model: str) -> str | None:
    """The name of the encoding of a model, or None for another vendor's; a provider before a slash is ignored."""
    name = model.rpartition("/")[2]
    fitting = [prefix for prefix in _MODELS if name.startswith(prefix)]
    return _MODELS[max(fitting, key=len)] if fitting else None


@attrs.frozen(slots=False)
class Vocabulary:
    """The vocabularies of a folder. Each is read when it is first needed, and nothing is ever downloaded.

    Attributes:
        folder: Where the files are.
    """

    folder: Path = attrs.field(converter=Path)

    def count(self, text: str, model: str) -> int | None:
        """How many tokens a text is for a model; None where the folder has no vocabulary of it.

        Raises:
            ExtraMissing: There is one, and tiktoken is not installed.
            ValueError: It is damaged.
        """
        name = encoding_of(model)
        encoding = self._encoding(name) if name else None
        return None if encoding is None else len(encoding.encode_ordinary(text))

    def has(self, model: str) -> bool:
        """Whether the tokens of this model can be counted exactly."""
        name = encoding_of(model)
        return name is not None and self._file(name) is not None

    @cached_property
    def _read(self) -> dict[str, Any]:
        return {}

    def _encoding(self, name: str) -> Any:
        if name not in self._read:
            file = self._file(name)
            self._read[name] = _made(name, file) if file else None
        return self._read[name]

    def _file(self, name: str) -> Path | None:
        # The name that tiktoken gives a file in its cache, which is no secret.
        cached = hashlib.sha1(_ADDRESS.format(name).encode(), usedforsecurity=False).hexdigest()
        files = (self.folder / f"{name}.tiktoken", self.folder / cached)
        return next((file for file in files if file.is_file()), None)


def _made(name: str, file: Path) -> Any:
    try:
        import tiktoken  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise ExtraMissing("tiktoken", extra="tokens", why="counting tokens exactly") from error
    pattern, size = ENCODINGS[name]
    return tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=_ranks(file, size), special_tokens={})


def _ranks(file: Path, size: int) -> dict[bytes, int]:
    try:
        pairs = (line.split() for line in file.read_bytes().splitlines() if line)
        ranks = {base64.b64decode(token, validate=True): int(rank) for token, rank in pairs}
    except (ValueError, binascii.Error) as error:
        raise ValueError(f"the vocabulary {file} is damaged: {error}") from error
    if len(ranks) != size or set(ranks.values()) != set(range(size)):
        raise ValueError(f"the vocabulary {file} is damaged: it has {len(ranks)} tokens, and should have {size}")
    return ranks
