"""A workflow from a plain document. See :mod:`circuit_breaker.workflow.documents` for its form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import attrs

from circuit_breaker.errors import WorkflowInvalid, nearest
from circuit_breaker.rules import Rule, Rulebook, as_rule, field
from circuit_breaker.workflow.cursor import Cursor
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.flow import Flow
from circuit_breaker.workflow.state import Alternatives, Bundle, Path, State
from circuit_breaker.workflow.steps import KEYS, Library, apply_keys
from circuit_breaker.workflow.writing import FORMAT

__all__ = ["read_workflow"]

PARTS: Final = (
    "circuit_breaker", "name", "description", "data", "initial", "states", "rules", "transitions", "metadata",
)  # fmt: skip
STATE_PARTS: Final = ("name", "message", "timestamp", "final")
UNKNOWN_STATE: Final = State("unknown")


def read_workflow(root: Cursor, library: Library) -> Workflow | None:
    """The workflow that the document says, or None where there are faults; they are among the findings of the cursor."""
    fields = root.fields(PARTS, required=("circuit_breaker", "name", "states", "transitions"))
    _check_format(fields.get("circuit_breaker"))
    reader = _Reader(library, _states(fields))
    flows = reader.flows(fields.get("transitions"))
    rules = _rules(fields.get("rules"))
    said = {key: fields[key].text() for key in ("name", "description") if key in fields}
    metadata = dict(fields["metadata"].entries()) if "metadata" in fields else {}
    schema = _schema(fields.get("data"), library)
    findings = root.findings
    if any(findings.within((part,)) for part in ("name", "states")) or not reader.complete or None in said.values():
        return None
    try:
        workflow = Workflow(
            str(said.get("name")),
            *flows,
            rules=_rulebook(rules, flows, library),
            data=schema,
            initial=reader.initial,
            description=said.get("description") or "",
            metadata={key: inner.value for key, inner in metadata.items()},
        )
    except WorkflowInvalid as error:
        _note(root, flows, reader, error)
        return None
    return None if findings.found else workflow


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
    entries = dict(cursor.entries()) if cursor is not None else {}
    made: dict[str, Rule] = {}
    for name, inner in entries.items():
        made[name] = inner.attempt(lambda inner=inner, name=name: as_rule(inner.value).named(name)) or (  # type: ignore[misc]
            field("data").exists().named(name or "unnamed")
        )
    return made


def _rulebook(rules: Mapping[str, Rule], flows: Iterable[Flow], library: Library) -> Rulebook:
    """The rules of the document, and of those given the ones that it names."""
    wanted = {name for rule in (*rules.values(), *(rule for flow in flows for rule in flow.rules)) for name in rule.names}
    given = [library.rules[name] for name in library.rules if name in wanted and name not in rules]
    return Rulebook.of(list(rules.values()), given)


def _states(fields: Mapping[str, Cursor]) -> dict[str, State]:
    made: dict[str, State] = {}
    for item in fields["states"].items() if "states" in fields else ():
        state = item.attempt(lambda item=item: _state(item))  # type: ignore[misc]
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
    if texts.get("name") is None:
        return None
    return State(**{key: value for key, value in texts.items() if value is not None}, final=final)


@attrs.define
class _Reader:
    """Reads the transitions between known states.

    Attributes:
        complete: Whether every transition could be drawn.
        places: For each title of a flow, where it stands.
    """

    library: Library
    states: dict[str, State]
    complete: bool = True
    places: dict[str, Cursor] = attrs.field(factory=dict)

    @property
    def initial(self) -> str | None:
        return next((state.name for state in self.states.values() if state.initial), None)

    def flows(self, cursor: Cursor | None) -> list[Flow]:
        made = [flow for item in (cursor.items() if cursor is not None else ()) if (flow := self._flow(item))]
        self.complete = self.complete and bool(made)
        if cursor is not None and cursor.value == []:
            cursor.fault("there are no transitions", "write at least one")
        return made

    def _flow(self, cursor: Cursor) -> Flow | None:
        fields = cursor.fields(KEYS, required=("name", "from", "to"))
        path = self._path(fields)
        begun = Flow(path or Path((), Bundle(())))
        name = fields["name"].text() if "name" in fields else None
        if name is not None:
            begun = fields["name"].attempt(lambda: begun.transition(name)) or begun
        if path is None or begun.name is None:
            self.complete = False
        made = apply_keys(begun, fields, self.library, self.state, self.bundle)
        self.places[made.title] = cursor
        return made

    def _path(self, fields: Mapping[str, Cursor]) -> Path | None:
        sources = self._sources(fields["from"]) if "from" in fields else None
        targets = self.bundle(fields["to"]) if "to" in fields else None
        return None if sources is None or targets is None else Path(sources, targets)

    def _sources(self, cursor: Cursor) -> tuple[Bundle, ...] | None:
        value = cursor.value
        if not (isinstance(value, Mapping) and value.keys() == {"any"} and isinstance(value["any"], list)):
            bundle = self.bundle(cursor)
            return None if bundle is None else (bundle,)
        bundles = [self.bundle(item) for item in cursor.at("any").items()]
        if not bundles:
            cursor.fault("there is no state to choose from", "write at least one below 'any'")
        return None if None in bundles or not bundles else Alternatives(tuple(b for b in bundles if b)).bundles

    def state(self, cursor: Cursor) -> State | None:
        """The state of that name."""
        name = cursor.text()
        if name is not None and name not in self.states:
            cursor.fault(f"there is no state '{name}'", nearest(name, self.states) or "add it to the states")
        return self.states.get(name) if name is not None else None

    def bundle(self, cursor: Cursor) -> Bundle | None:
        """States that belong together: a name, a list of names, or weights by name."""
        if isinstance(cursor.value, Mapping):
            parts = [self._weighted(name, inner) for name, inner in cursor.entries()]
        else:
            items = cursor.items() if isinstance(cursor.value, list) else (cursor,)
            parts = [None if (state := self.state(item)) is None else (state, 1) for item in items]
        if not parts:
            cursor.fault("names no state", "write the name of a state")
        kept = tuple(part for part in parts if part is not None)
        return Bundle(kept) if kept and len(kept) == len(parts) else None

    def _weighted(self, name: str, cursor: Cursor) -> tuple[State, int] | None:
        state = self.state(attrs.evolve(cursor, value=name))
        bundle = None if state is None else cursor.attempt(lambda: state * cursor.value)
        return None if bundle is None else bundle.parts[0]


def _note(root: Cursor, flows: Iterable[Flow], reader: _Reader, error: WorkflowInvalid) -> None:
    """Notes the faults that the workflow itself found, where they stand in the document."""
    del flows
    if not error.faults:
        root.fault(error.message, error.remedy)
    for fault in error.faults:
        title = fault.place.partition(", ")[0]
        cursor = reader.places.get(title) or _state_place(root, title)
        if cursor is not root and root.findings.within(cursor.path):
            continue
        cursor.seek(fault.message).fault(f"{fault.place} {fault.message}", fault.remedy)


def _state_place(root: Cursor, title: str) -> Cursor:
    states = root.at("states")
    for item in states.items():
        name = item.value if isinstance(item.value, str) else item.value["name"]
        if title == f"state '{name}'":
            return item
    return root


Make = Callable[[], Any]
