"""A picture of a drawing in box characters, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from circuit_breaker.net.columns import Columns, Paint, Row, cut, one_line, painted, unpainted
from circuit_breaker.net.graph import Drawing, Node, cells
from circuit_breaker.net.steps import Arm, Group, Step, groups_of

__all__ = ["terminal"]

NARROWEST = 30
LEGEND = {"▸": "start", "●": "with a token", "○": "empty", "◎": "end", "◉": "end, with a token", "↺": "drawn above"}
KINDS = {"read": "read", "inhibitor": "unless", "reset": "cleared"}


def terminal(drawing: Drawing, *, width: int = 100, color: bool = False) -> str:
    """The drawing as lines of text: one for each transition, from the place before it to the place after it.

    Transitions that leave the same place branch off its line, joins and splits are drawn with branches. What is too
    long for the width has ``…`` in its middle; characters that could steer the terminal are never passed on.

    Args:
        drawing: What to draw.
        width: How many cells a line may have; at least 30 are used.
        color: Whether to use the colours of ANSI terminals.
    """
    paint, most = painted if color else unpainted, max(width, NARROWEST)
    rows = list(_all_rows(groups_of(drawing), mark_strong=not color))
    columns = Columns.fitted([row for row in rows if row is not None], most)
    lines = [line.rstrip() for line in ("" if row is None else columns.line(row, paint) for row in rows)]
    parts = [[_heading(drawing, paint, most)], lines, [paint(line, "faint") for line in _legend(lines, most)]]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _heading(drawing: Drawing, paint: Paint, width: int) -> str:
    title = cut(one_line(drawing.title), max(width - cells(drawing.summary) - 3, width // 3))
    head = f"{paint(title, 'title')} {paint('·', 'faint')} " if title else ""
    room = width - (cells(title) + 3 if title else 0)
    return head + paint(cut(drawing.summary, room), "faint")


def _legend(lines: Iterable[str], width: int) -> list[str]:
    """What the signs that occur mean, in lines of that width."""
    text = "".join(lines)
    legend: list[str] = []
    for entry in (f"{sign} {meaning}" for sign, meaning in LEGEND.items() if sign in text):
        if legend and len(legend[-1]) + 3 + len(entry) <= width:
            legend[-1] += f"   {entry}"
        else:
            legend.append(f"  {entry}")
    return legend


def _all_rows(groups: Sequence[Group], *, mark_strong: bool) -> Iterator[Row | None]:
    """The rows of all groups; None stands for the blank line around a group of several rows."""
    drawn: set[str] = set()
    tall = False
    for index, group in enumerate(groups):
        drawn.update(arm.node.id for arm in group.starts)
        rows = list(_group_rows(group, drawn, mark_strong=mark_strong))
        if index and (tall or len(rows) > 1):
            yield None
        tall = len(rows) > 1
        yield from rows


def _group_rows(group: Group, drawn: set[str], *, mark_strong: bool) -> Iterator[Row]:
    if not group.steps:
        start = group.starts[0].node
        yield Row(_source(start), styles=(_style(start), "plain", "plain"))
        return
    for index, step in enumerate(group.steps):
        height = max(1, len(step.gives), len(group.starts))
        for row in range(height):
            arm = group.starts[row] if index == 0 and row < len(group.starts) else None
            joint = _join(row, len(group.starts)) if len(group.steps) == 1 else _branch(index, row, len(group.steps))
            yield _step_row(step, row, arm, joint, drawn, mark_strong=mark_strong)


def _step_row(step: Step, row: int, start: Arm | None, joint: str, drawn: set[str], *, mark_strong: bool) -> Row:
    label = (one_line(step.label) or "→") if row == 0 else ""
    strong = step.emphasis and row == 0
    end = step.gives[row] if row < len(step.gives) else None
    return Row(
        source=_source(start.node) + _suffix(start) if start else "",
        lead=_lead(start) if start else " ",
        before=start.edge.text if start and start.edge else "",
        joint=joint,
        label=f"[{label}]" if strong and mark_strong else label,
        fan=_fan(row, len(step.gives)),
        arrow=_lead(end) if end else "─" if row == 0 else "",
        after=end.edge.text if end and end.edge else "",
        target=_target(end, drawn) if end else "∅" if row == 0 else "",
        note=one_line(step.note) if row == 0 else "",
        styles=(
            _style(start.node) if start else "plain",
            "strong" if strong else "plain",
            _style(end.node) if end else "plain",
        ),
    )


def _lead(arm: Arm) -> str:
    return "┄" if arm.edge is not None and arm.edge.kind != "normal" else "─"


def _join(row: int, starts: int) -> str:
    if starts < 2:
        return "─" if row == 0 and starts else " "
    return "┬" if row == 0 else "┤" if row < starts - 1 else "┘" if row == starts - 1 else " "


def _branch(index: int, row: int, steps: int) -> str:
    last = index == steps - 1
    if row:
        return " " if last else "│"
    return "┬" if index == 0 else "└" if last else "├"


def _fan(row: int, ends: int) -> str:
    if ends < 2:
        return "─" if row == 0 else " "
    return "┬" if row == 0 else "├" if row < ends - 1 else "└" if row == ends - 1 else " "


def _sign(node: Node) -> str:
    if node.kind == "transition":
        return "□"
    if node.final:
        return "◉" if node.marks else "◎"
    return "●" if node.marks else "○"


def _style(node: Node) -> str:
    return "strong" if node.emphasis else "marked" if node.marks else "final" if node.final else "plain"


def _named(node: Node) -> str:
    return f"{_sign(node)} {one_line(node.label)}" + (f" ×{node.marks}" if node.marks > 1 else "")


def _source(node: Node) -> str:
    return f"{'▸' if node.initial else ' '} {_named(node)}"


def _suffix(arm: Arm) -> str:
    return f" ({KINDS[arm.edge.kind]})" if arm.edge is not None and arm.edge.kind in KINDS else ""


def _target(arm: Arm, drawn: set[str]) -> str:
    again = " ↺" if arm.node.id in drawn and not _suffix(arm) else ""
    return _named(arm.node) + _suffix(arm) + again
