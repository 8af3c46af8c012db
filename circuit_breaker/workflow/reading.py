"""A workflow from a plain document. See :mod:`circuit_breaker.workflow.documents` for its form."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

import attrs

from circuit_breaker.errors import DefinitionError, Fault, nearest
from circuit_breaker.rules import Rule, Rulebook, field
from circuit_breaker.source.cursor import Cursor
from circuit_breaker.source.located import shown
from circuit_breaker.workflow.checks import Declared, check
from circuit_breaker.workflow.clauses import KEYS, read_rule, with_clauses
from circuit_breaker.workflow.compiling import gather_states
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.flow import Flow
from circuit_breaker.workflow.scope import Library, Scope
from circuit_breaker.workflow.state import Bundle, Path, State, checked_name
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
    flows = [each.flow for each in drawn]
    declared = Declared(
        name=_name(fields.get("name")) or "unnamed",
        rulebook=_rulebook(root, rules, flows, library),
        schema=_schema(fields.get("data"), library),
        description=(fields["description"].text() if "description" in fields else None) or "",
        metadata={name: inner.value for name, inner in _entries(fields.get("metadata"))},
    )
    _judge(root, drawn, declared)
    return None if root.findings.found else _made(flows, declared)


def _made(flows: Iterable[Flow], declared: Declared) -> Workflow:
    return Workflow(
        declared.name,
        *flows,
        rules=declared.rulebook,
        data=declared.schema,
        description=declared.description,
        metadata=declared.metadata,
    )


def _judge(root: Cursor, drawn: Collection[_Drawn], declared: Declared) -> None:
    """Notes the faults of the flows; where some could not be read, only those that follow from none of theirs."""
    broken = any(root.findings.within((part,)) for part in ("states", "initial"))
    whole = bool(drawn) and not broken and all(each.whole for each in drawn)
    _note(root, drawn, check([each.flow for each in drawn], declared, whole=whole))
    if whole:
        _unused_states(root, gather_states(each.flow for each in drawn))


def _name(cursor: Cursor | None) -> str | None:
    text = None if cursor is None else cursor.text()
    return None if cursor is None or text is None else cursor.attempt(lambda: checked_name(text, what="workflow"))


def _entries(cursor: Cursor | None) -> Iterable[tuple[str, Cursor]]:
    return () if cursor is None else cursor.entries()


def _check_format(cursor: Cursor | None) -> None:
    if cursor is not None and (cursor.value != FORMAT or isinstance(cursor.value, bool)):
        cursor.fault(f"the format {cursor.value!r} is not known here", f"write {FORMAT}, or update the package")


def _schema(cursor: Cursor | None, library: Library) -> type | None:
    name = cursor.text() if cursor is not None else None
    if cursor is None or name is None:
        return library.data if isinstance(library.data, type) else None
    if isinstance(library.data, type):
        if library.data.__name__ != name:
            cursor.fault(
                f"the class is called '{library.data.__name__}', not '{name}'", "give the right one with data="
            )
        return library.data
    classes = library.data or {}
    if name not in classes:
        close = nearest(name, classes)
        cursor.fault(f"the class '{name}' is not at hand", close if close.startswith("did") else "give it with data=")
    return classes.get(name)


def _rules(cursor: Cursor | None) -> dict[str, Rule]:
    """The rules of the document; one that is wrong is replaced, so that its name is known."""
    made: dict[str, Rule] = {}
    for name, inner in _entries(cursor):
        rule = inner.attempt(_named_rule, inner, name)
        made[name] = field("data").exists().named(name or "unnamed") if rule is None else rule
    return made


def _named_rule(cursor: Cursor, name: str) -> Rule | None:
    rule = read_rule(cursor)
    return None if rule is None else rule.named(name)


def _rulebook(root: Cursor, rules: Mapping[str, Rule], flows: Iterable[Flow], library: Library) -> Rulebook | None:
    """The rules of the document, and of those given the ones that it names; None where they are at fault."""
    wanted = {
        name for rule in (*rules.values(), *(rule for flow in flows for rule in flow.rules)) for name in rule.names
    }
    given = [library.rules[name] for name in library.rules if name in wanted and name not in rules]
    try:
        return Rulebook.of(list(rules.values()), given)
    except DefinitionError as error:
        root.fault_where(error.message, error.message, error.remedy)
        return None


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
    """A transition of the document: its flow, where it stands, and whether its name and all its states could be read.

    A flow without a name has that of its place.
    """

    flow: Flow
    cursor: Cursor
    named: bool
    whole: bool

    def says(self, fault: Fault) -> str:
        """The message of a fault, with the name of the transition if it has one."""
        return f"{fault.place} {fault.message}" if self.named else fault.message


def _transitions(cursor: Cursor | None, scope: Scope) -> list[_Drawn]:
    if cursor is not None and cursor.value == []:
        cursor.fault("there are no transitions", "write at least one")
    homes: dict[str, Cursor] = {}
    return [_drawn(item, scope, homes) for item in (cursor.items() if cursor is not None else ())]


def _drawn(cursor: Cursor, scope: Scope, homes: dict[str, Cursor]) -> _Drawn:
    """A transition of the document; its name is added to the homes, which say where each name was first given."""
    fields = cursor.fields(KEYS, required=("name", "from", "to"))
    path = scope.path(fields.get("from"), fields.get("to"))
    begun = Flow(path or Path((), Bundle(())))
    name = fields.get("name")
    named = name.attempt(begun.transition, name.value) if name is not None else None
    readable = path is not None and named is not None
    if named is not None and name is not None and homes.setdefault(name.value, cursor) is not cursor:
        first = shown(homes[name.value].path)
        remedy = "give it another, or write from: {any: [a, b]} for one that is possible from several states"
        name.fault(f"the name '{name.value}' is that of {first} too", remedy)
        named = None
    flow = with_clauses(named or attrs.evolve(begun, name=shown(cursor.path)), fields, scope)
    ways = all(not cursor.findings.within((*cursor.path, key)) for key in ("otherwise", "on_failure"))
    return _Drawn(flow, cursor, named is not None, readable and ways)


def _note(root: Cursor, drawn: Iterable[_Drawn], faults: Iterable[Fault]) -> None:
    """Notes the faults of the flows where they stand in the document."""
    places = {each.flow.title: each for each in drawn}
    states = _state_places(root)
    for fault in faults:
        title, _, part = fault.place.partition(", ")
        each = places.get(title)
        cursor = states.get(title, root) if each is None else each.cursor
        message = f"{fault.place} {fault.message}" if each is None else each.says(fault)
        cursor.fault_where(f"{part} {fault.message}", message, fault.remedy)


def _unused_states(root: Cursor, used: Collection[State]) -> None:
    told = " ".join(fault.message for _, fault in root.findings.found)
    for title, cursor in _state_places(root).items():
        if title not in [f"state '{state.name}'" for state in used] and title not in told:
            cursor.fault("no transition leads to it or from it", "add one, or remove the state")


def _state_places(root: Cursor) -> dict[str, Cursor]:
    """The states of the document by what they are called in messages, as far as they could be read."""
    found = root.value.get("states") if isinstance(root.value, Mapping) else None
    items = list(root.at("states").items()) if isinstance(found, list) else []
    names = [item.value.get("name") if isinstance(item.value, Mapping) else item.value for item in items]
    return {f"state '{name}'": item for name, item in zip(names, items, strict=True)}
