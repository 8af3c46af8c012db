"""What users test with: a clock that stands still, executors that follow a script, and a suite for executors.

The fixtures are in :mod:`circuit_breaker.testing.plugin`, which pytest finds by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily

if TYPE_CHECKING:
    from circuit_breaker.testing.clock import ManualClock
    from circuit_breaker.testing.conformance import ExecutorConformance, ExecutorSubject
    from circuit_breaker.testing.script import HANG, ExecutorCall, Scripted, ScriptExhausted, Turn, scripted

__all__ = [
    "HANG",
    "ExecutorCall",
    "ExecutorConformance",
    "ExecutorSubject",
    "ManualClock",
    "ScriptExhausted",
    "Scripted",
    "Turn",
    "scripted",
]

__getattr__ = lazily(
    __name__,
    {
        "clock": ("ManualClock",),
        "conformance": ("ExecutorConformance", "ExecutorSubject"),
        "script": ("HANG", "ExecutorCall", "ScriptExhausted", "Scripted", "Turn", "scripted"),
    },
)
