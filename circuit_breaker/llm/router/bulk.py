"""Bulk: several requests of one caller, and texts to be embedded, which go to a provider together where it can be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import attrs

from circuit_breaker.errors import LLMError, RequestRefused
from circuit_breaker.llm.provider import Embeddings
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.router.batching import Batcher
from circuit_breaker.llm.router.config import Batching
from circuit_breaker.llm.router.desk import Desk
from circuit_breaker.llm.router.purse import Caller

__all__ = ["Bulk"]

Found = ChatCompletionResponse | LLMError


@attrs.define(eq=False)
class Bulk:
    """Has many things done at once.

    Attributes:
        desk: Has each of them done.
        batching: Whether texts to be embedded are put together.
    """

    desk: Desk
    batching: Batching | None = None
    _batchers: dict[tuple[str, Caller], Batcher] = attrs.field(factory=dict, init=False)
    _group: asyncio.TaskGroup | None = attrs.field(default=None, init=False)

    def open(self, group: asyncio.TaskGroup) -> None:
        """Lets the group own what waits for others."""
        self._group = group

    def close(self) -> None:
        """Ends the waiting of those who still wait for others."""
        self._group = None
        for batcher in self._batchers.values():
            batcher.close()
        self._batchers.clear()

    async def completions(
        self, requests: Sequence[ChatCompletionRequest], caller: Caller, *, at_once: int
    ) -> tuple[Found, ...]:
        """The answers in the order of the requests, with an error in the place of one that failed."""
        places = asyncio.Semaphore(at_once)
        together = await self.desk.together(requests, caller)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._completion(request, caller, found, places))
                for request, found in zip(requests, together, strict=True)
            ]
        return tuple(task.result() for task in tasks)

    async def _completion(
        self, request: ChatCompletionRequest, caller: Caller, found: Found | None, places: asyncio.Semaphore
    ) -> Found:
        """What was found already, unless asking alone may do better."""
        if isinstance(found, ChatCompletionResponse) or (found and not (found.again or found.elsewhere)):
            return found
        async with places:
            try:
                return await self.desk.completion(request, caller)
            except LLMError as error:
                return error

    async def embeddings(self, texts: Sequence[str], model: str, caller: Caller) -> Embeddings:
        """The texts as vectors, in the order of the texts.

        Raises:
            LLMError: They cannot be had.
        """
        if not texts:
            raise RequestRefused("there are no texts to embed", model=model, remedy="give at least one")
        if self.batching is None or self._group is None:
            return await self.desk.embedded(texts, model, caller)
        if (batcher := self._batchers.get((model, caller))) is None:
            embed = partial(self.desk.embedded, model=model, caller=caller)
            batcher = self._batchers[model, caller] = Batcher(self.batching, self._group, embed)
        return await batcher.embed(texts)
