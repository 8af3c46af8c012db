"""LangGraph: a compiled graph of that framework as a graph of steps. Nothing of it is imported here."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any

from circuit_breaker.cli.foreign.graph import ForeignGraph, Join
from circuit_breaker.cli.foreign.release import release_of
from circuit_breaker.errors import WorkflowInvalid

__all__ = ["langgraph_graph"]

ENDS = ("__end__", "__start__")
KNOWN = ("0.2", "0.3", "0.4", "0.5", "0.6", "1.")
PARTS = ("nodes", "edges", "waiting_edges", "branches")
WIDEST = 5


def langgraph_graph(graph: Any, name: str) -> ForeignGraph:
    """The steps of a compiled graph, or of its builder, with those of the graphs inside of it.

    Raises:
        WorkflowInvalid: LangGraph is not installed, or it is no graph of a release that is known.
    """
    return _read(graph, name, ())


def _read(graph: Any, name: str, around: tuple[Any, ...]) -> ForeignGraph:
    """A graph inside of others, none of which is read once more inside of itself."""
    release = release_of("langgraph")
    builder = getattr(graph, "builder", graph)
    lacking = [part for part in PARTS if not hasattr(builder, part)]
    if lacking:
        raise WorkflowInvalid(
            f"'{name}' is a {type(graph).__name__}, which has no {', '.join(lacking)}; langgraph is {release}",
            remedy="name a StateGraph, compiled or not; known are the releases 0.2 to 1.x",
        )
    steps = tuple(str(step) for step in builder.nodes)
    edges = [(str(source), str(target)) for source, target in builder.edges]
    routes = {step: tuple(_routes(builder, step, steps)) for step in ("__start__", *steps)}
    joins = tuple(Join(frozenset(map(str, sources)), str(target)) for sources, target in sorted(builder.waiting_edges))
    triggers = {
        step: frozenset(target for source, target in edges if source == step and target not in ENDS)
        for step in ("__start__", *steps)
    }
    return ForeignGraph(
        name=name, framework=f"langgraph {release}",
        steps=(*steps, "__start__"), starts=frozenset({"__start__"}), triggers=triggers,
        choices={step: found for step, found in routes.items() if found}, joins=joins,
        deferred=frozenset(s for s in steps if getattr(builder.nodes[s], "defer", False)),
        notes=tuple(_notes(release, graph, builder, around)),
        inner={step: _read(part, f"{name}/{step}", (*around, builder)) for step, part in _parts(builder, around)},
    )  # fmt: skip


def _parts(builder: Any, around: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """The graphs that are steps of a graph."""
    for step, node in builder.nodes.items():
        part = getattr(node, "runnable", None)
        inner = getattr(part, "builder", None)
        if inner is not None and not any(inner is each for each in (builder, *around)):
            yield str(step), part


def _notes(release: str, graph: Any, builder: Any, around: tuple[Any, ...]) -> Iterator[str]:
    if not release.startswith(KNOWN):
        yield f"langgraph {release} is newer than what is known here: 0.2 to 1.x"
    yield "a router leads to one of its ends, or to several where its annotation says a list; any of them can be"
    if any(builder.branches.values()):
        yield "a step that is sent to several times (Send) counts once: what follows runs once after all of them"
        yield "a router that leads to several leads to one at least"
    looked_at = {step for step, _ in _parts(builder, around)}
    for step, node in builder.nodes.items():
        if str(step) not in looked_at and hasattr(getattr(node, "runnable", None), "builder"):
            yield f"the graph inside '{step}' is not looked at: it is around it as well"
    if getattr(graph, "interrupt_before_nodes", ()) or getattr(graph, "interrupt_after_nodes", ()):
        yield "what is interrupted is taken up again"
    yield "what steps do inside is not looked at: interrupt(), failures, and a Command that no annotation declares"


def _routes(builder: Any, step: str, steps: tuple[str, ...]) -> Iterator[tuple[frozenset[str], ...]]:
    """The choices of a step: of its conditional edges, and of the commands that it may return."""
    for spec in builder.branches.get(step, {}).values():
        ends = getattr(spec, "ends", None)
        targets = sorted({str(end) for end in ends.values()}) if ends else [*steps, "__end__"]
        yield _chosen(targets, several=_several(getattr(spec, "path", None)))
    if step in builder.nodes and (ends := getattr(builder.nodes[step], "ends", ())):
        yield _chosen([str(end) for end in ends], several=False)


def _chosen(targets: Iterable[str], *, several: bool) -> tuple[frozenset[str], ...]:
    names = list(targets)
    sizes = range(1, min(len(names), WIDEST) + 1) if several else (1,)
    found = (frozenset(chosen) - set(ENDS) for size in sizes for chosen in combinations(names, size))
    return tuple(dict.fromkeys(found))


def _several(path: Any) -> bool:
    """Whether a router says that it may lead to several steps at once."""
    function = getattr(path, "func", None) or getattr(path, "afunc", None) or path
    try:
        returned = typing.get_type_hints(function).get("return")
    except (TypeError, NameError, AttributeError):
        returned = (
            getattr(inspect.unwrap(function), "__annotations__", {}).get("return") if callable(function) else None
        )
    return "list" in str(returned).lower() or "sequence" in str(returned).lower()
