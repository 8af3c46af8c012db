"""Answering: who answers for the agents of a command, and with which tools."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs

from circuit_breaker.cli.definitions import modules_of
from circuit_breaker.cli.onward import Onward
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.providers import SCRIPTED, is_anybody_there, router_of
from circuit_breaker.executors.models.settings import ModelSettings
from circuit_breaker.llm.tools.base import Tool
from circuit_breaker.llm.tools.toolset import Toolset

if TYPE_CHECKING:
    from circuit_breaker.agents.bridge.staff import Staff

__all__ = ["Answering"]


@attrs.frozen
class Answering:
    """Who answers: the staff of a module that was named, or whoever the environment has a key for; else a script.

    Attributes:
        output: Where it is told that a script does.
        onward: What was named, as it was typed; the tools of its modules are there.
        staff: The agents of these modules, or None.
        provider: Who answers, in place of whom an agent names, or None.
        model: The model, in place of what an agent names, or None.
        silent: Whether nobody is to be asked anything, so that it does not matter who would answer.
    """

    output: Output
    onward: Onward
    staff: Staff | None = None
    provider: str | None = None
    model: str | None = None
    silent: bool = False
    _told: list[str] = attrs.field(factory=list, init=False)

    @asynccontextmanager
    async def settings(self) -> AsyncIterator[ModelSettings]:
        """Who answers, for an engine of agents."""
        given = self._given
        if given is not None:
            more = [tool for tool in self._tools() if tool.name not in given.tools]  # a staff names its own already
            yield attrs.evolve(given, tools=given.tools.add_tools(more))
            return
        tools = Toolset().add_tools(self._tools())
        async with router_of(self._provider()) as router:
            yield ModelSettings(router=router, tools=tools)

    @property
    def overrides(self) -> dict[str, Any]:
        """Who answers, in place of whom the agents name."""
        provider = self.provider or SCRIPTED if self.scripted else self.provider
        model = "demo" if provider == SCRIPTED else self.model
        return {**({"llm_provider": provider} if provider else {}), **({"model": model} if model else {})}

    @property
    def scripted(self) -> bool:
        """Whether a script answers, unless somebody else was named: no module says who does, nor the environment."""
        return self._given is None and not is_anybody_there()

    @property
    def _given(self) -> ModelSettings | None:
        """Who answers as a module says, where nobody else was named."""
        return None if self.staff is None or self.provider is not None else self.staff.settings

    def _provider(self) -> str | None:
        if self.provider is not None or is_anybody_there():
            return self.provider
        if not self.silent and not self._told:
            self._told.append("the environment has no key of a provider: a script answers")
            self.output.note(*self._told)
        return SCRIPTED

    def _tools(self) -> list[Tool]:
        """The tools of the modules that were named."""
        modules = modules_of(self.onward.modules, ())
        return [value for module in modules for value in vars(module).values() if isinstance(value, Tool)]
