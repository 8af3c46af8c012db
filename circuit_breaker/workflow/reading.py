"""A workflow from a plain document. See :mod:`circuit_breaker.workflow.documents` for its form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from circuit_breaker.errors import DefinitionError, nearest
from circuit_breaker.rules import Rule, Rulebook, as_rule, field
from circuit_breaker.workflow.clauses import KEYS, with_clauses
from circuit_breaker.workflow.cursor import Cursor
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.flow import Flow
from circuit_breaker.workflow.scope import Library, Scope
from circuit_breaker.workflow.state import Bundle, Path, State
from circuit_breaker.workflow.writing import FORMAT

__all__ = ["read_workflow"]

PARTS: Final = (
    "circuit_breaker", "name", "description", "data", "initial", "states", "rules", "transitions", "metadata",
)  # fmt: skip
STATE_PARTS: Final = ("name", "message", "timestamp", "final")


def read_workflow(root: Cursor, library: Library) -> Workflow | None:
    """The workflow that the document says; None where there are faults, which are among the findings of the cursor."""
    fields = root.fields(PARTS, required=("circuit_breaker", "name", "states", "transitions"))
    _check_format(fields.get("circuit_breaker"))
    scope = Scope(library, _states(fields))
    drawn = _transitions(fields.get("transitions"), scope)
    rules = _rules(fields.get("rules"))
    said = {key: fields[key].text() for key in ("name", "description") if key in fields}
    metadata = dict(fields["metadata"].entries()) if "metadata" in fields else {}
    schema = _schema(fields.get("data"), library)
    if not _is_whole(root, drawn):
        _unknown_rules(drawn, rules, library)
        return None
    flows = [each.flow for each in drawn]
    try:
        workflow = Workflow(
            str(said.get("name")),
            *flows,
            rules=_rulebook(rules, flows, library),
            data=schema,
            description=said.get("description") or "",
            metadata={key: inner.value for key, inner in metadata.items()},
        )
    except DefinitionError as error:
        _note(root, drawn, error)
        return None
    _unused_states(root, workflow)
    return None if root.findings.found else workflow


def _is_whole(root: Cursor, drawn: list[_Drawn]) -> bool:
    """Whether the states and transitions could all be read, so that the workflow can look for faults itself."""
    if any(root.findings.within((part,)) for part in ("name", "states", "initial")):
        return False
    return bool(drawn) and all(each.whole for each in drawn) and {"name", "states"} <= root.value.keys()


def _check_format(cursor: Cursor | None) -> None:
    if cursor is not None and (cursor.value != FORMAT or isinstance(cursor.value, bool)):
        cursor.fault(f"the format {cursor.value!r} is not known here", f"write {FORMAT}, or update the package")


def _schema(cursor: Cursor | None, library: Library) -> type | None:
    name = cursor.text() if cursor is not None else None
    if cursor is None or name is None:
        return library.data
    if library.data is None:
        cursor.fault(f"the class '{name}' is not at hand", "give it with data=")
    elif library.data.__name__ != name:
        cursor.fault(f"the class is called '{library.data.__name__}', not '{name}'", "give the right one with data=")
    return library.data


def _rules(cursor: Cursor | None) -> dict[str, Rule]:
    """The rules of the document; one that is wrong is replaced, so that its name is known."""
    made: dict[str, Rule] = {}
    for name, inner in cursor.entries() if cursor is not None else ():
        rule = inner.attempt(_named_rule, inner.value, name)
        made[name] = field("data").exists().named(name or "unnamed") if rule is None else rule
    return made


def _named_rule(document: object, name: str) -> Rule:
    return as_rule(document).named(name)


def _rulebook(rules: Mapping[str, Rule], flows: Iterable[Flow], library: Library) -> Rulebook:
    """The rules of the document, and of those given the ones that it names."""
    wanted = {
        name for rule in (*rules.values(), *(rule for flow in flows for rule in flow.rules)) for name in rule.names
    }
    given = [library.rules[name] for name in library.rules if name in wanted and name not in rules]
    return Rulebook.of(list(rules.values()), given)


def _unknown_rules(drawn: Iterable[_Drawn], rules: Mapping[str, Rule], library: Library) -> None:
    """Notes the names of rules that nothing knows, where the workflow is too broken to say so itself."""
    for each in drawn:
        found = [each.cursor.attempt(rule.resolved, rules, ()) for rule in each.flow.rules]
        for name in dict.fromkeys(name for rule in found if rule is not None for name in rule.names):
            if name not in rules and name not in library.rules:
                hint = nearest(name, (*rules, *library.rules))
                each.cursor.fault_where(f"'{name}'", f"there is no rule '{name}'", hint)


def _states(fields: Mapping[str, Cursor]) -> dict[str, State]:
    made: dict[str, State] = {}
    for item in fields["states"].items() if "states" in fields else ():
        state = item.attempt(_state, item)
        if state is None:
            continue
        if state.name in made:
            item.fault(f"the state '{state.name}' is there twice", "remove one of them")
        made[state.name] = state
    if "states" in fields and fields["states"].value == []:
        fields["states"].fault("there are no states", "write at least one")
    first = _initial(fields.get("initial"), made)
    return {name: attrs.evolve(state, initial=name == first) for name, state in made.items()}


def _initial(cursor: Cursor | None, states: Mapping[str, State]) -> str | None:
    name = cursor.text() if cursor is not None else next(iter(states), None)
    if cursor is not None and name is not None and name not in states:
        cursor.fault(f"'{name}' is none of the states", nearest(name, states))
    return name


def _state(cursor: Cursor) -> State | None:
    if isinstance(cursor.value, str):
        return State(cursor.value)
    fields = cursor.fields(STATE_PARTS, required=("name",))
    texts = {key: fields[key].text() for key in ("name", "message", "timestamp") if key in fields}
    final = fields["final"].flag() if "final" in fields else None
    name = texts.get("name")
    if name is None:
        return None
    return State(name, message=texts.get("message") or "", timestamp=texts.get("timestamp") or "", final=final)


@attrs.frozen
class _Drawn:
    """A transition of the document: its flow, where it stands, and whether its name and path could be read."""

    flow: Flow
    cursor: Cursor
    whole: bool


def _transitions(cursor: Cursor | None, scope: Scope) -> list[_Drawn]:
    if cursor is not None and cursor.value == []:
        cursor.fault("there are no transitions", "write at least one")
    return [_drawn(item, scope) for item in (cursor.items() if cursor is not None else ())]


def _drawn(cursor: Cursor, scope: Scope) -> _Drawn:
    fields = cursor.fields(KEYS, required=("name", "from", "to"))
    path = scope.path(fields.get("from"), fields.get("to"))
    begun = Flow(path or Path((), Bundle(())))
    name = fields.get("name")
    named = name.attempt(begun.transition, name.value) if name is not None else None
    flow = with_clauses(named or begun, fields, scope)
    return _Drawn(flow, cursor, path is not None and named is not None)


def _note(root: Cursor, drawn: Iterable[_Drawn], error: DefinitionError) -> None:
    """Notes the faults that the workflow itself found, where they stand in the document.

    What it says about a part that has faults already may only follow from these, and is left out.
    """
    places = {each.flow.title: each.cursor for each in drawn} | _state_places(root)
    if not error.faults:
        root.fault_where(error.message, error.message, error.remedy)
    faulty = [title for title, cursor in places.items() if root.findings.within(cursor.path)]
    for fault in error.faults:
        title, _, part = fault.place.partition(", ")
        if title not in faulty:
            message = f"{fault.place} {fault.message}"
            places.get(title, root).fault_where(f"{part} {fault.message}", message, fault.remedy)


def _unused_states(root: Cursor, workflow: Workflow) -> None:
    used = [f"state '{state.name}'" for state in workflow.states]
    for title, cursor in _state_places(root).items():
        if title not in used:
            cursor.fault("no transition leads to it or from it", "add one, or remove the state")


def _state_places(root: Cursor) -> dict[str, Cursor]:
    states = list(root.at("states").items())
    names = [item.value if isinstance(item.value, str) else item.value["name"] for item in states]
    return {f"state '{name}'": item for name, item in zip(names, states, strict=True)}
