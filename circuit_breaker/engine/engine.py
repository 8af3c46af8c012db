"""Engine: carries out what workflows decide, and writes down everything that happens."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

from circuit_breaker.engine import driving, hindsight, migration, recovery, running, worker
from circuit_breaker.engine.attention import Attention
from circuit_breaker.engine.bus import Bus, Subscription
from circuit_breaker.engine.cases import Cases, unknown
from circuit_breaker.engine.compensation import compensate as undo_all
from circuit_breaker.engine.definitions import Definitions
from circuit_breaker.engine.ids import case_id
from circuit_breaker.engine.labels import label, role_labels
from circuit_breaker.engine.limits import Limits
from circuit_breaker.engine.plugins import Plugin
from circuit_breaker.engine.ports import CaseQuery, CaseSummary, Clock, Journal, SystemClock
from circuit_breaker.engine.request import FireRequest
from circuit_breaker.engine.resident import Resident
from circuit_breaker.engine.watching import Watchers
from circuit_breaker.errors import DataInvalid, StorageError
from circuit_breaker.lazy import deferred
from circuit_breaker.workflow import choosing, firing, standing
from circuit_breaker.workflow.case import Case, Status
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.events import CaseCancelled, Event
from circuit_breaker.workflow.evolution import evolve
from circuit_breaker.workflow.history import History
from circuit_breaker.workflow.state import State

if TYPE_CHECKING:
    from circuit_breaker.workflow.explain import Explanation
    from circuit_breaker.workflow.policy_diff import PolicyDiff

__all__ = ["Engine"]

explain = deferred("circuit_breaker.workflow.explain", "explain")


class Engine:
    """Runs cases of workflows.

    Args:
        workflows: The definitions; of several with one name the last is used for new cases, the others for old ones.
        storage: A journal, such as ``connect("sqlite:///work.db")``; the engine opens and closes it.
        executors: Executors that definitions name by a text, such as ``executors.installed()``; under an executor class
            stands what takes its place, such as the same under other settings, or one for tests. A definition that
            was read with executors of its own names classes.
        plugins: Told what happens.
        clock: The time.
        resident: How many cases at rest stay in memory.
        limits: How much one case may hold.

    Use it as an async context manager. Every method that takes a case accepts its id or any snapshot of it, and returns
    a new snapshot; a snapshot itself never changes.
    """

    def __init__(
        self,
        *workflows: Workflow,
        storage: Journal,
        executors: Mapping[Any, Any] | None = None,
        plugins: Iterable[Plugin] = (),
        clock: Clock | None = None,
        resident: int = 1000,
        limits: Limits | None = None,
    ) -> None:
        self.storage = _journal(storage)
        self.clock: Clock = clock or SystemClock()
        self.limits = limits or Limits()
        self.executors: Mapping[Any, Any] = {} if executors is None else executors
        self.attention = Attention()
        self.winding_down = False
        self._watchers = Watchers(plugins)
        self._definitions = Definitions(workflows)
        self._cases = Cases(storage, self._definitions, self._watchers, self.attention, limit=resident)
        # What the parts of the engine share; bound here, since every firing calls them.
        self.decide = self._cases.decide
        self.held = self._cases.residents.get
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

    async def add_workflow(self, workflow: Workflow, *, current: bool = True) -> None:
        """Makes a definition known; new cases of its name use it from now on.

        With ``current=False`` only cases that began under it use it, unless it is the only one of its name.
        """
        self._definitions.add(workflow, current=current)
        await self._watchers.created(workflow)

    @property
    def versions(self) -> frozenset[str]:
        """The versions of all definitions that are known, those for old cases as well."""
        return self._definitions.versions

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

        A subscriber that is slower than the engine loses the oldest events of its queue and holds up nothing:
        ``events.missed`` counts them, and the first is logged.

        Args:
            case: Only events of this case.
            types: Only these classes of events, such as ``(TransitionFired,)``.
            size: How many events may wait; with 1 only the newest does, and nothing is logged.

        Raises:
            DataInvalid: One of the types is no class of events, or the size no number from 1.
        """
        return self.bus.subscribe(case=None if case is None else _id(case), types=types, size=size)

    def on(self, listener: Callable[[Any], Any], *types: type, size: int = 1000) -> Subscription:
        """Calls a function (plain or async) with every event of these kinds, or with all; until the engine closes.

        It is called with one event after another. One that is slower than the engine loses the oldest events of its
        queue: ``missed`` of the subscription that is given back counts them, and the first is logged.

        Args:
            listener: The function.
            types: Only these classes of events, such as ``TransitionFired``.
            size: How many events may wait.

        Raises:
            DataInvalid: One of the types is no class of events, or the size no number from 1; or the listener is no
                function.
        """
        return self._watchers.listen(listener, types, size=size)

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
            DataInvalid: The data is no JSON, or not of the declared class; or the id is none, or ``by`` no short text.
            LimitReached: The token would carry too much.
        """
        self._watchers.owner()
        definition = self._definition(workflow)
        by = label(by, "by")
        begun = definition.start(case_id(id), at=self.clock.now(), by=by, data=data, metadata=metadata, state=state)
        self.limits.begun(begun)
        await self._cases.begin(begun, definition)
        return begun

    def _definition(self, workflow: Workflow | str) -> Workflow:
        if isinstance(workflow, str):
            return self.workflow(workflow)
        self._definitions.know(workflow)
        return workflow

    async def get(self, case: Case | str) -> Case:
        """The case as it is now.

        Raises:
            CaseNotFound: There is no case of that id.
        """
        return await self._cases.newest(_id(case))

    async def history(self, case: Case | str) -> History:
        """Everything that ever happened to the case.

        Raises:
            CaseNotFound: There is no case of that id.
        """
        events = await self.storage.events(_id(case))
        if not events:
            raise unknown(_id(case))
        return History(events)

    async def cases(
        self,
        *,
        workflow: str | None = None,
        status: Status | Sequence[Status] | None = None,
        state: State | str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[CaseSummary]:
        """Cases that fit, a page at a time, ordered by id; see :class:`CaseQuery` for the keywords.

        Raises:
            DataInvalid: There is no such status, or the limit is negative.
        """
        query = CaseQuery(workflow=workflow, status=status, state=state, after=after, limit=limit)
        return await self.storage.find(query)

    async def add_token(
        self, case: Case | str, data: Any = None, *, state: State | str | None = None, by: str = ""
    ) -> Case:
        """The case with a further token, in the initial state unless another is named.

        Raises:
            LimitReached: The token would carry too much.
        """
        by = label(by, "by")
        resident = await self.resident(case)

        def decide(now: Case) -> Case:
            after = firing.add_token(self.workflow(now), now, at=self.clock.now(), by=by, data=data, state=state)
            added = [token.data for token in after.marking if token.sequence > now.sequence]
            return self.limits.entered(resident, after, added)

        return await self.decide(resident, decide)

    async def change_token(
        self,
        case: Case | str,
        token: str,
        change: Change,
        *,
        by: str = "",
        expect: int | None = None,
        key: str = "",
    ) -> Case:
        """The case after what one of its tokens carries was changed where the token stands. Nothing fires by that.

        Args:
            case: The case.
            token: The id of the token.
            change: What is set in its data, metadata and results.
            by: Who changes it.
            expect: Refuse if another event than this made the token what it is (``token.sequence``).
            key: Names the work that changes it, in the journal.

        Raises:
            TokenNotFound: The token is not in the case any more.
            VersionConflict: The token is another than expected.
            NotEnabled: An action in progress holds it.
            DataInvalid: Its data would not be of the declared class.
            LimitReached: It would carry too much.
        """
        by, key = label(by, "by"), label(key, "key")
        resident = await self.resident(case)

        def decide(now: Case) -> Case:
            workflow = self.workflow(now)
            at = self.clock.now()
            after = firing.change_token(workflow, now, token, change, at=at, by=by, expect=expect, key=key)
            return self.limits.entered(resident, after, (change.data, change.metadata, change.results))

        return await self.decide(resident, decide)

    async def fire(
        self,
        case: Case | str,
        name: str,
        *,
        by: str = "",
        data: Any = None,
        roles: Iterable[str] = (),
        expect: int | None = None,
        token: str | None = None,
    ) -> Case:
        """The case after the transition of that name has fired, its action included. See :meth:`run` for what follows.

        Args:
            case: The case.
            name: The transition.
            by: Who fires it; at most 1,000 characters, as everywhere.
            data: Added to the token before its rules are judged; kept if it fires.
            roles: The roles of whoever fires it.
            expect: Refuse if the case has had another number of events than this (``case.sequence``).
            token: The id of a token that it must take, where several could; any unless given.

        Raises:
            CaseNotFound, TransitionNotFound: There is no such thing.
            NotEnabled: The tokens are not there, or its signal or time has not come.
            Refused: A role, guard, validation or rule said no; recorded, with the verdict in the error.
            ActionError: The action failed and no ``.on_failure`` leads on; recorded.
            VersionConflict: ``expect`` is another number.
        """
        resident = self.held(_id(case)) or await self.resident(case)
        by = by if by == "" else label(by, "by")
        held_roles = choosing.NO_ROLES if roles == () else role_labels(roles)
        attempt = FireRequest(self, resident, name, by, data, held_roles, expect, token)
        now = await self.decide(resident, attempt.decide)
        if attempt.refusal is not None and not attempt.refusal.produced:
            reasons = firing.verdict_of(attempt.workflow, attempt.choice, attempt.roles)
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
        return await driving.run(self, resident)

    async def signal(
        self,
        case: Case | str,
        name: str,
        *,
        data: Any = None,
        by: str = "",
        unless: Callable[[Case], bool] | None = None,
    ) -> Case:
        """The case after a signal came. It is kept until a transition uses it up; :meth:`run` fires that transition.

        Where as many of that name wait as may, it takes the place of the oldest that fits nothing that waits.

        Args:
            case: The case.
            name: The signal.
            data: What comes with it.
            by: Who sends it.
            unless: Whether it has come already, by the case as it stands when it would be written, whoever else writes
                at the same time; then nothing comes.

        Raises:
            NotEnabled: The workflow knows no such signal.
            LimitReached: Too many signals of that name wait that may still be used, or a token would carry too much.
        """
        name, by = label(name, "name"), label(by, "by")
        resident = await self.resident(case)

        def decide(now: Case) -> Case:
            if unless is not None and unless(now):
                return now
            workflow = self.workflow(now)
            event = firing.signal(workflow, now, name, at=self.clock.now(), by=by, data=data)
            if event is None:
                return now
            event = self.limits.signalled(workflow, now, event)
            return self.limits.entered(resident, standing.apply(workflow, now, event), event.data)

        return await self.decide(resident, decide)

    async def cancel(self, case: Case | str, *, reason: str = "", by: str = "", compensate: bool = False) -> Case:
        """The case, cancelled: its running actions are stopped and nothing can happen to it any more.

        Args:
            case: The case.
            reason: Why.
            by: Who cancels it.
            compensate: First undo what was done: call the ``.compensate(...)`` action of every transition that fired,
                the last first. Nothing of the case begins any more meanwhile. An action in progress here that can be
                undone, or must not be repeated, ends by itself before; any other is stopped, and so are those of other
                processes once the case is cancelled.

        Raises:
            CaseClosed: It has ended.
            ActionInDoubt: It shall be compensated, and of an action nobody knows whether it was done; nothing happened.
            ActionError: A compensation failed; cancelling again goes on with it.
        """
        by, reason = label(by, "by"), label(reason, "reason")

        def decide(now: Case) -> Case:
            choosing.open_case(now)
            return evolve(now, CaseCancelled(now.id, now.sequence + 1, self.clock.now(), by, reason))

        resident = await self.resident(case)
        if not compensate:
            return await self.decide(resident, decide)
        with resident.ended():
            await self.get(case)
            choosing.open_case(resident.case)
            await undo_all(self, resident, self.workflow(resident.case))
            return await self.decide(resident, decide)

    async def resolve(
        self,
        case: Case | str,
        transition: str,
        *,
        key: str | None = None,
        token: str | None = None,
        outcome: Any = recovery.UNSAID,
        failed: str | None = None,
        again: bool = False,
        by: str = "",
    ) -> Case:
        """The case after somebody said what became of an action in doubt.

        Args:
            case: The case.
            transition: The name of the transition whose action is in doubt.
            key: The idempotency key of the action, where several of the transition are in doubt.
            token: The id of a token that the action took; another way to say which.
            outcome: It was done, and this is what it returned (None if nothing).
            failed: It was not done, for this reason; it goes where ``.on_failure`` leads.
            again: It was not done and shall be done now, with the same idempotency key.
            by: Who says so.

        Raises:
            NotEnabled: No such action is in doubt.
            DataInvalid: Not exactly one of ``outcome``, ``failed`` and ``again`` is given; or several actions are in
                doubt, and neither ``key`` nor ``token`` says which is meant.
        """
        by = label(by, "by")
        doubt = recovery.Doubt(transition, key, token)
        answer = recovery.Answer(outcome, failed, again, by)
        return await recovery.resolve(self, _id(case), doubt, answer)

    async def migrate(self, case: Case | str, workflow: Workflow, *, by: str = "") -> Case:
        """The case under another version of its workflow.

        Raises:
            NotEnabled: A token is in a state that the other version does not have, or an action is in progress.
            DataInvalid: The data is not of the class that the other version declares.
                Nothing is changed in either case.
        """
        by = label(by, "by")
        self._definitions.know(workflow)
        await self._cases.keep(workflow)

        def decide(now: Case) -> Case:
            return migration.migrated(workflow, now, at=self.clock.now(), by=by)

        return await self.decide(await self.resident(case), decide)

    def explain(
        self,
        case: Case,
        *,
        roles: Iterable[str] | None = None,
        stopped: Collection[str] = (),
        history: Iterable[Event] | None = None,
    ) -> Explanation:
        """For every transition whether it can fire, and if not, exactly why and what it would take.

        Args:
            case: The case.
            roles: The roles of whoever asks; None leaves roles out.
            stopped: The workers that have stopped, as :meth:`stopped` tells; their actions are interrupted.
            history: All that happened to it, as :meth:`history` gives it, from which refusals are told; without it
                only that part which the case holds.

        Raises:
            DataInvalid: The id of a case was given: nothing is read here.
        """
        case = _snapshot(case)
        explanation: Explanation = explain(
            self.workflow(case), case, at=self.clock.now(), roles=roles, stopped=stopped, events=history
        )
        return explanation

    async def diff_policy(
        self, old: Workflow, new: Workflow, *, cases: Iterable[Case | str] | None = None
    ) -> PolicyDiff:
        """Which decisions that cases made under the old version the new one would make otherwise.

        Every decision is judged alone, on its tokens as they were then; nothing is changed.

        Args:
            old: The version under which the cases ran.
            new: The other version of the same workflow.
            cases: Only these; all of the workflow in the journal unless given.

        Raises:
            WorkflowInvalid: They are not versions of one workflow.
            CaseNotFound: There is no case of one of the ids.
        """
        return await hindsight.diff_policy(self, old, new, None if cases is None else [_id(case) for case in cases])

    async def stopped(self, case: Case) -> frozenset[str]:
        """The workers of its actions in progress that have stopped: who runs the case takes these actions up again."""
        workers = {pending.worker for pending in case.pending if not pending.doubt}
        return frozenset({worker for worker in workers if not await self.storage.alive(worker)})

    async def recover(self) -> list[Case]:
        """Takes up every case that a crash interrupted, and runs all of them until they rest; gives those that did.

        A case that the journal cannot read is logged and passed over.

        Raises:
            Exception: What went wrong with the first of the others that could not be run, when all have come to rest.
        """
        return await worker.recover(self)

    async def work(self, *, until_idle: bool = False, poll: float = 5.0) -> None:
        """Keeps everything going: takes up what was interrupted, fires timers when they are due, for ever.

        Args:
            until_idle: Return when no timer is running and nothing can be done.
            poll: The longest time, in seconds, after which work of other processes is noticed.
        """
        await worker.work(self, until_idle=until_idle, poll=poll)

    def wind_down(self) -> None:
        """Lets :meth:`work` end in good order: no action begins any more, and it returns when the last has ended."""
        self.winding_down = True
        self.attention.call()

    # -- what the parts of the engine share ---------------------------------------------------------------------------

    async def resident(self, case: Case | str) -> Resident:
        """The case in memory, read from the journal if need be.

        Raises:
            CaseNotFound: There is no case of that id.
        """
        return await self._cases.resident(_id(case))


def _journal(storage: Any) -> Journal:
    """The journal that was given.

    Raises:
        StorageError: It is something else, such as its address; not shown, because that may hold a password.
    """
    if not hasattr(storage, "append") or not hasattr(storage, "__aenter__"):
        raise StorageError(
            f"storage: a {type(storage).__name__} is no journal",
            remedy="give storage=connect(url), such as connect('sqlite:///work.db')",
        )
    journal: Journal = storage
    return journal


def _snapshot(case: Any) -> Case:
    if not isinstance(case, Case):
        raise DataInvalid(f"explain: {case!r:.60} is no case that was read", remedy="give it await engine.get(id)")
    return case


def _id(case: Case | str) -> str:
    return case if isinstance(case, str) else case.id
