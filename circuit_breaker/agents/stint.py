"""A stint: one run of the loop for an execution, with all that it is told, shown and paid."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import attrs

from circuit_breaker.agents.account import Account
from circuit_breaker.agents.assignment import Assignment
from circuit_breaker.agents.chronicle import Chronicle
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.identity import is_text
from circuit_breaker.agents.metered import Metered, Paying
from circuit_breaker.agents.ports import Guard, Memory, ToolsFor
from circuit_breaker.agents.purse import Purse
from circuit_breaker.agents.telling import Teller
from circuit_breaker.errors import ResponseInvalid
from circuit_breaker.executors.models.settings import ModelSettings
from circuit_breaker.invocation import inline
from circuit_breaker.llm.documents import from_document, to_document
from circuit_breaker.llm.loop.approvals import Decisions
from circuit_breaker.llm.loop.events import BudgetSpent, LoopEvent
from circuit_breaker.llm.loop.limits import LoopLimits
from circuit_breaker.llm.loop.loop import Loop
from circuit_breaker.llm.loop.model import Answering, answering
from circuit_breaker.llm.loop.options import LoopOptions
from circuit_breaker.llm.loop.outcome import LoopOutcome
from circuit_breaker.llm.loop.state import LoopState
from circuit_breaker.llm.loop.surroundings import Surroundings
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.summaries import summaries_by
from circuit_breaker.llm.tools.context import ToolContext
from circuit_breaker.llm.tools.toolset import Toolset

__all__ = ["Attempt", "Stint"]


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
class Stint:
    """Runs the loop for an execution.

    Attributes:
        definition: Of its agent, in the version of the execution.
        chronicle: What is written of it.
        settings: Who answers, and which tools there are.
        limits: What it may take.
        purse: Who pays.
        guard: Who watches over it.
        tools_for: Gives tools beside those of its agent.
        memory: What is remembered of its conversation.
        asked: How many messages stand before the question of the last run.
    """

    definition: AgentDefinition
    chronicle: Chronicle
    settings: ModelSettings
    limits: LoopLimits
    purse: Purse
    guard: Guard
    tools_for: Iterable[ToolsFor]
    memory: Memory | None
    asked: int = 0
    _task: asyncio.Task[Any] | None = None

    @property
    def execution(self) -> AgentExecution:
        """How it stands, with what was taken until now."""
        return self.chronicle.execution

    async def run(self, attempt: Attempt) -> LoopOutcome:
        """What comes of the loop.

        Raises:
            CircuitBreakerError: A model could not answer, a guardrail refuses, or something cannot be written.
        """
        self._task = asyncio.current_task()
        assignment = Assignment(definition=self.definition, settings=self.settings, overrides=self.execution.overrides)
        guard, around = self.guard, Surroundings(tell=self._teller(Teller(self.limits.iterations)), keep=self._keep)
        await guard.before(around)
        request = assignment.request(self.execution, await self._history(assignment), insert=guard.inserted)
        self.asked = len(request.messages) - 1
        roles: Any = self.settings.roles
        async with assignment.source() as source:
            loop = Loop(
                Metered(self._model(source), self.purse, self._lost),
                request,
                guard.tools(assignment.tools(await self._more_tools())),
                options=LoopOptions(limits=self.limits, streamed=True, retries=self.settings.retries),
                context=ToolContext(roles=roles, work=self.execution.id, redact=guard.text),
            )
            outcome = await loop.run(attempt.state, decisions=attempt.decisions, around=around)
            return await guard.concluded(outcome, around, lambda state: loop.run(state, around=around))

    async def _keep(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """A step, unless the work was stopped and the call before it took no notice.

        Raises:
            ResponseInvalid: The model has said the name, and nothing can be kept under it.
        """
        if self._task is not None and self._task.cancelling():
            raise asyncio.CancelledError
        if not is_text(name):
            raise _unnameable(name)
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
        account = Account(event.usage, event.dollars, event.unpriced)
        if before := self.execution.before:
            account = Account.of_document(before) + account
            event = BudgetSpent(usage=account.usage, dollars=account.dollars, unpriced=account.unpriced)
        self._enter(account)
        return event

    def _enter(self, account: Account) -> None:
        known = self.execution.usage.get("total_tokens", 0)
        if account.usage.total_tokens >= known:  # else finished calls are gone through again
            self.chronicle.execution = account.entered(self.execution)

    def settle(self) -> None:
        """Notes what answers took that are finished, but of which the loop could not tell before it was stopped."""
        self._enter(Account.of_document(self.execution.before) + Account.of_steps(self.chronicle.steps))

    def _lost(self, partial: ChatCompletionResponse) -> None:
        """Notes what was delivered of an answer that broke off, or that was given up."""
        lost = Account.of_response(partial)
        before = Account.of_document(self.execution.before) + lost
        self._enter(Account.of_execution(self.execution) + lost)
        self.chronicle.note(attrs.evolve(self.execution, before=before.document()))


def _unnameable(name: str) -> ResponseInvalid:
    """The error of an answer that is kept and would only fail again: whoever tries again asks anew."""
    error = ResponseInvalid(
        f"the model calls a tool by a name that is no Unicode text: {name!r:.100}",
        remedy="have the provider decode names with errors='replace'",
    )
    error.again = False
    return error
