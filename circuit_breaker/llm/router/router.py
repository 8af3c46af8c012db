"""The router: one door to all providers, which chooses among them, fails over, and keeps within budgets."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Self

import attrs

from circuit_breaker.errors import DefaultProviderNotFound, LLMError, RequestRefused, nearest
from circuit_breaker.llm.chunks import ChatCompletionChunk, ChunkWriter
from circuit_breaker.llm.provider import Embeddings, EventStream, Provider, ProviderHealth
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.router.access import Access
from circuit_breaker.llm.router.batching import Batcher
from circuit_breaker.llm.router.budget import Ledger, MemoryLedger
from circuit_breaker.llm.router.circuit import CircuitChanged
from circuit_breaker.llm.router.config import LLMConfig, Probing
from circuit_breaker.llm.router.desk import Desk
from circuit_breaker.llm.router.lane import CircuitStatus
from circuit_breaker.llm.router.lanes import Lanes
from circuit_breaker.llm.router.planning import Planner
from circuit_breaker.llm.router.purse import BudgetStanding, Caller, Purse
from circuit_breaker.llm.router.relay import Replay
from circuit_breaker.llm.router.resolution import Resolver
from circuit_breaker.llm.router.route import Explanation
from circuit_breaker.llm.router.strategy import Rotation
from circuit_breaker.llm.router.virtual import VirtualModel, VirtualModels
from circuit_breaker.llm.stream import StreamFailed

__all__ = ["LLMRouter"]


class LLMRouter:
    """Chooses a provider for each request; an async context manager that owns the providers and what watches them.

    Args:
        config: Providers, and how to choose among them.
        ledger: Where budgets are kept; in memory unless given.
        told: Called when a circuit changes.
        now: The time in seconds, which never goes back.
        wall: The time of day, in UTC.
        sleep: Waits so many seconds.

    Raises:
        DefinitionError: Something is wrong with the configuration; it tells everything that is.
    """

    def __init__(
        self,
        config: LLMConfig | None = None,
        *,
        ledger: Ledger | None = None,
        told: Callable[[CircuitChanged], None] = lambda _: None,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._config = config = config or LLMConfig()
        config.check()
        self._lanes = Lanes(config.providers, policy=config.circuit, now=now, wall=wall, told=told)
        self._virtual = VirtualModels(
            config.virtual_models, tenants=config.tenants, providers=lambda: self._lanes.names
        )
        self._resolver = Resolver(self._lanes, self._virtual, config.aliases)
        self._resolver.default_provider = config.default_provider
        balancing = config.load_balancing
        rotation = Rotation(random.Random(balancing.seed))  # noqa: S311 - who answers is no secret
        self._planner = Planner(self._resolver, config.failover, balancing.strategy, rotation)
        self._purse = Purse(config.budgets, ledger or MemoryLedger(), wall=wall)
        self._desk = Desk(config, planner=self._planner, rotation=rotation, purse=self._purse, now=now, sleep=sleep)
        self._batchers: dict[tuple[str, Caller], Batcher] = {}
        self._group: asyncio.TaskGroup | None = None
        self._stack = AsyncExitStack()

    def __repr__(self) -> str:
        return f"LLMRouter({', '.join(lane.label for lane in self._lanes)})"

    async def __aenter__(self) -> Self:
        if self._resolver.default_provider is not None and self._lanes:
            self._check_default(self._resolver.default_provider)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._lanes)
            self._group = await stack.enter_async_context(_tasks())
            if self._purse.budgets:
                self._group.create_task(self._purse.keep())
            if self._config.probing is not None:
                self._group.create_task(self._lanes.probe(self._config.probing))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._group = None
        for batcher in self._batchers.values():
            batcher.close()
        self._batchers.clear()
        await self._stack.aclose()

    # Providers

    @property
    def providers(self) -> tuple[str, ...]:
        """The names of the providers."""
        return self._lanes.names

    async def add_provider(self, name: str, provider: Provider | Access) -> None:
        """Adds a provider, or another key of one; if the router is open, it opens it.

        Args:
            name: What it is called here.
            provider: The provider, or an :class:`Access` where there is more to say of it.

        Raises:
            DefinitionError: There is one of that name and key already, or something is wrong with it.
        """
        access = attrs.evolve(provider, name=name) if isinstance(provider, Access) else Access(provider, name=name)
        attrs.evolve(self._config, providers=(*(lane.access for lane in self._lanes), access)).check()
        await self._lanes.add(access)

    async def remove_provider(self, name: str, *, key: str | None = None, patience: float = 30.0) -> None:
        """Removes a provider, or one of its keys: it gets no more requests, and is closed when it has answered.

        Args:
            name: What it is called here.
            key: What the key is called; all keys when None.
            patience: The most seconds to wait for the answers.

        Raises:
            ProviderNotFound: There is none of that name and key.
        """
        await self._lanes.remove(name, key, patience=patience)

    def set_default_provider(self, name: str) -> None:
        """Lets a provider be asked for models of which nothing else tells who serves them.

        Raises:
            DefaultProviderNotFound: There is none of that name.
        """
        self._check_default(name)
        self._resolver.default_provider = name

    def _check_default(self, name: str) -> None:
        if not self._lanes.of(name):
            raise DefaultProviderNotFound(
                f"the default provider '{name}' is not there", provider=name, remedy=nearest(name, self.providers)
            )

    async def find_models(self, *, timeout: float = 10.0) -> dict[str, tuple[str, ...]]:  # noqa: ASYNC109
        """The models that each provider says it serves; from now on these names lead to it.

        Args:
            timeout: Seconds to wait for each.
        """
        return await self._lanes.find_models(timeout)

    # Virtual models

    def virtual_models(self, *, tenant: str = "") -> dict[str, VirtualModel]:
        """The virtual models that a tenant has, by name."""
        return dict(self._virtual.all(tenant=tenant))

    def set_virtual_models(
        self, models: Iterable[VirtualModel], *, removed: Iterable[str] = (), tenant: str = ""
    ) -> None:
        """Adds or replaces virtual models and removes others, all of it or nothing.

        Args:
            models: Those to add, or to put in the place of others.
            removed: Names of those to take away.
            tenant: Whose they are; everybody's when empty.

        Raises:
            DefinitionError: Something is wrong, and nothing was changed; it tells everything that is wrong.
        """
        self._virtual.change(models, removed=removed, tenant=tenant)

    def explain(self, request: ChatCompletionRequest, *, tenant: str = "") -> Explanation:
        """What the router would do with a request now: whom it would ask, in which order, and why not the others.

        Raises:
            LLMError: The request is wrong, or nobody is known to serve its model.
        """
        return self._planner.explain(request, tenant=tenant)

    # Requests

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
        call = await self._desk.call(request, Caller(tenant, key))
        return self._desk.kept(call) or await self._desk.answer(call)

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
        places = asyncio.Semaphore(at_once)

        async def alone(
            request: ChatCompletionRequest, found: ChatCompletionResponse | LLMError | None
        ) -> ChatCompletionResponse | LLMError:
            if isinstance(found, ChatCompletionResponse) or (found and not (found.again or found.elsewhere)):
                return found
            async with places:
                try:
                    return await self.chat_completion(request, tenant=tenant, key=key)
                except LLMError as error:
                    return error

        together = await self._desk.together(requests, Caller(tenant, key))
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(alone(request, found)) for request, found in zip(requests, together, strict=True)
            ]
        return tuple(task.result() for task in tasks)

    async def embed(self, texts: Sequence[str], *, model: str, tenant: str = "", key: str = "") -> Embeddings:
        """The texts as vectors, in the order of the texts.

        Raises:
            LLMError: They cannot be had.
        """
        caller = Caller(tenant, key)
        if not texts:
            raise RequestRefused("there are no texts to embed", model=model, remedy="give at least one")
        if self._config.batching is None or self._group is None:
            return await self._desk.embedded(texts, model, caller)
        if (batcher := self._batchers.get((model, caller))) is None:
            embed = partial(self._desk.embedded, model=model, caller=caller)
            batcher = self._batchers[model, caller] = Batcher(self._config.batching, self._group, embed)
        return await batcher.embed(texts)

    # Health, circuits, budgets

    async def get_provider_health(self, *, fresh: bool = False) -> list[ProviderHealth]:
        """The health of each provider: ``name``, ``status`` and ``last_check``; who was not asked of late is asked now.

        Args:
            fresh: Whether all are asked, also those that were asked in the last 30 seconds.
        """
        probing = self._config.probing or Probing()
        return await self._lanes.health(fresh=fresh, timeout=probing.timeout)

    def circuits(self) -> tuple[CircuitStatus, ...]:
        """How the circuits stand that were ever used."""
        return self._lanes.circuits()

    def reset_circuits(self, provider: str, *, model: str | None = None, key: str | None = None) -> int:
        """Closes circuits by hand and lifts the limits of the provider; answers how many circuits.

        Raises:
            ProviderNotFound: There is no provider of that name.
        """
        return sum(lane.reset(model) for lane in self._lanes.named(provider) if key in {None, lane.access.key})

    async def budgets(self, *, tenant: str = "", key: str = "") -> tuple[BudgetStanding, ...]:
        """How the budgets stand that a caller's requests fall under."""
        return await self._purse.standings(Caller(tenant, key))


class _Closed(Exception):
    """The router is closed."""


@asynccontextmanager
async def _tasks() -> AsyncIterator[asyncio.TaskGroup]:
    """Owns the router's own tasks, and cancels them at the end."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
            raise _Closed  # noqa: TRY301 - cancels what still runs
    except* _Closed:
        pass
