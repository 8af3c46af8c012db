"""Permissions: which tools an agent may use, whatever its definition names, and for which a person is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

import attrs

from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.llm.several import names_of, texts_of
from circuit_breaker.llm.tools.toolset import Offer, Toolset

__all__ = ["Permissions"]


def _roles(given: Mapping[str, str | Iterable[str]]) -> Mapping[str, frozenset[str]]:
    return {name: names_of(roles) for name, roles in given.items()}


@attrs.frozen(kw_only=True)
class Permissions:
    """Narrows the tools of an agent; names may be patterns such as ``"delete_*"``.

    Attributes:
        allow: Tools that it may have; all unless given.
        deny: Tools that it may not have, whatever is allowed.
        approve: Tools of which a person must approve each call.
        roles: For which roles only a tool is there, by its name; where several patterns name it, one role of each is
            needed. What the tool itself wants is needed too.
        held: Where in the context of an execution the roles stand of whoever it is for, such as
            ``"user_context.roles"``: a text or a list. Unless given, the roles of the operator's settings count.
    """

    allow: tuple[str, ...] = attrs.field(default=("*",), converter=texts_of)
    deny: tuple[str, ...] = attrs.field(default=(), converter=texts_of)
    approve: tuple[str, ...] = attrs.field(default=(), converter=texts_of)
    roles: Mapping[str, frozenset[str]] = attrs.field(factory=dict, converter=_roles)
    held: str = ""

    def narrowed(self, tools: Toolset, context: ExecutionContext) -> Toolset:
        """The tools that are left in an execution with that context, each with the approval that it needs."""
        left = tools.filter(self._lets)
        approved = [name for name in left.names if _matches(name, self.approve)]
        wanted = {name: self._wanted(name) for name in left.names}
        asked = left.with_approval(*approved) if approved else left
        if not self.held:
            return asked.restricted_further(wanted)
        held = self._held(context)
        return asked.filter(lambda offer: not any(held.isdisjoint(roles) for roles in wanted[offer.name]))

    def _wanted(self, name: str) -> list[frozenset[str]]:
        return [roles for each, roles in self.roles.items() if fnmatchcase(name, each)]

    def _held(self, context: ExecutionContext) -> frozenset[str]:
        found = context.get(self.held, ())
        listed = [found] if isinstance(found, str) else found if isinstance(found, list) else ()
        return frozenset(role for role in listed if isinstance(role, str))

    def _lets(self, offer: Offer) -> bool:
        return _matches(offer.name, self.allow) and not _matches(offer.name, self.deny)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
