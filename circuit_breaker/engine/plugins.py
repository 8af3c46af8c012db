"""Plugins: code of others that is told what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circuit_breaker.engine.engine import Engine
    from circuit_breaker.workflow.case import Case
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["Plugin"]


class Plugin:
    """What a plugin can do; every method may be left out. A plugin that raises is logged, and nothing else happens.

    Attributes:
        name: What it is called; the name of its class unless given.
    """

    name: str = ""

    async def initialize(self, engine: Engine) -> None:
        """Called once, when the engine begins or the plugin is registered."""

    async def on_workflow_created(self, workflow: Workflow) -> None:
        """Called for every workflow that the engine knows."""

    async def on_resource_state_changed(self, case: Case, old_states: tuple[str, ...]) -> None:
        """Called after tokens of a case have moved; ``old_states`` held tokens before."""
