"""Clauses: what each key of a transition in a document adds to its flow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import attrs

from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.rules import Field, Policy, Rule, as_rule
from circuit_breaker.source.cursor import Cursor
from circuit_breaker.workflow.agent_step import FORM, agent_step
from circuit_breaker.workflow.flow import Execution, Flow
from circuit_breaker.workflow.merging import merge_from_document
from circuit_breaker.workflow.references import read_reference
from circuit_breaker.workflow.scope import Scope
from circuit_breaker.workflow.state import State
from circuit_breaker.workflow.timing import OnSignal, RetryPolicy

__all__ = ["KEYS", "read_rule", "with_clauses"]

Clause = Callable[[Flow, Cursor, Scope], Flow | None]
"""Gives the flow with what the value says, or None after noting a fault."""

PARTNERS: Final[Mapping[str, str]] = {"transient": "on_signal", "again_if": "effect"}
"""Keys that say more about another key of the same transition."""


STAND_IN: Final = Execution("?", {})
"""Takes the place of a step that could not be read, so that nobody misses an action."""


def with_clauses(flow: Flow, fields: Mapping[str, Cursor], scope: Scope) -> Flow:
    """The flow with everything that the fields of its transition say, as far as they can be read."""
    for key, clause in CLAUSES.items():
        if key in fields:
            flow = fields[key].attempt(clause, flow, fields[key], scope) or flow
    if "policy" in fields and flow.checked is None:
        flow = attrs.evolve(flow, checked=Policy())
    for key, partner in PARTNERS.items():
        if key in fields and partner not in fields:
            fields[key].fault(f"'{key}' says nothing without '{partner}'", f"write '{partner}: ...' beside it")
    return flow


def read_rule(cursor: Cursor, *, or_present: bool = False) -> Rule | None:
    """The rule that the value says; where a part of it cannot be read, which is noted, all others that can."""
    parts = list(_parts(cursor, or_present=or_present))
    broken = cursor.findings.within(cursor.path)
    if broken:
        return as_rule(parts) if parts else None
    return cursor.attempt(lambda: as_rule(cursor.value, or_present=or_present))


def _parts(cursor: Cursor, *, or_present: bool) -> Iterator[Rule]:
    """Every rule in lists and groups that can be read; a fault is noted for each other."""
    value = cursor.value
    if value and isinstance(value, list):
        inner = list(cursor.items())
    elif value and isinstance(value, Mapping) and value.keys() <= GROUPS:
        inner = [each for _, each in cursor.entries() if each.value or not isinstance(each.value, list)]
    else:
        rule = cursor.attempt(lambda: as_rule(value, or_present=or_present))
        yield from [] if rule is None else [rule]
        return
    for each in inner:
        yield from _parts(each, or_present=or_present)


GROUPS: Final = frozenset({"all", "any", "none"})


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


def _states(cursor: Cursor, scope: Scope) -> list[State]:
    """The states that the value names, as far as there are such."""
    items = [cursor] if isinstance(cursor.value, str) else list(cursor.items())
    if cursor.value == []:
        cursor.fault("names no state", "write the name of a state, or remove it")
    return [state for item in items if (state := scope.state(item)) is not None]


def _clears(flow: Flow, cursor: Cursor, scope: Scope) -> Flow:
    return flow.clears(*_states(cursor, scope))


def _awaits(flow: Flow, cursor: Cursor, scope: Scope) -> Flow:
    return flow.awaits(*_states(cursor, scope))


def _policy(flow: Flow, cursor: Cursor, _: Scope) -> Flow | None:
    parts = dict(cursor.entries()) if isinstance(cursor.value, Mapping) else {}
    given = {key: inner for key, inner in parts.items() if key in POLICIES and inner.value not in (None, [], {})}
    read = {key: read_rule(inner, or_present=key == "validations") for key, inner in given.items()}
    broken = cursor.findings.within(cursor.path)
    return attrs.evolve(flow, checked=Policy(**read) if broken else Policy.from_document(cursor.value))


POLICIES: Final = ("validations", "rules")


def _guard(flow: Flow, cursor: Cursor, _: Scope) -> Flow | None:
    rule = read_rule(cursor)
    return None if rule is None else flow.guard(rule)


def _steps(flow: Flow, cursor: Cursor, scope: Scope) -> Flow:
    for item in cursor.items():
        flow = item.attempt(_step, flow, item, scope) or _standing_in(flow)
    return _standing_in(flow) if not isinstance(cursor.value, list) else flow


def _standing_in(flow: Flow) -> Flow:
    return attrs.evolve(flow, steps=(*flow.steps, STAND_IN))


def _step(flow: Flow, cursor: Cursor, scope: Scope) -> Flow | None:
    if isinstance(cursor.value, Mapping) and "agent" in cursor.value:
        return _agent(flow, cursor)
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
    return None if cursor.findings.within(cursor.path) else flow.executed(executor, parameters, result=result)


def _agent(flow: Flow, cursor: Cursor) -> Flow | None:
    fields = cursor.fields(FORM)
    if cursor.findings.within(cursor.path):
        return None
    try:
        return attrs.evolve(flow, steps=(*flow.steps, agent_step(**{key: each.value for key, each in fields.items()})))
    except WorkflowInvalid as error:
        for fault in error.faults:
            place, _, inner = fault.place.partition(".")
            below = fields.get(place, cursor)
            known = isinstance(below.value, Mapping) and inner in below.value
            (below.at(inner) if known else below).fault(fault.message, fault.remedy)
        return None


def _retry(flow: Flow, cursor: Cursor, _: Scope) -> Flow | None:
    if not isinstance(cursor.value, Mapping):
        attempts = cursor.whole()
        return None if attempts is None else flow.retry(attempts)
    fields = cursor.fields([field.name for field in attrs.fields(RetryPolicy)])
    settings = {key: inner.value for key, inner in fields.items() if inner.attempt(RetryPolicy.of, {key: inner.value})}
    return None if cursor.findings.within(cursor.path) else flow.retry(**settings)


def _again_if(flow: Flow, cursor: Cursor, _: Scope) -> Flow | None:
    rule = read_rule(cursor)
    return None if rule is None else attrs.evolve(flow, again_if=rule)


def _compensate(flow: Flow, cursor: Cursor, scope: Scope) -> Flow | None:
    action = scope.action(cursor)
    return None if action is None else flow.compensate(action, name=cursor.value)


def _deals(flow: Flow, cursor: Cursor, scope: Scope) -> Flow | None:
    fields = cursor.fields(DEAL, required=DEAL)
    texts = {key: inner.text() for key, inner in fields.items() if key != "to"}
    state = scope.state(fields["to"]) if "to" in fields else None
    if state is None or cursor.findings.within(cursor.path):
        return None
    return flow.deals(str(texts["items"]), to=state, item=str(texts["item"]), by=str(texts["by"]))


DEAL: Final = ("items", "to", "item", "by")


def _together(flow: Flow, cursor: Cursor, _: Scope) -> Flow | None:
    return flow.together() if cursor.flag() else None


def _merge(flow: Flow, cursor: Cursor, scope: Scope) -> Flow | None:
    if isinstance(cursor.value, Mapping):
        merging = merge_from_document(cursor.value)
        if merging is None:
            cursor.fault("is no way to merge", "write 'keep: last', 'collect: <key>', or the name of a function")
        return None if merging is None else flow.merge(merging)
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
    "awaits": _awaits,
    "counts": _counts,
    "restarts": _restarts,
    "guard": _guard,
    "policy": _policy,
    "steps": _steps,
    "timeout": lambda flow, cursor, _: flow.timeout(cursor.value),
    "retry": _retry,
    "effect": lambda flow, cursor, _: flow.effect(cursor.value),
    "again_if": _again_if,
    "compensate": _compensate,
    "otherwise": _otherwise,
    "on_failure": _on_failure,
    "deals": _deals,
    "merge": _merge,
    "together": _together,
    "correlate": _correlate,
    "metadata": _metadata,
}

KEYS: Final = ("name", "from", "to", *CLAUSES)
"""Every key that a transition may have."""
