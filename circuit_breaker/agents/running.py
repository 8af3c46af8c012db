"""One execution at work: its attempts, its end, and what is written of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from decimal import Decimal
from typing import Any, Final

import attrs

from circuit_breaker.agents.asking import messages_of
from circuit_breaker.agents.chronicle import Chronicle
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.events import ErrorEvent, ExecutionComplete, ExecutionStart, Thinking
from circuit_breaker.agents.execution import AgentExecution, AgentStatus
from circuit_breaker.agents.telling import Teller, money
from circuit_breaker.data import EMPTY, thaw
from circuit_breaker.engine.ports import Clock
from circuit_breaker.errors import AgentError, CircuitBreakerError, LLMError, words_of
from circuit_breaker.executors.models.sampling import form_of
from circuit_breaker.executors.models.settings import LOCAL_OLLAMA, ModelSettings
from circuit_breaker.executors.models.tools import gathered_tools
from circuit_breaker.llm.loop.approvals import Decisions, asked_for, calls_digest
from circuit_breaker.llm.loop.events import BudgetSpent, LoopEvent
from circuit_breaker.llm.loop.loop import Loop
from circuit_breaker.llm.loop.model import answering
from circuit_breaker.llm.loop.options import LoopOptions
from circuit_breaker.llm.loop.outcome import APPROVAL_NEEDED, COMPLETED, LoopOutcome, usage_document
from circuit_breaker.llm.loop.state import LoopState
from circuit_breaker.llm.loop.surroundings import Surroundings
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.tools.context import ToolContext
from circuit_breaker.llm.tools.toolset import Toolset
from circuit_breaker.llm.usage import Usage

__all__ = ["Attempt", "Running", "start_event"]

_PASSING: Final = ("response_timeout", "rate_limit_exceeded", "connection_failed", "provider_overloaded")
"""Codes of errors after which the finished calls of an attempt are still good."""

_SPELLINGS: Final[Mapping[str, str]] = {
    "timeout": "response_timeout",
    "rate_limit": "rate_limit_exceeded",
    "connection": "connection_failed",
    "overloaded": "provider_overloaded",
}


@attrs.frozen(kw_only=True)
class Attempt:
    """What one run of the loop begins with.

    Attributes:
        state: Where the loop goes on; None for the beginning.
        decisions: What a person has said of the calls that waited for it.
    """

    state: LoopState | None = None
    decisions: Decisions = None


@attrs.define(eq=False)
class Running:
    """Carries out one execution.

    Attributes:
        definition: Of its agent, in the version of the execution.
        chronicle: What is written of it.
        settings: Who answers, and which tools there are.
        clock: The time.
        tools: Tools that it has beside those of its agent.
        most_seconds: How long it may take where its agent names no time.
        overrides: What takes the place of ``llm_config``.
    """

    definition: AgentDefinition
    chronicle: Chronicle
    settings: ModelSettings
    clock: Clock
    tools: Toolset
    most_seconds: float
    overrides: Mapping[str, Any]
    reason: Callable[[], str | None] = lambda: None

    async def run(self, attempt: Attempt) -> AgentExecution:
        """How it ended, or where it waits for a person.

        Raises:
            VersionConflict: Somebody else goes on with it.
            CancelledError: It was stopped and not cancelled: somebody will go on with it.
        """
        async with asyncio.TaskGroup() as group:
            scribe = group.create_task(self.chronicle.scribe())
            try:
                return await self._attempts(attempt)
            finally:
                scribe.cancel()

    async def _attempts(self, attempt: Attempt) -> AgentExecution:
        while True:
            try:
                async with asyncio.timeout(self._seconds_left()):
                    outcome = await self._loop(attempt)
                return await self._ended(outcome)
            except TimeoutError:
                return await self._failed("timed_out", "agent_timeout", self._too_long())
            except asyncio.CancelledError:
                if (why := self.reason()) is None:
                    raise
                return await asyncio.shield(self._failed("cancelled", "agent_cancelled", why))
            except CircuitBreakerError as error:
                if not self._goes_on(error):
                    return await self._failed("failed", error.code, error.message, error.remedy)
                attempt = await self._next(attempt, error)

    def _seconds(self) -> float:
        return self.definition.limits.timeout or self.most_seconds

    def _seconds_left(self) -> float:
        begun = self.execution.started_at or self.clock.now()
        return max(0.0, self._seconds() - (self.clock.now() - begun).total_seconds())

    def _too_long(self) -> str:
        return f"agent '{self.definition.id}' took longer than {self._seconds():g} seconds"

    @property
    def execution(self) -> AgentExecution:
        """How it stands."""
        return self.chronicle.execution

    # The loop

    async def _loop(self, attempt: Attempt) -> LoopOutcome:
        limits = self.settings.limited(self.definition.limits.for_loop())
        teller = Teller(limits.iterations)
        toolset = gathered_tools(self.definition.tools, self.settings.tools, ()).add_tools(self.tools)
        needing = gathered_tools([toolset], self.settings.tools, self.definition.approve)
        options = LoopOptions(limits=limits, streamed=True, retries=self.settings.retries)
        roles: Any = self.settings.roles

        def tell(event: LoopEvent) -> None:
            if isinstance(event, BudgetSpent):
                event = self._spent(event)
            for draft in teller.drafts(event):
                self.chronicle.tell(draft)

        async with self._source() as model:
            loop = Loop(
                answering(model, tenant=self.execution.context.tenant_id or self.settings.tenant),
                self._request(),
                needing,
                options=options,
                context=ToolContext(roles=roles, work=self.execution.id),
            )
            around = Surroundings(tell=tell, keep=self.chronicle.keep)
            return await loop.run(attempt.state, decisions=attempt.decisions, around=around)

    def _spent(self, event: BudgetSpent) -> BudgetSpent:
        """What all rounds have taken, which is noted."""
        before = self.execution.before
        usage = event.usage + usage_of(before["usage"]) if before else event.usage
        dollars = event.dollars + Decimal(before.get("dollars", "0"))
        unpriced = event.unpriced + int(before.get("unpriced_calls", 0))
        self.chronicle.execution = attrs.evolve(
            self.execution, usage=usage_document(usage), dollars=dollars, unpriced_calls=unpriced
        )
        return BudgetSpent(usage=usage, dollars=dollars, unpriced=unpriced)

    def _source(self) -> AbstractAsyncContextManager[Any]:
        if self.settings.router is not None:
            return nullcontext(self.settings.router)
        return self.settings.provider(self._provider(), ollama=LOCAL_OLLAMA)

    def _provider(self) -> str:
        return self.definition.llm_provider or self.settings.detected(self._model())[0]

    def _model(self) -> str:
        return str(self.overrides.get("model", self.definition.model))

    def _request(self) -> ChatCompletionRequest:
        provider, model = self.definition.llm_provider, self._model()
        if self.settings.router is not None:
            model = f"{provider}/{model}" if provider else model
        elif not provider:
            model = self.settings.detected(model)[1]
        changed = {name: thaw(value) for name, value in self.overrides.items() if name != "model"}
        return ChatCompletionRequest(
            model=model,
            messages=messages_of(self.definition, self.execution.input, self.execution.context),
            response_format=form_of(self.definition.output_schema),
            **self.definition.parameters | changed,
        )

    # What comes of it

    async def _ended(self, outcome: LoopOutcome) -> AgentExecution:
        execution = attrs.evolve(
            self.execution,
            final_response=outcome.output,
            finish_reason=outcome.reason,
            model=outcome.state.model,
            provider=outcome.state.provider,
        )
        if outcome.status == APPROVAL_NEEDED:
            return await self._waits(execution, outcome)
        self.chronicle.execution = execution
        if outcome.status != COMPLETED and outcome.reason != "stop_condition":
            status: AgentStatus = "timed_out" if outcome.reason == "time" else "failed"
            said = f"agent '{self.definition.id}' was stopped before it was done: {outcome.reason}"
            return await self._failed(status, "agent_stopped", said, "raise the limit, or ask for less")
        output = outcome.parsed if self.definition.output_schema is not None else {"text": outcome.output}
        self.chronicle.tell(
            ExecutionComplete(
                execution_id="",
                sequence=0,
                timestamp=self.clock.now(),
                final_response=outcome.output,
                output=output,
                model=execution.model,
                provider=execution.provider,
                finish_reason=outcome.reason,
                **self._taken(),
            )
        )
        done = attrs.evolve(execution, status="completed", output=output, ended_at=self.clock.now(), waiting_for="")
        await self.chronicle.write(execution=done)
        return self.execution

    async def _waits(self, execution: AgentExecution, outcome: LoopOutcome) -> AgentExecution:
        approval = {
            "calls": list(asked_for(outcome.approvals)),
            "digest": calls_digest(outcome.approvals),
            "state": outcome.state.to_document(),
        }
        waiting = attrs.evolve(execution, status="pending", waiting_for="approval", approval=approval, worker="")
        await self.chronicle.write(execution=waiting)
        return self.execution

    async def _failed(self, status: Any, code: str, message: str, remedy: str = "") -> AgentExecution:
        self.chronicle.tell(
            ErrorEvent(
                execution_id="",
                sequence=0,
                timestamp=self.clock.now(),
                status=status,
                error=message,
                code=code,
                remedy=remedy,
                **self._taken(),
            )
        )
        error = {"code": code, "message": message, "remedy": remedy}
        ended = attrs.evolve(self.execution, status=status, error=error, ended_at=self.clock.now(), waiting_for="")
        await self.chronicle.write(execution=ended)
        return self.execution

    async def cancelled(self) -> AgentExecution:
        """How it ended, which was cancelled before it was its turn."""
        return await self._failed("cancelled", "agent_cancelled", self.reason() or "cancelled")

    def _taken(self) -> dict[str, Any]:
        execution = self.execution
        return {
            "usage": dict(execution.usage),
            "dollars": money(execution.dollars, execution.unpriced_calls),
            "unpriced_calls": execution.unpriced_calls,
        }

    # Another attempt

    def _goes_on(self, error: CircuitBreakerError) -> bool:
        retry = self.definition.limits.retry
        if self.execution.attempt >= retry.max_attempts or isinstance(error, AgentError):
            return False
        wanted = {_SPELLINGS.get(code, code) for code in retry.retry_on_errors}
        return error.code in wanted if wanted else isinstance(error, LLMError)

    async def _next(self, attempt: Attempt, error: CircuitBreakerError) -> Attempt:
        retry = self.definition.limits.retry
        number = self.execution.attempt + 1
        again = Thinking(
            execution_id="",
            sequence=0,
            timestamp=self.clock.now(),
            status="retrying",
            content=words_of(error),
            void_after=0 if error.code not in _PASSING else None,
            details={"attempt": number, "code": error.code},
        )
        self.chronicle.tell(again)
        begun = attrs.evolve(self.execution, attempt=number)
        if error.code not in _PASSING:
            self.chronicle.begin_again()
            execution = self.execution
            before = {
                "usage": dict(execution.usage),
                "dollars": f"{execution.dollars:f}",
                "unpriced_calls": execution.unpriced_calls,
            }
            begun = attrs.evolve(begun, round=execution.round + 1, before=before if execution.usage else EMPTY)
        await self.chronicle.write(execution=begun)
        await asyncio.sleep(retry.backoff_seconds * 2 ** (number - 2))
        return attempt


def usage_of(document: Mapping[str, Any]) -> Usage:
    """The tokens that a document of them says."""
    known = attrs.fields_dict(Usage)
    return Usage(**{name: value for name, value in document.items() if name in known})


def start_event(execution: AgentExecution, clock: Clock) -> ExecutionStart:
    """The first event of an execution."""
    return ExecutionStart(
        execution_id="",
        sequence=0,
        timestamp=clock.now(),
        agent_id=execution.agent_id,
        agent_version=execution.agent_version,
        conversation_id=execution.conversation_id,
        parent_id=execution.parent_id,
    )
