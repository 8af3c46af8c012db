"""Why a call of a tool is not carried out, in words for the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from circuit_breaker.errors import nearest
from circuit_breaker.llm.parts import ToolCall

__all__ = ["ToolRefused", "misfit", "told", "unapproved", "unknown"]


class ToolRefused(Exception):
    """A call ends without a result; never seen outside of this package.

    Attributes:
        told: What the model is told.
    """

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.told = dict(told)
        super().__init__(self.told["error"])


def unknown(call: ToolCall, names: Iterable[str]) -> ToolRefused:
    """There is no such tool, or not for whoever it is done for: that difference is not told."""
    hint = nearest(call.name, names) or "there are none"
    return ToolRefused({"error": f"there is no tool '{call.name:.80}' ({hint})", "available": list(names)[:50]})


def misfit(name: str, faults: Iterable[tuple[str, str]]) -> ToolRefused:
    """The arguments do not fit the schema."""
    return ToolRefused({"error": f"the arguments of the tool '{name}' are wrong", "faults": told(faults)})


def unapproved(call: ToolCall) -> ToolRefused:
    """A person must approve the call, and has not."""
    return ToolRefused({"error": f"the call of '{call.name}' needs the approval of a person, and was not approved"})


def told(faults: Iterable[tuple[str, str]]) -> list[str]:
    """The faults, each with its place."""
    return [f"{place}: {message}" if place else message for place, message in faults][:20]
