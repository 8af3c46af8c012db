"""Assistants and agents, built step by step: the model, the tools, the memory, and who watches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Self

from circuit_breaker.executors.base import BaseExecutor
from circuit_breaker.executors.models.settings import ModelSettings
from circuit_breaker.executors.models.tools import gathered_tools
from circuit_breaker.llm.loop.surroundings import Tell
from circuit_breaker.llm.memory import ConversationMemory
from circuit_breaker.llm.tools.base import Tool
from circuit_breaker.llm.tools.toolset import Toolset

__all__ = ["ModelBuilding"]


class ModelBuilding(BaseExecutor, abstract=True):
    """The ways to build an executor of a model step by step."""

    settings: ClassVar[ModelSettings] = ModelSettings()

    def __init__(self, /, **parameters: Any) -> None:
        super().__init__(**parameters)
        self._memory: ConversationMemory | None = None
        self._watcher: Tell | None = None

    def use_model(self, model: str, *, provider: str | None = None) -> Self:
        """This instance, with that model, and with who serves it where that is given."""
        return self.update_context(model=model, model_provider=provider)

    def with_system_prompt(self, text: str) -> Self:
        """This instance, with what the model is told to be and to do."""
        return self.update_context(system_prompt=text)

    def with_parameters(self, **parameters: Any) -> Self:
        """This instance, with more or other parameters of the model, such as ``temperature=0.7``."""
        return self.update_context(parameters={**self._given.get("parameters", {}), **parameters})

    def with_tools(self, tools: Toolset | Iterable[Tool | Toolset | str]) -> Self:
        """This instance, with these tools and no others."""
        return self.update_context(tools=[tools] if isinstance(tools, Toolset) else list(tools))

    def add_tools(self, tools: Toolset | Iterable[Tool | Toolset | str]) -> Self:
        """This instance, with these tools as well."""
        more = [tools] if isinstance(tools, Toolset) else list(tools)
        return self.update_context(tools=[*self._given.get("tools", []), *more])

    def add_tool(self, tool: Tool | str | Iterable[Tool | str]) -> Self:
        """This instance, with this tool as well; several may be given."""
        return self.add_tools([tool] if isinstance(tool, (Tool, str)) else tool)

    def remove_tool(self, name: str) -> Self:
        """This instance, without the tool of that name.

        Raises:
            ToolNotFound: There is none.
        """
        known = gathered_tools(self._given.get("tools", []), self.settings.tools)
        return self.with_tools(known.remove_tool(name))

    def clear_tools(self) -> Self:
        """This instance, without tools."""
        return self.with_tools([])

    def with_memory_size(self, messages: int) -> Self:
        """This instance, whose model is shown at most so many messages of the conversation."""
        made = self.update_context(memory_size=messages)
        if self._memory is not None:
            self._memory.max_messages = messages
        return made

    def enable_memory(self, enabled: bool = True) -> Self:
        """This instance, which remembers what was said from call to call, or does not."""
        return self.update_context(memory_enabled=enabled)

    def with_memory(self, memory: ConversationMemory) -> Self:
        """This instance, with that memory in place of its own; the limits are those of the memory."""
        self._refuse_while_running()
        self._memory = memory
        return self

    def watch(self, tell: Tell) -> Self:
        """This instance, which tells of every event of its loop, the pieces of an answer included."""
        self._refuse_while_running()
        self._watcher = tell
        return self

    @property
    def memory(self) -> ConversationMemory:
        """What it remembers from call to call; nothing at first."""
        if self._memory is None:
            self._memory = ConversationMemory(
                self._values.get("system_prompt") or "", self._values["memory_tokens"], self._values["memory_size"]
            )
        return self._memory
