"""CrewAI: a flow of that framework as a graph of steps. Nothing of it is imported here.

Labels that routers emit are steps of their own. When several routers follow one step, only the label of the last one is
passed on to further routers; listeners hear all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import attrs

from circuit_breaker.cli.foreign.graph import ForeignGraph, Join
from circuit_breaker.cli.foreign.release import release_of
from circuit_breaker.errors import WorkflowInvalid

__all__ = ["crewai_graph"]

DEFINITION = "__flow_method_definition__"
CONVERSING = "__conversational_only__"
"""The mark on methods that every flow has, and that are steps of those alone that hold conversations."""


@attrs.frozen
class Method:
    """A method of a flow.

    Attributes:
        name: Its name.
        starts: Whether it runs first.
        clauses: What triggers it: one of these sets of steps and labels, all of it.
        router: Whether what it returns is a label.
        emits: The labels that it can return; None where they are not declared.
    """

    name: str
    starts: bool
    clauses: tuple[frozenset[str], ...]
    router: bool = False
    emits: tuple[str, ...] | None = None

    @classmethod
    def of(cls, name: str, said: Any) -> Method:
        """The method that a definition of the framework describes."""
        start = getattr(said, "start", None)
        conditions = [each for each in (getattr(said, "listen", None), start) if each not in (None, True, False)]
        emits = getattr(said, "emit", None)
        return cls(
            name,
            starts=start is True,
            clauses=tuple(clause for condition in conditions for clause in _clauses(condition)),
            router=bool(getattr(said, "router", False)),
            emits=None if emits is None else tuple(map(str, emits)),
        )


def crewai_graph(flow: Any, name: str) -> ForeignGraph:
    """The steps of a flow, given as its class or an object of it.

    Raises:
        WorkflowInvalid: CrewAI is not installed, or it is no flow of a release that is known.
    """
    release = release_of("crewai")
    kind = flow if isinstance(flow, type) else type(flow)
    methods = [
        Method.of(step, getattr(value, DEFINITION)) for step, value in _members(kind) if hasattr(value, DEFINITION)
    ]
    if not any(method.starts for method in methods):
        raise WorkflowInvalid(
            f"'{name}' is a {kind.__name__} without methods of a flow: crewai {release} is not known",
            remedy="name a class of crewai.flow.Flow; known are the releases from 1.10",
        )
    return _graph(methods, name, f"crewai {release}")


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        found.update(vars(base))
    converses = bool(getattr(kind, "conversational", False))
    yield from ((name, value) for name, value in found.items() if converses or not getattr(value, CONVERSING, False))


def _clauses(condition: Any) -> list[frozenset[str]]:
    """A condition as the sets of names of which one must have come whole."""
    if isinstance(condition, Mapping):
        ((word, parts),) = condition.items()
        inner = [_clauses(part) for part in parts]
        if word == "or":
            return [clause for clauses in inner for clause in clauses]
        return [frozenset().union(*chosen) for chosen in product(*inner)]
    return [frozenset({str(condition)})]


def _graph(methods: list[Method], name: str, framework: str) -> ForeignGraph:
    known = {method.name for method in methods}
    heard = {each for method in methods for clause in method.clauses for each in clause}
    labels = sorted((heard | {label for m in methods for label in m.emits or ()}) - known)
    triggers: dict[str, set[str]] = {step: set() for step in (*known, *labels)}
    deaf = _deaf(methods)
    joins = []
    for method in methods:
        for clause in method.clauses:
            if len(clause) > 1:
                joins.append(Join(clause, method.name))
            elif (method.name, *clause) not in deaf:
                triggers.setdefault(min(clause), set()).add(method.name)
    emits = {m.name: m.emits if m.emits is not None else tuple(labels) for m in methods if m.router}
    return ForeignGraph(
        name=name, framework=framework, steps=(*(m.name for m in methods), *_used(labels, emits)),
        starts=frozenset(m.name for m in methods if m.starts),
        triggers={step: frozenset(found) for step, found in triggers.items()},
        choices={step: (tuple(frozenset({label}) for label in found),) for step, found in emits.items() if found},
        joins=tuple(joins), once=frozenset(m.name for m in methods if len(m.clauses) > 1 and not m.router),
        reasons={router: f"{reason}, so that its label is lost" for (router, _), reason in deaf.items()},
        notes=tuple(f"'{m.name}' may return any label" for m in methods if m.router and m.emits is None),
    )  # fmt: skip


def _used(labels: list[str], emits: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The labels that some router can return."""
    said = {label for found in emits.values() for label in found}
    return [label for label in labels if label in said]


def _deaf(methods: list[Method]) -> dict[tuple[str, str], str]:
    """Routers that do not hear a label, for another router runs after the one that returns it; with the reason."""
    found: dict[tuple[str, str], str] = {}
    routers = [method for method in methods if method.router]
    last = {clause: method for method in routers for clause in method.clauses}
    for router in routers:
        for (label,) in (clause for clause in router.clauses if len(clause) == 1):
            saying = [each for each in routers if label in (each.emits or ())]
            over = [(each, last[clause]) for each in saying for clause in each.clauses if last[clause] is not each]
            if saying and len({each.name for each, _ in over}) == len(saying):
                one, after = over[0]
                found[router.name, label] = f"'{one.name}' returns '{label}', but '{after.name}' runs after it"
    return found
