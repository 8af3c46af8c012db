"""Guardrails: what is checked, hidden, marked and allowed around an agent. The operator gives them, by name.

Each name is loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily

if TYPE_CHECKING:
    from circuit_breaker.agents.guardrails.bounds import Bounds
    from circuit_breaker.agents.guardrails.checks import Check, Masked
    from circuit_breaker.agents.guardrails.finders import Digits, Finder, Names, Pattern, Span
    from circuit_breaker.agents.guardrails.permissions import Permissions
    from circuit_breaker.agents.guardrails.personal import PersonalData
    from circuit_breaker.agents.guardrails.registry import BUILT_IN, Guardrail, Guardrails
    from circuit_breaker.agents.guardrails.untrusted import Untrusted
    from circuit_breaker.agents.guardrails.vault import Vault

__all__ = [
    "BUILT_IN",
    "Bounds",
    "Check",
    "Digits",
    "Finder",
    "Guardrail",
    "Guardrails",
    "Masked",
    "Names",
    "Pattern",
    "Permissions",
    "PersonalData",
    "Span",
    "Untrusted",
    "Vault",
]

__getattr__ = lazily(
    __name__,
    {
        "bounds": ("Bounds",),
        "checks": ("Check", "Masked"),
        "finders": ("Digits", "Finder", "Names", "Pattern", "Span"),
        "permissions": ("Permissions",),
        "personal": ("PersonalData",),
        "registry": ("BUILT_IN", "Guardrail", "Guardrails"),
        "untrusted": ("Untrusted",),
        "vault": ("Vault",),
    },
)
