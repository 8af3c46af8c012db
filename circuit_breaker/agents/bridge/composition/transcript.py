"""The transcript of a case: which parts of a composition asked which agents, and what these said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import attrs

from circuit_breaker.agents.bridge.composition.handing import handed_to
from circuit_breaker.agents.bridge.composition.position import place_of
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.data import thaw

__all__ = ["ASKER_NAME", "Entry", "Transcript", "entries_of", "executions_of", "transcript_of"]

ASKER_NAME: Final = "asker"
"""Who asked for the whole."""


@attrs.frozen(kw_only=True)
class Entry:
    """One part at work.

    Attributes:
        sender: Whose words it went on from: names of parts, or ``"asker"``; of an execution that a tool of a part
            wanted, that part.
        to: The name of the part, or the id of the agent that a tool wanted.
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
        handed_to: The name of the part to which it handed the conversation on; empty for nobody.
        message: What it handed on.
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
    handed_to: str = ""
    message: str = ""

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
    found = [one async for one in agents.store.every(context={"workflow_context.resource_id": case})]
    return sorted(found, key=_in_order)


async def below(agents: AgentEngine, executions: Iterable[AgentExecution]) -> list[AgentExecution]:
    """All executions that these have wanted, and what those have, without these themselves."""
    waiting = list(executions)
    known = {one.id for one in waiting}
    found: list[AgentExecution] = []
    while waiting:
        children = [one async for one in agents.store.every(parent=waiting.pop().id) if one.id not in known]
        known |= {one.id for one in children}
        waiting += children
        found += children
    return found


def _in_order(execution: AgentExecution) -> tuple[datetime, str]:
    return execution.created_at, execution.id


async def transcript_of(agents: AgentEngine, case: str) -> Transcript:
    """Who said what to whom in a case, from what is kept of its executions."""
    found = await executions_of(agents, case)
    every = sorted([*found, *await below(agents, found)], key=_in_order)
    return Transcript(case=case, entries=await entries_of(agents, every))


async def entries_of(agents: AgentEngine, executions: Iterable[AgentExecution]) -> tuple[Entry, ...]:
    """What a transcript tells of these executions."""
    found = list(executions)
    names = {one.id: _name_of(one) for one in found}
    return tuple([await _entry(agents, one, names.get(one.parent_id)) for one in found])


def _name_of(execution: AgentExecution) -> str:
    return str(place_of(execution.context).get("part", execution.agent_id))


async def _entry(agents: AgentEngine, execution: AgentExecution, wanted_by: str | None) -> Entry:
    place = place_of(execution.context)
    sender = (wanted_by,) if wanted_by is not None else tuple(place.get("from", ()))
    handed = await handed_to(agents, execution) if place.get("hands_to") else {}
    return Entry(
        sender=sender or (ASKER_NAME,),
        to=_name_of(execution),
        agent=execution.agent_id,
        execution_id=execution.id,
        at=execution.created_at,
        seconds=execution.seconds,
        status=execution.status,
        said=execution.input,
        answered=execution.answer,
        tokens=int(execution.usage.get("total_tokens", 0)),
        dollars=execution.dollars,
        model=execution.model,
        error=execution.error,
        **handed,
    )
