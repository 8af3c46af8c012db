"""The engine: runs cases on asyncio, over a journal."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from circuit_breaker.engine.actions import ActionContext
    from circuit_breaker.engine.bus import Progress, Subscription
    from circuit_breaker.engine.engine import Engine
    from circuit_breaker.engine.plugins import Plugin
    from circuit_breaker.engine.ports import CaseSummary, Clock, Journal, SystemClock
    from circuit_breaker.engine.rules_engine import RuleContext, RulesConfig, RulesEngine
    from circuit_breaker.engine.sync import SyncEngine

__all__ = [
    "ActionContext",
    "CaseSummary",
    "Clock",
    "Engine",
    "Journal",
    "Plugin",
    "Progress",
    "RuleContext",
    "RulesConfig",
    "RulesEngine",
    "Subscription",
    "SyncEngine",
    "SystemClock",
]
_HOMES = {
    "actions": ("ActionContext",),
    "bus": ("Progress", "Subscription"),
    "engine": ("Engine",),
    "plugins": ("Plugin",),
    "ports": ("CaseSummary", "Clock", "Journal", "SystemClock"),
    "rules_engine": ("RuleContext", "RulesConfig", "RulesEngine"),
    "sync": ("SyncEngine",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
