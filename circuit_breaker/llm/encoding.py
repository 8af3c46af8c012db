"""JSON on the wire: our plain values to bytes and back, each written and read once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["decoded", "encoded", "json_text", "whole_object"]


def _plain(value: Any) -> Any:
    """What stands in JSON for a value that JSON does not have."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a value of class {type(value).__name__} is no JSON: {value!r:.80}")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number")
_DECODER = msgspec.json.Decoder()


def encoded(document: Any) -> bytes:
    """The document as JSON.

    Raises:
        TypeError: Something in it is no JSON.
    """
    return _ENCODER.encode(document)


def json_text(value: Any) -> str:
    """The value as a JSON text; a text is taken as it is."""
    return value if isinstance(value, str) else encoded(value).decode()


def decoded(data: bytes | str) -> Any:
    """The document that JSON describes.

    Raises:
        ValueError: It is no JSON, or nested too deep.
    """
    try:
        return _DECODER.decode(data)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def whole_object(text: str) -> bool:
    """Whether a text is a JSON object from its beginning to its end."""
    stripped = text.strip()
    if not (stripped.startswith("{") and stripped.endswith("}")):
        return False
    try:
        return isinstance(decoded(stripped), dict)
    except ValueError:
        return False
