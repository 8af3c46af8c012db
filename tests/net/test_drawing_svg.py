"""The SVG of a drawing, and the layout under it."""

from __future__ import annotations

import itertools
import math
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings

from circuit_breaker.net.drawing import Drawing, Edge, Node, svg
from circuit_breaker.net.layout import Layout, Point, layout
from tests.net.drawings import any_drawing, chain, net, parallel, review

SVG = "{http://www.w3.org/2000/svg}"


def parsed(drawing: Drawing) -> ET.Element:
    return ET.fromstring(svg(drawing))  # noqa: S314 - it is our own text


def classes(root: ET.Element) -> list[str]:
    return [name for element in root.iter() for name in element.get("class", "").split()]


def texts(root: ET.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def laid_out(drawing: Drawing, **options: float) -> Layout:
    sizes = [(90.0, 40.0) if node.kind == "place" else (80.0, 30.0) for node in drawing.nodes]
    labels = [(8.0 * len(edge.text), 16.0) if edge.text else (0.0, 0.0) for edge in drawing.edges]
    return layout(drawing, sizes, labels, **options)


def on_the_way(plan: Layout, points: tuple[Point, ...], steps: int = 12) -> list[Point]:
    """Points along a route: lines straight, curves as the SVG draws them."""
    found = []
    for index, ((x0, y0), (x1, y1)) in enumerate(itertools.pairwise(points)):
        for number in range(1, steps):
            t = number / steps
            eased = 3 * (1 - t) * t * t + t**3
            half = 1.5 * (1 - t) ** 2 * t + 1.5 * (1 - t) * t * t + t**3
            along, beside = (half, eased) if index % 2 else (t, t)
            if not plan.across:
                along, beside = beside, along
            found.append((x0 + (x1 - x0) * along, y0 + (y1 - y0) * beside))
    return found


def inside(point: Point, centre: Point, size: tuple[float, float], margin: float = 0.5) -> bool:
    return all(abs(p - c) < s / 2 - margin for p, c, s in zip(point, centre, size, strict=True))


def within(point: Point, plan: Layout, drawing: Drawing) -> list[str]:
    """The nodes whose outline is around the point; that of a place has round ends."""
    found = []
    for node, centre, size in zip(drawing.nodes, plan.centres, plan.sizes, strict=True):
        if not inside(point, centre, size):
            continue
        radius = min(size) / 2 if node.kind == "place" else 0.0
        corner = [max(0.0, abs(p - c) - s / 2 + radius) for p, c, s in zip(point, centre, size, strict=True)]
        if not radius or math.hypot(*corner) < radius - 0.5:
            found.append(node.id)
    return found


def test_every_node_is_written_once_and_every_edge_drawn() -> None:
    """The picture has each label, and one line for each edge."""
    drawing = review()
    root = parsed(drawing)
    assert sorted([drawing.title, *(node.label for node in drawing.nodes)]) == sorted(texts(root))
    assert len(drawing.edges) == classes(root).count("cb-edge")


def test_places_are_round_and_transitions_are_boxes() -> None:
    """The corners of a place are half its height; those of a transition are nearly square."""
    shapes = {e.get("class"): e for e in parsed(review()).iter(f"{SVG}rect")}
    assert float(shapes["cb-place"].get("height", 0)) / 2 == float(shapes["cb-place"].get("rx", 0))
    assert "4" == shapes["cb-transition"].get("rx")


@pytest.mark.parametrize(("marks", "dots", "count"), [(0, 0, []), (1, 1, []), (3, 3, []), (12, 1, ["×12"])])
def test_tokens_are_dots_and_many_are_counted(marks: int, dots: int, count: list[str]) -> None:
    """Up to three tokens are drawn one by one; more are one dot and a number."""
    root = parsed(Drawing("", [Node("a", "a", marks=marks)], []))
    assert dots == classes(root).count("cb-token")
    assert [*count, "a"] == texts(root)


def test_start_end_emphasis_and_note_are_visible() -> None:
    """A start has a triangle, an end a second line, emphasis a strong one, and a note its own text."""
    nodes = [
        Node("a", "a", initial=True, emphasis=True),
        Node("b", "b", final=True, note="why"),
        Node("t", "t", "transition", final=True),
    ]
    root = parsed(Drawing("", nodes, [Edge("a", "t", emphasis=True), Edge("t", "b")]))
    assert [1, 2, 2, 1] == [classes(root).count(f"cb-{n}") for n in ("start", "ring", "strong", "strong-head")]
    assert "why" in texts(root)


def test_each_kind_of_arc_ends_in_its_own_way() -> None:
    """Inhibitor arcs end in a circle, read arcs in an open head, reset arcs in two heads."""
    root = parsed(parallel())
    hollow = [element.tag.removeprefix(SVG) for element in root.iter() if element.get("class") == "cb-hollow"]
    assert ["circle", "path"] == sorted(hollow)
    assert 2 == classes(root).count("cb-dashed")
    assert len(parallel().edges) - 2 + 1 == classes(root).count("cb-head")


def test_the_picture_is_described_in_words() -> None:
    """A screen reader hears the title, the size, every transition and where the tokens are."""
    root = parsed(review())
    description = root.findtext(f"{SVG}desc") or ""
    assert "Document review" == root.findtext(f"{SVG}title")
    assert description.startswith("A net of 5 states, 5 transitions. submit from draft to pending.")
    assert description.endswith("draft holds 1 token.")


def test_a_transition_without_places_is_described_as_such() -> None:
    """What takes and gives nothing says so."""
    root = parsed(Drawing("", [Node("t", "tick", "transition")], []))
    assert "A net of 0 states, 1 transition. tick from nothing to nothing." == root.findtext(f"{SVG}desc")


def test_long_labels_are_wrapped_and_cut_but_kept_whole_in_the_tooltip() -> None:
    """A label takes at most three lines; the whole of it is in the title of its node."""
    label = "word " * 40
    root = parsed(Drawing("", [Node("a", label), Node("b", "b")], [Edge("a", "b", label="very " * 20)]))
    assert 3 == len([text for text in texts(root) if text.startswith("word")])
    assert 1 == len([text for text in texts(root) if text.startswith("very") and text.endswith("…")])
    assert label.strip() in [(title.text or "").strip() for title in root.iter(f"{SVG}title")]


def test_there_are_colours_for_dark_paper_and_no_script() -> None:
    """The style sheet knows both papers, and nothing in the picture runs or is loaded."""
    text = svg(review())
    assert "@media (prefers-color-scheme:dark)" in text
    assert not any(part in text for part in ("<script", "href", "url(", "@import"))


@settings(max_examples=60)
@given(any_drawing())
def test_every_svg_is_well_formed_and_shows_all_edges(drawing: Drawing) -> None:
    """No text breaks the XML, and no edge is lost, loops and double edges included."""
    assert len(drawing.edges) == classes(parsed(drawing)).count("cb-edge")


@settings(max_examples=50)
@given(any_drawing())
def test_nodes_never_overlap_and_stay_on_the_paper(drawing: Drawing) -> None:
    """Any two nodes are apart, and all are within the width and height."""
    plan = laid_out(drawing)
    boxes = list(zip(plan.centres, plan.sizes, strict=True))
    for ((x, y), (w, h)), ((x2, y2), (w2, h2)) in itertools.combinations(boxes, 2):
        assert abs(x - x2) >= (w + w2) / 2 - 0.01 or abs(y - y2) >= (h + h2) / 2 - 0.01
    for (x, y), (w, h) in boxes:
        assert -0.01 <= x - w / 2 <= x + w / 2 <= plan.width + 0.01
        assert -0.01 <= y - h / 2 <= y + h / 2 <= plan.height + 0.01


@settings(max_examples=50)
@given(any_drawing())
def test_edges_never_run_through_a_node(drawing: Drawing) -> None:
    """Along every edge no point lies inside of a node, in either direction of layout."""
    for plan in (laid_out(drawing), laid_out(drawing, widest=0.0)):
        for route in plan.routes:
            points = () if route.loop else on_the_way(plan, route.points)
            assert [] == [point for point in points if within(point, plan, drawing)]


@settings(max_examples=50)
@given(any_drawing())
def test_labels_never_overlap_a_node(drawing: Drawing) -> None:
    """The label of an edge stands between the layers."""
    plan = laid_out(drawing)
    for edge, route in zip(drawing.edges, plan.routes, strict=True):
        if route.label is None or route.loop:
            continue
        size = (8.0 * len(edge.text), 16.0)
        for centre, box in zip(plan.centres, plan.sizes, strict=True):
            grown = (size[0] + box[0], size[1] + box[1])
            assert not inside(route.label, centre, grown)


def test_a_way_back_is_drawn_against_the_layers_with_its_transition_on_the_way() -> None:
    """The transition that leads back stands between the places that it joins, and its edges run to the left."""
    drawing = review()
    plan = laid_out(drawing)
    x = {node.label: centre[0] for node, centre in zip(drawing.nodes, plan.centres, strict=True)}
    headings = {(e.source, e.target): r.heading for e, r in zip(drawing.edges, plan.routes, strict=True)}
    assert x["draft"] < x["revise"] < x["rejected"]
    assert (-1.0, 0.0) == headings["rejected", "t:revise"] == headings["t:revise", "draft"]
    assert (1.0, 0.0) == headings["draft", "t:submit"]


def test_a_long_chain_runs_down_the_page() -> None:
    """What would be too wide from left to right is laid out from the top down."""
    plan = laid_out(chain(30, (4, 1), (19, 12), (28, 2)))
    assert not plan.across
    assert plan.width < 600 < plan.height


def test_long_edges_are_straight_between_their_ends() -> None:
    """All the joints of an edge that passes many layers lie on one line."""
    plan = laid_out(chain(8, (7, 0)), widest=9999.0)
    longest = max(plan.routes, key=lambda route: len(route.points))
    assert 1 == len({round(y, 3) for _, y in longest.points[1:-2][1:]})


def test_a_split_and_join_is_drawn_without_crossings() -> None:
    """Branches keep the same order from the split to the join."""
    flows = [("split", ["s"], ["c", "b", "a"]), *[(f"do {n}", [n], [f"{n} done"]) for n in "abc"]]
    flows.append(("join", ["a done", "c done", "b done"], ["e"]))
    places = [Node(n, n) for n in ["s", "a", "b", "c", "b done", "c done", "a done", "e"]]
    drawing = net("", places, flows)
    y = {node.label: c[1] for node, c in zip(drawing.nodes, laid_out(drawing).centres, strict=True)}
    assert sorted("abc", key=lambda n: y[n]) == sorted("abc", key=lambda n: y[f"{n} done"])


def test_a_transition_that_leads_back_to_its_own_place_has_two_arcs_apart() -> None:
    """It stands behind the place; one arc leads there, the other back, and they do not lie on each other."""
    plan = laid_out(net("", [Node("a", "a")], [("touch", ["a"], ["a"])]))
    there, back = plan.routes
    assert ((1.0, 0.0), (-1.0, 0.0)) == (there.heading, back.heading)
    assert there.points[0][1] != back.points[-1][1]


def test_a_read_arc_against_the_flow_makes_no_knot() -> None:
    """Arcs that only look do not count as ways back, wherever they lead."""
    edges = [Edge("0", "1", "read"), Edge("1", "1"), Edge("2", "0"), Edge("2", "1")]
    plan = laid_out(Drawing("", [Node(name, name) for name in "012"], edges))
    assert [(-1.0, 0.0), (1.0, 0.0), (1.0, 0.0)] == [route.heading for route in plan.routes if not route.loop]


def test_a_long_edge_that_is_crossed_stays_straight() -> None:
    """Where a short edge crosses the inner part of a long one, the short one bends."""
    pairs = ["03", "14", "34", "12", "23", "25", "01"]
    drawing = Drawing("", [Node(name, name) for name in "012345"], [Edge(*pair) for pair in pairs])
    plan = laid_out(drawing)
    for route in (plan.routes[0], plan.routes[1]):
        assert 1 == len({round(y, 3) for _, y in route.points[2:-2]})


def test_a_dense_graph_keeps_its_nodes_apart_and_its_edges_off_them() -> None:
    """Where crossings cannot be avoided, long edges still run between the nodes."""
    rows = [[f"{layer}{n}" for n in range(3)] for layer in range(4)]
    edges = [Edge(one, other) for low, high in itertools.pairwise(rows) for one in low for other in high]
    edges += [Edge(one, other) for one in rows[0] for other in rows[3]]
    drawing = Drawing("", [Node(name, name) for row in rows for name in row], edges)
    plan = laid_out(drawing)
    assert 12 == len(set(plan.centres))
    for route in plan.routes:
        assert [] == [point for point in on_the_way(plan, route.points) if within(point, plan, drawing)]


def test_a_long_chain_is_drawn_with_every_edge() -> None:
    """Down the page the curves turn with the layout."""
    drawing = chain(30, (4, 1))
    assert len(drawing.edges) == classes(parsed(drawing)).count("cb-edge")


def test_an_empty_drawing_is_a_picture_too() -> None:
    """Nothing to draw gives a sheet with the title."""
    assert ["nothing"] == texts(parsed(Drawing("nothing", [], [])))
