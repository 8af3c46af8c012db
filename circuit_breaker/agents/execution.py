"""An execution of an agent, as it stands: a frozen value that is kept as a record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, Self, get_args

import attrs

from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.data import EMPTY, Data, freeze, freeze_mapping, thaw

__all__ = ["ENDED", "STATUSES", "AgentExecution", "AgentStatus"]

AgentStatus = Literal["pending", "running", "completed", "failed", "cancelled", "timed_out"]
STATUSES: Final[tuple[AgentStatus, ...]] = get_args(AgentStatus)
ENDED: Final[frozenset[AgentStatus]] = frozenset({"completed", "failed", "cancelled", "timed_out"})


@attrs.frozen(kw_only=True)
class AgentExecution:
    """How an execution stands. Immutable; a change is a new value.

    Attributes:
        id: Its id; also the name under which its events are read.
        agent_id: Who works.
        agent_version: By which version of the definition; it goes on with that one also when the agent is changed.
        status: ``"pending"`` (it waits for its turn, or for a person: see ``waiting_for``), ``"running"``,
            ``"completed"``, ``"failed"``, ``"cancelled"`` or ``"timed_out"``.
        waiting_for: ``"turn"``, ``"approval"`` or ``"retry"``, while it is pending; empty otherwise.
        input: What it was given.
        context: For whom and where.
        output: The answer as a value: what fits the output schema, or ``{"text": ...}``; None unless completed.
        final_response: What the agent said at the end.
        finish_reason: Why the answer ended.
        usage: Tokens by kind, of all calls of models, those of failed attempts included.
        dollars: US dollars.
        unpriced_calls: How many calls have no known price.
        model: The model that answered last.
        provider: Who served it.
        error: What went wrong: ``code``, ``message`` and ``remedy``; empty where nothing did.
        approval: What a person must decide on: ``calls`` and their ``digest``; empty where nothing.
        conversation_id: The conversation that it belongs to, or empty.
        parent_id: The execution that wanted it, or empty.
        depth: How many executions it is inside of.
        attempt: Which attempt this is: 1 for the first.
        round: How often it has begun from the start; an attempt may also go on with what those before have finished.
        before: What rounds before this one have taken: ``usage``, ``dollars`` and ``unpriced_calls``.
        worker: The process that works on it, or empty.
        events: How many events it has.
        key: The idempotency key under which it was asked for, or empty.
        overrides: What takes the place of members of the agent's ``llm_config``.
        timeout: Seconds that it may take, in place of what its agent says, or None.
        idle: Seconds in which nobody worked on it after it had begun: it waited for a person, for its turn in a
            conversation or for a place, or its process had ended.
        created_at: When it was asked for (UTC).
        started_at: When it began to work (UTC), or None.
        ended_at: When it was over (UTC), or None.
    """

    id: str
    agent_id: str
    agent_version: str
    status: AgentStatus = "pending"
    waiting_for: str = ""
    input: Data = attrs.field(default=EMPTY, converter=freeze_mapping)
    context: ExecutionContext = ExecutionContext()
    output: Any = attrs.field(default=None, converter=freeze)
    final_response: str = ""
    finish_reason: str = ""
    usage: Mapping[str, Any] = EMPTY
    dollars: Decimal = Decimal(0)
    unpriced_calls: int = 0
    model: str = ""
    provider: str = ""
    error: Mapping[str, str] = EMPTY
    approval: Mapping[str, Any] = EMPTY
    conversation_id: str = ""
    parent_id: str = ""
    depth: int = 0
    attempt: int = 1
    round: int = 1
    before: Mapping[str, Any] = EMPTY
    worker: str = ""
    events: int = 0
    key: str = ""
    overrides: Data = attrs.field(default=EMPTY, converter=freeze_mapping)
    timeout: float | None = None
    idle: float = 0.0
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.status in ENDED

    @property
    def seconds(self) -> float | None:
        """From its beginning to its end; None while it has none."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()

    @property
    def answer(self) -> Any:
        """What the agent gave: its structured output, or its text."""
        output = thaw(self.output)
        # an output schema may have a text alone, too; what the agent said is then JSON, and not that text
        plain = isinstance(output, dict) and output == {"text": self.final_response}
        return self.final_response if plain else output

    def get_context_value(self, path: str, default: Any = None) -> Any:
        """What is at a dotted path of the context."""
        return self.context.get(path, default)

    def set_context_value(self, path: str, value: Any) -> Self:
        """The execution with that value at a dotted path of the context.

        Raises:
            DataInvalid: The path leads nowhere, or the value is no JSON.
        """
        return attrs.evolve(self, context=self.context.set(path, value))
