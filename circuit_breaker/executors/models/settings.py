"""What an operator decides about assistants and agents: who answers, which tools there are, and what may be spent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

from circuit_breaker.executors.models.seal import Seal
from circuit_breaker.executors.secrets import NO_SECRETS, revealed, secret
from circuit_breaker.executors.settings import Settings
from circuit_breaker.lazy import deferred
from circuit_breaker.llm.loop.limits import LoopLimits
from circuit_breaker.llm.loop.model import answering
from circuit_breaker.llm.patience import Patience, Retries
from circuit_breaker.llm.provider import Provider
from circuit_breaker.llm.router.naming import kind_of
from circuit_breaker.llm.tools.base import Tool
from circuit_breaker.llm.tools.toolset import Toolset

__all__ = ["KEYS", "LOCAL_OLLAMA", "ModelSettings", "UnknownProvider"]

KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "google": "GOOGLE_API_KEY"}
)
"""What the secrets are called that hold the keys of providers."""

LOCAL_OLLAMA: Final = "http://localhost:11434"
_HOME: Final = "circuit_breaker.llm.providers"
_OLLAMA: Final = deferred(f"{_HOME}.ollama", "OllamaProvider")
_KINDS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "openai": deferred(f"{_HOME}.openai", "OpenAIProvider"),
        "anthropic": deferred(f"{_HOME}.anthropic", "AnthropicProvider"),
        "google": deferred(f"{_HOME}.google", "GoogleProvider"),
    }
)
_ANY: Final = LoopLimits(iterations=None)


class UnknownProvider(LookupError):
    """Nobody has given a provider of that name."""


def _by_name(providers: Any) -> Mapping[str, Provider]:
    found = dict(providers) if isinstance(providers, Mapping) else {one.name: one for one in _listed(providers)}
    for provider in found.values():
        answering(provider)
    return MappingProxyType(found)


def _listed(providers: Any) -> Iterable[Any]:
    listed = list(providers) if isinstance(providers, (list, tuple)) else [providers]
    if wrong := [one for one in listed if not hasattr(one, "name")]:
        raise TypeError(f"{wrong[0]!r:.80} is no provider; give such as OpenAIProvider(api_key=...)")
    return listed


def _router(router: Any) -> Any:
    if router is not None and not callable(getattr(router, "chat_completion", None)):
        raise TypeError(f"{router!r:.80} is no router; give an LLMRouter")
    return router


def _addresses(given: Any) -> tuple[str, ...]:
    return tuple(address.rstrip("/") for address in ([given] if isinstance(given, str) else given))


def _sealing(_: Any, __: attrs.Attribute[Any], seal: Any) -> None:
    if seal is not None:
        Seal(seal)


def _toolset(tools: Toolset | Iterable[Tool]) -> Toolset:
    return Toolset().add_tools(tools)


@attrs.frozen(kw_only=True)
class ModelSettings(Settings):
    """Who answers, and what may be used and spent.

    Attributes:
        router: A router, open for as long as executors run; it chooses, fails over and keeps budgets, and the providers
            below are not used.
        providers: Providers, or a mapping of them by name. Each is opened where it is not open already.
        ollama: Addresses that a definition may give as ``ollama_base_url``; this machine's unless given.
        tools: Tools that a definition may name, beside those of the toolbox.
        roles: For whom the tools are called; one that wants another role is not there.
        most: Limits that no definition can exceed.
        retries: How often a model is asked again: three times with a pause of two seconds unless given.
        tenant: Whose budgets and virtual models of the router count.
        seal: A secret text of 32 characters or more, the same for all processes. A document from which work goes on
            after an approval is taken back where it has this seal, or stands in the journal of the case; without a
            text of yours, outside of a workflow only by the process that gave it out.
    """

    router: Any = attrs.field(default=None, converter=_router)
    providers: Mapping[str, Provider] = attrs.field(default=(), converter=_by_name)
    ollama: tuple[str, ...] = attrs.field(default=(LOCAL_OLLAMA,), converter=_addresses)
    tools: Toolset = attrs.field(factory=Toolset, converter=_toolset)
    roles: frozenset[str] = attrs.field(default=frozenset(), converter=frozenset)
    most: LoopLimits = _ANY
    retries: Retries = Retries()
    tenant: str = ""
    seal: str | None = attrs.field(default=None, repr=False, validator=_sealing)

    @property
    def sealing(self) -> Seal:
        """What seals documents from which work goes on."""
        return Seal(owner=self.tenant) if self.seal is None else Seal(self.seal, self.tenant)

    def detected(self, model: str) -> tuple[str, str]:
        """The provider of a model that is given without one, and its name there.

        ``provider/model`` names it; then the beginning of the name tells (``llama`` → ``ollama``); else ``openai``.
        """
        provider, slash, name = model.partition("/")
        if slash and (provider in self.providers or provider in KEYS or provider == "ollama"):
            return provider, name
        kind = kind_of(model) or "openai"
        return self._known_as(kind) or kind, model

    def _known_as(self, kind: str) -> str | None:
        """The name of a provider of that kind, or of the only one that there is."""
        if kind in self.providers:
            return kind
        alike = [name for name, provider in self.providers.items() if provider.kind == kind]
        return alike[0] if alike else next(iter(self.providers)) if len(self.providers) == 1 else None

    def provider(self, name: str, *, ollama: str) -> Provider:
        """The provider of that name; one for whose key there is a source of secrets is made.

        Args:
            name: What it is called.
            ollama: Where Ollama is.

        Raises:
            UnknownProvider: There is none; it says what to do.
        """
        if name in self.providers:
            return self.providers[name]
        patience = Patience(retries=self.retries)
        if name == "ollama":
            local: Provider = _OLLAMA(base_url=self._allowed(ollama), patience=patience)
            return local
        if name in _KINDS and self.secrets is not NO_SECRETS:
            made: Provider = _KINDS[name](api_key=self._key(name), patience=patience)
            return made
        known = ", ".join(f"'{one}'" for one in self.providers) or "none is given"
        raise UnknownProvider(f"there is no provider '{name:.80}' ({known})")

    def _allowed(self, address: str) -> str:
        if address.rstrip("/") not in self.ollama:
            raise UnknownProvider(f"the operator does not allow the address {address!r:.200}")
        return address

    def _key(self, name: str) -> Any:
        async def key() -> str:
            value, _ = await revealed(secret(KEYS[name]), self.secrets)
            return str(value)

        return key

    def limited(self, limits: LoopLimits) -> LoopLimits:
        """The limits, no wider than the operator's."""
        names = ("iterations", "tokens", "dollars", "seconds")
        narrowed = {name: _least(getattr(limits, name), getattr(self.most, name)) for name in names}
        changed = {name: limit for name, limit in narrowed.items() if limit != getattr(limits, name)}
        return attrs.evolve(limits, **changed) if changed else limits


def _least(*values: Any) -> Any:
    return min((value for value in values if value is not None), default=None)
