"""One execution at work: its attempts, its end, and what is written of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import attrs
import structlog

from circuit_breaker.agents.account import Account
from circuit_breaker.agents.assignment import Assignment
from circuit_breaker.agents.chronicle import Chronicle
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.ending import Ending
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.limits import AgentRetry
from circuit_breaker.agents.ports import Guard, Memory, ToolsFor
from circuit_breaker.agents.purse import Metered, Paying, Purse
from circuit_breaker.agents.store import DAY, day_of
from circuit_breaker.agents.telling import Teller
from circuit_breaker.data import freeze_mapping
from circuit_breaker.engine.ports import Clock
from circuit_breaker.engine.streams import Gone, Put
from circuit_breaker.errors import CircuitBreakerError, LLMError, StorageError, words_of
from circuit_breaker.executors.models.settings import ModelSettings
from circuit_breaker.invocation import inline
from circuit_breaker.llm.documents import from_document, to_document
from circuit_breaker.llm.loop.approvals import Decisions, asked_for, calls_digest
from circuit_breaker.llm.loop.events import BudgetSpent, LoopEvent
from circuit_breaker.llm.loop.loop import Loop
from circuit_breaker.llm.loop.model import Answering, answering
from circuit_breaker.llm.loop.options import LoopOptions
from circuit_breaker.llm.loop.outcome import APPROVAL_NEEDED, COMPLETED, LoopOutcome
from circuit_breaker.llm.loop.state import LoopState
from circuit_breaker.llm.loop.surroundings import Surroundings
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.summaries import summaries_by
from circuit_breaker.llm.tools.context import ToolContext
from circuit_breaker.llm.tools.toolset import Toolset

__all__ = ["Attempt", "Running"]

_log = structlog.get_logger(__name__)


@attrs.frozen(kw_only=True)
class Attempt:
    """What one run of the loop begins with.

    Attributes:
        state: Where the loop goes on; None for the beginning.
        decisions: What a person has said of the calls that waited for it.
    """

    state: LoopState | None = None
    decisions: Decisions = None

    @classmethod
    def of(cls, execution: AgentExecution) -> Attempt:
        """Where an execution begins, or goes on after a person has decided."""
        approval = execution.approval
        if approval.get("decisions") is None:
            return cls()
        return cls(state=LoopState.from_document(approval["state"]), decisions=approval["decisions"])


@attrs.define(eq=False, kw_only=True)
class Running:
    """Carries out one execution.

    Attributes:
        definition: Of its agent, in the version of the execution.
        chronicle: What is written of it.
        settings: Who answers, and which tools there are.
        clock: The time.
        purse: Who pays.
        most_seconds: How long it may take where its agent names no time.
        tools_for: Gives tools beside those of its agent.
        memory: What is remembered of its conversation.
        guard: Who watches over it.
        days: Days of which it is written that executions have ended.
        reason: Why it was cancelled; None where it was not.
    """

    definition: AgentDefinition
    chronicle: Chronicle
    settings: ModelSettings
    clock: Clock
    purse: Purse
    most_seconds: float
    tools_for: Iterable[ToolsFor] = ()
    memory: Memory | None = None
    guard: Guard
    days: set[str] = attrs.field(factory=set)
    reason: Callable[[], str | None] = lambda: None
    _asked: int = 0
    _task: asyncio.Task[Any] | None = None

    @property
    def execution(self) -> AgentExecution:
        """How it stands."""
        return self.chronicle.execution

    async def run(self) -> None:
        """Brings it to its end, or to where it waits for a person; the chronicle is open.

        Raises:
            StorageError: Something cannot be written, or somebody else goes on with it.
            CancelledError: It was stopped and not cancelled: somebody will go on with it.
        """
        limit = asyncio.timeout(self._seconds_left())
        self._task = asyncio.current_task()
        try:
            async with limit:
                ending = await self._attempts()
        except TimeoutError:
            if not limit.expired():
                raise
            ending = Ending(status="timed_out", code="agent_timeout", message=self._too_long())
        except asyncio.CancelledError:
            if (ending := self._cancelled()) is None:
                raise
        if ending is not None:
            await self._end(ending)

    async def cancel(self) -> None:
        """Ends it before it was its turn, or before it goes on."""
        await self._end(self._cancelled() or Ending(status="cancelled", code="agent_cancelled", message="cancelled"))

    def _cancelled(self) -> Ending | None:
        """The end of what somebody has cancelled; None where the process stops."""
        if (why := self.reason()) is None:
            return None
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
        return Ending(status="cancelled", code="agent_cancelled", message=why)

    def _seconds(self) -> float:
        return self.execution.timeout or self.definition.limits.timeout or self.most_seconds

    def _seconds_left(self) -> float:
        now = self.clock.now()
        begun = self.execution.started_at or now
        return max(0.0, self._seconds() + self.execution.idle - (now - begun).total_seconds())

    def _too_long(self) -> str:
        return f"agent '{self.definition.id}' took longer than {self._seconds():g} seconds"

    # Attempts

    async def _attempts(self) -> Ending | None:
        """How it ends; None where it waits for a person."""
        attempt = Attempt.of(self.execution)
        while True:
            try:
                return await self._come_to(await self._loop(attempt))
            except StorageError:
                raise
            except CircuitBreakerError as error:
                if not self._tries_again(error):
                    return Ending.failed(error)
                failure = error
            except Exception as error:  # noqa: BLE001 - whatever a model, a tool or a guardrail raises ends one execution
                _log.error("an execution failed", execution=self.execution.id, error=type(error).__name__)
                return Ending.failed(error)
            attempt = await self._next(attempt, failure)

    def _tries_again(self, error: CircuitBreakerError) -> bool:
        retry: AgentRetry = self.definition.limits.retry
        return self.execution.attempt < retry.max_attempts and retry.wanted_for(error)

    async def _next(self, attempt: Attempt, error: CircuitBreakerError) -> Attempt:
        """The next attempt, once it is time: with the finished calls of this one where they are good still."""
        number = self.execution.attempt + 1
        waiting = attrs.evolve(self.execution, attempt=number, status="pending", waiting_for="retry")
        told: dict[str, Any] = {
            "content": self.guard.text(words_of(error)),
            "details": {"attempt": number, "code": error.code},
        }
        if isinstance(error, LLMError) and error.again:
            self.chronicle.go_on("retrying", **told)
        else:
            self.chronicle.begin_again("retrying", **told)
            before = Account.of_document(attrs.asdict(self.execution)).document()
            waiting = attrs.evolve(waiting, round=waiting.round + 1, before=before, approval={})
            attempt = Attempt()
        await self.chronicle.write(execution=waiting)
        await asyncio.sleep(self.definition.limits.retry.seconds_before(number))
        await self.chronicle.write(execution=attrs.evolve(self.execution, status="running", waiting_for=""))
        return attempt

    # The loop

    async def _loop(self, attempt: Attempt) -> LoopOutcome:
        assignment = Assignment(definition=self.definition, settings=self.settings, overrides=self.execution.overrides)
        limits = self.guard.limits(self.settings.limited(self.definition.limits.for_loop()))
        guard, around = self.guard, Surroundings(tell=self._teller(Teller(limits.iterations)), keep=self._keep)
        await guard.before(around)
        request = assignment.request(self.execution, await self._history(assignment), insert=guard.inserted)
        self._asked = len(request.messages) - 1
        roles: Any = self.settings.roles
        async with assignment.source() as source:
            loop = Loop(
                Metered(self._model(source), self.purse, self._lost),
                request,
                guard.tools(assignment.tools(await self._more_tools())),
                options=LoopOptions(limits=limits, streamed=True, retries=self.settings.retries),
                context=ToolContext(roles=roles, work=self.execution.id, redact=guard.text),
            )
            outcome = await loop.run(attempt.state, decisions=attempt.decisions, around=around)
            return await guard.concluded(outcome, around, lambda state: loop.run(state, around=around))

    async def _keep(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """A step, unless the work was stopped and the call before it took no notice."""
        if self._task is not None and self._task.cancelling():
            raise asyncio.CancelledError
        return await self.chronicle.keep(name, call)

    def _model(self, source: Any) -> Answering:
        return self.guard.model(answering(source, tenant=self.execution.context.tenant_id or self.settings.tenant))

    async def _history(self, assignment: Assignment) -> tuple[ChatMessage, ...]:
        """What was said before, the same after a crash."""
        memory = self.memory
        if memory is None or not self.execution.conversation_id:
            return ()

        async def summarize(summary: str, messages: Sequence[ChatMessage]) -> str:
            async with assignment.source() as source:
                paying = Paying(Metered(self._model(source), self.purse, self._lost), self._lost)
                made = await inline(summaries_by(paying, assignment.model), summary, messages)
            await self.chronicle.write(execution=self.execution)
            return str(made)

        async def recalled() -> list[Any]:
            return list(map(to_document, await memory.recall(self.definition, self.execution, summarize)))

        return tuple(from_document(one, ChatMessage) for one in await self.chronicle.keep("history", recalled))

    async def _more_tools(self) -> Toolset:
        found = Toolset()
        for tools_for in self.tools_for:
            found = found.add_tools(await inline(tools_for, self.definition, self.execution))
        return found

    def _teller(self, teller: Teller) -> Callable[[LoopEvent], None]:
        guard = self.guard

        def tell(event: LoopEvent) -> None:
            if self.chronicle.is_elsewhere(tell, event):
                return
            if isinstance(event, BudgetSpent):
                event = self._spent(event)
            for passed in guard.telling(event):
                for draft in teller.drafts(passed):
                    self.chronicle.tell(draft)

        return tell

    # What was taken

    def _spent(self, event: BudgetSpent) -> BudgetSpent:
        """What all rounds have taken, which is noted."""
        account = Account.of_document(self.execution.before) + Account(event.usage, event.dollars, event.unpriced)
        self._enter(account)
        return BudgetSpent(usage=account.usage, dollars=account.dollars, unpriced=account.unpriced)

    def _enter(self, account: Account) -> None:
        before = self.execution
        after = account.entered(before)
        tokens = int(after.usage["total_tokens"]) - int(before.usage.get("total_tokens", 0))
        if tokens < 0:  # a finished call that is gone through again is in it already
            return
        self.purse.spend(tokens, after.dollars - before.dollars)
        self.chronicle.execution = after

    def _lost(self, partial: ChatCompletionResponse) -> None:
        """Notes what was delivered of an answer that broke off."""
        lost = Account.of_response(partial)
        before = Account.of_document(self.execution.before) + lost
        self._enter(Account.of_document(attrs.asdict(self.execution)) + lost)
        self.chronicle.execution = attrs.evolve(self.execution, before=before.document())

    # What comes of it

    async def _come_to(self, outcome: LoopOutcome) -> Ending | None:
        if outcome.status == APPROVAL_NEEDED:
            await self._wait_for_approval(outcome)
            return None
        if outcome.status != COMPLETED and outcome.reason != "stop_condition":
            return Ending.stopped(outcome)
        output = outcome.parsed if self.definition.output_schema is not None else {"text": outcome.output}
        return Ending(status="completed", outcome=outcome, output=output)

    async def _wait_for_approval(self, outcome: LoopOutcome) -> None:
        approval = {
            "calls": list(asked_for(outcome.approvals)),
            "digest": calls_digest(outcome.approvals),
            "state": outcome.state.to_document(),
        }
        frozen = freeze_mapping(approval, where="approval")
        waiting = attrs.evolve(self.execution, status="pending", waiting_for="approval", approval=frozen, worker="")
        await self.chronicle.write(execution=waiting)

    async def _end(self, ending: Ending) -> None:
        """Writes how it ends, unless that was written before it was stopped."""
        if self.chronicle.closed:
            await self.chronicle.write()
            return
        ending, ended, put = await self._concluded(ending)
        day = day_of(self.clock.now())
        if day not in self.days:
            put = [*put, Put(DAY, day, {})]
        try:
            await self.chronicle.end(ending.event(ended), ended, *put)
        except asyncio.CancelledError:
            if self._cancelled() is None:
                raise
            await self.chronicle.write()  # too late: it has ended by itself
        self.days.add(day)

    async def _concluded(self, ending: Ending) -> tuple[Ending, AgentExecution, Iterable[Put | Gone]]:
        """The end, the execution after it, and what is remembered; what cannot be kept so is an end with an error."""
        try:
            hidden = self.guard.text
            ending = attrs.evolve(ending, message=hidden(ending.message), remedy=hidden(ending.remedy))
            ended = ending.execution(self.execution, self.clock.now())
            return ending, ended, await self._remembered(ending, ended)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - an output that is no JSON, a memory that fails
            ending = Ending.failed(error)
            return ending, ending.execution(self.execution, self.clock.now()), ()

    async def _remembered(self, ending: Ending, ended: AgentExecution) -> Iterable[Put | Gone]:
        if self.memory is None or ending.outcome is None or not ended.conversation_id or ending.status != "completed":
            return ()
        said = ending.outcome.state.settled("not carried out").messages[self._asked :]
        return await self.memory.remember(ended, said, self.chronicle.conceal)
