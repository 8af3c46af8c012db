"""The cases of an engine: those in memory, over the journal that has them all."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

import msgspec

from circuit_breaker.engine.attention import Attention
from circuit_breaker.engine.definitions import Definitions
from circuit_breaker.engine.ports import Journal
from circuit_breaker.engine.resident import Resident, Residents
from circuit_breaker.engine.running import stop_withdrawn
from circuit_breaker.engine.watching import Watchers
from circuit_breaker.errors import CaseExists, CaseNotFound, CircuitBreakerError, VersionConflict
from circuit_breaker.workflow import choosing
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.definition import Workflow

__all__ = ["Cases"]

KEPT = 128
"""How many events of a case stay in memory; the others are in the journal."""

ATTEMPTS = 16
"""How often a decision is made anew because another process changed the case in between."""


class Cases:
    """The only place where cases are read and changed: every change is a decision on the newest state of a case.

    Args:
        journal: Has all cases.
        definitions: The workflows.
        watchers: Told of every change.
        attention: Told of every case that may have something to do.
        limit: How many cases at rest stay in memory.
    """

    def __init__(
        self, journal: Journal, definitions: Definitions, watchers: Watchers, attention: Attention, *, limit: int
    ) -> None:
        self.residents = Residents(limit)
        self._journal = journal
        self._definitions = definitions
        self._watchers = watchers
        self._attention = attention
        self._kept: set[str] = set()

    async def keep(self, workflow: Workflow) -> None:
        """Writes the definition into the journal, unless this was done."""
        if workflow.version not in self._kept:
            document = json.dumps(workflow.to_document(named=False), default=str).encode()
            await self._journal.keep_definition(workflow.name, workflow.version, document)
            self._kept.add(workflow.version)

    async def begin(self, case: Case, workflow: Workflow) -> None:
        """Writes a new case into the journal.

        Raises:
            CaseExists: There is a case of that id.
        """
        await self.keep(workflow)
        try:
            await self._journal.append(case, case.history[0:], due=_due(workflow, case))
        except VersionConflict as error:
            raise CaseExists(
                f"there is a case '{case.id}' already", remedy="choose another id, or leave it out"
            ) from error
        self.residents.add(case)
        self._attention.call(case.id if case.status == "running" else "")
        self._watchers.publish(case, case.history[0:], None)

    async def resident(self, case_id: str) -> Resident:
        """The case in memory, read from the journal if need be.

        Raises:
            CaseNotFound: There is no case of that id.
        """
        self._watchers.owner()
        known = self.residents.get(case_id)
        if known is not None:
            return known
        loaded = await self._journal.load(case_id)
        if loaded is None:
            raise unknown(case_id)
        return self.residents.add(self._dressed(loaded))

    async def newest(self, case_id: str) -> Case:
        """The case as the journal has it now.

        Raises:
            CaseNotFound: There is no case of that id.
        """
        resident = await self.resident(case_id)
        async with resident.turn:
            await self._refresh(resident)
            return resident.case

    def _dressed(self, case: Case) -> Case:
        """The case with the class of its data, where its workflow is known."""
        workflow = self._definitions.version(case.definition)
        if workflow is None or workflow.schema is None:
            return case
        return msgspec.structs.replace(case, schema=workflow.schema)

    async def _refresh(self, resident: Resident) -> bool:
        """Reads a case again that another process has changed; says whether one had."""
        case_id = resident.case.id
        if await self._journal.sequence(case_id) == resident.case.sequence:
            return False
        loaded = await self._journal.load(case_id)
        if loaded is None:
            return False
        resident.case = self._dressed(loaded)
        resident.carried = None  # it was the weight of another state
        resident.wake()
        stop_withdrawn(resident)
        return True

    async def decide(self, resident: Resident, decision: Callable[[Case], Case]) -> Case:
        """Makes a decision on the newest state of a case and writes it down; anew if another process was faster.

        Args:
            resident: The case.
            decision: A pure function; it may be called several times, and what it raises goes to the caller.

        Raises:
            VersionConflict: Others change the case all the time.
        """
        for _ in range(ATTEMPTS):
            turn = resident.turn
            if turn.taken:
                await turn.comes()
            with turn:
                try:
                    after = decision(resident.case)
                except CircuitBreakerError:
                    if await self._refresh(resident):
                        continue
                    raise
                if after.sequence == resident.case.sequence and await self._refresh(resident):
                    continue
                try:
                    await self._write(resident, after)
                except VersionConflict:
                    await self._refresh(resident)
                    continue
                except BaseException:
                    resident.carried = None  # the decision weighed what was not written
                    raise
                return after
        raise VersionConflict(f"case '{resident.case.id}' is changed by others all the time", remedy="try again later")

    async def _write(self, resident: Resident, after: Case) -> None:
        before = resident.case
        if after.sequence == before.sequence:
            return
        events = after.history.after(before.sequence)
        workflow = self._definitions.version(after.definition)
        due = None if workflow is None or not workflow.timed else _due(workflow, after)
        await self._journal.append(after, events, due=due)
        resident.case = after if after.history.held < 2 * KEPT else _shortened(after)
        resident.wake()
        if resident.actions:
            stop_withdrawn(resident)
        if after.status == "running":
            self._attention.call(after.id)
        elif due is not None:
            self._attention.call()
        self._watchers.publish(after, events, before)


def _due(workflow: Workflow, case: Case) -> datetime | None:
    if not workflow.timed:
        return None
    timer = choosing.next_due(workflow, case)
    return None if timer is None else timer[0]


def _shortened(case: Case) -> Case:
    """The case with only the end of its history in memory, so that a long life does not fill it."""
    return msgspec.structs.replace(case, history=case.history.last(KEPT))


def unknown(case_id: str) -> CaseNotFound:
    """The error for an id that no case has."""
    return CaseNotFound(f"there is no case '{case_id}'", remedy="see engine.cases()")
