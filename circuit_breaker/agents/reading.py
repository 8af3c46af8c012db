"""An agent from a plain document, with every fault and its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import attrs

from circuit_breaker.agents.definition import AgentDefinition, AgentInput, AgentMemory
from circuit_breaker.agents.keys import HIDDEN, keyless
from circuit_breaker.agents.limits import AgentLimits, AgentRetry
from circuit_breaker.agents.prompts import AgentPrompts, Prompt
from circuit_breaker.agents.states import AgentState, AgentTransition
from circuit_breaker.errors import DefinitionError, Fault
from circuit_breaker.source.cursor import Cursor
from circuit_breaker.source.located import Path

__all__ = ["FORMAT", "read_agent", "read_agents"]

T = TypeVar("T")

FORMAT: Final = 1
SET: Final = ("circuit_breaker", "agents")
PARTS: Final = ("circuit_breaker", *attrs.fields_dict(AgentDefinition))
MACHINE: Final = ("type", "states", "transitions")
_STEP: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def read_agents(root: Cursor, *, judged: bool = True) -> list[AgentDefinition]:
    """The agents that a document says: one, or those of the list under ``agents``; faults are in the findings.

    Args:
        root: Where it begins.
        judged: Whether more than the form is looked at.
    """
    if not isinstance(root.value, Mapping) or "agents" not in root.value:
        found = [read_agent(root, judged=judged)]
    else:
        fields = root.fields(SET)
        _check_format(fields.get("circuit_breaker"))
        found = [read_agent(item, judged=judged) for item in fields["agents"].items()]
        _check_ids(fields["agents"])
    return [agent for agent in found if agent is not None]


def _check_ids(agents: Cursor) -> None:
    seen: set[Any] = set()
    for item in agents.items() if isinstance(agents.value, list) else ():
        if isinstance(item.value, Mapping) and isinstance(name := item.value.get("id"), str):
            if name in seen:
                item.at("id").fault(f"the agent '{name}' is there twice", "name each one differently")
            seen.add(name)


def read_agent(root: Cursor, *, judged: bool = True) -> AgentDefinition | None:
    """The agent that the document says; None where it cannot be made."""
    if judged:
        root = _keyless(root)
    fields = root.fields(PARTS, required=("id",))
    _check_format(fields.get("circuit_breaker"))
    given: dict[str, Any] = {}
    for name, read in _READERS.items():
        cursor = fields.get(name)
        if cursor is None or cursor.value is None or cursor.value == HIDDEN:
            continue
        if (value := read(cursor)) is not None:
            given[name] = value
    if "id" not in given:
        return None
    definition = AgentDefinition(**given)
    for fault in definition.faults() if judged else ():
        path = _path(fault.place)
        if not _follows(root, path):
            root.findings.add((*root.path, *path), fault.message, fault.remedy)
    return definition


def _keyless(root: Cursor) -> Cursor:
    """The cursor over the value without keys, each of which is a fault."""
    value, found = keyless(root.value)
    for path, fault in found:
        root.findings.add((*root.path, *path), fault.message, fault.remedy)
    return Cursor(value, root.path, root.findings)


def _follows(root: Cursor, path: Path) -> bool:
    """Whether a fault there may only follow from one that was found already."""
    causes = {"prompts": ("inputs",), "states": (*MACHINE, "inputs"), "transitions": MACHINE, "workflow": MACHINE}
    member = str(path[0]) if path else ""
    found = root.findings
    return found.within((*root.path, *path)) or any(found.within((*root.path, each)) for each in causes.get(member, ()))


def _path(place: str) -> Path:
    """The path of a place such as ``states[0].prompt``."""
    return tuple(int(number) if number else name for number, name in _STEP.findall(place))


def _check_format(cursor: Cursor | None) -> None:
    if cursor is not None and (cursor.value != FORMAT or isinstance(cursor.value, bool)):
        cursor.fault(f"the format {cursor.value!r:.40} is not known here", f"write {FORMAT}, or update the package")


def _object(cursor: Cursor) -> dict[str, Any] | None:
    found = {name: inner.value for name, inner in cursor.entries()}
    return found if isinstance(cursor.value, Mapping) else None


def _texts(cursor: Cursor) -> list[str]:
    return [text for item in cursor.items() if (text := item.text()) is not None]


def _moment(cursor: Cursor) -> datetime | None:
    text = cursor.text()
    try:
        found = datetime.fromisoformat(text) if text is not None else None
    except ValueError:
        found = None
    if text is not None and (found is None or found.tzinfo is None):
        cursor.fault(f"{text!r:.40} is no time with a zone", "write e.g. 2026-01-31T09:00:00+00:00")
        return None
    return found


def _prompt(cursor: Cursor) -> Prompt | None:
    text = cursor.text()
    return None if text is None else cursor.attempt(Prompt, text)


def _parts(cursor: Cursor, readers: Mapping[str, Callable[[Cursor], Any]], *required: str) -> dict[str, Any] | None:
    """What is under each of these names and could be read; None where something that is required could not."""
    fields = cursor.fields(tuple(readers), required=required)
    given = {name: value for name, inner in fields.items() if (value := _part(inner, readers[name])) is not None}
    return given if all(name in given for name in required) else None


def _part(cursor: Cursor, read: Callable[[Cursor], T]) -> T | None:
    """What is read; a null is as good as nothing."""
    return None if cursor.value is None else read(cursor)


def _prompts(cursor: Cursor) -> AgentPrompts:
    return AgentPrompts(**_parts(cursor, dict.fromkeys(attrs.fields_dict(AgentPrompts), _prompt)) or {})


def _inputs(cursor: Cursor) -> dict[str, AgentInput]:
    if isinstance(cursor.value, list):
        return {name: AgentInput() for name in _texts(cursor)}
    return {name: _input(inner) for name, inner in cursor.entries()}


def _input(cursor: Cursor) -> AgentInput:
    if cursor.value is None:
        return AgentInput()
    readers = {"description": Cursor.text, "required": Cursor.flag, "schema": _object}
    return AgentInput(**_parts(cursor, readers) or {})


def _number(cursor: Cursor) -> Any:
    """A number as it is written; whether it fits is said by who is made with it."""
    return cursor.value


def _made(cursor: Cursor, kind: Callable[..., T], given: Mapping[str, Any]) -> T | None:
    """The value of that kind; None where it refuses what it is given, each fault at its place."""
    try:
        return kind(**given)
    except DefinitionError as error:
        for fault in error.faults or [Fault("", error.message, error.remedy)]:
            cursor.findings.add((*cursor.path, *_path(fault.place)), fault.message, fault.remedy)
        return None


def _limits(cursor: Cursor) -> AgentLimits | None:
    """The limits; a null there is no limit."""
    fields = cursor.fields(tuple(attrs.fields_dict(AgentLimits)))
    given = {name: inner.value for name, inner in fields.items() if name != "retry"}
    if "retry" in fields and (retry := _part(fields["retry"], _retry)) is not None:
        given["retry"] = retry
    return _made(cursor, AgentLimits, given)


def _retry(cursor: Cursor) -> AgentRetry | None:
    readers = {"max_attempts": _number, "backoff_seconds": _number, "retry_on_errors": _texts}
    return _made(cursor, AgentRetry, _parts(cursor, readers) or {})


def _memory(cursor: Cursor) -> AgentMemory | None:
    """What is remembered; true is what is usual."""
    if isinstance(cursor.value, bool):
        return AgentMemory() if cursor.value else None
    readers = {"tokens": _number, "messages": _number, "summaries": Cursor.flag}
    return _made(cursor, AgentMemory, _parts(cursor, readers) or {})


def _states(cursor: Cursor) -> list[AgentState]:
    return list(_listed(cursor, AgentState, {"name": Cursor.text, "prompt": _prompt, "actions": _texts}, "name"))


def _transitions(cursor: Cursor) -> list[AgentTransition]:
    readers = dict.fromkeys(attrs.fields_dict(AgentTransition), Cursor.text)
    return list(_listed(cursor, AgentTransition, readers, "source", "target"))


def _listed(
    cursor: Cursor, kind: Callable[..., T], readers: Mapping[str, Callable[[Cursor], Any]], *required: str
) -> Iterator[T]:
    for item in cursor.items():
        given = _parts(item, readers, *required)
        if given is not None:
            yield kind(**given)


_READERS: Final[Mapping[str, Callable[[Cursor], Any]]] = {
    **dict.fromkeys(("id", "name", "description", "type", "llm_provider", "workflow"), Cursor.text),
    **dict.fromkeys(("llm_config", "output_schema", "metadata"), _object),
    **dict.fromkeys(
        (
            "capabilities",
            "tools",
            "approve",
            "tags",
            "guardrails",
            "workflow_integrations",
            "allowed_workflows",
            "allowed_tenants",
        ),
        _texts,
    ),
    **dict.fromkeys(("created_at", "updated_at"), _moment),
    "prompts": _prompts,
    "inputs": _inputs,
    "limits": _limits,
    "memory": _memory,
    "states": _states,
    "transitions": _transitions,
}
