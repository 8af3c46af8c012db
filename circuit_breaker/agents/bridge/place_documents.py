"""Place agents as YAML and JSON documents, beside the workflow that they keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from circuit_breaker.agents.bridge.place import PlaceAgent
from circuit_breaker.agents.bridge.schedule import Schedule
from circuit_breaker.errors import AgentInvalid, DocumentInvalid
from circuit_breaker.source.cursor import Cursor, Findings, Locate
from circuit_breaker.source.reading import Source, scan_source
from circuit_breaker.source.writing import write_source
from circuit_breaker.workflow.references import write_reference
from circuit_breaker.workflow.timing import RetryPolicy
from circuit_breaker.workflow.writing import FORMAT

__all__ = ["dump_places", "load_places"]

PARTS: Final = ("circuit_breaker", "workflow", "place_agents")
PLACE_PARTS: Final = (
    "place", "agent", "name", "trigger_conditions", "llm_config", "input_mapping", "output_mapping", "auto_transition",
    "schedule", "retry", "timeout",
)  # fmt: skip
SCHEDULE_PARTS: Final = ("initial_delay", "interval", "max_executions", "missed")


def load_places(text: str, *, name: str = "<text>") -> list[PlaceAgent]:
    """The place agents that a YAML or JSON text says.

    ::

        circuit_breaker: 1
        workflow: intake
        place_agents:
          - place: pending_classification
            agent: content-classifier
            trigger_conditions: [data.content exists]
            input_mapping: {content: data.content}
            output_mapping: {data.classification: category}
            schedule: {initial_delay: 5s, max_executions: 1}

    Args:
        text: The document.
        name: What it is called in messages.

    Raises:
        DocumentInvalid: It has faults; every one is named, with its line and column.
    """
    source = scan_source(text, name=name)
    findings = Findings.beginning(_places(source), source.faults)
    placed = _read(Cursor(source.value, (), findings))
    if findings.found:
        raise DocumentInvalid(f"{name} names no place agents", faults=findings.faults)
    return placed


def _places(source: Source) -> Locate:
    return lambda path, key: source.key_position(path) if key else source.position(path)


def _read(root: Cursor) -> list[PlaceAgent]:
    fields = root.fields(PARTS, required=PARTS)
    if "circuit_breaker" in fields and fields["circuit_breaker"].value != FORMAT:
        fields["circuit_breaker"].fault("this format is not known here", f"write {FORMAT}, or update the package")
    workflow = fields["workflow"].text() if "workflow" in fields else None
    items = fields["place_agents"].items() if "place_agents" in fields else ()
    found = [_place(item, workflow or "unnamed") for item in items]
    return [each for each in found if each is not None]


def _place(cursor: Cursor, workflow: str) -> PlaceAgent | None:
    fields = cursor.fields(PLACE_PARTS, required=("place", "agent"))
    given: dict[str, Any] = {key: inner.value for key, inner in fields.items() if key != "schedule"}
    if "schedule" in fields:
        parts = fields["schedule"].fields(SCHEDULE_PARTS)
        given["schedule"] = _made(fields["schedule"], Schedule, {key: inner.value for key, inner in parts.items()})
    if cursor.findings.within(cursor.path):
        return None
    placed: PlaceAgent | None = _made(cursor, PlaceAgent, {**given, "workflow": workflow})
    return placed


def _made(cursor: Cursor, kind: Any, given: Mapping[str, Any]) -> Any:
    try:
        return kind(**given)
    except AgentInvalid as error:
        for fault in error.faults:
            _below(cursor, fault.place).fault(fault.message, fault.remedy)
        return None


def _below(cursor: Cursor, place: str) -> Cursor:
    """The value that a fault is about, as far as it is there."""
    first, _, rest = place.partition(".")
    for step in (first, rest):
        if step and isinstance(cursor.value, Mapping) and step in cursor.value:
            cursor = cursor.at(step)
    return cursor


def dump_places(placed: Iterable[PlaceAgent]) -> str:
    """The place agents of one workflow as YAML, which :func:`load_places` reads.

    Raises:
        DocumentInvalid: They are of several workflows, or a condition is a function without a name.
    """
    listed = list(placed)
    workflows = list(dict.fromkeys(each.workflow for each in listed))
    if len(workflows) != 1:
        raise DocumentInvalid(f"place agents of {len(workflows)} workflows", remedy="write a document for each")
    document = {
        "circuit_breaker": FORMAT,
        "workflow": workflows[0],
        "place_agents": [_written(each) for each in listed],
    }
    return write_source(document)


def _written(placed: PlaceAgent) -> dict[str, Any]:
    usual = PlaceAgent(place=placed.place, agent=placed.agent, workflow=placed.workflow)
    inputs = {name: write_reference(value, str) for name, value in placed.inputs.items()}
    parts = {
        "place": placed.place,
        "agent": placed.agent,
        "name": placed.name if placed.name != usual.name else None,
        "trigger_conditions": None if placed.rule is None else _rule(placed),
        "llm_config": dict(placed.llm_config) or None,
        "input_mapping": inputs or None,
        "output_mapping": dict(placed.outputs) or None,
        "auto_transition": placed.auto_transition or None,
        "schedule": _changed(placed.schedule, Schedule()) or None,
        "retry": _changed(placed.policy, RetryPolicy()) or None if placed.policy != usual.policy else None,
        "timeout": placed.limit,
    }
    return {name: value for name, value in parts.items() if value is not None}


def _rule(placed: PlaceAgent) -> Any:
    assert placed.rule is not None  # noqa: S101 - the caller has looked
    if placed.rule.evaluator is not None and not placed.rule.name:
        raise DocumentInvalid(f"{placed.title}: a condition is a function without a name", remedy="name it with @rule")
    return placed.rule.to_document()


def _changed(value: Any, usual: Any) -> dict[str, Any]:
    names = [name for name in type(value).__annotations__ if not name.startswith("_")]
    said = {name: getattr(value, name) for name in names if getattr(value, name) != getattr(usual, name)}
    return {name: list(one) if isinstance(one, tuple) else one for name, one in said.items()}
