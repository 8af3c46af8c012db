"""The router: one door to all providers, which chooses among them, fails over, and keeps within budgets."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import UTC, datetime
from typing import Self

import attrs

from circuit_breaker.errors import DefaultProviderNotFound, nearest
from circuit_breaker.llm.provider import Provider, ProviderHealth
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.router.access import Access
from circuit_breaker.llm.router.asking import Asking
from circuit_breaker.llm.router.batches import Batches
from circuit_breaker.llm.router.budget import Ledger, MemoryLedger
from circuit_breaker.llm.router.bulk import Bulk
from circuit_breaker.llm.router.circuit import CircuitChanged
from circuit_breaker.llm.router.config import LLMConfig, Probing
from circuit_breaker.llm.router.desk import Desk
from circuit_breaker.llm.router.lane import CircuitStatus
from circuit_breaker.llm.router.lanes import Lanes
from circuit_breaker.llm.router.planning import Planner
from circuit_breaker.llm.router.purse import BudgetStanding, Caller, Purse
from circuit_breaker.llm.router.resolution import Resolver
from circuit_breaker.llm.router.route import RouteExplanation
from circuit_breaker.llm.router.strategy import Rotation
from circuit_breaker.llm.router.upkeep import own_tasks
from circuit_breaker.llm.router.virtual import VirtualModel, VirtualModels

__all__ = ["LLMRouter"]


class LLMRouter(Asking):
    """Chooses a provider for each request; an async context manager that owns the providers and what watches them.

    Args:
        config: Providers, and how to choose among them.
        ledger: Where budgets are kept, unless the configuration says so; in memory by default.
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
        self._ledger: Ledger = ledger or config.ledger or MemoryLedger()
        self._purse = Purse(config.budgets, self._ledger, wall=wall)
        desk = Desk(config, planner=self._planner, rotation=rotation, purse=self._purse, now=now, sleep=sleep)
        bulk = Bulk(desk, config.batching)
        super().__init__(desk, bulk, Batches(self._lanes, self._planner, self._purse, sleep=sleep))
        self._stack = AsyncExitStack()

    def __repr__(self) -> str:
        return f"LLMRouter({', '.join(lane.label for lane in self._lanes)})"

    async def __aenter__(self) -> Self:
        if self._resolver.default_provider is not None and self._lanes:
            self._check_default(self._resolver.default_provider)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._lanes)
            if isinstance(self._ledger, AbstractAsyncContextManager):
                await stack.enter_async_context(self._ledger)
            group = await stack.enter_async_context(own_tasks())
            if self._purse.budgets:
                group.create_task(self._purse.keep())
            if self._config.probing is not None:
                group.create_task(self._lanes.probe(self._config.probing))
            self._bulk.open(group)
            stack.callback(self._bulk.close)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
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

    def explain(self, request: ChatCompletionRequest, *, tenant: str = "") -> RouteExplanation:
        """What the router would do with a request now: whom it would ask, in which order, and why not the others.

        Raises:
            LLMError: The request is wrong, or nobody is known to serve its model.
        """
        return self._planner.explain(request, tenant=tenant)

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
