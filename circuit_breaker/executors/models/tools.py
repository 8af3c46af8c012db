"""The tools that a definition gives an assistant or an agent: tools themselves, sets of them, and names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from circuit_breaker.errors import CircuitBreakerError, Fault
from circuit_breaker.executors.schema import shown
from circuit_breaker.llm.toolbox.agent_tools import AgentTools
from circuit_breaker.llm.tools.base import Tool
from circuit_breaker.llm.tools.toolset import Toolset

__all__ = ["gathered_tools", "tool_faults"]


def gathered_tools(tools: Iterable[Any], known: Toolset, approval: Sequence[str] = ()) -> Toolset:
    """The tools as one set.

    Args:
        tools: Tools, sets of tools, and names of tools that the operator or the toolbox has.
        known: The operator's.
        approval: Names of tools of which a person must approve each call; ``"delete_*"`` is all that begin so.

    Raises:
        CircuitBreakerError: Something is no tool, or the tools do not go together.
    """
    found = Toolset()
    for given in tools:
        found = found.add_tools(_read(given, known))
    needing = [name for name in found.names if any(fnmatchcase(name, pattern) for pattern in approval)]
    return found.with_approval(*needing) if needing else found


def _read(given: Any, known: Toolset) -> Toolset:
    if isinstance(given, Toolset):
        return given
    if isinstance(given, str):
        return known.only(given) if given in known else AgentTools.named(given)
    return Toolset(given)


def tool_faults(tools: Iterable[Any], known: Toolset, approval: Sequence[str]) -> Iterator[Fault]:
    """What is wrong with them, all of it."""
    found, sound = Toolset(), True
    for at, given in enumerate(tools):
        place = f"parameter 'tools[{at}]'"
        if not isinstance(given, (Tool, Toolset, str)):
            yield Fault(place, f"{shown(given)} is no tool", "give a tool, a toolset, or the name of a tool")
            sound = False
            continue
        try:
            found = found.add_tools(_read(given, known))
        except CircuitBreakerError as error:
            yield Fault(place, error.message, error.remedy)
            sound = False
    unknown = [each for each in approval if not any(fnmatchcase(name, each) for name in found.names)]
    if unknown and sound:
        yield Fault("parameter 'approve'", f"there is no tool {unknown[0]!r}", f"tools: {', '.join(found.names)}")
