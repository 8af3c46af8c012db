"""Trials: one call of a provider, with all that belongs around it: circuit, budget, place, measurement, account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from types import TracebackType
from typing import Self

import attrs

from circuit_breaker.errors import AuthenticationFailed, CircuitBreakerError, LLMError, QuotaExhausted, ResponseInvalid
from circuit_breaker.llm.pricing import cost_of, dollars_of
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse, Loss
from circuit_breaker.llm.router.circuit import counts
from circuit_breaker.llm.router.needs import BYTES_A_TOKEN, most_answer, needs_of
from circuit_breaker.llm.router.planning import Plan
from circuit_breaker.llm.router.purse import Caller, Purse, Reservation
from circuit_breaker.llm.router.route import Attempt, Route
from circuit_breaker.llm.usage import Cost, Usage

__all__ = ["Call", "NoPlace", "Trial", "at_provider"]


class NoPlace(Exception):
    """The circuit lets no other probe through now."""


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
def at_provider(route: Route, attempt: int) -> Iterator[None]:
    """Lets errors of the provider inside of it say who was asked; what is no error of ours becomes one."""
    try:
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
    """

    def __init__(self, call: Call, route: Route, *, request: ChatCompletionRequest | None = None) -> None:
        self.call = call
        self.route = route
        self.number = call.count()
        self.delivered = 0
        self.calls_tools = False
        self.losses: tuple[Loss, ...] = ()
        self.needs = call.plan.needs if request is None or request is call.request else needs_of(request)
        self.request = self._request(request or call.request)
        self._permit = 0
        self._reservation: Reservation | None = None
        self._began = 0.0
        self._first = 0.0
        self._response: ChatCompletionResponse | None = None
        self._broken: tuple[CircuitBreakerError, Usage] | None = None

    def _request(self, request: ChatCompletionRequest) -> ChatCompletionRequest:
        """The request for this route: its model, and a bound on the answer where a budget needs one."""
        bound = self._bound(request)
        if request.model == self.route.model and bound == request.max_tokens:
            return request
        return attrs.evolve(request, model=self.route.model, max_tokens=bound)

    def _bound(self, request: ChatCompletionRequest) -> int | None:
        call = self.call
        if request.max_tokens is not None or call.embeds or not call.purse.budgets:
            return request.max_tokens
        if not (budgets := call.purse.covering(call.caller)):
            return None
        most = min(budget.answer for budget in budgets)
        most = min(most, self.route.profile.max_output_tokens or most)
        self.losses = (Loss("max_tokens", "changed", f"set to {most:,}, because a budget needs a bound"),)
        return most

    async def __aenter__(self) -> Self:
        lane = self.route.lane
        circuit = lane.circuit(self.route.model)
        permit = circuit.enter()
        if permit is None:
            raise NoPlace
        self._permit = permit
        try:
            await self._reserve()
            await lane.place()
        except BaseException:
            circuit.released(permit)
            if self._reservation is not None:
                await self._reservation.release()
            raise
        lane.begin()
        self._began = self.call.now()
        return self

    async def _reserve(self) -> None:
        call = self.call
        if call.purse.budgets and (budgets := call.purse.covering(call.caller)):
            answer = 0 if call.embeds else most_answer(self.request) or 0
            self._reservation = await call.purse.reserve(
                budgets, call.caller, self.route, needs=self.needs, answer=answer
            )

    def first_token(self) -> None:
        """Notes that the answer begins to come."""
        now = self.call.now()
        self._first = now - self._began
        self.route.lane.first_token(self.route.model).note(self._first, at=now)

    def cost(self, response: ChatCompletionResponse) -> Cost:
        """What the answer cost: by the profile, or as the provider says where that knows no price."""
        return cost_of(response.usage, self.route.profile) if self.route.profile.price else response.cost

    def answered(self, response: ChatCompletionResponse, *, before: tuple[Loss, ...] = ()) -> ChatCompletionResponse:
        """The answer with what the router has to say of it."""
        self._response = response
        if not response.usage.total_tokens:
            response = attrs.evolve(response, usage=self._guess(len(response.content)))
        route, asked = self.route, self.call.request.model
        cost = self.cost(response)
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
        usage = partial.usage if partial.usage.total_tokens else self._guess(self.delivered)
        self._broken = (error, usage)
        cost = cost_of(usage, self.route.profile)
        return attrs.evolve(partial, provider=self.route.lane.name, usage=usage, cost=cost)

    def _guess(self, letters: int) -> Usage:
        return Usage(input_tokens=self.needs.likely_tokens, output_tokens=-(-letters // BYTES_A_TOKEN), estimated=True)

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
        if self._reservation is not None:
            await self._reservation.settle(response.usage, self.cost(response).dollars)

    async def _failed(self, error: Exception | None) -> None:
        usage: Usage | None = None
        if self._broken is not None:
            error, usage = self._broken
        circuit = self.route.lane.circuit(self.route.model)
        if isinstance(error, (AuthenticationFailed, QuotaExhausted)):
            circuit.trip()  # another call with this key would fail as well
        elif error is not None and counts(error):
            circuit.failed(self._permit)
        else:
            circuit.released(self._permit)
        dollars = Decimal(0) if usage is None else self._dollars(usage)
        told = error.message if isinstance(error, CircuitBreakerError) else type(error).__name__
        code = getattr(error, "code", "error")
        self.call.attempts.append(self._attempt("failed", error=code, message=told, dollars=dollars))
        if self._reservation is not None:
            await self._reservation.settle(usage or Usage(), dollars)

    async def _abandoned(self) -> None:
        """Nobody wanted the answer any more: what was read and written until then is paid all the same."""
        self.route.lane.circuit(self.route.model).released(self._permit)
        usage = self._guess(self.delivered)
        dollars = self._dollars(usage)
        self.call.attempts.append(self._attempt("cancelled", dollars=dollars))
        if self._reservation is not None:
            await self._reservation.settle(usage, dollars)

    def _dollars(self, usage: Usage) -> Decimal | None:
        price = self.route.profile.price
        return None if price is None else dollars_of(usage, price)

    def _attempt(self, outcome: str, *, dollars: Decimal | None, error: str = "", message: str = "") -> Attempt:
        return Attempt(
            number=self.number,
            provider=self.route.lane.name,
            model=self.route.model,
            key=self.route.lane.access.key,
            outcome=outcome,
            error=error,
            message=message,
            seconds=self.call.now() - self._began,
            dollars=dollars,
        )
