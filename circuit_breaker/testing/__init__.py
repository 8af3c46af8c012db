"""What users test with: a clock that stands still, executors and models that follow a script, recordings, and a suite.

The fixtures are in :mod:`circuit_breaker.testing.plugin`, which pytest finds by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily

if TYPE_CHECKING:
    from circuit_breaker.testing.clock import ManualClock
    from circuit_breaker.testing.conformance import ExecutorConformance, ExecutorSubject
    from circuit_breaker.testing.model_turns import ModelTurn
    from circuit_breaker.testing.models import MockLLMProvider, ScriptedProvider
    from circuit_breaker.testing.recording import NotRecorded, Recorder, Replayer
    from circuit_breaker.testing.script import HANG, ExecutorCall, Scripted, ScriptExhausted, Turn, scripted
    from circuit_breaker.testing.soundness import assert_sound

__all__ = [
    "HANG",
    "ExecutorCall",
    "ExecutorConformance",
    "ExecutorSubject",
    "ManualClock",
    "MockLLMProvider",
    "ModelTurn",
    "NotRecorded",
    "Recorder",
    "Replayer",
    "ScriptExhausted",
    "Scripted",
    "ScriptedProvider",
    "Turn",
    "assert_sound",
    "scripted",
]

__getattr__ = lazily(
    __name__,
    {
        "clock": ("ManualClock",),
        "conformance": ("ExecutorConformance", "ExecutorSubject"),
        "model_turns": ("ModelTurn",),
        "models": ("MockLLMProvider", "ScriptedProvider"),
        "recording": ("NotRecorded", "Recorder", "Replayer"),
        "script": ("HANG", "ExecutorCall", "ScriptExhausted", "Scripted", "Turn", "scripted"),
        "soundness": ("assert_sound",),
    },
)
