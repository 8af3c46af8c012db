"""One execution at work: its attempts, its end, and what is written of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import attrs
import structlog

from circuit_breaker.agents.account import Account
from circuit_breaker.agents.chronicle import Chronicle
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.ending import Ending, Remembering
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.limits import AgentRetry
from circuit_breaker.agents.stint import Attempt, Stint
from circuit_breaker.agents.store import DAY, day_of
from circuit_breaker.data import freeze_mapping
from circuit_breaker.engine.ports import Clock
from circuit_breaker.engine.streams import Gone, Put
from circuit_breaker.errors import CircuitBreakerError, LLMError, StorageError, words_of
from circuit_breaker.llm.loop.approvals import asked_for, calls_digest
from circuit_breaker.llm.loop.outcome import APPROVAL_NEEDED, COMPLETED, LoopOutcome

__all__ = ["Running"]

_log = structlog.get_logger(__name__)


@attrs.define(eq=False, kw_only=True)
class Running:
    """Carries out one execution.

    Attributes:
        stint: Runs the loop.
        clock: The time.
        most_seconds: How long it may take where its agent names no time.
        days: Days of which it is written that executions have ended.
        reason: Why it was cancelled; None where it was not.
    """

    stint: Stint
    clock: Clock
    most_seconds: float
    days: set[str]
    reason: Callable[[], str | None]

    @property
    def definition(self) -> AgentDefinition:
        """Of its agent, in the version of the execution."""
        return self.stint.definition

    @property
    def chronicle(self) -> Chronicle:
        """What is written of it."""
        return self.stint.chronicle

    @property
    def execution(self) -> AgentExecution:
        """How it stands, with what was taken until now."""
        return self.stint.execution

    async def run(self) -> None:
        """Brings it to its end, or to where it waits for a person; the chronicle is open.

        Raises:
            StorageError: Something cannot be written, or somebody else goes on with it.
            CancelledError: It was stopped and not cancelled: somebody will go on with it.
        """
        limit = asyncio.timeout(self._seconds_left())
        try:
            async with limit:
                ending = await self._attempts()
        except TimeoutError:
            if not limit.expired():
                raise
            self.stint.settle()
            ending = Ending(status="timed_out", code="agent_timeout", message=self._too_long())
        except asyncio.CancelledError:
            if (ending := self._cancelled()) is None:
                raise
            self.stint.settle()
        if ending is not None:
            await self._end(ending)

    async def cancelled(self) -> bool:
        """Whether somebody has cancelled it, and it is over: before it was its turn, or before it goes on."""
        if (ending := self._cancelled()) is None:
            return False
        await self._end(ending)
        return True

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
                return await self._come_to(await self.stint.run(attempt))
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
            "content": self.stint.guard.text(words_of(error)),
            "details": {"attempt": number, "code": error.code},
        }
        if isinstance(error, LLMError) and error.again:
            self.chronicle.go_on("retrying", **told)
        else:
            self.chronicle.begin_again("retrying", **told)
            before = Account.of_execution(self.execution).document()
            waiting = attrs.evolve(waiting, round=waiting.round + 1, before=before, approval={})
            attempt = Attempt()
        await self.chronicle.write(execution=waiting)
        await asyncio.sleep(self.definition.limits.retry.seconds_before(number))
        await self.chronicle.write(execution=attrs.evolve(self.execution, status="running", waiting_for=""))
        return attempt

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
        days = [] if day in self.days else [Put(DAY, day, {})]
        remembering = Remembering(put, partial(self._remembered, ending, ended))
        try:
            await self.chronicle.end(ending.event(ended), ended, *days, remembering=remembering)
        except asyncio.CancelledError:
            if self._cancelled() is None:
                raise
            await self.chronicle.write()  # too late: it has ended by itself
        self.days.add(day)

    async def _concluded(self, ending: Ending) -> tuple[Ending, AgentExecution, Sequence[Put | Gone]]:
        """The end, the execution after it, and what is remembered; what cannot be kept so is an end with an error."""
        try:
            if ending.message:
                hidden = self.stint.guard.text
                ending = attrs.evolve(ending, message=hidden(ending.message), remedy=hidden(ending.remedy))
            ended = ending.execution(self.execution, self.clock.now())
            return ending, ended, await self._remembered(ending, ended)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - an output that is no JSON, a memory that fails
            ending = Ending.failed(error)
            return ending, ending.execution(self.execution, self.clock.now()), ()

    async def _remembered(self, ending: Ending, ended: AgentExecution) -> Sequence[Put | Gone]:
        memory = self.stint.memory
        if memory is None or ending.outcome is None or not ended.conversation_id or ending.status != "completed":
            return ()
        said = ending.outcome.state.settled("not carried out").messages[self.stint.asked :]
        return await memory.remember(ended, self.stint.guard.remembered(said), self.chronicle.conceal)
