"""Personal data: a guardrail that keeps it out of models, of what is stored and of what is streamed."""

from __future__ import annotations

import re
from typing import Any, Final

import attrs

from circuit_breaker.agents.guardrails.finders import FINDERS, Digits, Finder, Names
from circuit_breaker.agents.guardrails.hiding import Hider
from circuit_breaker.agents.guardrails.vault import Vault
from circuit_breaker.errors import AgentInvalid, Fault, nearest
from circuit_breaker.llm.several import texts_of

__all__ = ["KINDS", "PersonalData"]

KINDS: Final = ("email", "phone", "iban", "credit_card", "ip")
"""What is found unless told otherwise."""

_PLACEHOLDER: Final = re.compile(r"\[[^\s\[\]]{1,64}_[0-9a-f]{6,64}\]")


@attrs.frozen(kw_only=True)
class PersonalData:
    """Hides personal data: the input, what tools give and what the model says are stored and streamed without it.

    ::

        AgentEngine(storage, guardrails={"privacy": PersonalData(names=["Ann Smith"], reversible=True)})

    Plainly, each value becomes its kind, such as ``[EMAIL]``, and nobody knows it any more. With ``reversible`` it
    becomes a placeholder such as ``[EMAIL_3f9a1c]``, the same for the same value within one execution, or within its
    conversation. The tools are given the value itself, and :meth:`restored` gives it back; both for as long as this
    process lives.

    Attributes:
        kinds: Of ``"email"``, ``"phone"``, ``"iban"``, ``"credit_card"`` and ``"ip"``; all unless given.
        names: Names of people or other texts.
        finders: Further :class:`Finder` objects, such as a :class:`Pattern`.
        reversible: Whether values can be had back within one execution.
        told: Whether the model is told the values all the same; they are hidden from the storage and followers only.
            Needs ``reversible``.
        vault: What knows the values.

    Raises:
        AgentInvalid: A kind is not known, a name is empty, or the model is to be told what nobody knows.
    """

    kinds: tuple[str, ...] = attrs.field(default=KINDS, converter=texts_of)
    names: tuple[str, ...] = attrs.field(default=(), converter=texts_of, repr=False)
    finders: tuple[Finder, ...] = attrs.field(default=(), converter=tuple)
    reversible: bool = False
    told: bool = False
    vault: Vault = attrs.field(factory=Vault, eq=False)

    def __attrs_post_init__(self) -> None:
        faults = [
            Fault("kinds", f"nobody knows the kind {kind!r:.40}", nearest(kind, KINDS))
            for kind in self.kinds
            if kind not in KINDS
        ]
        if not all(str(name).strip() for name in self.names):
            faults.append(Fault("names", "has an empty name", "give texts"))
        if self.told and not self.reversible:
            faults.append(Fault("told", "the model cannot be told what is not kept", "set reversible=True as well"))
        if faults:
            raise AgentInvalid("the guardrail for personal data is not valid", faults=faults)

    def hider(self, owner: str) -> Hider:
        """What hides for an execution, or for a conversation."""
        return Hider(self._all_finders(), lambda kind, value: self._instead(owner, kind, value))

    def _all_finders(self) -> tuple[Finder, ...]:
        numbers = tuple(kind for kind in self.kinds if kind not in FINDERS)
        found = [FINDERS[kind] for kind in self.kinds if kind in FINDERS]
        rows = [Digits(numbers)] if numbers else []
        return (*found, *rows, *([Names(self.names)] if self.names else []), *self.finders)

    def _instead(self, owner: str, kind: str, value: str) -> str:
        return self.vault.placeholder(owner, kind, value) if self.reversible else f"[{kind.upper()}]"

    def restored(self, owner: str, value: Any) -> Any:
        """The JSON value with the values in the place of its placeholders.

        Args:
            owner: The id of the conversation; of the execution where it has none.
            value: What was hidden; a placeholder that nobody here knows stays as it is.
        """
        if isinstance(value, str):
            return _PLACEHOLDER.sub(lambda found: self.vault.value(owner, found[0]) or found[0], value)
        if isinstance(value, dict):
            return {self.restored(owner, key): self.restored(owner, inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.restored(owner, inner) for inner in value]
        return value
