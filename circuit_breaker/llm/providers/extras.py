"""Extras: members of a request that only the vendor knows, beside those that a dialect writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["over"]


def over(extra: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the extra members beside its own, also inside of its objects; its own always win.

    Otherwise whoever sends a request could lift the bounds that were put on it, such as that of a budget.

    Args:
        extra: What the user gives in the vendor's own words.
        body: What the dialect has written.
    """
    if not extra:
        return dict(body)
    return {**extra, **{name: _beside(extra.get(name), value) for name, value in body.items()}}


def _beside(extra: Any, own: Any) -> Any:
    return {**extra, **own} if isinstance(extra, Mapping) and isinstance(own, Mapping) else own
