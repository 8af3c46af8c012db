"""References in JSON values: an object of one key, such as ``{"$secret": "API_KEY"}``, stands for a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["filled", "is_mark", "mark", "marked"]


def mark(key: str, name: str) -> dict[str, str]:
    """What stands for the value of that name.

    Raises:
        ValueError: The name is no text, or empty.
    """
    if not name or not isinstance(name, str):
        raise ValueError(f"a reference ({key}) needs a name as text, not {name!r}")
    return {key: name}


def is_mark(value: Any, key: str) -> bool:
    """Whether the value stands for another."""
    return isinstance(value, Mapping) and len(value) == 1 and isinstance(value.get(key), str)


def marked(value: Any, key: str) -> Iterator[str]:
    """The names of all references in a value, in order."""
    if is_mark(value, key):
        yield value[key]
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from marked(inner, key)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from marked(inner, key)


def filled(value: Any, key: str, given: Callable[[str], Any]) -> Any:
    """The value with its references replaced by what is given for their names."""
    if is_mark(value, key):
        return given(value[key])
    if isinstance(value, Mapping):
        return {name: filled(inner, key, given) for name, inner in value.items()}
    return [filled(inner, key, given) for inner in value] if isinstance(value, (list, tuple)) else value
