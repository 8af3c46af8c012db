"""Clauses: what each key of a transition in a document adds to its flow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from circuit_breaker.rules import Field, Policy, as_rule
from circuit_breaker.workflow.cursor import Cursor
from circuit_breaker.workflow.flow import Flow
from circuit_breaker.workflow.references import read_reference
from circuit_breaker.workflow.scope import Scope
from circuit_breaker.workflow.timing import OnSignal, RetryPolicy

__all__ = ["KEYS", "with_clauses"]

Clause = Callable[[Flow, Cursor, Scope], Flow | None]
"""Gives the flow with what the value says, or None after noting a fault."""

PARTNERS: Final[Mapping[str, str]] = {"transient": "on_signal", "again_if": "effect"}
"""Keys that say more about another key of the same transition."""


def with_clauses(flow: Flow, fields: Mapping[str, Cursor], scope: Scope) -> Flow:
    """The flow with everything that the fields of its transition say."""
    for key, clause in CLAUSES.items():
        if key in fields:
            flow = fields[key].attempt(clause, flow, fields[key], scope) or flow
    for key, partner in PARTNERS.items():
        if key in fields and partner not in fields:
            fields[key].fault(f"'{key}' says nothing without '{partner}'", f"write '{partner}: ...' beside it")
    return flow


def _texts(cursor: Cursor) -> list[str] | None:
    """The value as a list of texts; one text is a list of one."""
    items = [cursor] if isinstance(cursor.value, str) else list(cursor.items())
    if cursor.value == []:
        cursor.fault("names nothing", "write at least one name, or remove it")
    texts = [text for item in items if (text := item.text()) is not None]
    return texts if texts and len(texts) == len(items) else None


def _describe(flow: Flow, cursor: Cursor, _: Scope) -> Flow | None:
    text = cursor.text()
    return None if text is None else flow.describe(text)


def _manual(flow: Flow, cursor: Cursor, _: Scope) -> Flow | None:
    flag = cursor.flag()
    return flow.manual() if flag else flow.automatic() if flag is False else None


def _on_signal(flow: Flow, cursor: Cursor, _: Scope) -> Flow | None:
    name = cursor.text()
    return None if name is None else flow.on_signal(name)


def _transient(flow: Flow, cursor: Cursor, _: Scope) -> Flow | None:
    flag = cursor.flag()
    if flag is None or not isinstance(flow.trigger, OnSignal):
        return None
    return attrs.evolve(flow, trigger=attrs.evolve(flow.trigger, transient=flag))


def _priority(flow: Flow, cursor: Cursor, _: Scope) -> Flow | None:
    rank = cursor.whole()
    return None if rank is None else flow.priority(rank)


def _roles(flow: Flow, cursor: Cursor, _: Scope) -> Flow | None:
    names = _texts(cursor)
    return None if names is None else flow.roles(*names)


def _counts(flow: Flow, cursor: Cursor, _: Scope) -> Flow | None:
    keys = _texts(cursor)
    return None if keys is None else flow.counts(*keys)


def _restarts(flow: Flow, cursor: Cursor, _: Scope) -> Flow | None:
    keys = _texts(cursor)
    return None if keys is None else flow.restarts(*keys)


def _reads(flow: Flow, cursor: Cursor, scope: Scope) -> Flow | None:
    bundle = scope.bundle(cursor)
    return None if bundle is None else flow.reads(bundle)


def _unless(flow: Flow, cursor: Cursor, scope: Scope) -> Flow | None:
    bundle = scope.bundle(cursor)
    return None if bundle is None else flow.unless(bundle)


def _clears(flow: Flow, cursor: Cursor, scope: Scope) -> Flow:
    items = [cursor] if isinstance(cursor.value, str) else list(cursor.items())
    if cursor.value == []:
        cursor.fault("names no state", "write the name of a state, or remove it")
    return flow.clears(*(state for item in items if (state := scope.state(item)) is not None))


def _policy(flow: Flow, cursor: Cursor, _: Scope) -> Flow:
    return attrs.evolve(flow, checked=Policy.from_document(cursor.value))


def _steps(flow: Flow, cursor: Cursor, scope: Scope) -> Flow:
    for item in cursor.items():
        flow = item.attempt(_step, flow, item, scope) or flow
    return flow


def _step(flow: Flow, cursor: Cursor, scope: Scope) -> Flow | None:
    calls = isinstance(cursor.value, Mapping) and "action" in cursor.value
    known = ("action",) if calls else ("execute", "parameters", "result")
    fields = cursor.fields(known, required=known[:1])
    if "action" in fields:
        action = scope.action(fields["action"])
        return None if action is None else flow.action(action, name=fields["action"].value)
    executor = scope.executor(fields["execute"]) if "execute" in fields else None
    given = fields["parameters"].entries() if "parameters" in fields else ()
    parameters = {name: inner.attempt(read_reference, inner.value) for name, inner in given}

    result = fields["result"].text() if "result" in fields else None
    return None if executor is None else flow.executed(executor, parameters, result=result)


def _retry(flow: Flow, cursor: Cursor, _: Scope) -> Flow | None:
    if not isinstance(cursor.value, Mapping):
        attempts = cursor.whole()
        return None if attempts is None else flow.retry(attempts)
    fields = cursor.fields([field.name for field in attrs.fields(RetryPolicy)])
    return flow.retry(**{key: inner.value for key, inner in fields.items()})


def _again_if(flow: Flow, cursor: Cursor, _: Scope) -> Flow:
    return attrs.evolve(flow, again_if=as_rule(cursor.value))


def _compensate(flow: Flow, cursor: Cursor, scope: Scope) -> Flow | None:
    action = scope.action(cursor)
    return None if action is None else flow.compensate(action, name=cursor.value)


def _merge(flow: Flow, cursor: Cursor, scope: Scope) -> Flow | None:
    action = scope.action(cursor)
    return None if action is None else flow.merge(action)


def _otherwise(flow: Flow, cursor: Cursor, scope: Scope) -> Flow | None:
    state = scope.state(cursor)
    return None if state is None else flow.otherwise(state)


def _on_failure(flow: Flow, cursor: Cursor, scope: Scope) -> Flow | None:
    state = scope.state(cursor)
    return None if state is None else flow.on_failure(state)


def _correlate(flow: Flow, cursor: Cursor, _: Scope) -> Flow | None:
    path = cursor.text()
    return None if path is None else flow.correlate(Field(path))


def _metadata(flow: Flow, cursor: Cursor, _: Scope) -> Flow:
    return attrs.evolve(flow, facts={name: inner.value for name, inner in cursor.entries()})


CLAUSES: Final[Mapping[str, Clause]] = {
    "description": _describe,
    "manual": _manual,
    "on_signal": _on_signal,
    "transient": _transient,
    "after": lambda flow, cursor, _: flow.after(cursor.value),
    "every": lambda flow, cursor, _: flow.every(cursor.value),
    "priority": _priority,
    "roles": _roles,
    "reads": _reads,
    "unless": _unless,
    "clears": _clears,
    "counts": _counts,
    "restarts": _restarts,
    "guard": lambda flow, cursor, _: flow.guard(as_rule(cursor.value)),
    "policy": _policy,
    "steps": _steps,
    "timeout": lambda flow, cursor, _: flow.timeout(cursor.value),
    "retry": _retry,
    "effect": lambda flow, cursor, _: flow.effect(cursor.value),
    "again_if": _again_if,
    "compensate": _compensate,
    "otherwise": _otherwise,
    "on_failure": _on_failure,
    "merge": _merge,
    "correlate": _correlate,
    "metadata": _metadata,
}

KEYS: Final = ("name", "from", "to", *CLAUSES)
"""Every key that a transition may have."""
