"""The engine: runs cases on asyncio, over a journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily

if TYPE_CHECKING:
    from circuit_breaker.engine.actions import ActionContext
    from circuit_breaker.engine.bus import Progress, Subscription
    from circuit_breaker.engine.engine import Engine
    from circuit_breaker.engine.limits import Limits
    from circuit_breaker.engine.plugins import Plugin
    from circuit_breaker.engine.ports import CaseQuery, CaseSummary, Clock, Entry, Journal, SystemClock
    from circuit_breaker.engine.records import Record, Records
    from circuit_breaker.engine.rules_engine import RuleContext, RulesConfig, RulesEngine
    from circuit_breaker.engine.sync import SyncEngine

__all__ = [
    "ActionContext",
    "CaseQuery",
    "CaseSummary",
    "Clock",
    "Engine",
    "Entry",
    "Journal",
    "Limits",
    "Plugin",
    "Progress",
    "Record",
    "Records",
    "RuleContext",
    "RulesConfig",
    "RulesEngine",
    "Subscription",
    "SyncEngine",
    "SystemClock",
]

__getattr__ = lazily(
    __name__,
    {
        "actions": ("ActionContext",),
        "bus": ("Progress", "Subscription"),
        "engine": ("Engine",),
        "limits": ("Limits",),
        "plugins": ("Plugin",),
        "ports": ("CaseQuery", "CaseSummary", "Clock", "Entry", "Journal", "SystemClock"),
        "records": ("Record", "Records"),
        "rules_engine": ("RuleContext", "RulesConfig", "RulesEngine"),
        "sync": ("SyncEngine",),
    },
)
