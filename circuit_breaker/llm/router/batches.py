"""Batches through the router: whom they go to, and what they cost, from the handing over to the results.

What a batch could cost at most is reserved, at its lower price, when it is handed over, and settled request by request
with its results. A ticket holds all that is needed for that, so that another process may go on with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any

import attrs

from circuit_breaker.errors import DocumentInvalid, LLMError, RequestRefused
from circuit_breaker.llm.batch import BatchResult, BatchStatus, BatchVendor
from circuit_breaker.llm.documents import from_document, to_document
from circuit_breaker.llm.metering import Meter
from circuit_breaker.llm.pricing import at_share, cost_of
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.router.bill import Bill, bounded
from circuit_breaker.llm.router.lane import Lane
from circuit_breaker.llm.router.lanes import Lanes
from circuit_breaker.llm.router.needs import most_answer, needs_of
from circuit_breaker.llm.router.planning import Planner
from circuit_breaker.llm.router.purse import Caller, Purse
from circuit_breaker.llm.router.route import Route
from circuit_breaker.llm.usage import NO_USAGE

__all__ = ["BatchTicket", "Batches"]


@attrs.frozen(kw_only=True)
class BatchTicket:
    """A batch that was handed over.

    Attributes:
        id: The vendor's name for it.
        provider: The name of the provider that has it.
        key: What the provider's key is called, or an empty text.
        requests: What was handed over, as it went out, by name.
        leases: What is reserved for each request, by name; empty where there is no budget.
    """

    id: str
    provider: str
    key: str = ""
    requests: Mapping[str, ChatCompletionRequest] = attrs.field(repr=False)
    leases: Mapping[str, str] = attrs.field(factory=dict, repr=False)

    def to_document(self) -> dict[str, Any]:
        """The ticket as a plain JSON document, to be kept until the results are there."""
        told = {name: to_document(request) for name, request in self.requests.items()}
        return {
            "id": self.id,
            "provider": self.provider,
            "key": self.key,
            "requests": told,
            "leases": dict(self.leases),
        }

    @classmethod
    def from_document(cls, document: Any) -> BatchTicket:
        """The ticket that a document describes.

        Raises:
            DocumentInvalid: It describes none.
        """
        try:
            requests: dict[str, ChatCompletionRequest] = {
                name: from_document(one, ChatCompletionRequest) for name, one in document["requests"].items()
            }
            told = {name: str(document[name]) for name in ("id", "provider", "key")}
            return cls(**told, requests=requests, leases=dict(document["leases"]))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            what = f"this is no ticket of a batch: {type(error).__name__}: {error}"
            raise DocumentInvalid(what, remedy="give what to_document made") from error


class Batches:
    """Hands over batches and brings their results.

    Args:
        lanes: The providers.
        planner: Says whom to ask.
        purse: The budgets.
        sleep: Waits so many seconds.
    """

    def __init__(
        self, lanes: Lanes, planner: Planner, purse: Purse, *, sleep: Callable[[float], Awaitable[None]]
    ) -> None:
        self._lanes = lanes
        self._planner = planner
        self._purse = purse
        self._sleep = sleep

    async def submit(
        self, requests: Mapping[str, ChatCompletionRequest], *, tenant: str = "", key: str = ""
    ) -> BatchTicket:
        """Hands requests over to the first provider that serves all of their models and takes batches.

        Args:
            requests: Each under a name of its own: letters, digits, ``-`` and ``_``, 64 at most.
            tenant: Whose requests they are.
            key: The caller's key, or its name.

        Raises:
            BudgetExceeded: The budget has not enough left for all of them; nothing was handed over.
            LLMError: None of them was taken.
        """
        caller = Caller(tenant, key)
        routes = self._routes(requests, tenant)
        vendor = _vendor(next(iter(routes.values())).lane)
        budgets = self._purse.covering(caller)
        sent = {name: bounded(request, routes[name], budgets)[0] for name, request in requests.items()}
        bills = await self._reserved(routes, sent, caller)
        try:
            status = await vendor.submit_batch(sent)
        except BaseException as error:  # after a lost answer the batch may be there all the same
            for bill in bills.values():
                await bill.settle_lost(bill.lost(error))
            raise
        lane = next(iter(routes.values())).lane
        leases = {name: bill.lease for name, bill in bills.items() if bill.lease}
        return BatchTicket(id=status.id, provider=lane.name, key=lane.access.key, requests=sent, leases=leases)

    def _routes(self, requests: Mapping[str, ChatCompletionRequest], tenant: str) -> dict[str, Route]:
        """The route of each request, all on one lane."""
        if not requests:
            raise RequestRefused("there are no requests", remedy="give at least one")
        ways = {name: self._planner.plan(request, tenant=tenant).routes for name, request in requests.items()}
        first = next(iter(ways.values()))
        for lane in (route.lane for route in first if isinstance(route.lane.provider, BatchVendor)):
            found = {name: next((one for one in routes if one.lane is lane), None) for name, routes in ways.items()}
            if all(found.values()):
                return {name: _at_batch_price(route) for name, route in found.items() if route is not None}
        names = ", ".join(sorted({request.model for request in requests.values()}))
        raise RequestRefused(
            f"nobody who takes batches serves all of: {names}",
            remedy="make a batch for each provider, or ask with chat_completions",
        )

    async def _reserved(
        self, routes: Mapping[str, Route], sent: Mapping[str, ChatCompletionRequest], caller: Caller
    ) -> dict[str, Bill]:
        bills: dict[str, Bill] = {}
        try:
            for name, request in sent.items():
                answer = most_answer(request) or 0
                # A batch asks once: an answer without the form that it should have is not asked for again.
                needs = attrs.evolve(needs_of(request), repairs=0)
                bill = Bill(route=routes[name], needs=needs, meter=Meter(), answer=answer)
                await bill.reserve(self._purse, caller)
                bills[name] = bill
        except BaseException:
            for bill in bills.values():
                await bill.settle_lost(NO_USAGE)
            raise
        return bills

    async def status(self, ticket: BatchTicket) -> BatchStatus:
        """How a batch stands.

        Raises:
            LLMError: It cannot be had.
        """
        return await _vendor(self._lane(ticket)).batch_status(ticket.id)

    async def cancel(self, ticket: BatchTicket) -> BatchStatus:
        """Lets the vendor begin none of its requests any more; fetch the results of the others all the same.

        Raises:
            LLMError: It cannot be cancelled.
        """
        return await _vendor(self._lane(ticket)).cancel_batch(ticket.id)

    async def ended(self, ticket: BatchTicket, *, interval: float = 30.0, timeout: float | None = None) -> BatchStatus:  # noqa: ASYNC109
        """How a batch stands that has ended; asks now and then until it has.

        Args:
            ticket: The batch.
            interval: Seconds between two questions.
            timeout: The most seconds in all, or None; vendors end a batch within a day.

        Raises:
            TimeoutError: It has not ended by then; it still runs.
            LLMError: It cannot be had.
        """
        async with asyncio.timeout(timeout):
            while True:
                try:
                    if (status := await self.status(ticket)).ended:
                        return status
                except LLMError as error:
                    if not error.again:
                        raise
                await self._sleep(interval)

    async def results(self, ticket: BatchTicket) -> dict[str, ChatCompletionResponse | LLMError]:
        """The answers of a batch that has ended, by name, with an error in the place of each that failed.

        What they cost is counted once, however often they are fetched.

        Raises:
            LLMError: The results cannot be had.
        """
        lane = self._lane(ticket)
        found = await _vendor(lane).batch_results(ticket.id, ticket.requests)
        for name, result in found.items():
            if lease := ticket.leases.get(name):
                await self._settle(lease, lane, ticket.requests[name], result)
        return {name: _told(result.answer, lane) for name, result in found.items()}

    async def _settle(self, lease: str, lane: Lane, request: ChatCompletionRequest, result: BatchResult) -> None:
        if isinstance(result.answer, LLMError) and result.answer.charged and not result.usage.total_tokens:
            return  # nobody knows what it took: what is reserved for it goes on counting
        profile = at_share(lane.provider.profile(request.model), _vendor(lane).batch_share)
        cost = cost_of(result.usage, profile)
        await self._purse.settle(lease, dollars=cost.dollars or Decimal(0), tokens=result.usage.total_tokens)

    def _lane(self, ticket: BatchTicket) -> Lane:
        lanes = self._lanes.named(ticket.provider)
        return next((lane for lane in lanes if lane.access.key == ticket.key), lanes[0])


def _vendor(lane: Lane) -> BatchVendor:
    if isinstance(lane.provider, BatchVendor):
        return lane.provider
    raise RequestRefused(f"the provider '{lane.name}' takes no batches", provider=lane.name)


def _at_batch_price(route: Route) -> Route:
    return attrs.evolve(route, profile=at_share(route.profile, _vendor(route.lane).batch_share))


def _told(answer: ChatCompletionResponse | LLMError, lane: Lane) -> ChatCompletionResponse | LLMError:
    """The answer, by the name that its provider has here."""
    if isinstance(answer, LLMError):
        answer.provider = lane.name
        return answer
    return attrs.evolve(answer, provider=lane.name)
