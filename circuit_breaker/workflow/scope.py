"""Scope: what the names in a document stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import mul
from typing import Any

import attrs

from circuit_breaker.errors import nearest
from circuit_breaker.rules import Rulebook
from circuit_breaker.source.cursor import Cursor
from circuit_breaker.workflow.state import Bundle, Path, State

__all__ = ["Library", "Scope"]


@attrs.frozen(kw_only=True)
class Library:
    """What a document knows by name only.

    Attributes:
        rules: Rules that it may name beside its own.
        actions: Functions for actions, compensations and merges, by name.
        executors: Executor classes by name; None leaves their names to the engine.
        data: The class of the data, or several by name, of which the document says which one it means.
    """

    rules: Rulebook = attrs.field(factory=Rulebook)
    actions: Mapping[str, Callable[..., Any]] = attrs.field(factory=dict)
    executors: Mapping[str, Any] | None = None
    data: type | Mapping[str, type] | None = None


@attrs.frozen
class Scope:
    """The states of a document, and the library that it is read with."""

    library: Library
    states: Mapping[str, State]

    def state(self, cursor: Cursor) -> State | None:
        """The state of that name."""
        name = cursor.text()
        if name is None:
            return None
        if name not in self.states:
            cursor.fault(f"there is no state '{name}'", nearest(name, self.states) or "add it to the states")
        return self.states.get(name)

    def bundle(self, cursor: Cursor) -> Bundle | None:
        """States that belong together: a name, a list of names, or weights by name."""
        if isinstance(cursor.value, Mapping):
            parts = [self._weighted(name, inner) for name, inner in cursor.entries()]
        else:
            items = cursor.items() if isinstance(cursor.value, list) else (cursor,)
            states = [self.state(item) for item in items]
            parts = [None if state is None else Bundle.of(state) for state in states]
        if not parts:
            cursor.fault("names no state", "write the name of a state")
        kept = [part for part in parts if part is not None]
        return Bundle.of(kept) if kept and len(kept) == len(parts) else None

    def _weighted(self, name: str, cursor: Cursor) -> Bundle | None:
        state = self.state(attrs.evolve(cursor, value=name))
        return None if state is None else cursor.attempt(mul, state, cursor.value)

    def path(self, sources: Cursor | None, targets: Cursor | None) -> Path | None:
        """The path from one value to the other, where both can be read."""
        left = None if sources is None else self._sources(sources)
        right = None if targets is None else Bundle(()) if targets.value == [] else self.bundle(targets)
        return None if left is None or right is None else Path(left, right)

    def _sources(self, cursor: Cursor) -> tuple[Bundle, ...] | None:
        """The alternatives that a transition takes tokens from: one bundle, or ``{any: [...]}``."""
        value = cursor.value
        choice = isinstance(value, Mapping) and value.keys() == {"any"} and isinstance(value["any"], list)
        items = list(cursor.at("any").items()) if choice else [cursor]
        if not items:
            cursor.fault("there is no state to choose from", "write at least one below 'any'")
        kept = tuple(bundle for item in items if (bundle := self.bundle(item)) is not None)
        return kept if kept and len(kept) == len(items) else None

    def action(self, cursor: Cursor) -> Callable[..., Any] | None:
        """The function of that name."""
        name = cursor.text()
        if name is None:
            return None
        found = self.library.actions.get(name)
        if found is None:
            hint = nearest(name, self.library.actions) or "give it with actions={...}"
            cursor.fault(f"there is no action '{name}'", hint)
        return found

    def executor(self, cursor: Cursor) -> Any:
        """The executor class of that name; where no classes are given, the name."""
        name = cursor.text()
        known = self.library.executors
        if name is None or known is None:
            return name
        if name not in known:
            cursor.fault(f"there is no executor '{name}'", nearest(name, known) or "give it with executors={...}")
        return known.get(name)
