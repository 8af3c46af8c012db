"""Repetition: whether a model makes the same call again and again, and gets the same result each time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, Literal

from circuit_breaker.llm.loop.state import CallRecord
from circuit_breaker.llm.parts import ToolCall, ToolResult

__all__ = ["judged", "signature", "told_so"]

Judgement = Literal["made", "told", "stopped"]


_SORTED: Final = json.JSONEncoder(sort_keys=True)


def signature(call: ToolCall) -> str:
    """What two calls have in common that are the same: the name, and the arguments however they are written."""
    try:
        arguments = _SORTED.encode(json.loads(call.arguments or "{}"))
    except (ValueError, RecursionError):
        arguments = call.arguments
    return f"{call.name}:{arguments}"


def judged(records: Sequence[CallRecord], call: ToolCall, repeats: int) -> Judgement:
    """What becomes of a call.

    Args:
        records: The calls that were made before.
        call: The call that the model wants.
        repeats: How often the same call may give the same result.

    Returns:
        ``"made"``; ``"told"``: the model is told that it repeats itself; ``"stopped"``: it was told, and does it again.
    """
    if not records:
        return "made"
    wanted = signature(call)
    same = [record for record in records if signature(record.call) == wanted]
    if same and same[-1].told:
        return "stopped"
    given = [record.result.content for record in same if not record.told]
    alike = next((at for at, content in enumerate(reversed(given)) if content != given[-1]), len(given))
    return "told" if alike >= repeats else "made"


def told_so(call: ToolCall, repeats: int) -> ToolResult:
    """What the model is told in place of a result."""
    said = {
        "error": f"'{call.name}' was called {repeats} times with the same arguments, and gave the same each time",
        "remedy": "use what it gave, call something else, or answer; the same call once more ends the work",
    }
    return ToolResult(call_id=call.id, name=call.name, content=json.dumps(said), is_error=True)
