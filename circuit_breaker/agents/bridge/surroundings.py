"""What an agent is told of the case that it works for, in the form that knows of no workflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.workflow.token import Token

__all__ = ["PEOPLE", "surroundings"]

PEOPLE = ("user_id", "session_id", "preferences")
"""What the metadata of a token says of a person."""

_NOBODY: Final = ExecutionContext()


def surroundings(
    token: Token,
    *,
    case: str,
    workflow: str,
    transition: str = "",
    history: int = 0,
    tenant: str = "",
    custom: Mapping[str, Any] | None = None,
    caller: ExecutionContext = _NOBODY,
) -> ExecutionContext:
    """The context of an execution that works on a token.

    Executions are found by each simple value in it, such as ``workflow_context.token_id``.

    Args:
        token: The token.
        case: The id of its case.
        workflow: The name of its workflow.
        transition: The transition that it is for, if it is for one.
        history: The number of the last event of the case, or of its token, that the agent is told of.
        tenant: Whose it is; what the metadata says under ``tenant_id`` unless given.
        custom: What else belongs to it.
        caller: What somebody who asks says of itself: it comes before what the metadata says of a person and a tenant,
            and behind what is known of the place.
    """
    metadata = token.metadata
    place = {
        "resource_id": case,
        "token_id": token.id,
        "workflow_id": workflow,
        "state_id": token.state,
        "transition_id": transition,
        "history_count": history,
        "metadata": msgspec.to_builtins(metadata),
    }
    known = {name: value for name, value in place.items() if value not in ("", 0)}
    return ExecutionContext(
        tenant_id=caller.tenant_id or tenant or _text(metadata.get("tenant_id")),
        workflow_context={**caller.workflow_context, **known},
        user_context={**{name: metadata[name] for name in PEOPLE if name in metadata}, **caller.user_context},
        custom_context={**caller.custom_context, **(custom or {})},
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
