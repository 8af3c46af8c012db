"""Access: a provider with one key, and how much of the work it gets."""

from __future__ import annotations

import math

import attrs

from circuit_breaker.errors import Fault
from circuit_breaker.llm.provider import Provider
from circuit_breaker.llm.router.naming import matches
from circuit_breaker.llm.several import texts_of

__all__ = ["Access"]


@attrs.frozen(eq=False)
class Access:
    """A way to a provider. Several of one name are the several keys of one provider.

    Attributes:
        provider: Who is asked; it was made with its key.
        name: What the provider is called here; its own name unless given.
        key: What this key is called, never the key itself; needed where a provider has several.
        weight: Its share of the work, for the strategy ``weighted``.
        priority: The lowest comes first, for the strategy ``priority``.
        models: The models that it serves, as far as you want to say: names, or beginnings that end in ``*``.
        max_concurrent: The most calls at once, or None; others wait, or go elsewhere.
        max_wait: Seconds that a call waits for a place among them; then the next provider is asked.
    """

    provider: Provider
    name: str = attrs.field(kw_only=True, default=attrs.Factory(lambda self: self.provider.name, takes_self=True))
    key: str = attrs.field(kw_only=True, default="")
    weight: float = attrs.field(kw_only=True, default=1.0)
    priority: int = attrs.field(kw_only=True, default=0)
    models: tuple[str, ...] = attrs.field(kw_only=True, default=(), converter=texts_of)
    max_concurrent: int | None = attrs.field(kw_only=True, default=None)
    max_wait: float = attrs.field(kw_only=True, default=30.0)

    @property
    def label(self) -> str:
        """The provider's name, and that of the key where it has one: ``openai`` or ``openai#second``."""
        return f"{self.name}#{self.key}" if self.key else self.name

    @property
    def own_model(self) -> str | None:
        """The model that is meant when only the provider is named: the first that it declares, or None."""
        declared = next((model for model in self.models if not model.endswith("*")), None)
        return declared or getattr(self.provider, "model", None) or None

    def serves(self, model: str) -> bool:
        """Whether the model is declared to be served by it."""
        return any(matches(pattern, model) for pattern in self.models)

    def faults(self) -> list[Fault]:
        """What is wrong with it; empty when nothing is."""
        place = f"provider '{self.label}'"
        found = []
        if not self.name or "/" in self.name or "#" in self.name:
            found.append(Fault(place, f"{self.name!r} is no name for a provider", "leave out '/' and '#'"))
        if not self.weight > 0:
            found.append(Fault(f"{place}.weight", f"{self.weight!r} is not above 0", "give a share, such as 1"))
        if self.max_concurrent is not None and self.max_concurrent < 1:
            found.append(Fault(f"{place}.max_concurrent", f"{self.max_concurrent!r} is below 1", "give 1 or more"))
        if not 0 <= self.max_wait < math.inf:
            found.append(Fault(f"{place}.max_wait", f"{self.max_wait!r} is no time", "give seconds, such as 30"))
        return found
