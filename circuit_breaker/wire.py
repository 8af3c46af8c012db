"""The one converter between our values and plain JSON documents (cattrs, with every fault of a document at once)."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final, TypeVar, Union

import attrs
import cattrs
from cattrs.strategies import configure_union_passthrough
from cattrs.v import format_exception

from circuit_breaker.errors import DataInvalid, nearest, words_of

__all__ = ["SCALARS", "field_names", "field_types", "structure", "unreadable", "unstructure"]

T = TypeVar("T")


def _seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


SCALARS: Final[dict[type, tuple[Callable[[Any], Any], Callable[[Any], Any], tuple[type, ...]]]] = {
    date: (date.isoformat, date.fromisoformat, (str,)),
    datetime: (datetime.isoformat, datetime.fromisoformat, (str,)),
    time: (time.isoformat, time.fromisoformat, (str,)),
    timedelta: (timedelta.total_seconds, _seconds, (int, float)),
    Decimal: (str, Decimal, (str,)),
}
"""Types that JSON does not have: how a value is written, how it is read back, and what stands for it in JSON."""


@functools.cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(
        forbid_extra_keys=True, prefer_attrib_converters=True, unstruct_collection_overrides={AbstractSet: _ordered}
    )
    for kind, (write, _, _) in SCALARS.items():
        converter.register_unstructure_hook(kind, write)
        converter.register_structure_hook(kind, _scalar)
    for kind in (int, float, str, bool, type(None)):
        converter.register_structure_hook(kind, _exactly)
    converter.register_structure_hook(Enum, _member)
    configure_union_passthrough(Union[str, bool, int, float, None], converter)  # noqa: UP007 - cattrs reads its origin
    return converter


def _ordered(items: Iterable[Any]) -> list[Any]:
    """The members of a set, always in the same order."""
    return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))


def _scalar(value: Any, kind: type) -> Any:
    _, read, forms = SCALARS[kind]
    try:
        if type(value) in forms:
            return read(value)
    except (ValueError, ArithmeticError):
        pass
    raise TypeError(f"{value!r} is no {kind.__name__}")


def _member(value: Any, kind: type[Enum]) -> Any:
    """The member of an enumeration that has the value; True is not 1."""
    for member in kind:
        if member.value == value and isinstance(member.value, bool) == isinstance(value, bool):
            return member
    raise TypeError(f"{value!r} is no {kind.__name__}")


def _exactly(value: Any, kind: type) -> Any:
    """The value itself: JSON types are never converted into one another, except that an integer may be a float."""
    if issubclass(kind, Enum):
        return _member(value, kind)
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
        hint = _nearest_field(error)
        raise DataInvalid(f"the data is no {kind.__name__}: {faults}", remedy=hint) from error


def _in_words(error: BaseException, kind: type | None) -> str:
    """One fault of a document, with the value that is wrong."""
    return str(error) if isinstance(error, TypeError) else format_exception(error, kind)


def _nearest_field(error: cattrs.BaseValidationError) -> str:
    """The right name for the first unknown field, however deep."""
    for inner in error.exceptions:
        if isinstance(inner, cattrs.ForbiddenExtraKeysError) and attrs.has(inner.cl):
            return nearest(min(inner.extra_fields), field_names(inner.cl))
        if isinstance(inner, cattrs.BaseValidationError) and (hint := _nearest_field(inner)):
            return hint
    return ""


def unstructure(value: Any) -> Any:
    """The value as a plain JSON document.

    Raises:
        DataInvalid: It is nested too deep, or contains itself.
    """
    try:
        return _converter().unstructure(value)
    except RecursionError as error:
        raise DataInvalid(
            f"the data of class {type(value).__name__} is nested too deep, or contains itself", remedy="flatten it"
        ) from error


def field_names(kind: type) -> tuple[str, ...]:
    """The names of the fields of an attrs class."""
    return tuple(field.name for field in attrs.fields(kind))


def field_types(kind: type) -> dict[str, Any]:
    """The types of the fields of an attrs class, by name; Any where none is declared.

    Raises:
        NameError: An annotation names something that cannot be found.
    """
    attrs.resolve_types(kind)
    return {field.name: Any if field.type is None else field.type for field in attrs.fields(kind)}


def unreadable(kind: Any) -> str:
    """Why values of a type could not be read back from JSON, or an empty text if they can."""
    try:
        _converter().get_structure_hook(kind)
    except (cattrs.StructureHandlerNotFoundError, TypeError, NameError) as error:
        return words_of(error).partition("\n")[0]
    return ""
