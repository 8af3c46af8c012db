"""The work of one run of a loop: the state as it changes, and the decision what comes next."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import attrs

from circuit_breaker.errors import BudgetExceeded, RequestRefused, ResponseInvalid
from circuit_breaker.llm.loop.approvals import Decisions, checked_decisions
from circuit_breaker.llm.loop.events import (
    ApprovalNeeded,
    BudgetSpent,
    LoopEnded,
    ModelAnswered,
    ModelCalled,
    Planned,
)
from circuit_breaker.llm.loop.form import mending, read
from circuit_breaker.llm.loop.inquiry import Inquiry
from circuit_breaker.llm.loop.model import Answering
from circuit_breaker.llm.loop.options import LoopOptions
from circuit_breaker.llm.loop.outcome import APPROVAL_NEEDED, COMPLETED, STOPPED, LoopOutcome
from circuit_breaker.llm.loop.plan import GO, plan_wanted, steps_of
from circuit_breaker.llm.loop.round import Round, plain
from circuit_breaker.llm.loop.state import LoopState
from circuit_breaker.llm.loop.surroundings import Surroundings
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse, Loss
from circuit_breaker.llm.tools.context import ToolContext
from circuit_breaker.llm.tools.result import redacted
from circuit_breaker.llm.tools.toolset import Toolset

__all__ = ["Work"]


@attrs.define
class Work:
    """One run of a loop: the state as it changes, and the decision what comes next."""

    model: Answering
    request: ChatCompletionRequest
    toolset: Toolset
    options: LoopOptions
    context: ToolContext
    around: Surroundings
    state: LoopState = LoopState()
    decisions: Decisions = None
    before: float = 0.0
    losses: tuple[Loss, ...] = ()
    under_way: bool = False  # whether tools run

    async def outcome(self, state: LoopState, decisions: Decisions) -> LoopOutcome:
        """What comes of it, with the time that it took."""
        said = checked_decisions(decisions)
        self.state, self.decisions, self.before = state, said if state.pending else None, state.seconds
        work = self.context.work or uuid.uuid4().hex
        self.context = attrs.evolve(self.context, state=dict(state.memory), work=work)
        self._check_price()
        begun = self.around.now()
        found = await self._in_time()
        memory, seconds = self._memory(), self.before + self.around.now() - begun
        ended = attrs.evolve(found, state=attrs.evolve(found.state, memory=memory, seconds=seconds), losses=self.losses)
        if ended.approvals:
            self.around.tell(ApprovalNeeded(ended.approvals))
        self.around.tell(LoopEnded(ended))
        return ended

    def _memory(self) -> dict[str, Any]:
        memory: dict[str, Any] = redacted(plain(self.context.state), self.context.redact)
        return memory

    def _check_price(self) -> None:
        """Does nothing where there is no limit of dollars, or the price is known or not asked for.

        Raises:
            BudgetExceeded: Nobody knows what a call would cost.
        """
        limits, profile = self.options.limits, getattr(self.model, "profile", None)
        if (
            limits.dollars is None
            or limits.unpriced
            or profile is None
            or profile(self.request.model).price is not None
        ):
            return
        raise BudgetExceeded(
            f"nobody knows what '{self.request.model}' costs, and there is a limit of ${limits.dollars:f}",
            model=self.request.model,
            remedy="limit the tokens in place of the dollars, or give its provider a profile with its price",
        )

    async def _in_time(self) -> LoopOutcome:
        seconds = self.options.limits.seconds
        try:
            async with asyncio.timeout(None if seconds is None else max(0.0, seconds - self.before)) as limit:
                return await self._worked()
        except TimeoutError:
            if not limit.expired():
                raise
        return self._stopped("time")

    async def _worked(self) -> LoopOutcome:
        if self.options.plan and not self.state.plan and not self.state.iteration:
            await self._plan()
        while True:
            pending = self.state.pending
            found = await self._tools(pending) if pending else self._exhausted() or await self._ask()
            if found is not None:
                return found

    def _exhausted(self) -> LoopOutcome | None:
        """The outcome where no further call of the model may be made."""
        limits, state = self.options.limits, self.state
        if limits.iterations is not None and state.iteration >= limits.iterations:
            return self._stopped("max_iterations")
        if limits.tokens is not None and state.usage.total_tokens >= limits.tokens:
            return self._stopped("max_tokens")
        if limits.dollars is not None and state.dollars >= limits.dollars:
            return self._stopped("max_dollars")
        if limits.dollars is not None and state.unpriced and not limits.unpriced:
            return self._stopped("unpriced")
        return None

    def _stopped(self, reason: str) -> LoopOutcome:
        said = "it may have done its work or not" if self.under_way else "the call was not made"
        self.state = self.state.settled(f"{said}: the work was ended ({reason})")
        return LoopOutcome(status=STOPPED, reason=reason, state=self.state)

    # The model

    async def _plan(self) -> None:
        wanted = plan_wanted(self.toolset.definitions())
        self.state = self.state.plus(wanted)
        response = await self._answer("plan", self._shaped(tools=(), tool_choice="auto", response_format=None))
        steps = steps_of(response.content)
        self.state = attrs.evolve(self.state.paid(response, response.message, user(GO)), plan=steps)
        self.around.tell(Planned(steps))
        self._tell_spent()

    async def _ask(self) -> LoopOutcome | None:
        """Asks the model; the outcome if that was its answer."""
        response = await self._answer(f"{self.state.iteration + 1}/model", self._shaped(tools=self._definitions()))
        self.state = self.state.answered(response)
        self._tell_spent()
        if response.tool_calls or response.finish_reason == "paused":
            return None
        found = read(self.request.response_format, response)
        if not found.faults:
            self.state = attrs.evolve(self.state, repairs=0) if self.state.repairs else self.state
            reason = response.finish_reason
            return LoopOutcome(status=COMPLETED, reason=reason, state=self.state, parsed=found.value)
        self._mend(found.faults, response)
        return None

    def _mend(self, faults: tuple[str, ...], response: ChatCompletionResponse) -> None:
        """Has the model asked to mend its answer.

        Raises:
            ResponseInvalid: It was asked often enough.
        """
        if self.state.repairs >= self.options.limits.repairs:
            raise ResponseInvalid(
                f"the answer does not fit the form that was asked for: {'; '.join(faults)}",
                provider=response.provider,
                model=response.model,
                remedy="ask for a simpler form, or allow more repairs",
            )
        self.state = attrs.evolve(self.state.plus(mending(faults)), repairs=self.state.repairs + 1)

    async def _answer(self, name: str, request: ChatCompletionRequest) -> ChatCompletionResponse:
        number = self.state.iteration + 1
        if faults := request.faults():
            raise RequestRefused(f"the request is not valid: {'; '.join(map(str, faults))}", model=request.model)
        self.around.tell(ModelCalled(iteration=number, model=request.model, messages=len(request.messages)))
        inquiry = Inquiry(
            self.model,
            request,
            around=self.around,
            iteration=number,
            retries=self.options.retries,
            streamed=self.options.streamed,
        )
        response, kept = await inquiry.answer(name)
        self.losses = response.losses
        self.around.tell(ModelAnswered(iteration=number, response=response, kept=kept))
        return response

    def _definitions(self) -> tuple[Any, ...]:
        return (*self.request.tools, *self.toolset.definitions())

    def _shaped(self, **changes: Any) -> ChatCompletionRequest:
        """The next request: the conversation as the model is to see it, and an answer within the limit of tokens."""
        limit = self.options.limits.tokens
        most = self.request.max_tokens
        if limit is not None:
            left = max(1, limit - self.state.usage.total_tokens)
            most = left if most is None else min(most, left)
        return attrs.evolve(self.request, messages=self.options.view(self.state.messages), max_tokens=most, **changes)

    def _tell_spent(self) -> None:
        state = self.state
        self.around.tell(BudgetSpent(usage=state.usage, dollars=state.dollars, unpriced=state.unpriced))

    # The tools

    async def _tools(self, calls: tuple[ToolCall, ...]) -> LoopOutcome | None:
        """Makes the calls of the last answer; the outcome if that ends the loop."""
        turn = Round(
            calls=calls,
            state=self.state,
            toolset=self.toolset,
            context=self.context,
            around=self.around,
            repeats=self.options.limits.repeats,
            decisions=self.decisions,
        )
        if turn.stopped:
            return self._stopped("repeated_calls")
        if turn.undecided:
            return LoopOutcome(status=APPROVAL_NEEDED, reason="approval", state=self.state, approvals=turn.waiting)
        self.under_way = True
        self.state, self.decisions = self.state.done(await turn.records()), None
        self.under_way = False
        if any(stop(self.state) for stop in self.options.stop_when):
            return self._stopped("stop_condition")
        return None
