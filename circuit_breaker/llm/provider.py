"""What a provider is: the narrow contract between a vendor's wire format and everything above it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Literal, Protocol, Self

import attrs

from circuit_breaker.llm.profile import ModelProfile
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.stream import StreamEvent
from circuit_breaker.llm.usage import NO_USAGE, Usage

__all__ = ["Embeddings", "EventStream", "Provider", "ProviderHealth"]


@attrs.frozen(kw_only=True)
class ProviderHealth:
    """How a provider was found.

    Attributes:
        name: The provider.
        status: ``"healthy"``, ``"degraded"`` (it answers, with errors), ``"unhealthy"`` or ``"unknown"``.
        last_check: When (UTC), or None.
        latency_ms: How long the answer took, or None.
        message: What was wrong, without secrets.
    """

    name: str
    status: Literal["healthy", "degraded", "unhealthy", "unknown"] = "unknown"
    last_check: datetime | None = None
    latency_ms: float | None = None
    message: str = ""


@attrs.frozen(kw_only=True)
class Embeddings:
    """Texts as vectors, in the order of the texts."""

    model: str
    vectors: tuple[tuple[float, ...], ...] = attrs.field(repr=False)
    usage: Usage = NO_USAGE


class EventStream(Protocol):
    """The events of one stream; see :mod:`circuit_breaker.llm.stream` for what holds of them."""

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> StreamEvent:
        """The next event.

        Raises:
            StopAsyncIteration: The last one was given.
        """
        ...


class Provider(Protocol):
    """Who serves models. An async context manager: the connections are closed with it.

    Attributes:
        name: What the user calls it, such as ``"openai"`` or ``"the-one-in-frankfurt"``.
        kind: The wire format: ``"openai"``, ``"anthropic"``, ``"google"``, ``"ollama"`` or ``"custom"``.
    """

    name: str
    kind: str

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...

    async def complete(self, request: ChatCompletionRequest) -> ChatCompletionResponse:
        """The answer, whole.

        Raises:
            LLMError: It cannot be had; the class says why.
        """
        ...

    def stream(self, request: ChatCompletionRequest) -> AbstractAsyncContextManager[EventStream]:
        """The answer as it comes: ``async with provider.stream(request) as events: async for event in events: ...``.

        What is wrong before the first byte is raised on entering; what goes wrong later is the last event. Leaving the
        block stops the request at the vendor's.

        Raises:
            LLMError: It cannot be had.
        """
        ...

    async def embed(self, texts: Sequence[str], *, model: str) -> Embeddings:
        """The texts as vectors.

        Raises:
            LLMError: They cannot be had, or the vendor has none.
        """
        ...

    async def models(self) -> tuple[str, ...]:
        """The names of the models that it serves now."""
        ...

    async def health(self) -> ProviderHealth:
        """Whether it can be reached and lets us in; never raises for a provider that is down."""
        ...

    def profile(self, model: str) -> ModelProfile:
        """What is known of a model; that of the provider's family where nothing is known of this one."""
        ...
