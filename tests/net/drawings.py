"""Drawings to test with: four workflows, and a strategy for any graph with any text."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import strategies as st

from circuit_breaker.net.drawing import Drawing, Edge, Node

Flow = tuple[str, Iterable[str], Iterable[str]]


def net(title: str, places: Iterable[Node], flows: Iterable[Flow], *extra: Edge) -> Drawing:
    """A net whose places have their label as id, and whose transitions have the id ``t:<label>``."""
    nodes, edges = list(places), []
    for label, takes, gives in flows:
        name = f"t:{label}"
        nodes.append(Node(name, label, "transition"))
        edges += [Edge(place, name) for place in takes]
        edges += [Edge(name, place) for place in gives]
    return Drawing(title, nodes, [*edges, *extra])


def review() -> Drawing:
    places = [
        Node("draft", "draft", initial=True, marks=1),
        Node("pending", "pending"),
        Node("reviewed", "reviewed"),
        Node("approved", "approved", final=True),
        Node("rejected", "rejected"),
    ]
    flows = [
        ("submit", ["draft"], ["pending"]),
        ("review", ["pending"], ["reviewed"]),
        ("approve", ["reviewed"], ["approved"]),
        ("reject", ["reviewed"], ["rejected"]),
        ("revise", ["rejected"], ["draft"]),
    ]
    return net("Document review", places, flows)


def parallel() -> Drawing:
    names = ["legal", "technical", "legal done", "technical done", "hold"]
    places = [Node("start", "start", initial=True), *(Node(n, n) for n in names), Node("end", "end", final=True)]
    flows = [
        ("begin", ["start"], ["legal", "technical"]),
        ("check law", ["legal"], ["legal done"]),
        ("check facts", ["technical"], ["technical done"]),
        ("finish", ["legal done", "technical done"], ["end"]),
    ]
    extra = [
        Edge("hold", "t:finish", "inhibitor"),
        Edge("legal done", "t:check facts", "read"),
        Edge("t:finish", "hold", "reset"),
    ]
    return net("Parallel review", places, flows, *extra)


def chain(length: int, *backs: tuple[int, int]) -> Drawing:
    places = [Node(f"s{i}", f"step {i}", initial=i == 0, final=i == length - 1) for i in range(length)]
    flows: list[Flow] = [(f"go {i}", [f"s{i}"], [f"s{i + 1}"]) for i in range(length - 1)]
    flows += [(f"back {a}-{b}", [f"s{a}"], [f"s{b}"]) for a, b in backs]
    return net("Chain", places, flows)


@st.composite
def any_drawing(draw: st.DrawFn, *, most: int = 9) -> Drawing:
    """Any graph: cycles, loops, edges between any two nodes, and any text, control characters included."""
    texts = st.text(max_size=30)
    count = draw(st.integers(0, most))
    nodes = [
        Node(
            f"{index}",
            draw(texts),
            draw(st.sampled_from(["place", "transition"])),
            marks=draw(st.integers(0, 5)),
            initial=draw(st.booleans()),
            final=draw(st.booleans()),
            note=draw(texts),
            emphasis=draw(st.booleans()),
        )
        for index in range(count)
    ]
    ids = st.sampled_from([node.id for node in nodes]) if nodes else st.nothing()
    kinds = st.sampled_from(["normal", "normal", "read", "inhibitor", "reset"])
    edge = st.builds(Edge, ids, ids, kinds, label=texts, weight=st.integers(1, 12), emphasis=st.booleans())
    return Drawing(draw(texts), nodes, draw(st.lists(edge, max_size=2 * most)) if nodes else [])
