"""Trials: one call of a provider, with all that belongs around it: circuit, budget, place, measurement, account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from types import TracebackType
from typing import Self

import attrs

from circuit_breaker.errors import (
    AuthenticationFailed,
    CircuitBreakerError,
    LLMError,
    QuotaExhausted,
    RateLimitExceeded,
    ResponseInvalid,
)
from circuit_breaker.llm.metering import Meter, metered
from circuit_breaker.llm.pricing import cost_of
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse, Loss
from circuit_breaker.llm.router.bill import Bill, bounded
from circuit_breaker.llm.router.circuit import counts
from circuit_breaker.llm.router.needs import Needs, most_answer, needs_of
from circuit_breaker.llm.router.planning import Plan
from circuit_breaker.llm.router.purse import Caller, Purse
from circuit_breaker.llm.router.route import Attempt, Route
from circuit_breaker.llm.usage import Usage

__all__ = ["Call", "NoPlace", "Trial", "at_provider"]


class NoPlace(Exception):
    """Somebody takes no call now: the circuit lets no other probe through, or too many are served at once.

    Attributes:
        error: What to tell where nobody else is left, or None.
    """

    def __init__(self, error: LLMError | None = None) -> None:
        self.error = error
        super().__init__(error)


@attrs.define(eq=False)
class Call:
    """One request on its way through the router.

    Attributes:
        plan: Whom to ask.
        caller: Who asks.
        purse: The budgets.
        now: The time in seconds, which never goes back.
        attempts: What was tried so far.
        embeds: Whether no answer is written, but texts are embedded.
        begun: How many attempts have begun.
    """

    plan: Plan
    caller: Caller
    purse: Purse
    now: Callable[[], float]
    attempts: list[Attempt] = attrs.Factory(list)
    embeds: bool = False
    begun: int = 0

    def count(self) -> int:
        """The number of the next attempt."""
        self.begun += 1
        return self.begun

    @property
    def request(self) -> ChatCompletionRequest:
        """What is asked."""
        return self.plan.request


@contextmanager
def at_provider(trial: Trial) -> Iterator[None]:
    """Meters the provider inside of it, and lets its errors say who was asked; what is no error of ours becomes one."""
    route, attempt = trial.route, trial.number
    try:
        with metered(trial.bill.meter):
            yield
    except LLMError as error:
        error.provider, error.model = route.lane.name, error.model or route.model
        error.attempt = attempt
        raise
    except (CircuitBreakerError, AssertionError):  # a failed assertion is for whoever wrote it
        raise
    except Exception as error:
        # What it says may hold anything, a key as well, so only its type is told.
        raise ResponseInvalid(
            f"the provider '{route.lane.name}' failed in a way of its own: {type(error).__name__}",
            provider=route.lane.name,
            model=route.model,
            attempt=attempt,
            remedy="this is a fault of the provider's code, see the error that caused this",
        ) from error


class Trial:
    """One call of a provider, as an async context manager; what is raised inside of it is how the call failed.

    Args:
        call: The request on its way.
        route: Who is asked.
        request: What is asked, if it is another thing than the request itself.
        others: Whether somebody else can be asked, so that the provider need not ask again by itself.
    """

    def __init__(
        self, call: Call, route: Route, *, request: ChatCompletionRequest | None = None, others: bool = False
    ) -> None:
        self.call = call
        self.route = route
        self.number = call.count()
        self.calls_tools = False
        self.losses: tuple[Loss, ...] = ()
        self.bill = Bill(route=route, needs=self._needs(request), meter=Meter(persists=not others))
        self.request = self._request(request or call.request)
        self._permit = 0
        self._began = 0.0
        self._first = 0.0
        self._response: ChatCompletionResponse | None = None
        self._broken: tuple[CircuitBreakerError, Usage] | None = None

    def _needs(self, request: ChatCompletionRequest | None) -> Needs:
        call = self.call
        needs = call.plan.needs if request is None or request is call.request else needs_of(request)
        if not needs.formed:
            return needs
        return attrs.evolve(needs, repairs=getattr(self.route.lane.provider, "repairs", needs.repairs))

    def _request(self, request: ChatCompletionRequest) -> ChatCompletionRequest:
        """The request for this route: its model, and a bound on the answer where a budget needs one."""
        call = self.call
        bounds = () if call.embeds or not call.purse.budgets else call.purse.covering(call.caller)
        sent, self.losses = bounded(request, self.route, bounds)
        return sent

    async def __aenter__(self) -> Self:
        lane = self.route.lane
        circuit = lane.circuit(self.route.model)
        permit = circuit.enter()
        if permit is None:
            raise NoPlace
        self._permit = permit
        try:
            await self._take_place()
        except BaseException:
            circuit.released(permit)
            raise
        try:
            await self._reserve()
        except BaseException:
            circuit.released(permit)
            lane.leave()
            raise
        lane.begin()
        self._began = self.call.now()
        return self

    async def _take_place(self) -> None:
        """Waits for a place, for as long as the request and the access allow."""
        access, most = self.route.lane.access, self.call.request.circuit_breaker.max_latency_ms
        seconds = access.max_wait if most is None else min(access.max_wait, most / 1000)
        if await self.route.lane.place(seconds):
            return
        raise NoPlace(
            RateLimitExceeded(
                f"all {access.max_concurrent} places of '{access.label}' were taken for {seconds:g} s",
                provider=access.name,
                model=self.route.model,
                attempt=self.number,
                remedy="ask less at once, raise max_concurrent or max_wait, or add a provider or a key",
            )
        )

    async def _reserve(self) -> None:
        call = self.call
        if call.purse.budgets:
            self.bill.answer = 0 if call.embeds else most_answer(self.request) or 0
            await self.bill.reserve(call.purse, call.caller)

    def first_token(self) -> None:
        """Notes that the answer begins to come."""
        now = self.call.now()
        self._first = now - self._began
        self.route.lane.first_token(self.route.model).note(self._first, at=now)

    def answered(self, response: ChatCompletionResponse, *, before: tuple[Loss, ...] = ()) -> ChatCompletionResponse:
        """The answer with what the router has to say of it."""
        response = self.bill.counted(response)
        route, asked = self.route, self.call.request.model
        cost = self.bill.cost(response)
        self._response = attrs.evolve(
            response,
            provider=route.lane.name,
            cost=cost,
            losses=(*before, *self.losses, *response.losses),
            requested_model=asked if asked != response.model else "",
            attempts=(*self.call.attempts, self._attempt("answered", dollars=cost.dollars)),
        )
        return self._response

    def spent(self, usage: Usage) -> None:
        """Notes what a call took that answers with something else than a response."""
        self._response = ChatCompletionResponse(id="", model=self.route.model, choices=(), usage=usage)

    def broke(self, error: CircuitBreakerError, partial: ChatCompletionResponse) -> ChatCompletionResponse:
        """What came before the answer broke off, with what it cost: it has to be paid."""
        usage = self.bill.broken_off(error, partial.usage)
        self._broken = (error, usage)
        cost = cost_of(usage, self.route.profile)
        losses = (*self.losses, *partial.losses)
        return attrs.evolve(partial, provider=self.route.lane.name, usage=usage, cost=cost, losses=losses)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        lane = self.route.lane
        lane.end()
        lane.leave()
        if error is None and self._response is not None:
            await self._succeeded(self._response)
        elif isinstance(error, Exception) or (error is None and self._broken is not None):
            await self._failed(error)
        else:
            await self._abandoned()

    async def _succeeded(self, response: ChatCompletionResponse) -> None:
        lane, model, now = self.route.lane, self.route.model, self.call.now()
        lane.circuit(model).succeeded(self._permit)
        if not self._first:
            lane.whole(model).note(now - self._began, at=now)
        await self.bill.settle(response.usage, self.bill.cost(response).dollars)

    async def _failed(self, error: Exception | None) -> None:
        usage = self.bill.lost(error)
        if self._broken is not None:
            error, usage = self._broken
        circuit = self.route.lane.circuit(self.route.model)
        if isinstance(error, (AuthenticationFailed, QuotaExhausted)):
            circuit.trip()  # another call with this key would fail as well
        elif error is not None and counts(error):
            circuit.failed(self._permit)
        else:
            circuit.released(self._permit)
        told = error.message if isinstance(error, CircuitBreakerError) else type(error).__name__
        code = getattr(error, "code", "error")
        await self._lost(usage, "failed", error=code, message=told)

    async def _abandoned(self) -> None:
        """Nobody wanted the answer any more: what was read and written until then is paid all the same."""
        self.route.lane.circuit(self.route.model).released(self._permit)
        await self._lost(self.bill.given_up(), "cancelled")

    async def _lost(self, usage: Usage | None, outcome: str, **told: str) -> None:
        seconds = self.call.now() - self._began
        dollars = await self.bill.settle_lost(usage)
        self.call.attempts.append(self._attempt(outcome, dollars=dollars, seconds=seconds, **told))

    def _attempt(
        self, outcome: str, *, dollars: Decimal | None, seconds: float | None = None, error: str = "", message: str = ""
    ) -> Attempt:
        return Attempt(
            number=self.number,
            provider=self.route.lane.name,
            model=self.route.model,
            key=self.route.lane.access.key,
            outcome=outcome,
            error=error,
            message=message,
            seconds=self.call.now() - self._began if seconds is None else seconds,
            dollars=dollars,
        )
