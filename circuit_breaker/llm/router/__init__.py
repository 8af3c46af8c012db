"""The router: chooses a provider for each request, fails over, breaks circuits, and keeps within budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily

if TYPE_CHECKING:
    from circuit_breaker.llm.router.access import Access
    from circuit_breaker.llm.router.batches import Batches, BatchTicket
    from circuit_breaker.llm.router.batching import BatchProvider
    from circuit_breaker.llm.router.budget import Budget, Ledger, MemoryLedger
    from circuit_breaker.llm.router.circuit import CircuitChanged, CircuitPolicy
    from circuit_breaker.llm.router.config import (
        Batching,
        CachePolicy,
        Failover,
        Hedging,
        LLMConfig,
        LoadBalancing,
        Probing,
    )
    from circuit_breaker.llm.router.lane import CircuitStatus
    from circuit_breaker.llm.router.purse import BudgetStanding
    from circuit_breaker.llm.router.route import Attempt, LeftOut, RouteExplanation, Way
    from circuit_breaker.llm.router.router import LLMRouter
    from circuit_breaker.llm.router.virtual import BUILT_IN, Candidate, VirtualModel

__all__ = [
    "BUILT_IN",
    "Access",
    "Attempt",
    "BatchProvider",
    "BatchTicket",
    "Batches",
    "Batching",
    "Budget",
    "BudgetStanding",
    "CachePolicy",
    "Candidate",
    "CircuitChanged",
    "CircuitPolicy",
    "CircuitStatus",
    "Failover",
    "Hedging",
    "LLMConfig",
    "LLMRouter",
    "Ledger",
    "LeftOut",
    "LoadBalancing",
    "MemoryLedger",
    "Probing",
    "RouteExplanation",
    "VirtualModel",
    "Way",
]

__getattr__ = lazily(
    __name__,
    {
        "access": ("Access",),
        "batches": ("BatchTicket", "Batches"),
        "batching": ("BatchProvider",),
        "budget": ("Budget", "Ledger", "MemoryLedger"),
        "circuit": ("CircuitChanged", "CircuitPolicy"),
        "config": ("Batching", "CachePolicy", "Failover", "Hedging", "LLMConfig", "LoadBalancing", "Probing"),
        "lane": ("CircuitStatus",),
        "purse": ("BudgetStanding",),
        "route": ("Attempt", "RouteExplanation", "LeftOut", "Way"),
        "router": ("LLMRouter",),
        "virtual": ("BUILT_IN", "Candidate", "VirtualModel"),
    },
)
