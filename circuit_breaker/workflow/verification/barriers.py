"""Barriers: where the rules of joins are all that can hold a case up, so that it gets no further if they say no."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence

from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.verification.decisions import touches
from circuit_breaker.workflow.verification.lasting import holding
from circuit_breaker.workflow.verification.model import Act, Fact
from circuit_breaker.workflow.verification.walks import Walks
from circuit_breaker.workflow.verification.writes import FAILURE, written

__all__ = ["Barriers", "barriers", "taken_facts"]

Follow = Callable[[int], Iterable[int]]
Barriers = Mapping[tuple[str, ...], Sequence[int]]
"""By the names of joins the nodes where their rules are all that can hold a case up."""


def barriers(walks: Walks, workflow: Workflow) -> Barriers:
    """The joins of which the rules can hold a case up for good, by name, with nodes where only they lead out.

    Such a node is one where nothing else can happen, or one of a circle that nothing else leads out of. The nodes come
    in the order of what is known of the tokens: first the nearest for each kind of data.
    """
    held = {transition.id for transition in workflow.transitions if holding(transition) is not None}
    ways: dict[tuple[str, ...], list[int]] = {}
    if not held:
        return ways
    free = {
        node: [target for target, label in walks.edges(node) if not _waits(walks.model.acts[label], held)]
        for node in walks.nodes
    }
    quiet = [node for node in walks.nodes if not free[node]]
    for nodes in (*([node] for node in quiet), *_circles(free, quiet)):
        names = tuple(dict.fromkeys(name for node in nodes for name in _held(walks, node, held)))
        if names and not _helped(walks, workflow, nodes, names):
            ways.setdefault(names, []).extend(node for node in nodes if _held(walks, node, held))
    return {names: _various(walks, nodes, names) for names, nodes in ways.items()}


def _held(walks: Walks, node: int, held: Container[str]) -> list[str]:
    """The joins that could take tokens in a node."""
    acts = (walks.model.acts[label] for _, label in walks.edges(node))
    return [act.label for act in acts if _waits(act, held)]


def _waits(act: Act, held: Container[str]) -> bool:
    """Whether it is one of those transitions; not where its action has begun, which no rule holds up any more."""
    return act.label in held and not act.apart


def _circles(free: Mapping[int, Sequence[int]], quiet: Sequence[int]) -> Iterator[list[int]]:
    """The sets of nodes that lead to one another, and nowhere else."""
    before: dict[int, list[int]] = {}
    for node, targets in free.items():
        for target in targets:
            before.setdefault(target, []).append(node)
    calm = _closure(quiet, lambda node: before.get(node, ()))
    left = dict.fromkeys(node for node in free if node not in calm)
    while left:
        node = next(iter(left))
        while True:
            own = _closure([node], free.__getitem__)
            back = _closure([node], lambda each: before.get(each, ()))
            further = next((each for each in own if each not in back), None)
            if further is None:
                break
            node = further
        yield [*own]
        for each in back:
            left.pop(each, None)


def _closure(nodes: Iterable[int], follow: Follow) -> dict[int, None]:
    """Everything that one comes to from some nodes, themselves first."""
    found = dict.fromkeys(nodes)
    ahead = [*found]
    while ahead:
        for each in follow(ahead.pop()):
            if each not in found:
                found[each] = None
                ahead.append(each)
    return found


def _helped(walks: Walks, workflow: Workflow, nodes: Sequence[int], names: Sequence[str]) -> bool:
    """Whether something that happens in between can change what the rules of the joins read."""
    labels = {label for node in nodes for _, label in walks.edges(node)}
    acts = {(act.transition, act.way) for act in (walks.model.acts[label] for label in labels)}
    between = [(each, way) for each, way in acts if each is not None and each.id not in names]
    sources = {state for name in names for state in workflow.by_id[name].sources}
    rules = [rule for name in names if (rule := holding(workflow.by_id[name])) is not None]
    paths = [path for rule in rules for path in rule.paths or ("data",)]
    size = -1
    while size < len(sources):
        size = len(sources)
        sources.update(state for each, _ in between if not sources.isdisjoint(each.targets) for state in each.sources)
    led = [(each, way) for each, way in between if not sources.isdisjoint(each.targets)]
    changed = [path for each, way in led for path in written(each, acted=way == "fires")]
    changed += [FAILURE for _, way in led if way == "failed"]
    return any(touches(path, change) for path in paths for change in changed)


def taken_facts(walks: Walks, node: int, names: Collection[str]) -> dict[tuple[str, ...], tuple[set[str], set[Fact]]]:
    """For each choice of tokens of some joins in a node: which of them, and what is known of the tokens."""
    found: dict[tuple[str, ...], tuple[set[str], set[Fact]]] = {}
    for _, label in walks.edges(node):
        act, net = walks.model.acts[label], walks.model.net.transitions[label]
        if _waits(act, names):
            places = tuple(arc.place for arc in net.takes)
            taken, facts = found.setdefault(places, (set(), set()))
            taken.add(act.label)
            facts.update(fact for place in places for fact in walks.model.spots[place].facts)
    return found


def _various(walks: Walks, nodes: Sequence[int], names: Sequence[str]) -> list[int]:
    """The nodes, the first of each kind of data before all others."""
    first: dict[frozenset[Fact], int] = {}
    for node in nodes:
        known = frozenset(fact for _, facts in taken_facts(walks, node, names).values() for fact in facts)
        first.setdefault(known, node)
    several = set(first.values())
    return [*first.values(), *(node for node in nodes if node not in several)]
