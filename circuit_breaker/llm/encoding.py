"""JSON on the wire: our plain values to bytes and back, each written and read once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

import msgspec

from circuit_breaker.llm.halves import without_halves

__all__ = ["decoded", "decoded_piece", "encoded", "json_text", "only_text", "refuse_constant", "whole_object"]

_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def _plain(value: Any) -> Any:
    """What stands in JSON for a value that JSON does not have."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a value of class {type(value).__name__} is no JSON: {value!r:.80}")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number")
_DECODER = msgspec.json.Decoder()


def encoded(document: Any) -> bytes:
    """The document as JSON; half a character, which cannot be written, is told as ``U+FFFD``.

    Raises:
        TypeError: Something in it is no JSON.
    """
    try:
        return _ENCODER.encode(document)
    except UnicodeEncodeError:
        return _ENCODER.encode(_each_text(document, without_halves))


def json_text(value: Any) -> str:
    """The value as a JSON text; a text is taken as it is."""
    return value if isinstance(value, str) else encoded(value).decode()


def decoded(data: bytes | str) -> Any:
    """The document that JSON describes.

    Raises:
        ValueError: It is no JSON, or nested too deep.
    """
    try:
        return _decoded(data)
    except ValueError:
        if not _cut(data):
            raise
    try:
        return _each_text(_with_halves(data), without_halves)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def decoded_piece(data: bytes) -> Any:
    """The document that JSON describes, in whose texts halves of a character may stand that other pieces complete.

    Raises:
        ValueError: It is no JSON, or nested too deep.
    """
    try:
        return _decoded(data)
    except ValueError:
        if not _cut(data):
            raise
    return _with_halves(data)


def _decoded(data: bytes | str) -> Any:
    try:
        return _DECODER.decode(data)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _cut(data: bytes | str) -> bool:
    """Whether a character may be cut in two in it, which the quick reader refuses."""
    return _HALF.search(data.encode("utf-8", "replace") if isinstance(data, str) else data) is not None


def _with_halves(data: bytes | str) -> Any:
    try:
        return json.loads(data, parse_constant=refuse_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def refuse_constant(name: str) -> NoReturn:
    """Refuses what Python reads and JSON does not have, such as ``NaN``.

    Raises:
        ValueError: Always.
    """
    raise ValueError(f"{name} is no JSON")


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(str(name)): _each_text(inner, change) for name, inner in value.items()}
    return [_each_text(inner, change) for inner in value] if isinstance(value, (list, tuple)) else value


def whole_object(text: str) -> bool:
    """Whether a text is a JSON object from its beginning to its end."""
    stripped = text.strip()
    if not (stripped.startswith("{") and stripped.endswith("}")):
        return False
    try:
        return isinstance(decoded(stripped), dict)
    except ValueError:
        return False


def only_text(told: Any) -> str:
    """What must be a text.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(told, str):
        raise TypeError(f"{told!r:.40} is no text")
    return told
