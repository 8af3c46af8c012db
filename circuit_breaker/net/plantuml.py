"""A drawing in the language of PlantUML, see https://plantuml.com/deployment-diagram."""

from __future__ import annotations

import re

from circuit_breaker.net.graph import Drawing, Edge, Node, printable

__all__ = ["plantuml"]

ARROWS = {"normal": ("-", "->"), "read": ("-", "-"), "inhibitor": ("-", "-o"), "reset": ("-", "->>")}
STYLES = {
    "place": ("#eef4fb", "#4a6785"),
    "transition": ("#f7f7f5", "#77777a"),
    "initial": ("#e2f3e6", "#2e7d46"),
    "final": ("#ece8f8", "#5d4a9c"),
}
STRONG = "#c2410c"
# What PlantUML would read as its own syntax: Creole, HTML, functions and links.
UNSAFE = re.compile(r"[^\w ,.:()\-\u0080-\U0010ffff]|_(?=_)|(?<=_)_|-(?=-)|(?<=-)-|\.(?=\.)|(?<=\.)\.", re.ASCII)


def plantuml(drawing: Drawing) -> str:
    """The drawing as a PlantUML diagram from left to right."""
    names = {node.id: f"n{number}" for number, node in enumerate(drawing.nodes)}
    lines = ["@startuml", "left to right direction", "hide stereotype"]
    if drawing.title:
        lines.append(f"title {_text(drawing.title)}")
    lines.append("skinparam rectangle {")
    for role, (fill, line) in STYLES.items():
        lines += [f"    BackgroundColor<<{role}>> {fill}", f"    BorderColor<<{role}>> {line}"]
        if role != "transition":
            lines.append(f"    RoundCorner<<{role}>> 40")
    lines += ["}", *(_node(node, names[node.id]) for node in drawing.nodes)]
    lines += [_edge(edge, names) for edge in drawing.edges]
    return "\n".join([*lines, "@enduml"]) + "\n"


def _node(node: Node, name: str) -> str:
    style = f" #line:{STRONG[1:]};line.bold" if node.emphasis else ""
    return f'rectangle "{_text(node.written) or " "}" as {name} <<{node.role}>>{style}'


def _edge(edge: Edge, names: dict[str, str]) -> str:
    styles = [*(["dashed"] if edge.kind in ("read", "reset") else []), *([STRONG, "bold"] if edge.emphasis else [])]
    before, after = ARROWS[edge.kind]
    arrow = before + (f"[{','.join(styles)}]" if styles else "") + after
    label = f" : {_text(edge.text)}" if edge.text else ""
    return f"{names[edge.source]} {arrow} {names[edge.target]}{label}"


def _text(text: str) -> str:
    lines = printable(text, keep="\n").strip().split("\n")
    return r"\n".join(UNSAFE.sub(lambda found: f"<U+{ord(found[0]):04X}>", line) for line in lines)
