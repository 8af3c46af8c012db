"""The one converter between our values and plain JSON documents (cattrs, with every fault of a document at once)."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping
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

__all__ = ["SCALARS", "Documents", "field_names", "field_types", "structure", "unreadable", "unstructure"]

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
    found: T = _structured(_converter(), document, kind, kind.__name__)
    return found


def _structured(converter: cattrs.Converter, document: Any, kind: Any, name: str) -> Any:
    try:
        return converter.structure(document, kind)
    except cattrs.BaseValidationError as error:
        faults = "; ".join(cattrs.transform_error(error, path="data", format_exception=_in_words))
        raise DataInvalid(f"the data is no {name}: {faults}", remedy=_nearest_field(error)) from error
    except TypeError as error:  # a single value that is wrong is not wrapped
        raise DataInvalid(f"the data is no {name}: {words_of(error)}") from error


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
    return _unstructured(_converter(), value)


def _unstructured(converter: cattrs.Converter, value: Any, kind: Any = None) -> Any:
    try:
        return converter.unstructure(value, kind)
    except RecursionError as error:
        raise DataInvalid(
            f"the data of class {type(value).__name__} is nested too deep, or contains itself", remedy="flatten it"
        ) from error


class Documents:
    """The converter for a family of values, some of which may be one of several classes.

    Which class it is stands in the member ``type`` of a document. What has its default value is left out.

    Args:
        *unions: For each union a mapping from what stands in ``type`` to the class.
        others: How values are written and read that are no attrs classes, by their class.
    """

    def __init__(
        self,
        *unions: Mapping[str, type],
        others: Mapping[type, tuple[Callable[[Any], Any], Callable[[Any], Any]]] | None = None,
    ) -> None:
        self._converter = converter = _converter().copy(omit_if_default=True, prefer_attrib_converters=False)
        for kind, (write, read) in (others or {}).items():
            converter.register_unstructure_hook(kind, write)
            converter.register_structure_hook(kind, functools.partial(_alone, read))
        for kinds in unions:
            union: Any = Union[tuple(kinds.values())]  # noqa: UP007 - there is no other way to make one of a tuple
            converter.register_structure_hook(union, functools.partial(_tagged_in, converter, kinds))
            for name, kind in kinds.items():
                write, reads = converter.get_unstructure_hook(kind), converter.get_structure_hook(kind)
                converter.register_unstructure_hook(kind, functools.partial(_tagged_out, name, write))
                converter.register_structure_hook(kind, functools.partial(_untagged, name, reads))
            converter.register_unstructure_hook(union, converter.unstructure)

    def read(self, document: Any, kind: Any, name: str) -> Any:
        """The value of that type which the document describes.

        Raises:
            DataInvalid: The document does not fit; every fault is named with its path.
        """
        return _structured(self._converter, document, kind, name)

    def write(self, value: Any) -> Any:
        """The value as a plain JSON document."""
        return _unstructured(self._converter, value)


def _alone(read: Callable[[Any], Any], document: Any, _: Any) -> Any:
    return read(document)


def _tagged_out(name: str, write: Callable[[Any], Any], value: Any) -> dict[str, Any]:
    return {"type": name, **write(value)}


def _untagged(name: str, read: Callable[[Any, Any], Any], document: Any, kind: Any) -> Any:
    """One of a union where only this class can be."""
    if isinstance(document, Mapping) and document.get("type") == name:
        document = {key: value for key, value in document.items() if key != "type"}
    return read(document, kind)


def _tagged_in(converter: cattrs.Converter, kinds: Mapping[str, type], document: Any, _: Any) -> Any:
    if not isinstance(document, Mapping):
        raise TypeError(f"{document!r:.80} is no mapping")
    kind = kinds.get(document.get("type", ""))
    if kind is None:
        hint = nearest(str(document.get("type", "")), kinds)
        raise TypeError(f"there is no type {document.get('type')!r:.40} ({hint})")
    return converter.structure({key: value for key, value in document.items() if key != "type"}, kind)


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
