"""Policy: what must hold before a transition acts, and what after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from circuit_breaker.errors import RuleInvalid, nearest
from circuit_breaker.rules.combine import as_rule
from circuit_breaker.rules.rule import Rule

__all__ = ["Policy"]


def _is_empty(value: Any) -> bool:
    if isinstance(value, Mapping) and value.keys() <= {"all", "any", "none"}:
        return not any(value.values())
    return value is None or (isinstance(value, (list, tuple, Mapping)) and not value)


def _validations(value: Any) -> Rule | None:
    return None if _is_empty(value) else as_rule(value, or_present=True)


def _rules(value: Any) -> Rule | None:
    return None if _is_empty(value) else as_rule(value)


@attrs.frozen(kw_only=True)
class Policy:
    """The validations (judged before the action) and the rules (judged after it, on its result) of a transition.

    Each is given as a rule, the name of one, a list (all of it), or ``{"all": [], "any": [], "none": []}``. A text
    among the validations that is no rule's name means that the field of that path must be present.

    Attributes:
        before: The validations as one rule, or None.
        after: The rules as one rule, or None.

    Raises:
        RuleInvalid: Something in it is no rule.
    """

    before: Rule | None = attrs.field(default=None, converter=_validations, alias="validations")
    after: Rule | None = attrs.field(default=None, converter=_rules, alias="rules")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of rules that are not looked up yet."""
        return tuple(
            dict.fromkeys(name for rule in (self.before, self.after) if rule is not None for name in rule.names)
        )

    def resolve(self, rulebook: Mapping[str, Rule], *, strict: bool = True) -> Policy:
        """The policy with the names of rules looked up; an unknown one among the validations becomes a field.

        Raises:
            RuleInvalid: A name is unknown and ``strict``, or a rule is made of itself.
        """
        before, after = (
            None if rule is None else rule.resolve(rulebook, strict=strict) for rule in (self.before, self.after)
        )
        return Policy(validations=before, rules=after)

    def to_document(self) -> dict[str, Any]:
        """The policy as JSON: ``{"validations": ..., "rules": ...}``, without what is not there."""
        parts = {"validations": self.before, "rules": self.after}
        return {name: rule.to_document() for name, rule in parts.items() if rule is not None}

    @classmethod
    def from_document(cls, document: Any) -> Policy:
        """The policy that :meth:`to_document` wrote.

        Raises:
            RuleInvalid: It is no mapping with ``validations`` and ``rules``, or something in it is no rule.
        """
        if not isinstance(document, Mapping):
            raise RuleInvalid(f"{document!r} is no policy", remedy="give {'validations': ..., 'rules': ...}")
        for key in document:
            if key not in {"validations", "rules"}:
                raise RuleInvalid(f"a policy has no {key!r}", remedy=nearest(str(key), ("validations", "rules")))
        return cls(validations=document.get("validations"), rules=document.get("rules"))
