"""Google's Gemini."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final
from urllib.parse import quote

from circuit_breaker.llm.failures import Asked
from circuit_breaker.llm.keys import Secret
from circuit_breaker.llm.parts import File, Image
from circuit_breaker.llm.provider import Embeddings
from circuit_breaker.llm.providers.answers import misshapen
from circuit_breaker.llm.providers.base import HEALTH, HTTPProvider
from circuit_breaker.llm.providers.blocks import fetched
from circuit_breaker.llm.providers.dialect import Dialect
from circuit_breaker.llm.providers.google_contents import ContentsDialect, is_own, resource
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.usage import NO_USAGE, Usage

__all__ = ["GoogleProvider"]

ADDRESS: Final = "https://generativelanguage.googleapis.com"

MOST_PAGES: Final = 50
"""Pages of models that are asked for, whatever the server says."""

MOST_TEXTS: Final = 100
"""Texts that it makes vectors of at once."""


class GoogleProvider(HTTPProvider):
    """Google's Gemini. ``GoogleProvider(api_key="...")``, or ``api_key=function`` that gives it when it is needed.

    The key is sent in a header, and never in an address, which ends in logs.

    Args:
        api_key: The key.
        base_url: Where it is, without the version.
        name: What the user calls it.
        version: Which version of the interface is spoken: ``"v1beta"`` or ``"v1"``.
        options: See :class:`~circuit_breaker.llm.providers.base.HTTPProvider`.
    """

    kind = "google"
    family: ClassVar[str] = "google"
    needs_key: ClassVar[bool] = True

    def __init__(
        self,
        *,
        api_key: Secret = None,
        base_url: str = ADDRESS,
        name: str = "google",
        version: str = "v1beta",
        **options: Any,
    ) -> None:
        super().__init__(name=name, base_url=base_url, api_key=api_key, **options)
        self._version = quote(version, safe="")
        self._dialect = ContentsDialect(self._version)

    def dialect(self, model: str) -> Dialect:
        """The wire format that the model is asked in."""
        del model
        return self._dialect

    def credentials(self, key: str) -> dict[str, str]:
        """The headers that let us in."""
        return {"x-goog-api-key": key}

    async def made_ready(self, request: ChatCompletionRequest, asked: Asked) -> ChatCompletionRequest:
        """The request with its images and files fetched, for Google looks at none but its own."""
        profile = self.profile(request.model)

        def elsewhere(media: Image | File) -> bool:
            return profile.can("images" if isinstance(media, Image) else "files") and not is_own(media.url or "")

        return await fetched(request, asked, self._connections, elsewhere)

    async def models(self) -> tuple[str, ...]:
        """The names of the models that it serves now, in order."""
        asked = await self.asked()
        found: list[str] = []
        page = ""
        for _ in range(MOST_PAGES):
            document = await self.document(f"{self._version}/models?pageSize=1000{page}", asked)
            with misshapen(asked):
                found.extend(one["name"].removeprefix("models/") for one in document["models"])
                if not document.get("nextPageToken"):
                    break
                page = f"&pageToken={quote(document['nextPageToken'], safe='')}"
        return tuple(sorted(set(found)))

    async def ping(self) -> None:
        """Asks for one of its models."""
        await self.document(f"{self._version}/models?pageSize=1", await self.asked(), timeouts=HEALTH)

    async def count_tokens(self, request: ChatCompletionRequest) -> int:
        """The tokens of the request, as the vendor counts them; nothing is answered and nothing costs.

        Raises:
            LLMError: It cannot be had.
        """
        asked = await self.asked(request.model)
        body = self._dialect.body(await self._draft(request, asked, stream=False))
        model = resource(request.model)
        whole = {"generateContentRequest": {"model": model, **body}}
        document = await self.document(f"{self._version}/{model}:countTokens", asked, whole)
        with misshapen(asked):
            return int(document["totalTokens"])

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
        model = resource(asked.model)
        requests = [{"model": model, "content": {"parts": [{"text": text}]}} for text in texts]
        document = await self.document(f"{self._version}/{model}:batchEmbedContents", asked, {"requests": requests})
        with misshapen(asked):
            vectors = [tuple(map(float, one["values"])) for one in document["embeddings"]]
            if len(vectors) != len(texts):
                raise ValueError(f"{len(vectors)} vectors for {len(texts)} texts")
            told = document.get("usageMetadata") or {}
            return vectors, Usage(input_tokens=told.get("promptTokenCount") or 0)
