"""Keys have no place in a definition: what looks like one is found, and never shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs

from circuit_breaker.errors import DefinitionError, Fault

__all__ = ["HIDDEN", "is_keyish", "key_faults", "keyless", "text_faults", "unkeyed", "without_keys"]

HIDDEN: Final = "***"
_NAME: Final = re.compile(r"(api[-_]?key|secret|token|password|passwd|authorization|credential)s?$", re.IGNORECASE)
_COUNTS: Final = ("max_tokens", "tokens")
_KEY: Final = r"\b(?:sk-[A-Za-z0-9_-]{16,}|AIza[A-Za-z0-9_-]{20,}|xox[a-z]-\w+|gh[a-z]_\w{20,}"
_TEXT: Final = re.compile(f"{_KEY})")
_VALUE: Final = re.compile(rf"{_KEY}|Bearer\s+\S{{8,}})")
_FREE: Final = ("llm_config", "metadata")
_REMEDY: Final = "give it to the provider, through the environment or a secret"

_Path = tuple[str | int, ...]
_Found = tuple[_Path, Fault]
_Free = Callable[[_Path], bool]
"""Whether names below a path are anybody's choice."""


def is_keyish(name: str, value: Any) -> bool:
    """Whether a value of this name is likely to be a key; a number may be a password, but tokens are counted."""
    if name in _COUNTS or value is None or isinstance(value, (bool, float)):
        return False
    counts = name.lower().endswith("tokens") and _is_numeric(value)
    return not counts and _NAME.search(name) is not None


def _is_numeric(value: Any) -> bool:
    """Whether there is no text in it."""
    if isinstance(value, (list, tuple, Mapping)):
        return all(map(_is_numeric, value.values() if isinstance(value, Mapping) else value))
    return not isinstance(value, str)


def key_faults(place: str, value: Any) -> Iterator[Fault]:
    """Faults for everything in a free object that looks like a key, by its name or by itself (ZA16)."""
    return _placed(place, value, lambda _: True)


def text_faults(place: str, value: Any) -> Iterator[Fault]:
    """Faults for every text in a document that holds what looks like a key, whatever its name."""
    return _placed(place, value, lambda _: False)


def _placed(place: str, value: Any, free: _Free) -> Iterator[Fault]:
    found: list[_Found] = []
    _cleaned(value, (), found, free)
    for path, fault in found:
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
        yield attrs.evolve(fault, place=f"{place}{''.join(steps)}")


def keyless(document: Any) -> tuple[Any, list[_Found]]:
    """The document of an agent without keys, and a fault with its path for each one that was there."""
    found: list[_Found] = []
    return _cleaned(document, (), found, _names_a_key), found


def _cleaned(value: Any, path: _Path, found: list[_Found], free: _Free) -> Any:
    """The value without keys; what names stand for is judged below the paths that are free."""
    if isinstance(value, Mapping):
        kept = {}
        for name, inner in value.items():
            if isinstance(name, str) and free(path) and is_keyish(name, inner):
                found.append(((*path, name), Fault("", "a key has no place in a definition", _REMEDY)))
            else:
                kept[name] = _cleaned(inner, (*path, name), found, free)
        return kept
    if isinstance(value, (list, tuple)):
        return [_cleaned(inner, (*path, number), found, free) for number, inner in enumerate(value)]
    pattern = _VALUE if free(path[:-1]) else _TEXT
    if isinstance(value, str) and pattern.search(value):
        found.append((path, Fault("", "looks like a key, which has no place in a definition", _REMEDY)))
        return HIDDEN
    return value


def _names_a_key(path: _Path) -> bool:
    """Whether a name below this path is anybody's choice, and no name of an input or of a field of a schema."""
    return not path or path[0] in _FREE


def unkeyed(text: str, *documents: Any) -> str:
    """The text without what looks like a key, and without the values that have the name of one in the documents."""
    for document in documents:
        for secret in sorted(_secrets(document), key=lambda one: len(str(one)), reverse=True):
            text = _without(text, secret)
    return _VALUE.sub(HIDDEN, text)


def _without(text: str, secret: str | int) -> str:
    if isinstance(secret, str):
        return text.replace(secret, HIDDEN)
    return re.sub(rf"(?<!\d){secret}(?!\d)", HIDDEN, text)  # as part of a longer number it is another one


def _secrets(value: Any, keyish: bool = False) -> set[str | int]:
    if isinstance(value, Mapping):
        return set().union(*(_secrets(inner, keyish or is_keyish(str(name), inner)) for name, inner in value.items()))
    if isinstance(value, (list, tuple)):
        return set().union(*(_secrets(inner, keyish) for inner in value))
    return {value} if keyish and type(value) in (str, int) and len(str(value)) > 3 else set()


def without_keys(error: DefinitionError) -> DefinitionError:
    """The same error, which shows no key."""
    faults = [
        Fault(
            fault.place, _VALUE.sub(HIDDEN, fault.message), _VALUE.sub(HIDDEN, fault.remedy), fault.line, fault.column
        )
        for fault in error.faults
    ]
    first = error.message.partition("\n")[0]
    return type(error)(_VALUE.sub(HIDDEN, first), faults=faults, remedy=error.remedy)
