"""Members of a vendor's that we do not know, put together over the pieces of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["beyond", "gather"]

_SILENT: Final[tuple[Any, ...]] = (None, 0, "", [], {})
"""Values that say no more than the absence of their member."""


def gather(kept: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Adds members to those that are kept: lists go on, objects are put together, of anything else the later stays."""
    for name, value in more.items():
        known = kept.get(name)
        if isinstance(value, list):
            kept[name] = known if isinstance(known, list) else []
            kept[name].extend(value)
        elif isinstance(value, Mapping):
            kept[name] = known if isinstance(known, dict) else {}
            gather(kept[name], value)
        elif value is not None:
            kept[name] = value


def beyond(known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is told beyond the known members, which stand for themselves or for objects with members that are known.

    Args:
        known: The names, each with those of its own members that are known, or None for all of them.
        given: The document.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        inner = known.get(name, _SILENT)
        if isinstance(inner, Mapping) and isinstance(value, Mapping):
            value = beyond(inner, value)  # noqa: PLW2901 - what is left of it
        elif name in known:
            continue
        if value not in _SILENT:
            found[name] = value
    return found
