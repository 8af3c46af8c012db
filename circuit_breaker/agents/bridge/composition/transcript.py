"""The transcript of a case: which parts of a composition asked which agents, and what these said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import attrs

from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.data import thaw

__all__ = ["ASKER_NAME", "Entry", "Transcript", "executions_of", "place_of", "said_by", "transcript_of"]

ASKER_NAME: Final = "asker"
"""Who asked for the whole."""


@attrs.frozen(kw_only=True)
class Entry:
    """One part at work.

    Attributes:
        sender: Whose words it went on from: names of parts, or ``"asker"``.
        to: The name of the part.
        agent: The id of its agent.
        execution_id: Its execution.
        at: When it was asked (UTC).
        seconds: How long it took; None where it has not ended.
        status: How its execution stands.
        said: What it was given, by name.
        answered: What it gave: its structured output, or its text; None where nothing.
        tokens: Of input and output together.
        dollars: US dollars.
        model: The model that answered.
        error: What went wrong; empty where nothing did.
    """

    sender: tuple[str, ...]
    to: str
    agent: str
    execution_id: str
    at: datetime
    seconds: float | None
    status: str
    said: Mapping[str, Any]
    answered: Any
    tokens: int
    dollars: Decimal
    model: str
    error: Mapping[str, str]

    def to_document(self) -> dict[str, Any]:
        """The entry as JSON, with ``from`` for the sender."""
        document = {name: thaw(value) for name, value in attrs.asdict(self, recurse=False).items() if name != "sender"}
        told = {"at": self.at.isoformat(), "dollars": f"{self.dollars:f}", "from": list(self.sender)}
        return document | told


@attrs.frozen(kw_only=True)
class Transcript:
    """Who said what to whom in a case, in the order in which they were asked.

    Attributes:
        case: The id of the case.
        entries: One for each execution, those that failed included.
    """

    case: str
    entries: tuple[Entry, ...]

    @property
    def tokens(self) -> int:
        """Of all of them."""
        return sum(entry.tokens for entry in self.entries)

    @property
    def dollars(self) -> Decimal:
        """Of all of them."""
        return sum((entry.dollars for entry in self.entries), Decimal(0))

    def to_document(self) -> dict[str, Any]:
        """The transcript as JSON."""
        totals = {"executions": len(self.entries), "tokens": self.tokens, "dollars": f"{self.dollars:f}"}
        return {"case": self.case, "entries": [entry.to_document() for entry in self.entries], "totals": totals}


async def executions_of(agents: AgentEngine, case: str) -> list[AgentExecution]:
    """All executions that worked for a case, the oldest first."""
    found: list[AgentExecution] = []
    after = ""
    while page := await agents.executions(context={"workflow_context.resource_id": case}, after=after):
        found += page
        after = page[-1].id
    return sorted(found, key=lambda one: (one.created_at, one.id))


async def transcript_of(agents: AgentEngine, case: str) -> Transcript:
    """Who said what to whom in a case, from what is kept of its executions."""
    found = await executions_of(agents, case)
    return Transcript(case=case, entries=tuple(_entry(one) for one in found))


def place_of(context: ExecutionContext) -> Mapping[str, Any]:
    """The place of an execution in a composition: ``part``, ``from`` and ``inside``; empty where it has none."""
    place = context.get("custom_context.composition", {})
    return place if isinstance(place, Mapping) else {}


def said_by(execution: AgentExecution) -> Any:
    """What the agent gave: its structured output, or its text."""
    output = thaw(execution.output)
    return output["text"] if isinstance(output, dict) and output.keys() == {"text"} else output


def _entry(execution: AgentExecution) -> Entry:
    place = place_of(execution.context)
    return Entry(
        sender=tuple(place.get("from", ())) or (ASKER_NAME,),
        to=str(place.get("part", execution.agent_id)),
        agent=execution.agent_id,
        execution_id=execution.id,
        at=execution.created_at,
        seconds=execution.seconds,
        status=execution.status,
        said=execution.input,
        answered=said_by(execution),
        tokens=int(execution.usage.get("total_tokens", 0)),
        dollars=execution.dollars,
        model=execution.model,
        error=execution.error,
    )
