"""Ink: the style sheet of every SVG, in one set of colours for light paper and one for dark."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["STYLE"]

FONT = "system-ui, 'Segoe UI', 'Helvetica Neue', Helvetica, Arial, sans-serif"

LIGHT = {
    "paper": "fill:#ffffff",
    "title": "fill:#111827",
    "place": "fill:#eff6ff;stroke:#3b6ea5",
    "initial": "fill:#e8f7ec;stroke:#2f855a",
    "final": "fill:#f3effc;stroke:#6b4fbb",
    "ring": "fill:none;stroke:#6b4fbb",
    "transition": "fill:#f4f4f5;stroke:#8a8f98",
    "text": "fill:#1f2937",
    "note": "fill:#5b6472",
    "token": "fill:#1f2937",
    "start": "fill:#2f855a",
    "edge": "fill:none;stroke:#64707d",
    "head": "fill:#64707d;stroke:#64707d",
    "hollow": "fill:#ffffff;stroke:#64707d",
    "label": "fill:#374151",
    "halo": "fill:#ffffff",
    "strong": "stroke:#d9480f",
    "strong-head": "fill:#d9480f;stroke:#d9480f",
    "badge": "fill:#c2410c",
    "number": "fill:#ffffff",
}
DARK = {
    "paper": "fill:#0f141a",
    "title": "fill:#f3f4f6",
    "place": "fill:#152436;stroke:#6ea3dc",
    "initial": "fill:#12291c;stroke:#56b881",
    "final": "fill:#211a38;stroke:#a48be8",
    "ring": "fill:none;stroke:#a48be8",
    "transition": "fill:#20262e;stroke:#79828e",
    "text": "fill:#e5e7eb",
    "note": "fill:#a3adb9",
    "token": "fill:#f3f4f6",
    "start": "fill:#56b881",
    "edge": "fill:none;stroke:#93a0ae",
    "head": "fill:#93a0ae;stroke:#93a0ae",
    "hollow": "fill:#0f141a;stroke:#93a0ae",
    "label": "fill:#d1d5db",
    "halo": "fill:#0f141a",
    "strong": "stroke:#ff8a4c",
    "strong-head": "fill:#ff8a4c;stroke:#ff8a4c",
    "badge": "fill:#ff8a4c",
    "number": "fill:#1a0f08",
}
SHAPES = (
    f".cb-drawing text{{font-family:{FONT};font-size:13px;text-anchor:middle}}"
    ".cb-drawing .cb-title{font-size:17px;font-weight:600;text-anchor:start}"
    ".cb-drawing .cb-note{font-size:11px}.cb-drawing .cb-label{font-size:11.5px}"
    ".cb-drawing .cb-number{font-size:11px;font-weight:600}"
    ".cb-place,.cb-initial,.cb-final,.cb-transition,.cb-edge,.cb-hollow{stroke-width:1.5}"
    ".cb-ring{stroke-width:1}.cb-dashed{stroke-dasharray:5 4}.cb-strong{stroke-width:2.6}"
    ".cb-head{stroke-linejoin:round}.cb-halo{fill-opacity:.9}"
)


def _rules(colours: Mapping[str, str]) -> str:
    return "".join(f".cb-drawing .cb-{name}{{{style}}}" for name, style in colours.items())


STYLE = f"{_rules(LIGHT)}{SHAPES}@media (prefers-color-scheme:dark){{{_rules(DARK)}}}"
