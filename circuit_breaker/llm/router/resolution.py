"""Resolution: from the name in a request to those who can answer it.

An alias is followed first. Then a virtual model; then what names its provider (``provider/model``); then what a
provider is known to serve; then the beginning of the name; then the default provider.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from circuit_breaker.errors import (
    DefaultProviderNotFound,
    LLMError,
    ModelNotFound,
    NoProviderAvailable,
    ProviderNotFound,
    nearest,
)
from circuit_breaker.llm.router.lane import Lane
from circuit_breaker.llm.router.naming import kind_of
from circuit_breaker.llm.router.route import LeftOut, Route
from circuit_breaker.llm.router.virtual import Candidate, VirtualModel, VirtualModels

__all__ = ["Resolved", "Resolver"]

_LONGEST = 8


@attrs.define
class Resolved:
    """What a name stands for.

    Attributes:
        name: The virtual model, or the name behind an alias.
        virtual: The virtual model, or None.
        routes: Who could answer.
        left_out: Candidates that nobody serves.
    """

    name: str
    virtual: VirtualModel | None = None
    routes: list[Route] = attrs.Factory(list)
    left_out: list[LeftOut] = attrs.Factory(list)


class Resolver:
    """Finds out who can answer for a name.

    Args:
        lanes: The lanes there are; they may change.
        virtual: The virtual models.
        aliases: Other names.
    """

    def __init__(self, lanes: Sequence[Lane], virtual: VirtualModels, aliases: Mapping[str, str]) -> None:
        self.default_provider: str | None = None
        self._lanes = lanes
        self._virtual = virtual
        self._aliases = aliases

    def resolve(self, name: str, *, tenant: str = "", task: str | None = None, group: int = 0) -> Resolved:
        """What a name stands for.

        Args:
            name: As the request has it.
            tenant: Whose virtual models count.
            task: The kind of the task; ``auto`` then stands for the virtual model of that kind, if there is one.
            group: See :class:`Route`.

        Raises:
            LLMError: Nobody is known to serve it; the class says what is missing.
        """
        name = self._alias(name)
        if task and name == "auto" and self._virtual.find(f"cb:{task}", tenant=tenant) is not None:
            name = f"cb:{task}"
        if (virtual := self._virtual.find(name, tenant=tenant)) is not None:
            return self._stand_ins(virtual, group)
        if name.startswith("cb:"):
            known = self._virtual.all(tenant=tenant)
            raise ModelNotFound(f"there is no virtual model '{name}'", model=name, remedy=nearest(name, known))
        lanes, model, why = self._serving(name)
        return Resolved(name, routes=list(_routes(lanes, model, why, group=group)))

    def _alias(self, name: str) -> str:
        for _ in range(_LONGEST):
            if name not in self._aliases:
                return name
            name = self._aliases[name]
        raise ModelNotFound(f"the aliases of '{name}' lead in a circle", model=name, remedy="let one name a model")

    def _stand_ins(self, virtual: VirtualModel, group: int) -> Resolved:
        found = Resolved(virtual.name, virtual=virtual)
        seen: set[tuple[int, str]] = set()
        for tier, candidate in enumerate(virtual.candidates):
            try:
                routes = list(self._candidate(candidate, virtual, tier, group))
            except LLMError as error:
                found.left_out.append(LeftOut(provider="", model=candidate.model, why=error.message))
                continue
            for route in routes:
                if (place := (id(route.lane), route.model)) not in seen:
                    seen.add(place)
                    found.routes.append(route)
        return found

    def _candidate(self, candidate: Candidate, virtual: VirtualModel, tier: int, group: int) -> Iterator[Route]:
        why = f"candidate {tier + 1} of {virtual.name}"
        if candidate.model == "*":
            served = [route for lane in self._lanes for model in lane.offered for route in _routes([lane], model, why)]
            served.sort(key=lambda route: -len(route.profile.tags & virtual.tags))
            for route in served:
                if route.profile.can("streaming") or not route.profile.can("embeddings"):
                    yield attrs.evolve(route, tier=tier, group=group, weight=candidate.weight)
            return
        lanes, model, _ = self._serving(self._alias(candidate.model), strict=True)
        yield from _routes(lanes, model, why, tier=tier, group=group, weight=candidate.weight)

    def _serving(self, name: str, *, strict: bool = False) -> tuple[list[Lane], str, str]:
        """The lanes that serve a model, its name there, and how that is known.

        Args:
            name: As it is asked for.
            strict: Whether the default provider does not count, nor those that tell what they serve.
        """
        provider, slash, rest = name.partition("/")
        if slash and rest and (named := self.of(provider)):
            return named, rest, "named"
        if known := [lane for lane in self._lanes if lane.serves(name)]:
            return known, name, "known to serve it"
        if slash:
            raise self._no_provider(provider, name)
        why = "the default provider"
        if (kind := kind_of(name)) is not None:
            kindred = [lane for lane in self._lanes if kind in {lane.provider.kind, lane.name}]
            if kindred and strict and not (kindred := [lane for lane in kindred if not lane.tells]):
                raise NoProviderAvailable(f"no provider of {kind} is known to serve it", model=name)
            if kindred:
                return kindred, name, f"such names are of {kind}"
            if strict:
                raise NoProviderAvailable(f"no provider is of {kind}", model=name)
            why = f"{why}, since none is of {kind}"
        if strict:
            raise NoProviderAvailable("no provider is known to serve it", model=name)
        return self._default(name), name, why

    def of(self, provider: str) -> list[Lane]:
        """The lanes of a provider."""
        return [lane for lane in self._lanes if lane.name == provider]

    def _no_provider(self, provider: str, model: str) -> ProviderNotFound:
        hint = nearest(provider, dict.fromkeys(lane.name for lane in self._lanes))
        return ProviderNotFound(
            f"there is no provider '{provider}', which the model '{model}' names",
            provider=provider,
            model=model,
            remedy=hint or "add one with add_provider",
        )

    def _default(self, model: str) -> list[Lane]:
        names = list(dict.fromkeys(lane.name for lane in self._lanes))
        told = f"providers: {', '.join(names)}" if names else "there are no providers"
        if self.default_provider is None:
            raise NoProviderAvailable(
                f"nothing says who serves the model '{model}'",
                model=model,
                remedy=f"write provider/model, or set a default provider; {told}",
            )
        if not (found := self.of(self.default_provider)):
            raise DefaultProviderNotFound(
                f"the default provider '{self.default_provider}' is not there",
                provider=self.default_provider,
                model=model,
                remedy=told,
            )
        return found

    def own_model(self, provider: str) -> str | None:
        """The own first model of a provider as ``provider/model``; None where it has none, or is none."""
        models = [lane.access.own_model for lane in self.of(provider)]
        return next((f"{provider}/{model}" for model in models if model), None)


def _routes(
    lanes: Sequence[Lane], model: str, why: str, *, tier: int = 0, group: int = 0, weight: float = 1.0
) -> Iterator[Route]:
    for lane in lanes:
        yield Route(
            lane=lane,
            model=model,
            profile=lane.provider.profile(model),
            tier=tier,
            group=group,
            weight=weight * lane.access.weight,
            why=why,
        )
