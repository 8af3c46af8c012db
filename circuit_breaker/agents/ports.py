"""What agents need of others: a storage, and, where an operator gives them, memory, guardrails and more tools."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol

from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.engine.records import Records
from circuit_breaker.engine.streams import Gone, Put, Streams
from circuit_breaker.llm.loop.events import LoopEvent
from circuit_breaker.llm.loop.limits import LoopLimits
from circuit_breaker.llm.loop.model import Answering
from circuit_breaker.llm.loop.outcome import LoopOutcome
from circuit_breaker.llm.loop.state import LoopState
from circuit_breaker.llm.loop.surroundings import Surroundings
from circuit_breaker.llm.memory import Summarize
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.tools.toolset import Toolset

__all__ = ["AgentStorage", "Allowed", "Client", "Guard", "Guarding", "Memory", "ToolsFor"]


class AgentStorage(Protocol):
    """Records and streams of one tenant, and who else is at work; every journal is one."""

    @property
    def worker(self) -> str:
        """The name of this process among all that use the storage."""
        ...

    @property
    def records(self) -> Records:
        """Documents by kind and id."""
        ...

    @property
    def streams(self) -> Streams:
        """Numbered documents."""
        ...

    async def alive(self, worker: str) -> bool:
        """Whether the process of that name still has the storage open."""
        ...


class Memory(Protocol):
    """What is remembered of conversations."""

    async def enters(self, execution: AgentExecution) -> bool:
        """Whether it is the turn of the execution in its conversation, which it keeps until it is over."""
        ...

    async def enter(self, execution: AgentExecution) -> Any:
        """Returns when it is the turn of the execution in its conversation."""
        ...

    async def recall(
        self, definition: AgentDefinition, execution: AgentExecution, summarize: Summarize | None = None
    ) -> Sequence[ChatMessage]:
        """What was said before; asked once in an execution, also when it goes on after a crash.

        ``summarize`` has the model of the agent make a summary, for which the execution pays.
        """
        ...

    async def remember(
        self, execution: AgentExecution, said: Sequence[ChatMessage], conceal: Callable[[Any], Any]
    ) -> Sequence[Put | Gone]:
        """The records to keep in the same step as the end of an execution that has an answer.

        ``said`` is what was asked, and all that came after it. Where a record is not in the version that a :class:`Put`
        expects, all of them are asked for again.
        """
        ...


class Client(Protocol):
    """Whoever has executions begin, and may not want them any more."""

    async def unwanted(self, execution: AgentExecution) -> str:
        """Why an execution that is not over is not to go on; empty where it is, and for those of others."""
        ...

    async def needs(self, execution: AgentExecution) -> bool:
        """Whether an execution that is over is still looked at: it stays then, however old it is."""
        ...


class Guard(Protocol):
    """Watches over one execution; a violation is raised as :class:`circuit_breaker.errors.GuardrailViolated`."""

    def admitted(self, execution: AgentExecution) -> AgentExecution:
        """The execution as it is kept; asked before anything of it is written."""
        ...

    def inserted(self, name: str, text: str) -> str:
        """What stands in a prompt for a variable."""
        ...

    def model(self, model: Answering) -> Answering:
        """Who answers: what it is sent, and what is kept of its answers, can be changed on the way."""
        ...

    def tools(self, tools: Toolset) -> Toolset:
        """The tools that there are: what they are given, and what is kept of their results, can be changed."""
        ...

    def limits(self, limits: LoopLimits) -> LoopLimits:
        """What the execution may take."""
        ...

    def text(self, text: str) -> str:
        """What is kept of a text that comes from neither a model nor a tool, such as that of an error."""
        ...

    async def before(self, around: Surroundings) -> None:
        """Judges what goes in, before the first call of a model."""
        ...

    async def concluded(
        self, outcome: LoopOutcome, around: Surroundings, go_on: Callable[[LoopState], Awaitable[LoopOutcome]]
    ) -> LoopOutcome:
        """The outcome that counts; judged before the execution is completed. ``go_on`` goes on with the loop."""
        ...

    def remembered(self, said: Sequence[ChatMessage]) -> Sequence[ChatMessage]:
        """What a conversation keeps of a question and all that came after it, up to an answer that counts."""
        ...

    def telling(self, event: LoopEvent) -> Iterable[LoopEvent]:
        """What is told in place of an event of the loop; text may be held back until a later one."""
        ...

    def conceal(self, document: Any) -> Any:
        """What is kept in place of a JSON value, such as a finished step; it went through the other methods already."""
        ...


Guarding = Callable[[AgentDefinition, AgentExecution], Guard | None]
"""Gives whoever watches over an execution."""

ToolsFor = Callable[[AgentDefinition, AgentExecution], Toolset | Awaitable[Toolset]]
"""Gives the tools that an execution has beside those of its agent; asked again when it goes on after a crash."""

Allowed = Callable[[str, str, AgentExecution], bool | Awaitable[bool]]
"""Says whether somebody may do something to an execution: ``"follow"``, ``"cancel"`` or ``"approve"``."""
