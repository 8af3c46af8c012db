"""A function from a plain document, with every fault and its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from circuit_breaker.errors import DefinitionError, nearest
from circuit_breaker.executors.secrets import is_secret
from circuit_breaker.functions.chains import ChainCondition, FunctionChain
from circuit_breaker.functions.container import ContainerConfig, ContainerMount, ResourceLimits
from circuit_breaker.functions.definition import FunctionDefinition
from circuit_breaker.functions.mapping import (
    FULL_DATA,
    FieldMapping,
    InputMapping,
    MergedMapping,
    TemplateMapping,
)
from circuit_breaker.functions.triggers import EventTrigger, kinds
from circuit_breaker.source.cursor import Cursor
from circuit_breaker.workflow.references import read_reference
from circuit_breaker.workflow.timing import RetryPolicy, seconds
from circuit_breaker.workflow.writing import FORMAT

__all__ = ["read_function"]

T = TypeVar("T")
Fields = Mapping[str, Cursor]
PARTS: Final = (
    "circuit_breaker", "id", "name", "description", "container", "executor", "parameters", "triggers", "chains",
    "input_schema", "output_schema", "timeout", "retry", "effect", "metadata",
)  # fmt: skip
CONTAINER_PARTS: Final = ("image", "command", "environment", "mounts", "resources", "working_dir")
TRIGGERS: Final = {kind.trigger_type: kind for kind in kinds()}
SAID: Final = ("trigger_type", "condition", "input_mapping")
OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "WorkflowEvent": ("event", "workflow"),
    "ResourceState": ("state", "workflow"),
    "FunctionCompletion": ("function", "statuses", "loop"),
    "ScheduledTime": ("schedule", "zone", "catch_up"),
}
NEEDED: Final = {"WorkflowEvent": "event", "FunctionCompletion": "function", "ScheduledTime": "schedule"}
EFFECTS: Final = ("idempotent", "at_most_once")


def read_function(root: Cursor) -> FunctionDefinition | None:
    """The function that the document says; None where there are faults, which are among the findings of the cursor."""
    fields = root.fields(PARTS, required=("id",))
    _check_format(fields.get("circuit_breaker"))
    given: dict[str, Any] = {
        key: fields[key].text() for key in ("id", "name", "description", "executor") if key in fields
    }
    given |= {
        "container": _part(fields, "container", _container),
        "parameters": _part(fields, "parameters", _parameters) or {},
        "triggers": _listed(fields, "triggers", _trigger),
        "chains": _listed(fields, "chains", _chain),
        "timeout": _part(fields, "timeout", _duration),
        "retry": _part(fields, "retry", _retry),
        "effect": _part(fields, "effect", _effect) or "idempotent",
        "metadata": _part(fields, "metadata", _object) or {},
    }
    given |= {key: _part(fields, key, _object) for key in ("input_schema", "output_schema")}
    if root.findings.found:
        return None
    definition = FunctionDefinition(**{key: value for key, value in given.items() if value is not None})
    for fault in definition.faults():
        root.fault_where(f"'{fault.place}'", f"{fault.place}: {fault.message}", fault.remedy)
    return None if root.findings.found else definition


def _check_format(cursor: Cursor | None) -> None:
    if cursor is not None and (cursor.value != FORMAT or isinstance(cursor.value, bool)):
        cursor.fault(f"the format {cursor.value!r} is not known here", f"write {FORMAT}, or update the package")


def _part(fields: Fields, name: str, read: Callable[[Cursor], T | None]) -> T | None:
    """What is under a name; a null there is as good as nothing."""
    cursor = fields.get(name)
    return None if cursor is None or cursor.value is None else read(cursor)


def _listed(fields: Fields, name: str, read: Callable[[Cursor], T | None]) -> list[T]:
    if name not in fields:
        return []
    return [value for item in fields[name].items() if (value := read(item)) is not None]


def _object(cursor: Cursor) -> Any:
    return {key: inner.value for key, inner in cursor.entries()}


def _parameters(cursor: Cursor) -> Any:
    return {key: inner.attempt(read_reference, inner.value) for key, inner in cursor.entries()}


def _duration(cursor: Cursor) -> float | None:
    return cursor.attempt(seconds, cursor.value)


def _retry(cursor: Cursor) -> RetryPolicy | None:
    if isinstance(cursor.value, Mapping):
        return cursor.attempt(RetryPolicy.of, cursor.value)
    return cursor.attempt(RetryPolicy.of, {"max_attempts": cursor.value})


def _effect(cursor: Cursor) -> str | None:
    if cursor.value in EFFECTS:
        return str(cursor.value)
    cursor.fault(f"{cursor.value!r:.60} is no effect", f"one of: {', '.join(EFFECTS)}")
    return None


def _container(cursor: Cursor) -> ContainerConfig | None:
    fields = cursor.fields(CONTAINER_PARTS, required=("image",))
    image = fields["image"].text() if "image" in fields else None
    mounts = _listed(fields, "mounts", _mount)
    said: dict[str, Any] = {
        "command": _part(fields, "command", _command),
        "environment": _part(fields, "environment", _environment) or {},
        "resources": _part(fields, "resources", _resources),
        "working_dir": _part(fields, "working_dir", Cursor.text),
    }
    return None if image is None else ContainerConfig(image, mounts=mounts, **said)


def _command(cursor: Cursor) -> str | list[str] | None:
    if isinstance(cursor.value, str):
        return cursor.value
    return [text for item in cursor.items() if (text := item.text()) is not None]


def _environment(cursor: Cursor) -> dict[str, Any]:
    found = {}
    for name, inner in cursor.entries():
        found[name] = inner.value if is_secret(inner.value) else inner.text()
    return found


def _mount(cursor: Cursor) -> ContainerMount | None:
    fields = cursor.fields(("source", "target", "read_only"), required=("source", "target"))
    source, target = (fields[name].text() if name in fields else None for name in ("source", "target"))
    read_only = fields["read_only"].flag() if "read_only" in fields else True
    if source is None or target is None or read_only is None:
        return None
    return ContainerMount(source, target, read_only)


def _resources(cursor: Cursor) -> ResourceLimits | None:
    fields = cursor.fields(("memory", "cpus", "pids", "timeout"))
    values = {name: _limit(name, fields[name]) for name in fields}
    return ResourceLimits(**values)


def _limit(name: str, cursor: Cursor) -> Any:
    if name == "timeout":
        return _duration(cursor)
    kinds_ = {"memory": (int, str), "cpus": (int, float), "pids": (int,)}[name]
    if isinstance(cursor.value, kinds_) and not isinstance(cursor.value, bool):
        return cursor.value
    cursor.fault(f"{cursor.value!r:.60} is no limit", "write e.g. memory: 256m, cpus: 0.5, pids: 64")
    return None


def _trigger(cursor: Cursor) -> EventTrigger | None:
    kind = cursor.value.get("trigger_type") if isinstance(cursor.value, Mapping) else None
    if kind not in TRIGGERS:
        _wrong_trigger(cursor, kind)
        return None
    fields = cursor.fields((*SAID, *OWN[kind]), required=("trigger_type", *filter(None, [NEEDED.get(kind)])))
    said = {name: fields[name].value for name in OWN[kind] if name in fields and fields[name].value is not None}
    mapping = _mapped(fields)
    if NEEDED.get(kind, "trigger_type") not in fields or mapping is None:
        return None
    condition = fields["condition"].value if "condition" in fields else None
    return cursor.attempt(_made, TRIGGERS[kind], {**said, "condition": condition, "input_mapping": mapping})


def _made(kind: Callable[..., EventTrigger], said: Mapping[str, Any]) -> EventTrigger:
    return kind(**said)


def _wrong_trigger(cursor: Cursor, kind: object) -> None:
    if kind is None:
        cursor.fields((*SAID, *(name for names in OWN.values() for name in names)), required=("trigger_type",))
    else:
        cursor.at("trigger_type").fault(f"there is no trigger {kind!r:.60}", nearest(str(kind), TRIGGERS))


def _mapped(fields: Fields) -> InputMapping | None:
    cursor = fields.get("input_mapping")
    return FULL_DATA if cursor is None or cursor.value is None else _mapping(cursor)


def _mapping(cursor: Cursor) -> InputMapping | None:
    if cursor.value == "FullData":
        return FULL_DATA
    if isinstance(cursor.value, Mapping) and len(cursor.value) == 1:
        [name] = cursor.value
        inner = cursor.at(name)
        if name == "FieldMapping":
            return inner.attempt(FieldMapping, inner.value)
        if name == "Template":
            return inner.attempt(TemplateMapping, inner.value)
        if name == "Merged":
            parts = [_mapping(item) for item in inner.items()]
            return None if None in parts else inner.attempt(MergedMapping, parts)
    cursor.fault(
        f"{cursor.value!r:.60} is no input mapping", "write FullData, or FieldMapping, Template or Merged: ..."
    )
    return None


def _chain(cursor: Cursor) -> FunctionChain | None:
    fields = cursor.fields(("target_function", "condition", "input_mapping", "delay"), required=("target_function",))
    target = fields["target_function"].text() if "target_function" in fields else None
    condition, delay = fields.get("condition"), fields.get("delay")
    mapping = _mapped(fields)
    when = condition.attempt(ChainCondition.of, condition.value) if condition is not None else None
    wait = _part(fields, "delay", _duration) if delay is not None else 0.0
    if target is None or mapping is None or (condition is not None and when is None):
        return None
    try:
        return FunctionChain(target, when or ChainCondition("Always"), mapping, wait or 0.0)
    except DefinitionError as error:
        cursor.fault(error.message, error.remedy)
        return None
