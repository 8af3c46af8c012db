"""The store of agents: definitions and executions as records, events as streams."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final, TypedDict, Unpack

import attrs

from circuit_breaker.agents.account import Account
from circuit_breaker.agents.context import MEMBERS, ExecutionContext
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.documents import agent_from_document
from circuit_breaker.agents.execution import AgentExecution, AgentStatus
from circuit_breaker.agents.identity import check_ids, check_page
from circuit_breaker.agents.ports import AgentStorage
from circuit_breaker.data import Data, freeze_mapping
from circuit_breaker.engine.streams import Put
from circuit_breaker.errors import AgentExecutionNotFound, AgentNotFound

__all__ = ["AgentStore", "Sought", "day_of", "execution_put", "step_id", "stream_of"]

AGENT: Final = "agent"
VERSION: Final = "agent_version"
EXECUTION: Final = "agent_execution"
STEP: Final = "agent_step"
KEY: Final = "agent_key"
DAY: Final = "agent_day"
CANCEL: Final = "agent_cancellation"

_MEMBERS: Final = tuple(attrs.fields_dict(AgentExecution))
_VALUES: Final = attrgetter(*_MEMBERS)
_MOST_KNOWN: Final = 1000
_MOMENTS: Final = ("created_at", "started_at", "ended_at")
_OBJECTS: Final = ("usage", "error", "approval", "before")


def stream_of(execution_id: str) -> str:
    """The stream that the events of an execution are in."""
    return f"agent:{execution_id}"


def step_id(execution_id: str, number: int, name: str) -> str:
    """The id of a finished step of a round among the records."""
    return f"{execution_id}/{number}/{name}"


def execution_put(execution: AgentExecution) -> Put:
    """The record of an execution, and what it is found by."""
    keys = {
        "agent": execution.agent_id,
        "status": execution.status,
        "conversation": execution.conversation_id,
        "parent": execution.parent_id,
        "open": "1" if not execution.ended and execution.waiting_for != "approval" else "",
        "ended": day_of(execution.ended_at) if execution.ended_at is not None else "",
        **{f"context.{path}": text for path, text in execution.context.keys().items()},
    }
    found = {name: text for name, text in keys.items() if text}
    return Put(EXECUTION, execution.id, execution_document(execution), found)


class Sought(TypedDict, total=False):
    """What executions are found by: those that fit all of it.

    Attributes:
        agent: Who works.
        status: How they stand.
        conversation: What they belong to.
        parent: The execution that wanted them.
        ended: The day on which they ended, as :func:`day_of` gives it.
        context: Texts by dotted path, such as ``{"workflow_context.token_id": "..."}``.
    """

    agent: str
    status: AgentStatus | None
    conversation: str
    parent: str
    ended: str
    context: Mapping[str, str] | None


def _keys(*, context: Mapping[str, str] | None = None, **members: str | None) -> dict[str, str]:
    """The keys of their records, without what is left open."""
    keys = members | {f"context.{path}": str(text) for path, text in (context or {}).items()}
    return {name: text for name, text in keys.items() if text}


def day_of(moment: datetime) -> str:
    """The day of a moment, by which what is over is found."""
    return moment.date().isoformat()


def execution_document(execution: AgentExecution) -> Data:
    """The execution as a JSON object."""
    document: dict[str, Any] = dict(zip(_MEMBERS, _VALUES(execution), strict=True))
    moments = {name: moment.isoformat() for name in _MOMENTS if (moment := document[name]) is not None}
    objects = {name: freeze_mapping(document[name], where=name) for name in _OBJECTS}
    context = freeze_mapping({name: getattr(execution.context, name) for name in MEMBERS}, where="context")
    # All that is in it is frozen and was judged before: nothing is judged again with each change of an execution.
    return Data(document | moments | objects | {"context": context, "dollars": f"{execution.dollars:f}"})


def execution_of(document: Mapping[str, Any]) -> AgentExecution:
    """The execution that :func:`execution_document` wrote."""
    members: dict[str, Any] = {name: value for name, value in document.items() if name in _MEMBERS}
    moments = {name: datetime.fromisoformat(members[name]) for name in _MOMENTS if members.get(name)}
    context = ExecutionContext.from_document(members["context"])
    return AgentExecution(**members | moments | {"context": context, "dollars": Decimal(members["dollars"])})


@attrs.frozen
class AgentStore:
    """Reads and writes what is known of agents.

    Attributes:
        storage: Where it is kept.
    """

    storage: AgentStorage
    _known: dict[tuple[str, str | int], AgentDefinition] = attrs.field(factory=dict)

    # Definitions

    async def put(self, definition: AgentDefinition, now: datetime) -> AgentDefinition:
        """Keeps the definition as the present one, and its version for ever; gives it with its times."""
        records = self.storage.records
        before = await records.get(AGENT, definition.id)
        created = datetime.fromisoformat(before.document["created_at"]) if before is not None else now
        stored = definition.evolve(created_at=created, updated_at=now)
        document = stored.to_document()
        keys = {f"tag.{tag}": "1" for tag in stored.tags} | {f"capability.{one}": "1" for one in stored.capabilities}
        await records.put(VERSION, f"{stored.id}/{stored.version}", document)
        await records.put(AGENT, stored.id, document, keys=keys)
        return stored

    async def get(self, agent_id: str, version: str | None = None) -> AgentDefinition:
        """The present definition, or that of a version.

        Raises:
            AgentNotFound: There is none.
        """
        check_ids(agent_id=agent_id, version=version or "")
        if version is not None and (agent_id, version) in self._known:
            return self._known[agent_id, version]
        place = (AGENT, agent_id) if version is None else (VERSION, f"{agent_id}/{version}")
        record = await self.storage.records.get(*place)
        if record is None:
            raise await self._missing(agent_id, version)
        name = (agent_id, record.version if version is None else version)
        if name not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[name] = agent_from_document(record.document, judged=False)
        return self._known[name]

    async def _missing(self, agent_id: str, version: str | None) -> AgentNotFound:
        known = ", ".join(one.id for one in await self.storage.records.find(AGENT, limit=20)) or "none is registered"
        which = f"agent '{agent_id:.100}'" + (f" of version '{version:.20}'" if version else "")
        return AgentNotFound(f"there is no {which}", remedy=f"register it; known: {known}")

    async def listed(
        self, *, tag: str = "", capability: str = "", after: str = "", limit: int = 100
    ) -> list[AgentDefinition]:
        """The present definitions, ordered by id, a page at a time.

        Raises:
            DataInvalid: The limit is none.
        """
        check_page(limit)
        keys = ({f"tag.{tag}": "1"} if tag else {}) | ({f"capability.{capability}": "1"} if capability else {})
        records = await self.storage.records.find(AGENT, keys=keys, after=after, limit=limit)
        return [agent_from_document(record.document, judged=False) for record in records]

    async def remove(self, agent_id: str) -> bool:
        """Whether there was such a definition, which cannot be used any more; executions keep their version."""
        check_ids(agent_id=agent_id)
        return await self.storage.records.delete(AGENT, agent_id)

    # Executions

    async def execution(self, execution_id: str) -> AgentExecution:
        """The execution as it stands; what its finished steps have taken is counted also while it is under way.

        Raises:
            AgentExecutionNotFound: There is none.
        """
        return await self._counted(await self.written(execution_id))

    async def written(self, execution_id: str) -> AgentExecution:
        """The execution as its record says, without what it has taken since that was written: for looking often.

        Raises:
            AgentExecutionNotFound: There is none.
        """
        check_ids(execution_id=execution_id)
        record = await self.storage.records.get(EXECUTION, execution_id)
        if record is None:
            raise AgentExecutionNotFound(f"there is no execution '{execution_id:.100}'")
        return execution_of(record.document)

    async def executions(self, *, after: str = "", limit: int = 100, **sought: Unpack[Sought]) -> list[AgentExecution]:
        """The executions that fit all of it, the oldest first, a page at a time.

        Raises:
            DataInvalid: There is no such status, or the limit is none.
        """
        keys = _keys(**sought)
        check_page(limit, keys.get("status"))
        return [await self._counted(one) for one in await self._page(keys, after, limit)]

    async def _page(self, keys: Mapping[str, str], after: str, limit: int = 100) -> list[AgentExecution]:
        check_ids(**keys, after=after)
        records = await self.storage.records.find(EXECUTION, keys=keys, after=after, limit=limit)
        return [execution_of(record.document) for record in records]

    async def _counted(self, execution: AgentExecution) -> AgentExecution:
        """The execution with what its finished steps have taken."""
        if execution.ended or execution.started_at is None:
            return execution
        taken = Account.of_document(execution.before) + Account.of_steps(await self.steps(execution))
        is_more = taken.usage.total_tokens > execution.usage.get("total_tokens", 0)  # else it has ended meanwhile
        return taken.entered(execution) if is_more else execution

    async def id_of(self, key: str) -> str:
        """The id that is kept for the execution of a key; empty where none is."""
        record = await self.storage.records.get(KEY, key)
        return "" if record is None else str(record.document["execution"])

    async def left(self, executions: Iterable[AgentExecution]) -> set[str]:
        """The ids of those of the executions that their process has left before they were over."""
        open_ = [one for one in executions if not one.ended and one.waiting_for != "approval"]
        gone = {
            worker for worker in {one.worker for one in open_} if not worker or not await self.storage.alive(worker)
        }
        return {one.id for one in open_ if one.worker in gone}

    async def every(self, **sought: Unpack[Sought]) -> AsyncIterator[AgentExecution]:
        """All executions that fit all of it."""
        async for execution in self.each(**sought):
            yield await self._counted(execution)

    async def each(self, **sought: Unpack[Sought]) -> AsyncIterator[AgentExecution]:
        """The same as their records say, as :meth:`written` does: for looking often."""
        async for execution in self._found(_keys(**sought)):
            yield execution

    async def under_way(self) -> AsyncIterator[AgentExecution]:
        """All executions on which somebody works, or should, as their records say."""
        async for execution in self._found({"open": "1"}):
            yield execution

    async def _found(self, keys: Mapping[str, str]) -> AsyncIterator[AgentExecution]:
        after = ""
        while page := await self._page(keys, after):
            for execution in page:
                yield execution
            after = page[-1].id

    async def steps(self, execution: AgentExecution) -> dict[str, Any]:
        """The finished steps of the present round, by name."""
        found: dict[str, Any] = {}
        prefix = after = step_id(execution.id, execution.round, "")
        while page := await self.storage.records.find(STEP, after=after):
            for record in page:
                if not record.id.startswith(prefix):
                    return found
                found[record.document["name"]] = json.loads(record.document["value"])
            after = page[-1].id
        return found

    async def put_down(self, execution_id: str, worker: str) -> None:
        """Keeps that a process does not work on an execution any more, so that others go on with it at once.

        Raises:
            VersionConflict: Somebody else has changed it at the same time.
        """
        record = await self.storage.records.get(EXECUTION, execution_id)
        found = None if record is None else execution_of(record.document)
        if record is not None and found is not None and found.worker == worker and not found.ended:
            left = execution_put(attrs.evolve(found, worker=""))
            await self.storage.records.put(left.kind, left.id, left.document, keys=left.keys, expected=record.version)

    async def forget(self, execution: AgentExecution) -> None:
        """Removes an execution that is over, with all that is kept of it; its record last, for if this breaks off."""
        await self.storage.streams.drop(stream_of(execution.id))
        if execution.key:
            await self.storage.records.delete(KEY, execution.key)
        await self.storage.records.delete(EXECUTION, execution.id)
