"""References in the parameters of an executor, as documents write them.

``field("a")`` is ``{"field": "data.a"}``, ``template("…")`` is ``{"template": "…"}``. A plain mapping that looks like
one of these is written inside ``{"literal": …}``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.rules import Field, Template

__all__ = ["read_reference", "write_reference"]

REFERENCES: Final[Mapping[str, Callable[[Any], Any]]] = {"field": Field, "template": Template}
MARKS: Final = frozenset({*REFERENCES, "literal"})


def write_reference(value: Any, foreign: Callable[[Any], Any]) -> Any:
    """The value of a parameter as JSON.

    Args:
        value: JSON with fields and templates in it.
        foreign: Called with each value that is neither; what it returns stands in its place.
    """
    if isinstance(value, Field):
        return {"field": value.path}
    if isinstance(value, Template):
        return {"template": value.text}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        written = {key: write_reference(inner, foreign) for key, inner in value.items()}
        return {"literal": written} if _is_marked(value) else written
    if isinstance(value, (list, tuple)):
        return [write_reference(inner, foreign) for inner in value]
    finite = not isinstance(value, float) or math.isfinite(value)
    return value if finite and (value is None or isinstance(value, (str, int, float))) else foreign(value)


def read_reference(document: Any) -> Any:
    """The value of a parameter that :func:`write_reference` wrote.

    Raises:
        RuleInvalid: A reference in it names no path, or a template is wrong.
        WorkflowInvalid: What is called literal is no mapping.
    """
    if isinstance(document, list):
        return [read_reference(inner) for inner in document]
    if not isinstance(document, Mapping):
        return document
    if not _is_marked(document):
        return {key: read_reference(inner) for key, inner in document.items()}
    [(mark, inner)] = document.items()
    if mark in REFERENCES:
        return REFERENCES[mark](inner)
    if not isinstance(inner, Mapping):
        raise WorkflowInvalid(f"the literal {inner!r} is no mapping", remedy="write the value itself")
    return {key: read_reference(value) for key, value in inner.items()}


def _is_marked(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)) in MARKS
