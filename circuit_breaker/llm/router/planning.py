"""Planning: from a request to the order in which providers are asked, with the reasons."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from circuit_breaker.errors import LLMError, NoProviderAvailable, RequestRefused, nearest
from circuit_breaker.llm.request import ChatCompletionRequest, RoutingOptions
from circuit_breaker.llm.router.config import Failover
from circuit_breaker.llm.router.needs import Needs, needs_of
from circuit_breaker.llm.router.resolution import Resolved, Resolver
from circuit_breaker.llm.router.route import LeftOut, Route, RouteExplanation, Way
from circuit_breaker.llm.router.strategy import STRATEGIES, Rotation, ordered

__all__ = ["Plan", "Planner"]


@attrs.frozen(eq=False, slots=False)
class Plan:
    """Whom to ask for a request.

    Attributes:
        request: The request.
        resolved: What its model stands for.
        strategy: By which the routes are ordered.
        routes: Whom to ask, in this order.
        left_out: Whom not, and why.
        needs: What the request needs.
    """

    request: ChatCompletionRequest
    resolved: str
    strategy: str
    routes: tuple[Route, ...]
    left_out: tuple[LeftOut, ...]
    needs: Needs

    @property
    def wait(self) -> float | None:
        """After how many seconds somebody who only wants us to wait can be asked; None where waiting does not help."""
        return min((out.seconds for out in self.left_out if out.limited and out.seconds is not None), default=None)

    def nobody(self) -> NoProviderAvailable:
        """The error that nobody can be asked, with the reasons."""
        reasons = "; ".join(str(out) for out in self.left_out)
        return NoProviderAvailable(
            f"nobody can be asked for '{self.request.model}': {reasons or 'it has no candidates'}",
            model=self.request.model,
            remedy="router.explain(request) tells more",
        )

    def explained(self) -> RouteExplanation:
        """The plan in plain values."""
        return RouteExplanation(
            requested=self.request.model,
            resolved=self.resolved,
            strategy=self.strategy,
            needs=tuple(self._needs_told()),
            candidates=tuple(_way(route) for route in self.routes),
            left_out=self.left_out,
        )

    def _needs_told(self) -> Iterator[str]:
        yield from sorted(self.needs.capabilities)
        yield f"about {self.needs.likely_tokens + (self.needs.answer or 0):,} tokens"


def _way(route: Route) -> Way:
    median = route.lane.median(route.model)
    price = route.profile.price
    return Way(
        provider=route.lane.name,
        model=route.model,
        key=route.lane.access.key,
        why=route.why,
        circuit=route.lane.circuit(route.model).state,
        median_ms=None if median is None else median * 1000,
        dollars_per_1k=None if price is None else float(max(price.input, price.output) / 1000),
        notes=tuple(_behind(route)),
    )


def _behind(route: Route) -> Iterator[str]:
    """What puts a route behind others, though it can be asked."""
    if route.lane.rests(route.model):
        yield "has just failed"
    if route.lane.health.status == "unhealthy":
        yield "was found unwell"
    if route.lane.busy:
        yield "has no free place"


def _last(route: Route) -> bool:
    lane = route.lane
    return lane.busy or lane.rests(route.model) or lane.health.status == "unhealthy"


class Planner:
    """Makes plans.

    Args:
        resolver: Knows who serves what.
        failover: What is tried after what was asked for.
        strategy: By which routes are ordered where the request does not say.
        rotation: Whose turn it is.
    """

    def __init__(self, resolver: Resolver, failover: Failover, strategy: str, rotation: Rotation) -> None:
        self._resolver = resolver
        self._failover = failover
        self._strategy = strategy
        self._rotation = rotation

    def plan(self, request: ChatCompletionRequest, *, tenant: str = "") -> Plan:
        """Whom to ask for a request; nothing changes by asking for a plan.

        Raises:
            RequestRefused: The request is wrong in itself; it tells everything that is.
            LLMError: Nobody is known to serve the model.
        """
        options = request.circuit_breaker
        _refuse_faults(request, options)
        asked = self._resolver.resolve(request.model, tenant=tenant, task=options.task_type)
        strategy = options.routing_strategy or (asked.virtual and asked.virtual.strategy) or self._strategy
        needs = needs_of(request)
        routes, left_out = self._open_ones(self._all(request, asked, tenant), options, needs)
        order = ordered(
            routes,
            strategy,
            needs=needs,
            rotation=self._rotation,
            name=request.model,
            preferred=options.preferred_providers,
        )
        if any(_last(route) for route in order):
            order.sort(key=_last)
        return Plan(request, asked.name, strategy, tuple(order), tuple(left_out), needs)

    def explain(self, request: ChatCompletionRequest, *, tenant: str = "") -> RouteExplanation:
        """The plan in plain values; it takes nobody's turn, and no throw of the dice.

        Raises:
            LLMError: As :meth:`plan` does.
        """
        chance = self._rotation.chance
        before = chance.getstate()
        try:
            return self.plan(request, tenant=tenant).explained()
        finally:
            chance.setstate(before)

    def _all(self, request: ChatCompletionRequest, asked: Resolved, tenant: str) -> Resolved:
        """What was asked for and what is fallen back on, each route once."""
        fallbacks = self._fallbacks(request, asked)
        if not fallbacks:
            return asked
        seen = {(id(route.lane), route.model) for route in asked.routes}
        for group, name in enumerate(fallbacks, 1):
            try:
                more = self._resolver.resolve(name, tenant=tenant, group=group)
            except LLMError as error:
                asked.left_out.append(LeftOut(provider="", model=name, why=error.message))
                continue
            asked.left_out += more.left_out
            for route in more.routes:
                if (place := (id(route.lane), route.model)) not in seen:
                    seen.add(place)
                    asked.routes.append(attrs.evolve(route, why=f"fallback {group}: {route.why}"))
        return asked

    def _fallbacks(self, request: ChatCompletionRequest, asked: Resolved) -> list[str]:
        policy = self._failover
        if policy.max_attempts == 1:
            return []
        further = (self._resolver.own_model(name) or name for name in policy.order)
        own = policy.models.get(request.model) or policy.models.get(asked.name) or ()
        return list(dict.fromkeys((*request.circuit_breaker.fallback_models, *own, *further)))

    def _open_ones(self, found: Resolved, options: RoutingOptions, needs: Needs) -> tuple[list[Route], list[LeftOut]]:
        """The routes that can be asked now, and the others with the reason."""
        required = found.virtual.requires if found.virtual else frozenset()
        free = found.virtual is not None
        kept, left_out = [], found.left_out
        for route in found.routes:
            chosen_by_us = free or route.group > 0
            wanted = attrs.evolve(needs, capabilities=needs.capabilities | required) if required else needs
            why = _unsuitable(route, options, wanted if chosen_by_us else None)
            out = _left_out(route, why) if why else _not_now(route)
            if out is None:
                kept.append(route)
            else:
                left_out.append(out)
        return kept, left_out


def _refuse_faults(request: ChatCompletionRequest, options: RoutingOptions) -> None:
    told = [str(fault) for fault in request.faults()]
    if (strategy := options.routing_strategy) is not None and strategy not in STRATEGIES:
        hint = nearest(strategy, STRATEGIES)
        told.append(f"circuit_breaker.routing_strategy: there is no strategy '{strategy}' ({hint})")
    if told:
        raise RequestRefused("\n  - ".join(["the request is not valid", *told]), model=request.model)


def _unsuitable(route: Route, options: RoutingOptions, needs: Needs | None) -> str:
    """Why a model is not what the request asks for, in words; empty when it is."""
    if needs is not None and (missing := needs.missing(route.profile)):
        return missing
    if (most := options.max_cost_per_1k_tokens) is not None:
        price = route.profile.price
        if price is None:
            return f"unpriced, and at most ${most:g} for 1,000 tokens are allowed"
        if (dearest := float(max(price.input, price.output)) / 1000) > most:
            return f"costs ${dearest:g} for 1,000 tokens, at most ${most:g} are allowed"
    if (longest := options.max_latency_ms) is not None:
        median = route.lane.median(route.model)
        if median is not None and median * 1000 > longest:
            return f"its first token takes {median * 1000:.0f} ms, at most {longest:g} are allowed"
    return ""


def _left_out(route: Route, why: str, seconds: float | None = None, *, limited: bool = False) -> LeftOut:
    lane = route.lane
    return LeftOut(
        provider=lane.name, model=route.model, key=lane.access.key, why=why, seconds=seconds, limited=limited
    )


def _not_now(route: Route) -> LeftOut | None:
    """Why a route cannot be asked now, or None when it can."""
    if (seconds := route.lane.limited) > 0:
        return _left_out(route, f"wants to be left alone for {seconds:.1f} s", seconds, limited=True)
    circuit = route.lane.circuit(route.model)
    if circuit.admits:
        return None
    if seconds := circuit.seconds:
        return _left_out(route, f"its circuit is open for {seconds:.1f} s", seconds)
    return _left_out(route, "its circuit is half-open, and is being probed")
