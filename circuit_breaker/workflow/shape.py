"""Shape: what the class of typed data says of its fields, and what is wrong with it.

A field may be of any type that JSON gives back unchanged: text, numbers, booleans, None, ``Any``, ``Literal``,
enumerations of these, dates, times, durations and decimals, lists, tuples, sets and dicts with text keys of such
values, and attrs classes with such fields.
"""

from __future__ import annotations

import functools
import operator
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Annotated, Any, Final, Literal, Union

import attrs

from circuit_breaker.errors import Fault, nearest
from circuit_breaker.wire import SCALARS, field_types, unreadable

__all__ = ["DICTS", "LISTS", "class_faults", "shape_faults", "step_fault", "types_at"]

PLAIN: Final = (str, int, float, bool)
LISTS: Final = (list, tuple, set, frozenset, Sequence, AbstractSet)
DICTS: Final = (dict, Mapping)
REMEDY: Final = "declare it as text, a number, a list, a dict, or an attrs class of such fields"
SUBSTITUTES: Final[Mapping[str, str]] = {
    "bytes": "keep it as text, such as base64, or outside of the token",
    "complex": "declare a field for each part",
    "UUID": "keep it as text",
    "PosixPath": "keep it as text",
    "Path": "keep it as text",
}
"""What to do instead, by the name of the type."""


def class_faults(data: Any) -> Iterator[Fault]:
    """Why this cannot be given as ``data=``; nothing if it is an attrs class."""
    if not isinstance(data, type):
        kind = type(data).__name__
        if attrs.has(type(data)):
            yield Fault("data", f"is an instance of {kind}", f"give the class itself: data={kind}")
        else:
            yield Fault("data", f"is a value of type {kind}, and no class", "give an attrs class, or remove it")
    elif not attrs.has(data):
        yield Fault(f"data={data.__name__}", "is no attrs class", "decorate it with @attrs.frozen")


def shape_faults(kind: type) -> list[Fault]:
    """The fields of an attrs class, and of those inside of it, whose values JSON does not give back."""
    found = list(_fields(kind, kind.__name__, {kind}))
    if not found and (reason := unreadable(kind)):
        found.append(
            Fault(f"class {kind.__name__}", f"cannot be read back from JSON: {reason}", "declare plainer types")
        )
    return found


def _fields(kind: type, place: str, seen: set[type]) -> Iterator[Fault]:
    try:
        fields = field_types(kind)
    except (NameError, TypeError) as error:
        yield Fault(
            f"class {place}", f"has an annotation that cannot be read: {error}", "define what it names in its module"
        )
        return
    for name, declared in fields.items():
        yield from _faults(declared, f"{place}.{name}", seen)


def _faults(declared: Any, place: str, seen: set[type]) -> Iterator[Fault]:
    """What is wrong with one type."""
    declared = _bare(declared)
    origin, inner = typing.get_origin(declared) or declared, typing.get_args(declared)
    if origin in (Union, types.UnionType):
        yield from _union(inner, place, seen)
    elif origin in LISTS:
        for each in inner:
            yield from _faults(each, f"{place}[]", seen) if each is not Ellipsis else ()
    elif origin in DICTS:
        yield from _dict(inner, place, seen)
    elif isinstance(origin, type) and attrs.has(origin):
        if origin not in seen:
            seen.add(origin)
            yield from _fields(origin, place, seen)
    elif not _is_kept(declared):
        yield _foreign(declared, place)


def _union(members: Sequence[Any], place: str, seen: set[type]) -> Iterator[Fault]:
    kept = [_bare(member) for member in members if member is not types.NoneType]
    if len(kept) == 1:
        yield from _faults(kept[0], place, seen)
        return
    found = [fault for member in kept for fault in _faults(member, place, seen)]
    yield from found
    classes = all(isinstance(member, type) and attrs.has(member) for member in kept)
    told_apart = (
        not unreadable(functools.reduce(operator.or_, kept)) if classes else all(member in PLAIN for member in kept)
    )
    if not found and not told_apart:
        names = " | ".join(map(_spelled, kept))
        yield Fault(place, f"is a {names}, which JSON does not tell apart", "declare one of them, or Any")


def _dict(inner: Sequence[Any], place: str, seen: set[type]) -> Iterator[Fault]:
    if not inner:
        return
    key, value = map(_bare, inner)
    if key not in (str, Any):
        yield Fault(place, f"has keys of type {_spelled(key)}", "JSON has text keys only: declare dict[str, ...]")
    yield from _faults(value, f"{place}[]", seen)


def _is_kept(declared: Any) -> bool:
    """Whether JSON gives values of a type back that has no types inside of it."""
    if isinstance(declared, typing.TypeVar) or declared in (Any, None, types.NoneType):
        return True
    if declared in PLAIN or declared in SCALARS:
        return True
    if typing.get_origin(declared) is Literal:
        return all(value is None or type(value) in PLAIN for value in typing.get_args(declared))
    if isinstance(declared, type) and issubclass(declared, Enum):
        return all(type(member.value) in PLAIN for member in declared)
    return typing.is_typeddict(declared)


def _foreign(declared: Any, place: str) -> Fault:
    name = getattr(declared, "__name__", str(declared))
    remedy = "decorate the class with @attrs.frozen" if hasattr(declared, "__dataclass_fields__") else REMEDY
    return Fault(place, f"is of type {_spelled(declared)}, which is no JSON", SUBSTITUTES.get(name, remedy))


def _bare(declared: Any) -> Any:
    """The type without what only says more about it: ``Annotated``, ``NewType``, ``Final``."""
    while True:
        if typing.get_origin(declared) in (Annotated, Final):
            declared = typing.get_args(declared)[0]
        elif isinstance(declared, typing.NewType):
            declared = declared.__supertype__
        else:
            return declared


def _spelled(declared: Any) -> str:
    return declared.__name__ if isinstance(declared, type) and not typing.get_args(declared) else str(declared)


def step_fault(kind: type, steps: Sequence[str]) -> tuple[str, str] | None:
    """What is wrong with a path into typed data, and the remedy; None if it can lead somewhere.

    Args:
        kind: The attrs class of the data.
        steps: The keys below ``data``.
    """
    kinds: list[Any] = [kind]
    for number, step in enumerate(steps):
        reached = [found for each in kinds for found in _stepped(each, step)]
        if not reached:
            return _misled(kinds, step, ".".join(("data", *steps[:number])))
        kinds = [each for found in reached for each in _alternatives(found)]
    return None


def types_at(kind: type, steps: Sequence[str]) -> list[Any]:
    """The types that what a path into typed data leads to may have; nothing where it leads nowhere."""
    kinds, none = [kind], False
    for step in steps:
        reached = [found for each in kinds for found in _stepped(each, step)]
        kinds = [each for found in reached for each in _alternatives(found)]
        none = any(types.NoneType in (found, *typing.get_args(_bare(found))) for found in reached)
    return [*kinds, types.NoneType] if none else kinds


def _stepped(kind: Any, step: str) -> Iterator[Any]:
    """The type of what is at the step, or nothing if it leads nowhere; Any where nothing is known."""
    origin, inner = typing.get_origin(kind) or kind, typing.get_args(kind)
    if isinstance(origin, type) and attrs.has(origin):
        fields = field_types(origin)
        yield from [fields[step]] if step in fields else []
    elif origin in LISTS:
        if step.isdigit():
            yield _item(inner, int(step))
    elif origin in DICTS:
        yield inner[1] if inner else Any
    elif not _is_scalar(kind):
        yield Any


def _item(inner: Sequence[Any], number: int) -> Any:
    if not inner:
        return Any
    return inner[number] if len(inner) > number and inner[-1] is not Ellipsis else inner[0]


def _is_scalar(kind: Any) -> bool:
    return kind in PLAIN or kind in SCALARS or (isinstance(kind, type) and issubclass(kind, Enum))


def _alternatives(declared: Any) -> Iterator[Any]:
    """The types that a value may have, without None."""
    declared = _bare(declared)
    if typing.get_origin(declared) in (Union, types.UnionType):
        yield from (_bare(part) for part in typing.get_args(declared) if part is not types.NoneType)
    elif declared is not None and declared is not types.NoneType:
        yield declared


def _misled(kinds: Iterable[Any], step: str, place: str) -> tuple[str, str]:
    origins = [typing.get_origin(kind) or kind for kind in kinds]
    classes = [each for each in origins if isinstance(each, type) and attrs.has(each)]
    if classes:
        names = [name for each in classes for name in field_types(each)]
        return f"{' | '.join(map(_spelled, classes))} has no field '{step}'", nearest(step, names)
    if any(each in LISTS for each in origins):
        return f"{place} is a list, which has no field '{step}'", f"name an item by its number: {place}.0.{step}"
    spelled = " | ".join(map(_spelled, origins)) or "always None"
    return f"{place} is of type {spelled}, which has no field '{step}'", f"end the path at '{place}'"
