"""Permissions: which tools an agent may use, whatever its definition names, and for which a person is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

import attrs

from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.llm.tools.toolset import Offer, Toolset

__all__ = ["Permissions"]


def _names(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _roles(given: Mapping[str, str | Iterable[str]]) -> Mapping[str, frozenset[str]]:
    return {name: frozenset(_names(roles)) for name, roles in given.items()}


@attrs.frozen(kw_only=True)
class Permissions:
    """Narrows the tools of an agent; names may be patterns such as ``"delete_*"``.

    Attributes:
        allow: Tools that it may have; all unless given.
        deny: Tools that it may not have, whatever is allowed.
        approve: Tools of which a person must approve each call.
        roles: For which roles only a tool is there, by its name.
        held: Where in the context of an execution the roles stand of whoever it is for, such as
            ``"user_context.roles"``: a text or a list. Unless given, the roles of the operator's settings count.
    """

    allow: tuple[str, ...] = attrs.field(default=("*",), converter=_names)
    deny: tuple[str, ...] = attrs.field(default=(), converter=_names)
    approve: tuple[str, ...] = attrs.field(default=(), converter=_names)
    roles: Mapping[str, frozenset[str]] = attrs.field(factory=dict, converter=_roles)
    held: str = ""

    def narrowed(self, tools: Toolset, context: ExecutionContext) -> Toolset:
        """The tools that are left in an execution with that context, each with the approval that it needs."""
        left = tools.filter(self._lets)
        approved = [name for name in left.names if _matches(name, self.approve)]
        wanted = {name: roles for name in left.names for each, roles in self.roles.items() if fnmatchcase(name, each)}
        asked = left.with_approval(*approved) if approved else left
        if not self.held:
            return asked.restricted(wanted)
        held = self._held(context)
        return asked.filter(lambda offer: offer.name not in wanted or not held.isdisjoint(wanted[offer.name]))

    def _held(self, context: ExecutionContext) -> frozenset[str]:
        found = context.get(self.held, ())
        listed = [found] if isinstance(found, str) else found if isinstance(found, list) else ()
        return frozenset(role for role in listed if isinstance(role, str))

    def _lets(self, offer: Offer) -> bool:
        return _matches(offer.name, self.allow) and not _matches(offer.name, self.deny)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
