"""Drawings of a small graph in several languages: Mermaid, Graphviz, PlantUML, SVG and a picture for a terminal.

Everything here is a pure function from a :class:`Drawing` to text; the same drawing always gives the same text, and any
text in a label is safe in each of the languages.
"""

from __future__ import annotations

import json
import re

from circuit_breaker.net.graph import Drawing, Edge, Node, printable
from circuit_breaker.net.plantuml import plantuml
from circuit_breaker.net.svg import svg
from circuit_breaker.net.terminal import terminal

__all__ = ["Drawing", "Edge", "Node", "dot", "mermaid", "plantuml", "svg", "terminal"]

MERMAID_LINES = {"normal": "-->", "read": "-.->", "inhibitor": "--o", "reset": "--x"}
MERMAID_CLASSES = {
    "place": "fill:#eef4fb,stroke:#4a6785,color:#17263a",
    "transition": "fill:#f7f7f5,stroke:#77777a,color:#222226",
    "initial": "fill:#e2f3e6,stroke:#2e7d46,color:#143d21,stroke-width:2px",
    "final": "fill:#ece8f8,stroke:#5d4a9c,color:#2a1f52,stroke-width:3px",
    "emphasis": "stroke:#c2410c,stroke-width:3px",
}
# What Mermaid would read as its own syntax, as markdown or as HTML; underscores only at the edge of a word.
MERMAID_UNSAFE = re.compile(r"[^\w ,:()/=.+\-\n\u0080-\U0010ffff]|(?<![^\W_])_|_(?![^\W_])", re.ASCII)
MERMAID_LIST = re.compile(r"^(\s*\d*)([-+.)])", re.MULTILINE)

DOT_EDGES = {
    "normal": {},
    "read": {"style": "dashed", "arrowhead": "none"},
    "inhibitor": {"arrowhead": "odot"},
    "reset": {"arrowhead": "normalnormal", "style": "dashed"},
}


def mermaid(drawing: Drawing) -> str:
    """The drawing as a Mermaid flowchart from left to right, as GitHub and most wikis show it."""
    names = {node.id: f"n{number}" for number, node in enumerate(drawing.nodes)}
    lines = ["flowchart LR"]
    if drawing.title:
        title = json.dumps(printable(drawing.title), ensure_ascii=False)
        lines[:0] = ["---", f"title: {title}", "---"]
    lines += [f"    {_mermaid_node(node, names[node.id])}" for node in drawing.nodes]
    lines += [f"    {names[edge.source]} {_mermaid_line(edge)} {names[edge.target]}" for edge in drawing.edges]
    lines += [f"    classDef {name} {style}" for name, style in MERMAID_CLASSES.items()]
    strong = [str(number) for number, edge in enumerate(drawing.edges) if edge.emphasis]
    if strong:
        lines.append(f"    linkStyle {','.join(strong)} {MERMAID_CLASSES['emphasis']}")
    return "\n".join(lines) + "\n"


def _mermaid_node(node: Node, name: str) -> str:
    text = f'"{_mermaid_text(node.written)}"'
    shape = f"([{text}])" if node.kind == "place" else f"[{text}]"
    return f"{name}{shape}:::{node.role}" + (f"\n    class {name} emphasis" if node.emphasis else "")


def _mermaid_line(edge: Edge) -> str:
    label = _mermaid_text(edge.text)
    return MERMAID_LINES[edge.kind] + (f'|"{label}"|' if label else "")


def _mermaid_text(text: str) -> str:
    safe = MERMAID_UNSAFE.sub(_mermaid_code, printable(text, keep="\n").strip())
    return MERMAID_LIST.sub(lambda found: f"{found[1]}#{ord(found[2])};", safe).replace("\n", "<br/>")


def _mermaid_code(found: re.Match[str]) -> str:
    return f"#{ord(found[0])};"


def dot(drawing: Drawing) -> str:
    """The drawing in the language of Graphviz (``dot -Tsvg``)."""
    names = {node.id: f"n{number}" for number, node in enumerate(drawing.nodes)}
    lines = [
        f"digraph {_dot_text(drawing.title)} {{",
        f"    graph [label={_dot_text(drawing.title)}, labelloc=t, rankdir=LR, fontname=Helvetica];",
        '    node [fontname=Helvetica, fontsize=11, style=filled, color="#4a6785", fillcolor="#eef4fb"];',
        '    edge [fontname=Helvetica, fontsize=10, color="#4b5563"];',
    ]
    lines += [f"    {names[node.id]} {_dot_attributes(_dot_node(node))};" for node in drawing.nodes]
    for edge in drawing.edges:
        attributes = _dot_attributes(_dot_edge(edge))
        lines.append(f"    {names[edge.source]} -> {names[edge.target]}{attributes and ' ' + attributes};")
    return "\n".join([*lines, "}"]) + "\n"


def _dot_node(node: Node) -> dict[str, str]:
    attributes = {"label": node.written, "shape": "box"}
    if node.kind == "place":
        attributes["style"] = "rounded,filled"
    else:
        attributes |= {"color": "#77777a", "fillcolor": "#f7f7f5"}
    if node.initial:
        attributes |= {"color": "#2e7d46", "fillcolor": "#e2f3e6"}
    if node.final:
        attributes["peripheries"] = "2"
    if node.emphasis:
        attributes |= {"color": "#c2410c", "penwidth": "2.5"}
    return attributes


def _dot_edge(edge: Edge) -> dict[str, str]:
    attributes = dict(DOT_EDGES[edge.kind])
    if edge.text:
        attributes["label"] = edge.text
    if edge.emphasis:
        attributes |= {"color": "#c2410c", "penwidth": "2.5"}
    return attributes


def _dot_attributes(attributes: dict[str, str]) -> str:
    return f"[{', '.join(f'{key}={_dot_text(value)}' for key, value in attributes.items())}]" if attributes else ""


def _dot_text(text: str) -> str:
    safe = printable(text, keep="\n").replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
    return '"{}"'.format(safe.replace("\n", "\\n"))
