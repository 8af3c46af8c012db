"""Outputs: where on a token what an agent gave goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.data import thaw
from circuit_breaker.engine.engine import Engine
from circuit_breaker.errors import CircuitBreakerError, OutcomeInvalid, nearest, words_of
from circuit_breaker.lazy import deferred
from circuit_breaker.rules.path import Path, step_into
from circuit_breaker.rules.verdict import MISSING
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.events import TokenChanged
from circuit_breaker.workflow.outlets import AGENT_FAILURES
from circuit_breaker.workflow.token import Token

__all__ = ["answer_document", "change_of", "failure_of", "plain", "written_by"]

unstructure = deferred("circuit_breaker.wire", "unstructure")


def answer_document(execution: AgentExecution) -> dict[str, Any]:
    """The answer of an execution, and who gave it, as JSON."""
    return {
        "output": thaw(execution.output),
        "final_response": execution.final_response,
        **_signature(execution),
        "model": execution.model,
        "usage": dict(execution.usage),
        "dollars": f"{execution.dollars:f}",
    }


def change_of(
    execution: AgentExecution, mapping: Mapping[str, str] | None, token: Token, *, keep: str | None = None
) -> Change:
    """What the answer of an execution changes on a token.

    Args:
        execution: It is completed.
        mapping: For each path of the token what goes there: a field of the output, by its path, or ``agent_id``,
            ``execution_id``, ``timestamp`` or ``final_response``. Without one all of the output is added to the data,
            unless it is kept.
        token: The token as it is now; what a path leads through keeps what is beside it.
        keep: The name in the results under which :func:`answer_document` is kept.

    Raises:
        OutcomeInvalid: The output has no such field, or a path leads through something that has no fields.
    """
    roots: dict[str, Any] = {"data": plain(token.data), "metadata": thaw(token.metadata)}
    changed: dict[str, dict[str, Any]] = {"data": {}, "metadata": {}}
    if mapping is None and keep is None:
        changed["data"] = _whole(execution)
    for text, field in (mapping or {}).items():
        path = Path.parse(text)
        roots[path.namespace] = root = _set(path, roots[path.namespace], _value(execution, field), execution)
        changed[path.namespace][path.steps[0]] = root[path.steps[0]]
    return Change(**changed, results={keep: answer_document(execution)} if keep else {})


def failure_of(agent: str, execution: str, error: CircuitBreakerError, token: Token) -> Change:
    """What is told on a token of an agent that failed and was not required.

    Args:
        agent: The agent.
        execution: The id of its last execution, or empty where none had begun.
        error: What went wrong.
        token: The token; what it tells of other agents stays.
    """
    failures = thaw(token.metadata.get(AGENT_FAILURES, {}))
    before = failures if isinstance(failures, dict) else {}
    told = {"execution_id": execution, "error": {"code": error.code, "message": words_of(error)}}
    return Change(metadata={AGENT_FAILURES: {**before, agent: told}})


async def written_by(engine: Engine, case: str, execution: AgentExecution, *, after: int) -> int | None:
    """The number of the event by which what an execution gave was written to a token; None where it was not yet.

    Args:
        engine: The engine of workflows.
        case: The id of the case.
        execution: It is completed.
        after: The number of an event that came before its end.
    """
    for event in await engine.storage.events(case, after=after):
        if isinstance(event, TokenChanged) and event.key == execution.id:
            return event.sequence
    return None


def _signature(execution: AgentExecution) -> dict[str, str]:
    """Who gave the answer, in which execution, and when."""
    moment = execution.ended_at
    return {
        "agent_id": execution.agent_id,
        "execution_id": execution.id,
        "timestamp": moment.isoformat() if moment is not None else "",
    }


def _whole(execution: AgentExecution) -> dict[str, Any]:
    output = thaw(execution.output)
    return output if isinstance(output, dict) else {"output": output}


def _value(execution: AgentExecution, field: str) -> Any:
    signature = _signature(execution)
    if field in signature:
        return signature[field]
    output = thaw(execution.output)
    found: Any = output
    for step in field.split("."):
        found = step_into(found, step)
        if found is MISSING:
            break
    if found is not MISSING:
        return found
    if field == "final_response":
        return execution.final_response
    known = (*signature, "final_response", *(output if isinstance(output, dict) else ()))
    raise OutcomeInvalid(
        f"agent '{execution.agent_id}' gave no '{field}' in execution '{execution.id}'", remedy=nearest(field, known)
    )


def _set(path: Path, root: Any, value: Any, execution: AgentExecution) -> Any:
    try:
        return path.changed(root, value)
    except LookupError as error:
        raise OutcomeInvalid(
            f"agent '{execution.agent_id}': '{path.text}' leads through something that has no '{error.args[0]}'",
            remedy="change the output mapping, or the data",
        ) from error


def plain(data: Any) -> dict[str, Any]:
    """The data of a token as JSON, whatever its type."""
    found: dict[str, Any] = thaw(data) if isinstance(data, Mapping) else unstructure(data)
    return found
