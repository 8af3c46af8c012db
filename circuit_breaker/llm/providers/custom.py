"""Any server that speaks as OpenAI does, such as vLLM or llama.cpp."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from circuit_breaker.llm.failures import Asked
from circuit_breaker.llm.provider import Embeddings
from circuit_breaker.llm.providers.answers import misshapen
from circuit_breaker.llm.providers.base import HEALTH, HTTPProvider
from circuit_breaker.llm.providers.dialect import Dialect
from circuit_breaker.llm.providers.openai_chat import ChatDialect, usage_of
from circuit_breaker.llm.usage import NO_USAGE, Usage

__all__ = ["CustomProvider"]

MOST_TEXTS: Final = 2048
"""Texts that OpenAI makes vectors of at once."""


class CustomProvider(HTTPProvider):
    """A server that speaks as OpenAI does.

    ``CustomProvider(base_url="http://localhost:8000/v1", model="qwen2.5-coder")``; the key is optional, and more
    headers may be given. See :class:`~circuit_breaker.llm.providers.base.HTTPProvider` for the rest.
    """

    kind = "custom"
    family: ClassVar[str] = "custom"
    vector_format: ClassVar[Mapping[str, str]] = {}
    """How vectors are asked for."""
    models_path: str = "models"

    def __init__(self, *, base_url: str, name: str = "custom", **options: Any) -> None:
        super().__init__(name=name, base_url=base_url, **options)
        self._chat = ChatDialect(self.kind)

    def dialect(self, model: str) -> Dialect:
        """The wire format that the model is asked in."""
        del model
        return self._chat

    async def models(self) -> tuple[str, ...]:
        """The names of the models that it serves now, in order."""
        asked = await self.asked()
        document = await self.document(self.models_path, asked)
        with misshapen(asked):
            return tuple(sorted(one["id"] for one in document["data"]))

    async def ping(self) -> None:
        """Asks which models there are."""
        await self.document(self.models_path, await self.asked(), timeouts=HEALTH)

    async def embed(self, texts: Sequence[str], *, model: str) -> Embeddings:
        """The texts as vectors; many texts are sent in several requests."""
        asked = await self.asked(model)
        vectors: list[tuple[float, ...]] = []
        usage = NO_USAGE
        for begin in range(0, len(texts), MOST_TEXTS):
            found, tokens = await self._embedded(texts[begin : begin + MOST_TEXTS], asked)
            vectors.extend(found)
            usage = usage + tokens
        return Embeddings(model=model, vectors=tuple(vectors), usage=usage)

    async def _embedded(self, texts: Sequence[str], asked: Asked) -> tuple[list[tuple[float, ...]], Usage]:
        body = {"model": asked.model, "input": list(texts), **self.vector_format}
        document = await self.document("embeddings", asked, body)
        with misshapen(asked):
            found = {one["index"]: _vector(one["embedding"]) for one in document["data"]}
            return [found[place] for place in range(len(texts))], usage_of(document.get("usage") or {})


def _vector(told: Any) -> tuple[float, ...]:
    """The numbers, which may be written as little-endian floats of 32 bits in base64."""
    if isinstance(told, str):
        return tuple(number for (number,) in struct.iter_unpack("<f", base64.b64decode(told, validate=True)))
    return tuple(map(float, told))
