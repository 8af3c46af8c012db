"""Handing on: the tool by which an agent passes the conversation to a colleague."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from circuit_breaker.agents.bridge.composition.position import place_of
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.events import AgentEvent, Thinking, ToolCallEvent, ToolResultEvent, decode
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.llm.tools.base import Tool
from circuit_breaker.llm.tools.toolset import Toolset

__all__ = ["HAND_OFF", "HandOff", "hand_offs", "handed_to"]

HAND_OFF: Final = "hand_off"
"""The name of the tool."""


class HandOff(Tool):
    """Passes the conversation on to one of these colleagues: what they are for, by name."""

    def __init__(self, colleagues: Mapping[str, str]) -> None:
        told = "; ".join(f"{name}: {about}" if about else name for name, about in colleagues.items())
        super().__init__(
            HAND_OFF,
            f"Passes the conversation on to a colleague, who answers in your place. There are {told}.",
            {
                "to": {"type": "string", "enum": list(colleagues), "description": "The name of the colleague"},
                "message": {"type": "string", "description": "What the colleague must know", "default": ""},
            },
        )

    def execute(self, to: str, message: str = "") -> dict[str, Any]:
        """To whom it goes; who follows the composition sees to it that it does."""
        return {"handed_to": to, "message": message}


def hand_offs(_: AgentDefinition, execution: AgentExecution) -> Toolset:
    """The tool for an execution whose place in a composition allows it."""
    colleagues = place_of(execution.context).get("hands_to") or {}
    return Toolset(HandOff(colleagues)) if colleagues else Toolset()


async def handed_to(agents: AgentEngine, execution: AgentExecution) -> dict[str, str]:
    """To whom an execution has passed the conversation on last, and what with; empty for nobody."""
    events = [decode(one) for one in await agents.events.read(execution.id)]
    given = next(reversed(_accepted(events).values()), {})
    return {"handed_to": str(given.get("to", "")), "message": str(given.get("message", ""))}


def _accepted(events: Iterable[AgentEvent]) -> dict[tuple[int, str], Mapping[str, Any]]:
    """The arguments of all calls of the tool that count, in order.

    A call is known by its iteration too, as a model may begin anew with its ids in each answer.
    """
    calls: dict[tuple[int, str], ToolCallEvent] = {}
    for event in events:
        match event:
            case Thinking(void_after=int() as void):  # what was done before is begun again
                calls = {key: call for key, call in calls.items() if call.sequence <= void}
            case ToolCallEvent() if event.tool_name == HAND_OFF:
                calls[event.iteration, event.call_id] = event
            case ToolResultEvent(is_error=True):
                calls.pop((event.iteration, event.call_id), None)
    return {key: call.arguments for key, call in calls.items()}
