"""Engine: carries out what workflows decide, and writes down everything that happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from datetime import datetime
from typing import Any, Self

import msgspec

from circuit_breaker.engine import recovery, running, worker
from circuit_breaker.engine.bus import Bus, Subscription
from circuit_breaker.engine.definitions import Definitions
from circuit_breaker.engine.ids import new_id
from circuit_breaker.engine.plugins import Plugin
from circuit_breaker.engine.ports import CaseSummary, Clock, Journal, SystemClock
from circuit_breaker.engine.request import FireRequest
from circuit_breaker.engine.resident import Resident, Residents
from circuit_breaker.engine.watching import Watchers
from circuit_breaker.errors import (
    CaseExists,
    CaseNotFound,
    CircuitBreakerError,
    DataInvalid,
    NotEnabled,
    VersionConflict,
)
from circuit_breaker.workflow import choosing, firing
from circuit_breaker.workflow.case import Case, Status
from circuit_breaker.workflow.data import freeze
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.events import CaseCancelled, CaseMigrated
from circuit_breaker.workflow.evolution import evolve
from circuit_breaker.workflow.explain import Explanation, explain
from circuit_breaker.workflow.history import History
from circuit_breaker.workflow.state import State

__all__ = ["Engine"]

KEPT = 128
"""How many events of a case stay in memory; the others are in the journal."""

UNSAID: Any = object()
"""Stands for an argument that was not given, where None means something."""

ATTEMPTS = 16
"""How often a decision is made anew because another process changed the case in between."""


class Engine:
    """Runs cases of workflows.

    Args:
        workflows: The definitions; of several with one name the last is used for new cases, the others for old ones.
        storage: A journal, such as ``connect("sqlite:///work.db")``; the engine opens and closes it.
        executors: Executors that definitions name by a text.
        plugins: Told what happens.
        clock: The time.
        resident: How many cases at rest stay in memory.

    Use it as an async context manager. Every method that takes a case accepts its id or any snapshot of it, and returns
    a new snapshot; a snapshot itself never changes.
    """

    def __init__(
        self,
        *workflows: Workflow,
        storage: Journal,
        executors: Mapping[str, Any] | None = None,
        plugins: Iterable[Plugin] = (),
        clock: Clock | None = None,
        resident: int = 1000,
    ) -> None:
        self.storage = storage
        self.clock: Clock = clock or SystemClock()
        self.executors = dict(executors or {})
        self.stirred = asyncio.Event()
        self._watchers = Watchers(plugins)
        self._definitions = Definitions(workflows)
        self._kept: set[str] = set()
        self._residents = Residents(resident)
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            await opening.enter_async_context(self.storage)
            await opening.enter_async_context(self._watchers)
            await self._watchers.greet(self)
            self._exit = opening.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._exit.aclose()

    @property
    def bus(self) -> Bus:
        """Where everything that happens is told."""
        return self._watchers.bus

    # -- definitions --------------------------------------------------------------------------------------------------

    @property
    def workflows(self) -> Mapping[str, Workflow]:
        """The definitions for new cases, by name."""
        return self._definitions.current

    async def add_workflow(self, workflow: Workflow) -> None:
        """Makes a definition known; new cases of its name use it from now on."""
        self._definitions.add(workflow)
        await self._watchers.created(workflow)

    def workflow(self, case_or_name: Case | str) -> Workflow:
        """The definition of a case, or the current one of that name.

        Raises:
            WorkflowNotFound: The engine does not know it.
        """
        definitions = self._definitions
        return definitions.named(case_or_name) if isinstance(case_or_name, str) else definitions.of(case_or_name)

    async def register_plugin(self, plugin: Plugin) -> None:
        """Adds a plugin to a running engine."""
        await self._watchers.add(plugin, self)

    def subscribe(
        self, *, case: Case | str | None = None, types: tuple[type, ...] = (), size: int = 1000
    ) -> AbstractContextManager[Subscription]:
        """What happens from now on: ``with engine.subscribe() as events: async for event in events: ...``.

        A subscriber that is slower than the engine loses the oldest events of its queue (``events.missed`` counts them)
        and holds up nothing.
        """
        return self.bus.subscribe(case=None if case is None else _id(case), types=types, size=size)

    def on(self, listener: Callable[[Any], Any], *types: type, size: int = 1000) -> None:
        """Calls a function (plain or async) with every event of these kinds, or with all; until the engine closes."""
        self._watchers.listen(listener, types, size=size)

    # -- cases --------------------------------------------------------------------------------------------------------

    async def start(
        self,
        workflow: Workflow | str,
        *,
        data: Any = None,
        metadata: Mapping[str, Any] | None = None,
        id: str | None = None,  # noqa: A002 - the word of the field
        by: str = "",
        state: State | str | None = None,
    ) -> Case:
        """A new case with one token in the initial state. Nothing fires yet: see :meth:`run`.

        Args:
            workflow: The definition, or its name.
            data: The data of the token: JSON, or an instance of the declared class.
            metadata: What is said about the token apart from its data.
            id: Unique in the storage; made from the time unless given.
            by: Who starts it.
            state: Another state to start in.

        Raises:
            CaseExists: There is a case of that id.
            DataInvalid: The data is no JSON, or not of the declared class; or the id is none.
        """
        self._watchers.owner()
        definition = self._definition(workflow)
        if definition.version not in self._kept:
            await self._keep(definition)
        begun = definition.start(_new_id(id), at=self.clock.now(), by=by, data=data, metadata=metadata, state=state)
        try:
            await self.storage.append(begun, begun.history[0:], due=self._due(definition, begun))
        except VersionConflict as error:
            raise CaseExists(
                f"there is a case '{begun.id}' already", remedy="choose another id, or leave it out"
            ) from error
        self._residents.add(begun)
        self.stirred.set()
        self._watchers.publish(begun, begun.history[0:], ())
        return begun

    def _definition(self, workflow: Workflow | str) -> Workflow:
        if isinstance(workflow, str):
            return self.workflow(workflow)
        self._definitions.know(workflow)
        return workflow

    async def _keep(self, workflow: Workflow) -> None:
        document = json.dumps(workflow.to_document(named=False), default=str).encode()
        await self.storage.keep_definition(workflow.name, workflow.version, document)
        self._kept.add(workflow.version)

    async def get(self, case: Case | str) -> Case:
        """The case as it is now.

        Raises:
            CaseNotFound: There is no case of that id.
        """
        resident = await self.resident(case)
        async with resident.turn:
            await self._refresh(resident)
            return resident.case

    async def history(self, case: Case | str) -> History:
        """Everything that ever happened to the case.

        Raises:
            CaseNotFound: There is no case of that id.
        """
        events = await self.storage.events(_id(case))
        if not events:
            raise CaseNotFound(f"there is no case '{_id(case)}'", remedy="see engine.cases()")
        return History(events)

    async def cases(
        self,
        *,
        workflow: str | None = None,
        status: Status | Sequence[Status] | None = None,
        state: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[CaseSummary]:
        """Cases that fit, a page at a time, ordered by id; ``after`` is the last id of the page before."""
        return await self.storage.find(workflow=workflow, status=status, state=state, after=after, limit=limit)

    async def add_token(
        self, case: Case | str, data: Any = None, *, state: State | str | None = None, by: str = ""
    ) -> Case:
        """The case with a further token, in the initial state unless another is named."""

        def decide(now: Case) -> Case:
            return firing.add_token(self.workflow(now), now, at=self.clock.now(), by=by, data=data, state=state)

        return await self.decide(await self.resident(case), decide)

    async def fire(
        self,
        case: Case | str,
        name: str,
        *,
        by: str = "",
        data: Any = None,
        roles: Iterable[str] = (),
        expect: int | None = None,
    ) -> Case:
        """The case after the transition of that name has fired, its action included. See :meth:`run` for what follows.

        Args:
            case: The case.
            name: The transition.
            by: Who fires it.
            data: Added to the token before its rules are judged; kept if it fires.
            roles: The roles of whoever fires it.
            expect: Refuse if the case has had another number of events than this (``case.sequence``).

        Raises:
            CaseNotFound, TransitionNotFound: There is no such thing.
            NotEnabled: The tokens are not there, or its signal or time has not come.
            Refused: A role, guard, validation or rule said no; recorded, with the verdict in the error.
            ActionError: The action failed and no ``.on_failure`` leads on; recorded.
            VersionConflict: ``expect`` is another number.
        """
        resident = self._residents.get(_id(case)) or await self.resident(case)
        attempt = FireRequest(self, name, by, data, roles, expect)
        now = await self.decide(resident, attempt.decide)
        if attempt.refusal is not None and not attempt.refusal.produced:
            reasons = firing.verdict_of(attempt.workflow, attempt.choice, roles)
            raise firing.refused(now, attempt.refusal, reasons)
        if attempt.begun is None:
            return now
        pending = running.find_pending(now, attempt.begun)
        assert pending is not None  # noqa: S101 - it has just begun
        return await running.foreground(self, resident, attempt.workflow, pending)

    async def run(self, case: Case | str) -> Case:
        """Fires what is automatic until the case rests, with parallel branches at the same time; returns it then.

        Actions that a crash interrupted are taken up again. Refusals and failures are recorded, not raised; see
        ``case.status`` and :meth:`explain`.
        """
        resident = await self.resident(case)
        return await running.run(self, resident)

    async def signal(self, case: Case | str, name: str, *, data: Any = None, by: str = "") -> Case:
        """The case after a signal came. It is kept until a transition uses it up; :meth:`run` fires that transition."""

        def decide(now: Case) -> Case:
            workflow = self.workflow(now)
            event = firing.signal(workflow, now, name, at=self.clock.now(), by=by, data=data)
            return now if event is None else choosing.apply(workflow, now, event)

        return await self.decide(await self.resident(case), decide)

    async def cancel(self, case: Case | str, *, reason: str = "", by: str = "", compensate: bool = False) -> Case:
        """The case, cancelled: its running actions are stopped and nothing can happen to it any more.

        Args:
            case: The case.
            reason: Why.
            by: Who cancels it.
            compensate: First wait until actions in progress have ended, and undo what was done: call the
                ``.compensate(...)`` action of every transition that fired,
                the last first.
        """
        if compensate:
            resident = await self.resident(case)
            choosing.open_case(resident.case)
            await recovery.compensate(self, resident, self.workflow(resident.case))

        def decide(now: Case) -> Case:
            choosing.open_case(now)
            return evolve(now, CaseCancelled(now.id, now.sequence + 1, self.clock.now(), by, reason))

        return await self.decide(await self.resident(case), decide)

    async def resolve(
        self,
        case: Case | str,
        transition: str,
        *,
        outcome: Any = UNSAID,
        failed: str | None = None,
        again: bool = False,
        by: str = "",
    ) -> Case:
        """The case after somebody said what became of an action in doubt.

        Args:
            case: The case.
            transition: The name of the transition whose action is in doubt.
            outcome: It was done, and this is what it returned (None if nothing).
            failed: It was not done, for this reason; it goes where ``.on_failure`` leads.
            again: It was not done and shall be done now, with the same idempotency key.
            by: Who says so.

        Raises:
            NotEnabled: No such action is in doubt.
            DataInvalid: Not exactly one of ``outcome``, ``failed`` and ``again`` is given.
        """
        if [outcome is not UNSAID, failed is not None, again].count(True) != 1 or failed == "":
            raise DataInvalid(
                f"what became of the action of '{transition}' of case '{_id(case)}' is not said exactly once",
                remedy="give one of outcome=..., failed='why' and again=True",
            )
        await self.get(case)
        resident = await self.resident(case)
        return await recovery.resolve(self, resident, transition, outcome=outcome, failed=failed, again=again, by=by)

    async def migrate(self, case: Case | str, workflow: Workflow, *, by: str = "") -> Case:
        """The case under another version of its workflow.

        Raises:
            NotEnabled: A token is in a state that the other version does not have, or an action is in progress.
            DataInvalid: The data is not of the class that the other version declares.
                Nothing is changed in either case.
        """
        self._definitions.know(workflow)
        await self._keep(workflow)

        def decide(now: Case) -> Case:
            choosing.open_case(now)
            known = {state.name for state in workflow.states}
            if now.workflow != workflow.name:
                raise NotEnabled(
                    f"case '{now.id}' is one of '{now.workflow}', and cannot become one of '{workflow.name}'",
                    remedy="give another version of its own workflow",
                )
            missing = [f"state '{place}'" for place in now.states if place not in known]
            if now.pending:
                raise NotEnabled(
                    f"case '{now.id}' cannot move while an action of it is in progress or in doubt",
                    remedy="let it end, or resolve it, first",
                )
            if missing:
                raise NotEnabled(
                    f"case '{now.id}' cannot move to version {workflow.version}: it has no {', no '.join(missing)}",
                    remedy="let the case go on first, or keep these in the new version",
                )
            event = CaseMigrated(now.id, now.sequence + 1, self.clock.now(), by, workflow.version)
            moved = msgspec.structs.replace(now, schema=workflow.schema)
            for token in now.marking:
                choosing.typed(workflow, token)
            return choosing.apply(workflow, moved, event)

        return await self.decide(await self.resident(case), decide)

    def explain(self, case: Case, *, roles: Iterable[str] | None = None) -> Explanation:
        """For every transition whether it can fire, and if not, exactly why."""
        return explain(self.workflow(case), case, at=self.clock.now(), roles=roles)

    async def recover(self) -> list[Case]:
        """Takes up every case that a crash interrupted, and runs all of them until they rest."""
        return await worker.recover(self)

    async def work(self, *, until_idle: bool = False, poll: float = 5.0) -> None:
        """Keeps everything going: takes up what was interrupted, fires timers when they are due, for ever.

        Args:
            until_idle: Return when no timer is running and nothing can be done.
            poll: The longest time, in seconds, after which work of other processes is noticed.
        """
        await worker.work(self, until_idle=until_idle, poll=poll)

    # -- what the parts of the engine share ---------------------------------------------------------------------------

    async def resident(self, case: Case | str) -> Resident:
        """The case in memory, read from the journal if need be.

        Raises:
            CaseNotFound: There is no case of that id.
        """
        self._watchers.owner()
        known = self._residents.get(_id(case))
        if known is not None:
            return known
        loaded = await self.storage.load(_id(case))
        if loaded is None:
            raise CaseNotFound(f"there is no case '{_id(case)}'", remedy="see engine.cases()")
        return self._residents.add(self._dressed(loaded))

    def _dressed(self, case: Case) -> Case:
        """The case with the class of its data, where its workflow is known."""
        workflow = self._definitions.version(case.definition)
        if workflow is None or workflow.schema is None:
            return case
        return msgspec.structs.replace(case, schema=workflow.schema)

    async def _refresh(self, resident: Resident) -> bool:
        """Reads a case again that another process has changed; says whether one had."""
        case_id = resident.case.id
        if await self.storage.sequence(case_id) == resident.case.sequence:
            return False
        loaded = await self.storage.load(case_id)
        if loaded is None:
            return False
        resident.case = self._dressed(loaded)
        resident.wake()
        running.stop_withdrawn(resident)
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
            async with resident.turn:
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
                return after
        raise VersionConflict(f"case '{resident.case.id}' is changed by others all the time", remedy="try again later")

    async def _write(self, resident: Resident, after: Case) -> None:
        before = resident.case
        if after.sequence == before.sequence:
            return
        events = after.history.after(before.sequence)
        workflow = self._definitions.version(after.definition)
        due = None if workflow is None or not workflow.timed else self._due(workflow, after)
        await self.storage.append(after, events, due=due)
        resident.case = after if after.history.held < 2 * KEPT else _shortened(after)
        resident.wake()
        if resident.actions:
            running.stop_withdrawn(resident)
        if due is not None or after.status == "running":
            self.stirred.set()
        self._watchers.publish(after, events, before.states)

    def _due(self, workflow: Workflow, case: Case) -> datetime | None:
        if not workflow.timed:
            return None
        timer = choosing.next_due(workflow, case)
        return None if timer is None else timer[0]


def _shortened(case: Case) -> Case:
    """The case with only the end of its history in memory, so that a long life does not fill it."""
    return msgspec.structs.replace(case, history=case.history.last(KEPT))


def _id(case: Case | str) -> str:
    return case if isinstance(case, str) else case.id


def _new_id(given: str | None) -> str:
    if given is None:
        return new_id()
    written = freeze(given, where="id")
    if not isinstance(written, str) or not written.strip() or len(written) > 200:
        raise DataInvalid(f"id: {given!r:.60} is no id of a case", remedy="use a text of 1 to 200 characters")
    return written
