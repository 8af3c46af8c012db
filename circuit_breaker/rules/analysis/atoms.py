"""Atoms: the conditions that rules are made of, each with the paths that it reads and where its answer can turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from circuit_breaker.rules.path import Path

__all__ = ["Atom", "Hints", "Key", "key_of", "keyed"]

Key = tuple[str, ...]
"""A path as its steps, the namespace first."""


@attrs.frozen
class Hints:
    """Where the answer of a condition on one path can turn.

    Attributes:
        constants: Values that it is compared with.
        prefixes: Texts that it may begin with.
        pieces: Texts that it may contain or end with.
        patterns: Patterns that it may match.
        lengths: Lengths that are compared with.
        items: Items or keys that it may contain.
    """

    constants: tuple[Any, ...] = ()
    prefixes: tuple[str, ...] = ()
    pieces: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    lengths: tuple[int, ...] = ()
    items: tuple[Any, ...] = ()

    def __or__(self, other: Hints) -> Hints:
        names = [field.name for field in attrs.fields(Hints)]
        return Hints(**{name: getattr(self, name) + getattr(other, name) for name in names})


@attrs.frozen(eq=False)
class Atom:
    """One condition.

    Attributes:
        text: It in words.
        ask: Its answer about a token, as a mask of one bit.
        keys: The paths that it reads; none where it always answers the same.
        hints: Where its answer can turn.
        opaque: Whether it can only be asked, so that it may answer anything; the reason, or an empty text.
        looks: How it looks into texts where the hints do not tell all: ``contains``, ``ends_with``, ``matches``.
        orders: Whether it asks which of two paths has the greater value.
    """

    text: str
    ask: Callable[[Any], int]
    keys: tuple[Key, ...] = ()
    hints: Hints = Hints()
    opaque: str = ""
    looks: str = ""
    orders: bool = False


def key_of(text: str) -> Key:
    """The path that the text says.

    Raises:
        RuleInvalid: It says none.
    """
    path = Path.parse(text)
    return (path.namespace, *path.steps)


def keyed(domains: Mapping[str, Any]) -> dict[Key, Any]:
    """The mapping with paths in place of their texts."""
    return {key_of(path): domain for path, domain in domains.items()}
