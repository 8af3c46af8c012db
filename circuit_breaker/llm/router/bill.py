"""The bill of one call of a provider: set aside before it, metered while it runs, settled after it.

What a call took is told by the vendor's own count. Where an answer breaks off it is at least what was delivered. Where
nothing at all is known, but the vendor may have answered, it is the most that it can have been: a budget that counted
less could be overspent.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import attrs

from circuit_breaker.errors import LLMError, ResponseInvalid
from circuit_breaker.llm.metering import Meter
from circuit_breaker.llm.pricing import cost_of, dollars_of, worst_case
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse, Loss
from circuit_breaker.llm.router.budget import Budget
from circuit_breaker.llm.router.needs import BYTES_A_TOKEN, Needs, size_of
from circuit_breaker.llm.router.purse import Caller, Purse, Reservation
from circuit_breaker.llm.router.route import Route
from circuit_breaker.llm.usage import Cost, Usage

__all__ = ["Bill", "bounded"]


@attrs.define(eq=False, kw_only=True)
class Bill:
    """What one call costs.

    Attributes:
        route: Who is asked.
        needs: How much there is to read.
        meter: What the provider itself tells of its calls.
        delivered: Bytes of the answer that have come.
        answer: The most tokens that the answers may have.
    """

    route: Route
    needs: Needs
    meter: Meter
    delivered: int = 0
    answer: int = 0
    _reservation: Reservation | None = None

    async def reserve(self, purse: Purse, caller: Caller) -> None:
        """Sets aside what the call could cost at most, where the caller has a budget.

        Raises:
            BudgetExceeded: There is not enough left.
        """
        if purse.budgets and (budgets := purse.covering(caller)):
            self._reservation = await purse.reserve(budgets, caller, self.route, needs=self.needs, answer=self.answer)

    @property
    def lease(self) -> str:
        """What the ledger calls that; an empty text where nothing is set aside."""
        return "" if self._reservation is None else self._reservation.lease

    async def settle(self, usage: Usage, dollars: Decimal | None) -> None:
        """Counts what the call took, and gives the rest back."""
        if self._reservation is not None:
            await self._reservation.settle(usage, dollars)

    async def settle_lost(self, usage: Usage | None) -> Decimal | None:
        """Counts a call without an answer, and tells its dollars as far as one can.

        Args:
            usage: What it took; None where only its vendor knows.
        """
        if usage is not None or self._reservation is None:
            usage = usage or self.guess(self.delivered)
            dollars = self.dollars(usage)
        else:
            read, written = self.needs.worst(self.answer, rounds=self.meter.calls or None)
            usage = Usage(input_tokens=read, output_tokens=written, estimated=True)
            price = self.route.profile.price
            dollars = None if price is None else worst_case(read, written, price)
        await self.settle(usage, dollars)
        return dollars

    def lost(self, error: BaseException | None) -> Usage | None:
        """What a call took of which no answer came; None where only its vendor knows.

        Args:
            error: How it failed, or None where it was given up.
        """
        free = isinstance(error, LLMError) and not error.charged
        if free or (self.meter.calls and not self.meter.unknown):
            return self.meter.usage
        return None

    def given_up(self) -> Usage | None:
        """What a call took that nobody wanted any more; None where only its vendor knows."""
        return self.guess(self.delivered) if self.delivered else self.lost(None)

    def broken_off(self, error: BaseException, told: Usage) -> Usage:
        """What an answer took that broke off: what the vendor told, or what was delivered where that is more."""
        if isinstance(error, ResponseInvalid) and error.misfit and told.total_tokens:
            return told  # it is complete, and counted
        guess = self.guess(self.delivered)
        if told.estimated or not told.total_tokens:
            return guess
        written = max(told.output_tokens, guess.output_tokens)
        read = told.input_tokens or guess.input_tokens
        return attrs.evolve(told, input_tokens=read, output_tokens=written, estimated=True)

    def guess(self, size: int) -> Usage:
        """About what it took to read the request and to write so many bytes."""
        return Usage(input_tokens=self.needs.likely_tokens, output_tokens=-(-size // BYTES_A_TOKEN), estimated=True)

    def counted(self, response: ChatCompletionResponse) -> ChatCompletionResponse:
        """The response, with a guess where its vendor counts nothing."""
        if response.usage.total_tokens:
            return response
        calls = sum(size_of(call.arguments) for call in response.tool_calls)
        said = sum(size_of(choice.message.content) for choice in response.choices)
        return attrs.evolve(response, usage=self.guess(calls + said))

    def cost(self, response: ChatCompletionResponse) -> Cost:
        """What the answer cost: by the profile, or as the provider says where that knows no price."""
        return cost_of(response.usage, self.route.profile) if self.route.profile.price else response.cost

    def dollars(self, usage: Usage) -> Decimal | None:
        """US dollars for that, or None where the model has no price; nothing always costs nothing."""
        if not usage.total_tokens:
            return Decimal(0)
        price = self.route.profile.price
        return None if price is None else dollars_of(usage, price)


def bounded(
    request: ChatCompletionRequest, route: Route, budgets: Sequence[Budget]
) -> tuple[ChatCompletionRequest, tuple[Loss, ...]]:
    """The request for a route: its model, and a bound on the answer where a budget needs one, which is told."""
    bound = request.max_tokens
    losses: tuple[Loss, ...] = ()
    if bound is None and budgets:
        bound = min(budget.answer for budget in budgets)
        bound = min(bound, route.profile.max_output_tokens or bound)
        losses = (Loss("max_tokens", "changed", f"set to {bound:,}, because a budget needs a bound"),)
    if request.model == route.model and bound == request.max_tokens:
        return request, losses
    return attrs.evolve(request, model=route.model, max_tokens=bound), losses
