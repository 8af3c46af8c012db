"""Plans: how a model is asked for one, and how its steps are read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from circuit_breaker.llm.messages import ChatMessage, user
from circuit_breaker.llm.request import ToolDefinition

__all__ = ["GO", "plan_wanted", "steps_of"]

GO: Final = "Carry out the plan now, step by step, and change it where what you find makes that necessary."
"""What the user says when the plan is made."""

MOST_STEPS: Final = 50
_STEP: Final = re.compile(r"^\s*(?:\d{1,3}[.)]|[-*•])\s+(?P<step>\S.*?)\s*$", re.MULTILINE)


def plan_wanted(tools: Iterable[ToolDefinition]) -> ChatMessage:
    """What the user says to have a plan, with the tools that there will be."""
    known = "\n".join(f"- {tool.name}: {tool.description.partition('.')[0]}" for tool in tools)
    told = f"\nThese tools will be there when you carry it out:\n{known}" if known else ""
    return user(f"First make a plan: a numbered list of short steps, and nothing else. Do not carry it out yet.{told}")


def steps_of(text: str) -> tuple[str, ...]:
    """The steps of a plan: the numbered or listed lines, or the whole text where there are none."""
    found = tuple(match["step"] for match in _STEP.finditer(text))
    return found[:MOST_STEPS] or ((text.strip(),) if text.strip() else ())
