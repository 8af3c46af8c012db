"""The step that asks an agent: an execution of the executor that is registered as :data:`ASKS`.

A workflow knows nothing of agents. Whoever runs it gives the engine an executor of that name; what it is to do is plain
JSON, with references to the token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from circuit_breaker.errors import DefinitionError, Fault, WorkflowInvalid
from circuit_breaker.rules import Field, Template
from circuit_breaker.rules.path import Path
from circuit_breaker.workflow.references import read_reference
from circuit_breaker.workflow.steps import Execution
from circuit_breaker.workflow.timing import Duration, RetryPolicy, seconds

__all__ = [
    "ASKING",
    "ASKS",
    "FORM",
    "PART",
    "TURN",
    "agent_form",
    "agent_step",
    "inputs_of",
    "outputs_of",
    "retry_document",
    "retry_of",
]

ASKS: Final = "registered-agent"
"""The name under which the executor is registered that asks agents."""

PART: Final = "agent-part"
"""The name of the executor of a part of a composition of agents."""

TURN: Final = "machine-turn"
"""The name of the executor of a turn of a state machine that one talks to."""

ASKING: Final = (ASKS, PART, TURN)
"""The names of all executors that ask agents."""

FORM: Final = ("agent", "input_mapping", "output_mapping", "required", "timeout", "retry", "llm_config", "result")
"""What a document can say of such a step."""

PLACES: Final = ("data", "metadata")
_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_ALIASES: Final[Mapping[str, str]] = {"retry_on_errors": "retry_on"}


def agent_step(
    agent: Any,
    *,
    input_mapping: Mapping[str, Any] | None = None,
    output_mapping: Mapping[str, str] | None = None,
    required: Any = True,
    timeout: Duration | None = None,
    retry: Any = None,
    llm_config: Mapping[str, Any] | None = None,
    result: str | None = None,
) -> Execution:
    """The step; see :meth:`Flow.agent`.

    Raises:
        WorkflowInvalid: Something of it is wrong; every fault is named.
    """
    faults: list[Fault] = []
    if not isinstance(agent, str) or not _ID.fullmatch(agent):
        faults.append(Fault("agent", f"{agent!r:.60} is no id of an agent", "use letters, digits, '_', '.' and '-'"))
    if not isinstance(required, bool):
        faults.append(Fault("required", f"{required!r:.60} is neither true nor false"))
    parts = {
        "inputs": _tried(faults, inputs_of, input_mapping),
        "outputs": _tried(faults, outputs_of, output_mapping),
        "timeout": _tried(faults, _limit, timeout, "timeout"),
        "retry": _tried(faults, retry_document, retry, "retry"),
        "llm_config": dict(llm_config or {}) or None,
        "keep": result,
    }
    if faults:
        raise WorkflowInvalid("the agent of the transition is not valid", faults=faults)
    given = {name: value for name, value in parts.items() if value}
    return Execution(ASKS, {"agent": agent, **given, **({} if required else {"required": False})})


def _tried(faults: list[Fault], make: Any, value: Any, place: str = "") -> Any:
    try:
        return None if value is None else make(value)
    except DefinitionError as error:
        faults += error.faults or [Fault(place, error.message, error.remedy)]
        return None


def inputs_of(mapping: Any, place: str = "input_mapping") -> dict[str, Any]:
    """The inputs of an agent as references: a path of the token for each, or a ``field`` or ``template``.

    Raises:
        WorkflowInvalid: It is no mapping, or something in it refers to nothing; every fault is named.
    """
    found, faults = {}, []
    for name, value in _pairs(mapping, place):
        try:
            found[name] = Field(value) if isinstance(value, str) else read_reference(value)
        except DefinitionError as error:
            faults.append(Fault(f"{place}.{name}", error.message, error.remedy))
    if faults:
        raise WorkflowInvalid("the input mapping is not valid", faults=faults)
    return found


def outputs_of(mapping: Any, place: str = "output_mapping") -> dict[str, str]:
    """Where on the token each output goes, by path, with the name of the output.

    Raises:
        WorkflowInvalid: A path leads elsewhere than to data and metadata, or an output has no name; every fault.
    """
    found = dict(_pairs(mapping, place))
    if faults := list(_output_faults(found, place)):
        raise WorkflowInvalid("the output mapping is not valid", faults=faults)
    return {Path.parse(path).text: field for path, field in found.items()}


def _pairs(mapping: Any, place: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(mapping, Mapping):
        fault = Fault(place, f"{mapping!r:.60} is no mapping of names", "write {name: path}")
        raise WorkflowInvalid("the mapping is not valid", faults=[fault])
    if nameless := [name for name in mapping if not isinstance(name, str) or not name]:
        faults = [Fault(place, f"{name!r:.60} is no name", "write {name: path}") for name in nameless]
        raise WorkflowInvalid("the mapping is not valid", faults=faults)
    yield from mapping.items()


def _output_faults(outputs: Mapping[str, Any], place: str) -> Iterator[Fault]:
    taken: dict[tuple[str, ...], str] = {}
    for text, field in outputs.items():
        try:
            path = Path.parse(text)
        except DefinitionError as error:
            yield Fault(f"{place}.{text}", error.message, error.remedy)
            continue
        if path.namespace not in PLACES or not path.steps:
            yield Fault(f"{place}.{text}", "no output can go there", "write data.<name> or metadata.<name>")
        if not isinstance(field, str) or not field:
            yield Fault(f"{place}.{text}", f"{field!r:.60} names no output", "write a field of the output, or agent_id")
        whole = (path.namespace, *path.steps)
        for other, said in taken.items():
            if whole[: len(other)] == other or other[: len(whole)] == whole:
                yield Fault(f"{place}.{text}", f"is the same place as '{said}', or inside of it", "leave one out")
        taken[whole] = text


def _limit(timeout: Duration) -> float:
    limit = seconds(timeout, what="timeout")
    if not limit:
        raise WorkflowInvalid(f"{timeout!r} leaves no time", remedy="give more than zero")
    return limit


def retry_of(retry: Any) -> RetryPolicy:
    """The policy that is meant: one of ours, a number of attempts, or settings (``retry_on_errors`` included).

    Raises:
        WorkflowInvalid: It is none.
    """
    if isinstance(retry, RetryPolicy):
        return retry
    if not isinstance(retry, Mapping):
        return RetryPolicy.of({"max_attempts": retry})
    return RetryPolicy.of({_ALIASES.get(str(name), str(name)): value for name, value in retry.items()})


def retry_document(retry: Any) -> dict[str, Any]:
    """The policy that is meant, as JSON from which :func:`retry_of` makes it again.

    Raises:
        WorkflowInvalid: It is none.
    """
    policy = retry_of(retry)
    usual = RetryPolicy()
    said = {name: value for name, value in attrs.asdict(policy).items() if value != getattr(usual, name)}
    listed = {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}
    return {"max_attempts": policy.max_attempts, **listed}


def agent_form(step: Execution) -> dict[str, Any] | None:
    """What a document says of such a step, its inputs still with their references; None for any other step."""
    if step.executor != ASKS or step.result is not None:
        return None
    given = dict(step.parameters)
    try:
        again = agent_step(**_spoken(given))
    except (TypeError, WorkflowInvalid):
        return None
    return _written(given) if dict(again.parameters).keys() == given.keys() else None


def _spoken(given: Mapping[str, Any]) -> dict[str, Any]:
    names = {"inputs": "input_mapping", "outputs": "output_mapping", "keep": "result"}
    return {names.get(name, name): value for name, value in given.items()}


def _written(given: Mapping[str, Any]) -> dict[str, Any]:
    spoken = _spoken(given)
    if "input_mapping" in spoken:
        spoken["input_mapping"] = {name: _reference(value) for name, value in spoken["input_mapping"].items()}
    return {name: spoken[name] for name in FORM if name in spoken}


def _reference(value: Any) -> Any:
    if isinstance(value, Field):
        return value.path
    return {"template": value.text} if isinstance(value, Template) else value
