"""Several texts: whatever they come in, as a frozen value; one text alone is one of them."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["names_of", "texts_of"]


def texts_of(texts: str | Iterable[str]) -> tuple[str, ...]:
    """The texts in their order."""
    return (texts,) if isinstance(texts, str) else tuple(texts)


def names_of(names: str | Iterable[str]) -> frozenset[str]:
    """The names, in no order."""
    return frozenset(texts_of(names))
