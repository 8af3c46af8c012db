"""A tool of an MCP server, and which of them can be offered to a model."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Container
from typing import Any, Final

from circuit_breaker.errors import ActionError, ToolInvalid
from circuit_breaker.llm.mcp_connection import Connection
from circuit_breaker.llm.mcp_result import text_of
from circuit_breaker.llm.tools.base import Tool
from circuit_breaker.llm.tools.context import ToolContext

__all__ = ["LONGEST_NAME", "MCPTool", "offered"]

LONGEST_NAME: Final = 64
_LONGEST_DESCRIPTION: Final = 4000
_LONGEST_SCHEMA: Final = 64_000
_LONGEST_MESSAGE: Final = 1000
_FOREIGN: Final = re.compile(r"[^a-zA-Z0-9_.-]")


class MCPTool(Tool):
    """A tool of an MCP server, called over its connection."""

    def __init__(self, told: Any, connection: Connection, seconds: float) -> None:
        self._told_name = told.name
        self._connection = connection
        hints = told.annotations
        self._again = bool(hints and (hints.read_only_hint or hints.idempotent_hint))
        description = (told.description or told.title or told.name)[:_LONGEST_DESCRIPTION]
        super().__init__(_FOREIGN.sub("_", told.name), description, told.input_schema, timeout=seconds)

    @property
    def is_async(self) -> bool:
        """True: a server is waited for."""
        return True

    def execute(self, *_: Any, **arguments: Any) -> Any:
        """What the server answers, as text."""
        return self.perform(arguments, ToolContext())

    async def perform(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        """What the server answers, as text; it is told of progress on the way.

        Raises:
            ActionError: The tool failed.
            ServiceUnavailable: The server cannot be reached, or was lost.
        """

        async def tell(progress: float, total: float | None, message: str | None) -> None:
            context.progress((message or "")[:_LONGEST_MESSAGE], _share(progress, total))

        result = await self._connection.ask(
            lambda client: client.call_tool(self._told_name, arguments, self.timeout, tell), again=self._again
        )
        text = text_of(result)
        if result.is_error:
            raise ActionError(text or "the server says no more than that it failed")
        return text


def _share(progress: float, total: float | None) -> float | None:
    """How far it is, from 0 to 1, whatever a server says; None where it says nothing that means anything."""
    share = progress / total if total else math.nan
    return None if math.isnan(share) else min(1.0, max(0.0, share))


def offered(told: Any, connection: Connection, *, seconds: float, prefix: str, others: Container[str]) -> MCPTool:
    """A tool that can be offered.

    Args:
        told: What the server says of it.
        connection: The server.
        seconds: How long a call may take.
        prefix: What will stand before its name.
        others: The names of other tools of the server.

    Raises:
        ToolInvalid: It cannot be offered.
    """
    made = MCPTool(told, connection, seconds)
    if made.name in others:
        raise ToolInvalid(f"there is another tool '{made.name}'", remedy="give each a name of its own")
    if len(prefix) + len(made.name) > LONGEST_NAME:
        raise ToolInvalid(f"its name is too long after '{prefix}'", remedy="choose a shorter prefix")
    if len(json.dumps(told.input_schema)) > _LONGEST_SCHEMA:
        raise ToolInvalid(f"its schema has more than {_LONGEST_SCHEMA:,} characters", remedy="make it simpler")
    return made
