"""Keys have no place in a definition: what looks like one is found, and never shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

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


def is_keyish(name: str) -> bool:
    """Whether what has this name is likely to be a key."""
    return name not in _COUNTS and _NAME.search(name) is not None


def key_faults(place: str, value: Any) -> Iterator[Fault]:
    """Faults for everything in a free object that looks like a key, by its name or by itself (ZA16)."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if is_keyish(name):
                yield Fault(f"{place}.{name}", "a key has no place in a definition", _REMEDY)
            else:
                yield from key_faults(f"{place}.{name}", inner)
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from key_faults(f"{place}[{number}]", inner)
    elif isinstance(value, str) and _VALUE.search(value):
        yield Fault(place, "looks like a key, which has no place in a definition", _REMEDY)


def text_faults(place: str, value: Any) -> Iterator[Fault]:
    """Faults for every text in a document that holds what looks like a key, whatever its name."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from text_faults(f"{place}.{name}" if place else str(name), inner)
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from text_faults(f"{place}[{number}]", inner)
    elif isinstance(value, str) and _TEXT.search(value):
        yield Fault(place, "looks like a key, which has no place in a definition", _REMEDY)


def keyless(document: Any) -> tuple[Any, list[tuple[tuple[str | int, ...], Fault]]]:
    """The document of an agent without keys, and a fault with its path for each one that was there."""
    found: list[tuple[tuple[str | int, ...], Fault]] = []
    return _cleaned(document, (), found), found


def _cleaned(value: Any, path: tuple[str | int, ...], found: list[tuple[tuple[str | int, ...], Fault]]) -> Any:
    if isinstance(value, Mapping):
        kept = {}
        for name, inner in value.items():
            if isinstance(name, str) and _names_a_key(path) and is_keyish(name):
                found.append(((*path, name), Fault("", "a key has no place in a definition", _REMEDY)))
            else:
                kept[name] = _cleaned(inner, (*path, name), found)
        return kept
    if isinstance(value, (list, tuple)):
        return [_cleaned(inner, (*path, number), found) for number, inner in enumerate(value)]
    pattern = _VALUE if _names_a_key(path[:-1]) else _TEXT
    if isinstance(value, str) and pattern.search(value):
        found.append((path, Fault("", "looks like a key, which has no place in a definition", _REMEDY)))
        return HIDDEN
    return value


def _names_a_key(path: tuple[str | int, ...]) -> bool:
    """Whether a name below this path is anybody's choice, and no name of an input or of a field of a schema."""
    return not path or path[0] in _FREE


def unkeyed(text: str, *documents: Any) -> str:
    """The text without what looks like a key, and without the texts that have the name of one in the documents."""
    for document in documents:
        for secret in sorted(_secrets(document), key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
    return _VALUE.sub(HIDDEN, text)


def _secrets(value: Any, keyish: bool = False) -> set[str]:
    if isinstance(value, Mapping):
        return set().union(*(_secrets(inner, keyish or is_keyish(str(name))) for name, inner in value.items()))
    if isinstance(value, (list, tuple)):
        return set().union(*(_secrets(inner, keyish) for inner in value))
    return {value} if keyish and isinstance(value, str) and len(value) > 3 else set()


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
