"""The one converter between our values and plain JSON documents (cattrs, with every fault of a document at once)."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import Any, TypeVar

import attrs
import cattrs
from cattrs.v import format_exception

from circuit_breaker.errors import DataInvalid, nearest

__all__ = ["field_names", "structure", "unstructure"]

T = TypeVar("T")


@functools.cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, prefer_attrib_converters=True)
    converter.register_unstructure_hook(datetime, lambda value: value.isoformat())
    converter.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(value))
    converter.register_unstructure_hook(timedelta, lambda value: value.total_seconds())
    converter.register_structure_hook(timedelta, lambda value, _: timedelta(seconds=value))
    for kind in (int, float, str, bool):
        converter.register_structure_hook(kind, _exactly)
    return converter


def _exactly(value: Any, kind: type) -> Any:
    """The value itself: JSON types are never converted into one another, except that an integer may be a float."""
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def structure(document: Any, kind: type[T]) -> T:
    """The value of an attrs class that the document describes.

    Raises:
        DataInvalid: The document does not fit; every fault is named with its path.
    """
    try:
        return _converter().structure(document, kind)
    except cattrs.BaseValidationError as error:
        faults = "; ".join(cattrs.transform_error(error, path="data", format_exception=_in_words))
        hint = _nearest_field(error, kind)
        raise DataInvalid(f"the data is no {kind.__name__}: {faults}", remedy=hint) from error


def _in_words(error: BaseException, kind: type | None) -> str:
    """One fault of a document, with the value that is wrong."""
    return str(error) if isinstance(error, TypeError) else format_exception(error, kind)


def _nearest_field(error: cattrs.BaseValidationError, kind: type) -> str:
    for inner in error.exceptions:
        if isinstance(inner, cattrs.ForbiddenExtraKeysError):
            return nearest(min(inner.extra_fields), field_names(kind))
    return ""


def unstructure(value: Any) -> Any:
    """The value as a plain JSON document."""
    return _converter().unstructure(value)


def field_names(kind: type) -> tuple[str, ...]:
    """The names of the fields of an attrs class."""
    return tuple(field.name for field in attrs.fields(kind))
