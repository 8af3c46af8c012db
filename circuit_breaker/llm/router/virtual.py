"""Virtual models: names such as ``cb:smart-chat``, and the models that stand for them, as data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

from circuit_breaker.errors import DefinitionError, Fault, nearest
from circuit_breaker.llm.profile import CAPABILITIES
from circuit_breaker.llm.router.strategy import STRATEGIES
from circuit_breaker.llm.several import names_of

__all__ = ["BUILT_IN", "Candidate", "VirtualModel", "VirtualModels"]


@attrs.frozen
class Candidate:
    """A model that may stand for a virtual one.

    Attributes:
        model: Its name, with the provider before a slash where that matters; ``*`` is every model that an
            :class:`Access` declares, or that is installed with an own provider and was found there.
        weight: Its share of the work, for the strategy ``weighted``.
    """

    model: str
    weight: float = attrs.field(default=1.0, kw_only=True)


def _candidate(model: str | Candidate | Mapping[str, Any]) -> Candidate:
    if isinstance(model, Mapping):
        return Candidate(**model)
    return model if isinstance(model, Candidate) else Candidate(model)


def _candidates(models: Iterable[str | Candidate | Mapping[str, Any]]) -> tuple[Candidate, ...]:
    return tuple(_candidate(model) for model in ([models] if isinstance(models, str) else models))


@attrs.frozen
class VirtualModel:
    """A name, and what stands for it.

    Attributes:
        name: What requests call it.
        candidates: The models, the best first; texts will do.
        requires: What a model must be able to do, beside what the request needs.
        strategy: By which the candidates are ordered, or None for that of the router.
        tags: What a model should be good for; of the models that ``*`` means, those with the most of these come first.
        description: What it is for.
    """

    name: str
    candidates: tuple[Candidate, ...] = attrs.field(converter=_candidates)
    requires: frozenset[str] = attrs.field(default=frozenset(), converter=names_of, kw_only=True)
    strategy: str | None = attrs.field(default=None, kw_only=True)
    tags: frozenset[str] = attrs.field(default=frozenset(), converter=names_of, kw_only=True)
    description: str = attrs.field(default="", kw_only=True)

    def faults(self, *, names: Iterable[str], providers: Iterable[str]) -> list[Fault]:
        """What is wrong with it, among virtual models and providers of these names."""
        place = f"virtual model '{self.name}'"
        found = []
        if not self.name or "/" in self.name or self.name != self.name.strip():
            found.append(Fault(place, "is no name", "leave out '/' and blanks, as in 'cb:smart-chat'"))
        if not self.candidates:
            found.append(Fault(place, "has no candidates", "name at least one model"))
        if self.strategy is not None and self.strategy not in STRATEGIES:
            found.append(Fault(place, f"there is no strategy '{self.strategy}'", nearest(self.strategy, STRATEGIES)))
        for capability in sorted(self.requires - CAPABILITIES):
            hint = nearest(capability, sorted(CAPABILITIES))
            found.append(Fault(f"{place}.requires", f"nobody knows the capability '{capability}'", hint))
        for index, candidate in enumerate(self.candidates):
            found.extend(_faults_of(candidate, f"{place}.candidates[{index}]", set(names), list(providers)))
        return found


def _faults_of(candidate: Candidate, place: str, names: set[str], providers: list[str]) -> Iterable[Fault]:
    provider, slash, _ = candidate.model.partition("/")
    if not candidate.model:
        yield Fault(place, "is empty", "name a model")
    if candidate.model in names:
        yield Fault(place, f"'{candidate.model}' is a virtual model itself", "name real models")
    if slash and providers and provider not in providers:
        yield Fault(place, f"there is no provider '{provider}'", nearest(provider, providers))
    if not candidate.weight > 0:
        yield Fault(place, f"its weight {candidate.weight!r} is not above 0", "give a share, such as 1")


_SMART = (
    "claude-sonnet-4-5", "gpt-6.1-sol", "gemini-2.5-pro", "gpt-5", "gpt-4o", "claude-3-5-sonnet", "gpt-4", "gemini-pro",
)  # fmt: skip
_DEEP = (
    "gpt-6.1-sol", "claude-opus-4-6", "gemini-2.5-pro", "gpt-5", "o3", "claude-opus-4-1", "claude-3-opus",
    "gpt-4-turbo", "gpt-4",
)  # fmt: skip
_QUICK = (
    "gpt-6-luna", "claude-haiku-4-5", "gemini-2.5-flash", "gpt-4o-mini", "claude-3-5-haiku", "claude-3-haiku",
    "gpt-3.5-turbo", "gemini-pro",
)  # fmt: skip
_CODING = (
    "claude-sonnet-4-5", "gpt-6.1-sol", "gemini-2.5-pro", "gpt-5", "claude-3-5-sonnet", "gpt-4o", "codellama",
)  # fmt: skip
_CREATIVE = ("claude-opus-4-6", "gpt-4o", "claude-opus-4-1", "claude-3-opus", "gemini-2.5-pro", "gpt-4")
_LOCAL = ("llama3.1", "mistral", "llama2")


def _built_in() -> Iterable[VirtualModel]:
    smart, deep, quick, local = _SMART, _DEEP, _QUICK, _LOCAL
    yield VirtualModel("auto", (*smart, *local, "*"), description="Whatever is there and can do it")
    yield VirtualModel("cb:smart-chat", (*smart, *local, "*"), tags={"smart", "chat"}, description="Conversation")
    yield VirtualModel(
        "cb:cost-optimal",
        (*quick, *local, "*"),
        strategy="lowest_cost",
        tags={"cheap"},
        description="The cheapest that can do it",
    )
    yield VirtualModel(
        "cb:fastest",
        (*quick, *local, "*"),
        strategy="least_latency",
        tags={"fast"},
        description="The one whose first token comes soonest",
    )
    yield VirtualModel(
        "cb:coding",
        (*_CODING, "*"),
        tags={"coding"},
        description="Writing and reading programs",
    )
    yield VirtualModel("cb:analysis", (*deep, *local, "*"), tags={"analysis", "smart"}, description="Analysis of data")
    yield VirtualModel(
        "cb:creative",
        (*_CREATIVE, *local, "*"),
        tags={"creative", "chat"},
        description="Writing",
    )
    yield VirtualModel("cb:reasoning", (*deep, "*"), tags={"reasoning"}, description="Problems of many steps")


BUILT_IN: Final[Mapping[str, VirtualModel]] = MappingProxyType({model.name: model for model in _built_in()})
"""The virtual models that every router has until it is told otherwise."""


class VirtualModels:
    """The virtual models of a router, for everybody and for single tenants. A change is made as a whole or not at all.

    Args:
        models: Beside the built-in ones.
        tenants: For each tenant, what it has instead or beside.
        providers: Names the providers there are, for checking.

    Raises:
        DefinitionError: Something is wrong with them; it tells everything that is.
    """

    def __init__(
        self,
        models: Iterable[VirtualModel] = (),
        *,
        tenants: Mapping[str, Iterable[VirtualModel]] = MappingProxyType({}),
        providers: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._providers = providers
        own = {tenant: {model.name: model for model in theirs} for tenant, theirs in tenants.items()}
        self._of: Mapping[str, Mapping[str, VirtualModel]] = {
            **own,
            "": {**BUILT_IN, **{model.name: model for model in models}, **own.get("", {})},
        }
        self._check(self._of, [model for theirs in self._of.values() for model in theirs.values()])

    def find(self, name: str, *, tenant: str = "") -> VirtualModel | None:
        """The virtual model of that name, as the tenant has it, or None."""
        own = self._of.get(tenant)
        return (own.get(name) if own else None) or self._of[""].get(name)

    def all(self, *, tenant: str = "") -> Mapping[str, VirtualModel]:
        """All virtual models that a tenant has, by name."""
        return {**self._of[""], **self._of.get(tenant, {})}

    def change(self, models: Iterable[VirtualModel], *, removed: Iterable[str] = (), tenant: str = "") -> None:
        """Adds or replaces some and removes others, for everybody or for one tenant.

        Raises:
            DefinitionError: Something is wrong, and nothing was changed; it tells everything that is wrong.
        """
        new, gone = list(models), set(removed)
        present = self._of.get(tenant, {})
        faults = [
            Fault(f"virtual model '{name}'", "is not there", nearest(name, present)) for name in gone - set(present)
        ]
        kept = {name: model for name, model in present.items() if name not in gone}
        changed = {**self._of, tenant: {**kept, **{model.name: model for model in new}}}
        self._check(changed, new, faults)
        self._of = changed

    def _check(
        self,
        mappings: Mapping[str, Mapping[str, VirtualModel]],
        models: Iterable[VirtualModel],
        faults: Iterable[Fault] = (),
    ) -> None:
        names = {name for theirs in mappings.values() for name in theirs}
        providers = list(self._providers())
        found = [*faults, *(fault for model in models for fault in model.faults(names=names, providers=providers))]
        if found:
            raise DefinitionError("the virtual models are not valid", faults=found)
