"""Permissions: which tools an agent may use, whatever its definition names, and for which a person is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

import attrs

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
    """

    allow: tuple[str, ...] = attrs.field(default=("*",), converter=_names)
    deny: tuple[str, ...] = attrs.field(default=(), converter=_names)
    approve: tuple[str, ...] = attrs.field(default=(), converter=_names)
    roles: Mapping[str, frozenset[str]] = attrs.field(factory=dict, converter=_roles)

    def narrowed(self, tools: Toolset) -> Toolset:
        """The tools that are left, each with the approval and the roles that it needs."""
        left = tools.filter(self._lets)
        approved = [name for name in left.names if _matches(name, self.approve)]
        wanted = {name: roles for name in left.names for each, roles in self.roles.items() if fnmatchcase(name, each)}
        return (left.with_approval(*approved) if approved else left).restricted(wanted)

    def _lets(self, offer: Offer) -> bool:
        return _matches(offer.name, self.allow) and not _matches(offer.name, self.deny)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
