"""The configuration of a router: providers, and how it chooses among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

from circuit_breaker.errors import DefinitionError, Fault, nearest
from circuit_breaker.llm.provider import Provider
from circuit_breaker.llm.router.access import Access
from circuit_breaker.llm.router.budget import Budget, Ledger
from circuit_breaker.llm.router.circuit import CircuitPolicy
from circuit_breaker.llm.router.strategy import STRATEGIES
from circuit_breaker.llm.router.virtual import VirtualModel
from circuit_breaker.llm.several import texts_of

__all__ = ["Batching", "CachePolicy", "Failover", "Hedging", "LLMConfig", "LoadBalancing", "Probing"]

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


@attrs.frozen
class LoadBalancing:
    """How equally suitable providers share the work.

    Attributes:
        strategy: ``"priority"``, ``"round_robin"``, ``"weighted"``, ``"least_latency"`` or ``"lowest_cost"``.
        seed: For ``weighted``: the same choices for the same seed; None leaves them to chance.
    """

    strategy: str = "priority"
    seed: int | None = attrs.field(default=None, kw_only=True)


@attrs.frozen(kw_only=True)
class Failover:
    """What happens when a provider fails.

    Attributes:
        order: What is tried after those that serve the model itself: names of models, or of providers, whose own first
            model is meant then.
        models: For single models, what is tried after them; it comes before ``order``.
        max_attempts: The most calls of providers for one request.
        cooldown: Seconds for which what has just failed comes last.
        again: How often the same provider is asked once more, where it may do better.
        pause: Seconds before that, doubled each time.
        patience: The most seconds that the router waits because a provider wants it to; otherwise it asks the next,
            and this one not before the time is over.
    """

    order: tuple[str, ...] = attrs.field(default=(), converter=texts_of)
    models: Mapping[str, Iterable[str]] = _NONE
    max_attempts: int = 4
    cooldown: float = 5.0
    again: int = 1
    pause: float = 0.25
    patience: float = 2.0


NO_FAILOVER: Final = Failover(max_attempts=1, again=0)


@attrs.frozen(kw_only=True)
class Hedging:
    """A second provider is asked when the first takes long, and the slower one is stopped.

    Attributes:
        after: Seconds to wait for the first, or None for the 95th percentile of what the model took of late.
        least: The fewest seconds to wait, whatever was measured.
        measured: How many measurements there must be; before that nothing is hedged, unless ``after`` says when.
    """

    after: float | None = None
    least: float = 0.05
    measured: int = 10


@attrs.frozen(kw_only=True)
class CachePolicy:
    """Answers are kept and given again to the same tenant for exactly the same request.

    Attributes:
        ttl: For how many seconds.
        most: The most answers kept; those not used for the longest time go first.
    """

    ttl: float = 300.0
    most: int = 1_000


@attrs.frozen(kw_only=True)
class Batching:
    """Texts to be embedded that come at about the same time go to the provider together.

    Attributes:
        wait: Seconds for which the first waits for others.
        most: The most texts together.
    """

    wait: float = 0.005
    most: int = 64


@attrs.frozen(kw_only=True)
class Probing:
    """Providers are asked now and then how they are, and what they serve.

    Attributes:
        interval: Seconds between two questions.
        timeout: Seconds to wait for an answer.
        models: Whether they are asked for their models as well.
    """

    interval: float = 60.0
    timeout: float = 5.0
    models: bool = True


def _accesses(providers: Iterable[Access | Provider]) -> tuple[Access, ...]:
    return tuple(provider if isinstance(provider, Access) else Access(provider) for provider in providers)


def _models(models: Iterable[VirtualModel]) -> tuple[VirtualModel, ...]:
    return tuple(models)


def _budgets(budgets: Iterable[Budget]) -> tuple[Budget, ...]:
    return tuple(budgets)


def _balancing(value: LoadBalancing | str | None) -> LoadBalancing:
    return value if isinstance(value, LoadBalancing) else LoadBalancing(value or "priority")


def _failover(value: Failover | bool | None) -> Failover:
    if isinstance(value, Failover):
        return value
    return NO_FAILOVER if value is False else Failover()


@attrs.frozen(kw_only=True)
class LLMConfig:
    """What a router is made of.

    Attributes:
        providers: Providers, or :class:`Access` values where there is more to say; several of one name are its keys.
        default_provider: Who is asked for models that nothing else tells who serves them.
        load_balancing: How equals share the work; the name of a strategy will do.
        failover: What happens when a provider fails; False for nothing.
        aliases: Other names for models, such as ``"best"`` → ``"claude/claude-3-opus"``.
        virtual_models: Beside the built-in ones.
        tenants: For each tenant, the virtual models that it has instead or beside.
        circuit: When a failing model of a provider is left alone.
        hedging: Whether a second provider is asked when the first is slow.
        cache: Whether answers are kept.
        budgets: What may be spent.
        ledger: Where that is kept, such as ``circuit_breaker.storage.budgets("sqlite:///work.db")``; the router opens
            and closes it. By default in memory: each process, and each start, has all budgets anew.
        batching: Whether texts to be embedded are put together.
        probing: Whether providers are asked now and then how they are.
    """

    providers: tuple[Access, ...] = attrs.field(default=(), converter=_accesses)
    default_provider: str | None = None
    load_balancing: LoadBalancing = attrs.field(default=None, converter=_balancing)
    failover: Failover = attrs.field(default=None, converter=_failover)
    aliases: Mapping[str, str] = _NONE
    virtual_models: tuple[VirtualModel, ...] = attrs.field(default=(), converter=_models)
    tenants: Mapping[str, Iterable[VirtualModel]] = _NONE
    circuit: CircuitPolicy = CircuitPolicy()
    hedging: Hedging | None = None
    cache: CachePolicy | None = None
    budgets: tuple[Budget, ...] = attrs.field(default=(), converter=_budgets)
    ledger: Ledger | None = None
    batching: Batching | None = None
    probing: Probing | None = None

    def check(self) -> None:
        """Does nothing when all is well.

        Raises:
            DefinitionError: Something is wrong; it tells everything that is.
        """
        strategy = self.load_balancing.strategy
        found = [fault for access in self.providers for fault in access.faults()]
        labels = [access.label for access in self.providers]
        found.extend(
            Fault(
                f"provider '{label}'", f"is there {labels.count(label)} times", "call each key otherwise: key='second'"
            )
            for label in dict.fromkeys(labels)
            if labels.count(label) > 1
        )
        if strategy not in STRATEGIES:
            found.append(Fault("load_balancing", f"there is no strategy '{strategy}'", nearest(strategy, STRATEGIES)))
        if self.failover.max_attempts < 1:
            found.append(Fault("failover.max_attempts", f"{self.failover.max_attempts} is below 1", "give 1 or more"))
        found.extend(self.circuit.faults())
        found.extend(fault for budget in self.budgets for fault in budget.faults())
        names = [budget.name for budget in self.budgets]
        found.extend(
            Fault(f"budget '{name}'", f"is there {names.count(name)} times", "call each otherwise")
            for name in dict.fromkeys(names)
            if names.count(name) > 1
        )
        if found:
            raise DefinitionError("the configuration of the router is not valid", faults=found)
