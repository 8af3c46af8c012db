"""Failover: whom to ask next, after one has failed."""

from __future__ import annotations

from collections import Counter, deque

from circuit_breaker.errors import (
    AuthenticationFailed,
    BudgetExceeded,
    LLMError,
    ModelNotFound,
    NoProviderAvailable,
    QuotaExhausted,
    RateLimitExceeded,
)
from circuit_breaker.llm.router.config import Failover
from circuit_breaker.llm.router.planning import Plan
from circuit_breaker.llm.router.route import Route

__all__ = ["Tour"]

MISSING = 600.0
"""Seconds for which a model that a provider does not have comes last."""


class Tour:
    """The way of one request from route to route.

    Args:
        plan: Whom to ask, in this order.
        policy: How often, and for what is worth waiting.
    """

    def __init__(self, plan: Plan, policy: Failover) -> None:
        self.errors: list[LLMError] = []
        self._plan = plan
        self._policy = policy
        self._left = deque(plan.routes)
        self._repeat: tuple[Route, float] | None = None
        self._repeats: Counter[int] = Counter()
        self._asked = 0
        self._final: LLMError | None = None

    def next(self) -> tuple[Route, float]:
        """Whom to ask now, and how many seconds to wait before.

        Raises:
            LLMError: Nobody is left to be asked: the one error there was, or one that holds them all.
        """
        found = self._take()
        if found is None:
            raise self._ending()
        self._asked += 1
        return found

    def spare(self) -> Route | None:
        """Somebody who can be asked beside the one who is being asked, or None."""
        if self._final is not None or self._asked >= self._policy.max_attempts:
            return None
        route = self._next_route()
        self._asked += route is not None
        return route

    @property
    def has_more(self) -> bool:
        """Whether somebody else could still be asked."""
        return self._asked < self._policy.max_attempts and any(map(_can_be_asked, self._left))

    def _take(self) -> tuple[Route, float] | None:
        if self._final is not None or self._asked >= self._policy.max_attempts:
            return None
        if self._repeat is not None:
            repeat, self._repeat = self._repeat, None
            return repeat
        route = self._next_route()
        return None if route is None else (route, 0.0)

    def _next_route(self) -> Route | None:
        while self._left:
            if _can_be_asked(route := self._left.popleft()):
                return route
        return None

    def passed(self, error: LLMError | None = None) -> None:
        """Who was to be asked takes no call now; it does not count, but what is to be told of it is noted."""
        self._asked -= 1
        if error is not None:
            self.errors.append(error)

    def failed(self, route: Route, error: LLMError) -> None:
        """Notes an error, and what it means for the next."""
        self.errors.append(error)
        if isinstance(error, BudgetExceeded):
            self._asked -= 1  # nobody was asked; a cheaper model may still fit
            return
        if not (error.again or error.elsewhere):
            self._final = error
            return
        if isinstance(error, ModelNotFound):
            self._asked -= 1  # it costs nothing, and the next may have it
            route.lane.rest(route.model, MISSING)
            return
        if isinstance(error, (AuthenticationFailed, QuotaExhausted)):  # nothing else with this key will do better
            self._left = deque(other for other in self._left if other.lane is not route.lane)
        route.lane.rest(route.model, self._policy.cooldown)
        self._plan_repeat(route, error)

    def _plan_repeat(self, route: Route, error: LLMError) -> None:
        """Asks the same one again if the wait it wants is short, or if there is nobody else; else it is left alone."""
        short = error.retry_after is not None and error.retry_after <= self._policy.patience
        times = self._repeats[id(route)]
        if error.again and times < self._policy.again and (short or (error.retry_after is None and not self.has_more)):
            self._repeats[id(route)] += 1
            wait = error.retry_after if error.retry_after is not None else self._policy.pause * 2**times
            self._repeat = (route, wait)
        elif isinstance(error, RateLimitExceeded) and error.retry_after:
            route.lane.limit(error.retry_after)
        elif not error.elsewhere:
            self._final = error

    def _ending(self) -> LLMError:
        if self._final is not None:
            return self._final
        if not self.errors:
            return self._plan.nobody()
        asked = {(error.provider, error.model) for error in self.errors}
        if len(asked) == 1 or all(isinstance(error, BudgetExceeded) for error in self.errors):
            return self.errors[-1]
        said = Counter(map(_told, self.errors))
        told = "".join(
            f"\n  {number}. {one}{f' ({times} times)' if times > 1 else ''}"
            for number, (one, times) in enumerate(said.items(), 1)
        )
        return NoProviderAvailable(
            f"nobody could answer for '{self._plan.request.model}':{told}",
            errors=self.errors,
            model=self._plan.request.model,
            attempt=len(self.errors),
            remedy="; ".join(dict.fromkeys(error.remedy for error in self.errors if error.remedy)),
        )


def _told(error: LLMError) -> str:
    said = error.message.removeprefix(f"provider '{error.provider}', model '{error.model}': ")
    return f"{error.provider}/{error.model}: {said}"


def _can_be_asked(route: Route) -> bool:
    return not route.lane.limited and route.lane.circuit(route.model).admits
