"""The types of parameters: their words, their Python forms, and how both are spelled to a reader."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Union

import msgspec

from circuit_breaker.errors import nearest

__all__ = ["WORDS", "agreed", "alternatives", "nullable", "optional", "resolved", "shown", "spelled", "understood"]

WORDS: Final[Mapping[str, Any]] = types.MappingProxyType(
    {"string": str, "integer": int, "number": float, "boolean": bool, "array": list, "hash": dict}
)
_WORD_OF: Final = {kind: word for word, kind in WORDS.items()}


def understood(kind: Any) -> Any:
    """The Python type that a declared type stands for: one of :data:`WORDS`, or a type that JSON can express.

    Raises:
        TypeError: It is neither; the message names it and a remedy.
    """
    if isinstance(kind, str):
        if kind not in WORDS:
            raise TypeError(f"there is no type '{kind}'; {nearest(kind, WORDS)}")
        return WORDS[kind]
    try:
        msgspec.json.schema(kind)
    except (TypeError, NameError) as error:
        reason = str(error).rpartition("\n")[2]
        raise TypeError(f"{shown(kind)} is no type of JSON values: {reason}") from error
    return kind


def resolved(annotation: Any, scope: Mapping[str, Any], *, owner: type | None = None) -> Any:
    """The type that an annotation stands for; a text is read in ``scope``, and ``ClassVar`` stays what it is.

    Raises:
        TypeError: A name in it is not known.
    """
    holder = type("_", (), {"__annotations__": {"it": annotation}})
    names = {**(vars(owner) if owner else {}), **scope}
    try:
        return typing.get_type_hints(holder, names, include_extras=True)["it"]
    except (NameError, SyntaxError, TypeError, AttributeError) as error:
        raise TypeError(f"the annotation {annotation!r} cannot be read: {error}") from error


def spelled(kind: Any) -> str:
    """The type in words, such as ``"string or array of string"``."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(spelled(part) for part in arguments)
    if origin is Annotated:
        return spelled(arguments[0])
    if origin is Literal:
        return "one of " + ", ".join(map(repr, arguments))
    if origin is list and arguments:
        return f"array of {_grouped(arguments[0])}"
    if origin is dict:
        return f"hash of {_grouped(arguments[1])}"
    if kind in (None, types.NoneType):
        return "None"
    return "anything" if kind is Any else _WORD_OF.get(kind, getattr(kind, "__name__", str(kind)))


def _grouped(kind: Any) -> str:
    """The type in words, in parentheses where several are possible."""
    words = spelled(kind)
    return f"({words})" if " or " in words else words


def agreed(annotated: Any, declared: Any) -> Any:
    """The more exact of two types for one parameter, or None when they contradict each other.

    ``"array"`` agrees with ``list[str]``, ``"string"`` with ``str | None``, and anything with ``Any``.
    """
    if annotated is Any or annotated == declared:
        return declared
    parts = [part for part in alternatives(annotated) if part is not types.NoneType]
    same = declared is Any or any(part == declared or typing.get_origin(part) is declared for part in parts)
    return annotated if same and (declared is Any or len(parts) == 1) else None


def alternatives(kind: Any) -> tuple[Any, ...]:
    """The members of a union, or the type alone."""
    return typing.get_args(kind) if typing.get_origin(kind) in (Union, types.UnionType) else (kind,)


def nullable(kind: Any) -> bool:
    """Whether None is a value of the type."""
    return kind is Any or types.NoneType in alternatives(kind)


def optional(kind: Any) -> Any:
    """The type, with None added to it."""
    return kind if nullable(kind) else kind | None


def shown(value: object, most: int = 60) -> str:
    """The value as text of at most ``most`` characters."""
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"
