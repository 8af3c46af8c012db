"""What answers a loop: a provider, or a router for somebody."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import attrs

from circuit_breaker.llm.provider import EventStream
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse

__all__ = ["Answering", "Routed", "answering"]


class Answering(Protocol):
    """Whoever answers requests, whole or as a stream. Every :class:`~circuit_breaker.llm.Provider` does."""

    async def complete(self, request: ChatCompletionRequest) -> ChatCompletionResponse:
        """The answer, whole."""
        ...

    def stream(self, request: ChatCompletionRequest) -> AbstractAsyncContextManager[EventStream]:
        """The answer as it comes."""
        ...


@attrs.frozen
class Routed:
    """A router, for one tenant and one key."""

    router: Any
    tenant: str = ""
    key: str = ""

    async def complete(self, request: ChatCompletionRequest) -> ChatCompletionResponse:
        """The answer of whoever the router chooses."""
        response: ChatCompletionResponse = await self.router.chat_completion(request, tenant=self.tenant, key=self.key)
        return response

    def stream(self, request: ChatCompletionRequest) -> AbstractAsyncContextManager[EventStream]:
        """The same as it comes."""
        opened: AbstractAsyncContextManager[EventStream] = self.router.stream(request, tenant=self.tenant, key=self.key)
        return opened


def answering(source: Any, *, tenant: str = "", key: str = "") -> Answering:
    """A provider or a router as that which answers a loop.

    Raises:
        TypeError: It is neither.
    """
    if callable(getattr(source, "chat_completion", None)):
        return Routed(source, tenant, key)
    if callable(getattr(source, "complete", None)) and callable(getattr(source, "stream", None)):
        found: Answering = source
        return found
    raise TypeError(f"{source!r:.80} answers no requests; give a provider or a router")
