"""Asking: what may be asked of a router, in each of the ways in which there can be an answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

from circuit_breaker.errors import LLMError
from circuit_breaker.llm.chunks import ChatCompletionChunk, ChunkWriter
from circuit_breaker.llm.provider import Embeddings, EventStream
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.router.batches import Batches
from circuit_breaker.llm.router.bulk import Bulk
from circuit_breaker.llm.router.desk import Desk
from circuit_breaker.llm.router.purse import Caller
from circuit_breaker.llm.router.relay import Replay
from circuit_breaker.llm.stream import StreamFailed

__all__ = ["Asking"]


class Asking:
    """Answers whole, as they come, in chunks, many at once, as vectors, and in batches.

    Args:
        desk: Has one request answered.
        bulk: Has many things done at once.
        batches: Hands over what may take a day.
    """

    def __init__(self, desk: Desk, bulk: Bulk, batches: Batches) -> None:
        self._desk = desk
        self._bulk = bulk
        self._batches = batches

    async def chat_completion(
        self, request: ChatCompletionRequest, *, tenant: str = "", key: str = ""
    ) -> ChatCompletionResponse:
        """The answer to a request, from whoever could give it; its ``attempts`` say who was asked.

        Args:
            request: What is asked.
            tenant: Whose request it is: for virtual models, budgets and the cache.
            key: The caller's key, or its name, for budgets.

        Raises:
            LLMError: It cannot be had: the one error there was, or :class:`NoProviderAvailable` with all of them.
        """
        return await self._desk.completion(request, Caller(tenant, key))

    async def route_request(
        self, request: ChatCompletionRequest, *, tenant: str = "", key: str = ""
    ) -> ChatCompletionResponse:
        """The same as :meth:`chat_completion`."""
        return await self.chat_completion(request, tenant=tenant, key=key)

    @asynccontextmanager
    async def stream(
        self, request: ChatCompletionRequest, *, tenant: str = "", key: str = ""
    ) -> AsyncIterator[EventStream]:
        """The answer as it comes: ``async with router.stream(request) as events: async for event in events: ...``.

        Until the first content it fails over silently. After that an answer that breaks off ends with
        :class:`StreamFailed`; if the request allows continuation, another model goes on, and :class:`StreamContinued`
        says so. Leaving the block stops the request at the vendor's.

        Raises:
            LLMError: Nobody begins to answer.
        """
        call = await self._desk.call(request, Caller(tenant, key))
        if (kept := self._desk.kept(call)) is not None:
            yield Replay.of(kept)
            return
        async with self._desk.relay(call) as events:
            yield events

    async def chat_completion_stream(
        self, request: ChatCompletionRequest, *, tenant: str = "", key: str = ""
    ) -> AsyncGenerator[ChatCompletionChunk, None]:
        """The answer in chunks of OpenAI's shape: ``choices[0].delta.content`` is the next piece of text.

        Use :func:`contextlib.aclosing` around it where you may stop early, so that the provider stops at once.

        Raises:
            LLMError: Nobody begins to answer, or the answer breaks off.
        """
        async with self.stream(request, tenant=tenant, key=key) as events:
            writer = ChunkWriter()
            async for event in events:
                if isinstance(event, StreamFailed):
                    raise event.error
                for chunk in writer.chunks(event):
                    yield chunk

    async def chat_completions(
        self, requests: Sequence[ChatCompletionRequest], *, tenant: str = "", key: str = "", at_once: int = 8
    ) -> tuple[ChatCompletionResponse | LLMError, ...]:
        """The answers to several requests in their order, with an error in the place of one that failed.

        Requests that one provider takes together go to it in one call; the others are made some at once.

        Args:
            requests: What is asked.
            tenant: Whose requests they are.
            key: The caller's key, or its name.
            at_once: The most calls at once.
        """
        return await self._bulk.completions(requests, Caller(tenant, key), at_once=at_once)

    async def embed(self, texts: Sequence[str], *, model: str, tenant: str = "", key: str = "") -> Embeddings:
        """The texts as vectors, in the order of the texts.

        Raises:
            LLMError: They cannot be had.
        """
        return await self._bulk.embeddings(texts, model, Caller(tenant, key))

    @property
    def batches(self) -> Batches:
        """Requests that may take a day, for less money: ``ticket = await router.batches.submit({"one": request})``."""
        return self._batches
