"""Tools behind the privacy of an execution: they are given values, and what they give is hidden."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from circuit_breaker.agents.guardrails.privacy import Privacy
from circuit_breaker.llm.tools.base import Tool
from circuit_breaker.llm.tools.context import ToolContext
from circuit_breaker.llm.tools.result import as_json
from circuit_breaker.llm.tools.running import check_output, joined
from circuit_breaker.llm.tools.toolset import Offer, Toolset
from circuit_breaker.rules.schema import misfits

__all__ = ["PrivateTool", "private_tools"]


def private_tools(tools: Toolset, privacy: Privacy) -> Toolset:
    """The tools; each is given the values behind placeholders, and what it gives is hidden."""
    return Toolset(*(PrivateTool(offer, privacy) for offer in tools.offers))


class PrivateTool(Tool):
    """A tool behind the privacy of an execution.

    Args:
        offer: The tool as it is offered.
        privacy: What is hidden.
    """

    def __init__(self, offer: Offer, privacy: Privacy) -> None:
        self._tool, self._privacy = offer.tool, privacy
        super().__init__(
            offer.name,
            offer.tool.description,
            _relaxed(offer.tool.parameters) if privacy.guard.reversible else offer.tool.parameters,
            fallback_response=offer.tool.fallback_response,
            timeout=offer.tool.timeout,
            approval=offer.approval,
            roles=offer.roles,
        )

    @property
    def is_async(self) -> bool:
        """Whether the work is done in the event loop."""
        return self._tool.is_async

    def can_handle(self, result: Any) -> bool:
        """Whether another tool may go on to this one with its result."""
        return self._tool.can_handle(result)

    def definition(self, name: str | None = None) -> Any:
        """The tool as a model is told of it."""
        return self._tool.definition(name or self.name)

    def perform(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        """What the tool gives for the values behind the arguments, hidden.

        Raises:
            ValueError: The values do not fit the schema of the tool.
            ToolRefused: Its result is not as it says.
        """
        restored = self._privacy.restored(arguments)
        if faults := [f"{place}: {what}" for place, what in misfits(self._tool.parameters, restored)]:
            raise ValueError("; ".join(faults))
        if self._privacy.guard.reversible:
            context.state.update(self._privacy.restored(dict(context.state)))
        given = self._tool.perform(restored, context)
        return self._awaited(given) if inspect.isawaitable(given) else self._hidden(given)

    async def _awaited(self, given: Any) -> Any:
        return self._hidden(await given)

    def _hidden(self, given: Any) -> Any:
        if isinstance(given, AsyncIterator):
            return self._pieces(given)
        check_output(self._tool, self.name, given)
        hider = self._privacy.hider
        return hider.json_text(given) if isinstance(given, str) else hider.value(as_json(given))

    async def _pieces(self, given: AsyncIterator[Any]) -> AsyncIterator[Any]:
        stream, pieces = self._privacy.hider.stream(), []
        async for piece in given:
            pieces.append(piece)
            if not isinstance(piece, str):
                yield self._privacy.hider.value(as_json(piece))
            elif text := stream.push(piece):
                yield text
        if text := stream.end():
            yield text
        check_output(self._tool, self.name, joined(pieces))


_TOO_STRICT: Final = ("format", "pattern", "minLength", "maxLength", "enum", "const")


def _relaxed(schema: Any) -> Any:
    """The schema without what a placeholder cannot fit; the values behind it are judged by the whole one."""
    if isinstance(schema, Mapping):
        return {
            name: {each: _relaxed(inner) for each, inner in value.items()}
            if name in ("properties", "$defs", "patternProperties") and isinstance(value, Mapping)
            else _relaxed(value)
            for name, value in schema.items()
            if name not in _TOO_STRICT
        }
    return [_relaxed(inner) for inner in schema] if isinstance(schema, list) else schema
