"""Toolsets: tools by the names under which a model is told of them, and who may call what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import attrs

from circuit_breaker.errors import Fault, ToolInvalid, ToolNotFound, nearest
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.request import ToolDefinition
from circuit_breaker.llm.tools.base import NAME, Tool

__all__ = ["Offer", "Toolset"]


@attrs.frozen(kw_only=True)
class Offer:
    """A tool as it is offered.

    Attributes:
        tool: The tool.
        name: What the model calls it.
        approval: Whether a person must approve each call.
        roles: Who may have it called; anybody when empty.
        also: Further roles: whoever has it called has one of each of these as well.
    """

    tool: Tool
    name: str
    approval: bool = False
    roles: frozenset[str] = frozenset()
    also: tuple[frozenset[str], ...] = ()

    @classmethod
    def of(cls, tool: Tool) -> Offer:
        """The tool as it offers itself."""
        return cls(tool=tool, name=tool.name, approval=tool.approval, roles=tool.roles)

    def open_to(self, roles: Iterable[str]) -> bool:
        """Whether somebody with these roles may have it called."""
        given = frozenset(roles)
        wanted = (self.roles, *self.also) if self.roles else self.also
        return not any(given.isdisjoint(each) for each in wanted)


class Toolset:
    """Tools by name. It does not change: whatever changes it gives another one.

    Args:
        *tools: Tools, each with a name of its own.

    Raises:
        ToolInvalid: Two have the same name, or something is no tool.
    """

    __slots__ = ("_offers",)

    def __init__(self, *tools: Tool) -> None:
        self._offers: Mapping[str, Offer] = _by_name(map(_offered, tools))

    @classmethod
    def _of(cls, offers: Iterable[Offer]) -> Toolset:
        made = cls()
        made._offers = _by_name(offers)
        return made

    def add_tool(self, tool: Tool) -> Toolset:
        """These tools and one more.

        Raises:
            ToolInvalid: There is one of that name already.
        """
        return self.add_tools([tool])

    def add_tools(self, tools: Iterable[Tool] | Toolset) -> Toolset:
        """These tools and more.

        Raises:
            ToolInvalid: There are some of these names already; all are named.
        """
        more = tools.offers if isinstance(tools, Toolset) else tuple(map(_offered, tools))
        if not more:
            return self
        return self._of([*self.offers, *more])

    __add__ = add_tools

    def remove_tool(self, name: str) -> Toolset:
        """These tools but one.

        Raises:
            ToolNotFound: There is none of that name.
        """
        gone = self.offer(name)
        return self._of(offer for offer in self.offers if offer is not gone)

    def clear_tools(self) -> Toolset:
        """No tools."""
        return Toolset()

    def only(self, *names: str) -> Toolset:
        """The tools of these names, in this order; ``"web_*"`` is every one whose name begins so.

        Raises:
            ToolNotFound: Some names are no tool's; all are told.
        """
        return self._of(dict.fromkeys(offer for name in names for offer in self._matching(names, name)))

    def without(self, *names: str) -> Toolset:
        """The tools but those of these names, which may end with ``*``."""
        return self.filter(lambda offer: not any(fnmatchcase(offer.name, name) for name in names))

    def filter(self, keep: Callable[[Offer], bool]) -> Toolset:
        """The tools for which the function says yes."""
        return self._of(filter(keep, self.offers))

    def prefixed(self, prefix: str) -> Toolset:
        """The tools under names that begin with this.

        Raises:
            ToolInvalid: A name would be none any more, for example longer than 64 characters.
        """
        return self._of(attrs.evolve(offer, name=f"{prefix}{offer.name}") for offer in self.offers)

    def with_approval(self, *names: str) -> Toolset:
        """The tools, of which these need the approval of a person for each call.

        Raises:
            ToolNotFound: Some names are no tool's.
        """
        return self._changed(names, approval=True)

    def restricted(self, roles: Mapping[str, str | Iterable[str]]) -> Toolset:
        """The tools, of which these may be called for some roles only, by the name of the tool.

        Raises:
            ToolNotFound: Some names are no tool's.
        """
        changed = self
        for name, given in roles.items():
            changed = changed._changed([name], roles=frozenset([given] if isinstance(given, str) else given))
        return changed

    def restricted_further(self, roles: Mapping[str, Iterable[frozenset[str]]]) -> Toolset:
        """The tools, which want one role of each of these sets beside those that they want, by the name of the tool."""
        return self._of(attrs.evolve(offer, also=(*offer.also, *roles.get(offer.name, ()))) for offer in self.offers)

    def open_to(self, roles: Iterable[str]) -> Toolset:
        """The tools that may be called for somebody with these roles."""
        given = frozenset(roles)
        closed = [name for name, offer in self._offers.items() if not offer.open_to(given)]
        return self.filter(lambda offer: offer.name not in closed) if closed else self

    @property
    def offers(self) -> tuple[Offer, ...]:
        """The tools as they are offered."""
        return tuple(self._offers.values())

    @property
    def names(self) -> tuple[str, ...]:
        """What a model calls them."""
        return tuple(self._offers)

    def offer(self, name: str) -> Offer:
        """The tool that a model calls so.

        Raises:
            ToolNotFound: There is none.
        """
        if name not in self._offers:
            raise ToolNotFound(f"there is no tool {name!r:.80}", remedy=nearest(name, self._offers))
        return self._offers[name]

    def definitions(self) -> tuple[ToolDefinition, ...]:
        """The tools as a request tells a model of them."""
        return tuple(offer.tool.definition(offer.name) for offer in self.offers)

    def needing_approval(self, calls: Iterable[ToolCall]) -> tuple[ToolCall, ...]:
        """Those of the calls that a person must approve first."""
        return tuple(call for call in calls if call.name in self._offers and self._offers[call.name].approval)

    def __getitem__(self, name: str) -> Tool:
        return self.offer(name).tool

    def __contains__(self, name: object) -> bool:
        return name in self._offers

    def __iter__(self) -> Iterator[Tool]:
        return (offer.tool for offer in self.offers)

    def __len__(self) -> int:
        return len(self._offers)

    def __repr__(self) -> str:
        return f"Toolset({', '.join(self.names)})"

    def _matching(self, names: tuple[str, ...], name: str) -> list[Offer]:
        found = [offer for offer in self.offers if fnmatchcase(offer.name, name)]
        if not found:
            unknown = [each for each in names if not any(fnmatchcase(known, each) for known in self._offers)]
            told = ", ".join(map(repr, unknown))
            raise ToolNotFound(f"there is no tool {told}", remedy=nearest(unknown[0], self._offers))
        return found

    def _changed(self, names: Iterable[str], **changes: Any) -> Toolset:
        chosen = set(self.only(*names).names)
        return self._of(attrs.evolve(o, **changes) if o.name in chosen else o for o in self.offers)


def _offered(tool: Tool) -> Offer:
    if not isinstance(tool, Tool):
        raise ToolInvalid(f"{tool!r:.80} is no tool", remedy="give an instance of Tool, or decorate it with @tool")
    return Offer.of(tool)


def _by_name(offers: Iterable[Offer]) -> dict[str, Offer]:
    found: dict[str, Offer] = {}
    faults = []
    for offer in offers:
        if offer.name in found:
            faults.append(Fault(f"tool '{offer.name}'", "is there already", "remove that one, or use prefixed()"))
        if not NAME.fullmatch(offer.name):
            faults.append(
                Fault(f"tool {offer.name!r:.80}", "has no possible name", "64 letters, digits, _ - . at most")
            )
        found.setdefault(offer.name, offer)
    if faults:
        raise ToolInvalid("the tools do not go together:", faults=faults)
    return found
