"""The data of a token: JSON values that cannot be changed in place, their merge and their difference."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from circuit_breaker.errors import DataInvalid, MergeConflict

__all__ = [
    "DEEPEST",
    "EMPTY",
    "OURS",
    "Data",
    "DataList",
    "difference",
    "freeze",
    "freeze_mapping",
    "freeze_optional",
    "is_unicode",
    "kept",
    "merge",
    "thaw",
]

DEEPEST = 64
"""How many levels of objects and arrays a value may have when it enters; what is read is not judged again."""

OURS = -1000
"""The depth from which documents of our own are counted, such as verdicts: what they quote was judged before."""

SMALLEST, LARGEST = -(2**63), 2**63 - 1
HINT = "tokens are immutable: return what to add from the action, or copy it with copy.deepcopy"


def _refuse(_self: object, *_: object, **__: object) -> NoReturn:
    raise TypeError(f"the data of a token cannot be changed in place; {HINT}")


class Data(dict[str, Any]):
    """A JSON object that cannot be changed; equal to the dict with the same content."""

    __slots__ = ()
    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __deepcopy__(self, memo: object) -> dict[str, Any]:
        return {key: thaw(value) for key, value in self.items()}

    def __hash__(self) -> int:  # type: ignore[override]  # it cannot change, so it may be hashed
        return hash(frozenset((key, _hashable(value)) for key, value in self.items()))


class DataList(list[Any]):
    """A JSON array that cannot be changed; equal to the list with the same content."""

    __slots__ = ()
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __deepcopy__(self, memo: object) -> list[Any]:
        return [thaw(value) for value in self]

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(map(_hashable, self)))


EMPTY = Data()


def _hashable(value: Any) -> Any:
    return (bool, value) if isinstance(value, bool) else value


def thaw(value: Any) -> Any:
    """A copy of plain dicts and lists, which may be changed."""
    if isinstance(value, Mapping):
        return {key: thaw(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [thaw(inner) for inner in value]
    return value


def freeze_mapping(value: Any, *, where: str = "data") -> Data:
    """The mapping as :class:`Data`.

    Raises:
        DataInvalid: It is no mapping with text keys, or something in it is no JSON; the message names the path.
    """
    if type(value) is Data:
        return value
    if not isinstance(value, Mapping):
        raise DataInvalid(f"{where}: {_short(value)} is no mapping", remedy="give a dict with text keys")
    frozen = freeze(value, where=where)
    assert isinstance(frozen, Data)  # noqa: S101 - freeze gives Data for every mapping
    return frozen


def freeze_optional(value: Any, *, where: str = "data") -> Data:
    """The mapping as :class:`Data`, which is empty for None.

    Raises:
        DataInvalid: As :func:`freeze_mapping` has it.
    """
    return EMPTY if value is None else freeze_mapping(value, where=where)


def freeze(value: Any, *, where: str = "data", depth: int = 0) -> Any:
    """The JSON value, frozen through and through.

    Text, numbers, booleans and None stay; mappings become :class:`Data`, lists and tuples :class:`DataList`.

    Raises:
        DataInvalid: Something in it is no JSON, is no finite number or no Unicode text; or it has more than 64 levels
            of objects and arrays.
    """
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _text(value, where)
    if kind is bool or value is None or (kind is int and SMALLEST <= value <= LARGEST):
        return value
    if isinstance(value, (str, int, float)):
        return _scalar(value, where)
    if (kind is Data or kind is DataList) and depth + _depth(value) <= DEEPEST:
        return value
    if depth >= DEEPEST:
        place = where if len(where) <= 60 else f"{where[:30]}…{where[-20:]}"
        raise DataInvalid(f"{place} is nested deeper than {DEEPEST}", remedy="flatten it, or keep it outside the token")
    if isinstance(value, Mapping):
        return Data(_frozen_items(value, where, depth))
    if isinstance(value, (list, tuple)):
        return DataList(freeze(inner, where=f"{where}[{i}]", depth=depth + 1) for i, inner in enumerate(value))
    raise DataInvalid(
        f"{where}: a {kind.__module__}.{kind.__qualname__} is no JSON",
        remedy="use text, numbers, booleans, None, lists and dicts",
    )


def kept(value: Any) -> Any:
    """The JSON value as :func:`freeze` gave it, of what a journal has kept; nothing is judged a second time."""
    if type(value) is dict:
        return Data({key: kept(inner) for key, inner in value.items()})
    return DataList(map(kept, value)) if type(value) is list else value


def _scalar(value: Any, where: str) -> Any:
    """The plain form of a text or a number, such as one of an enumeration.

    Raises:
        DataInvalid: It is no finite number, or one that 64 bits cannot hold.
    """
    if isinstance(value, str):
        return _text(str.__str__(value), where)
    if isinstance(value, float):
        if math.isfinite(value):
            return float(value)
        raise DataInvalid(f"{where}: {value!r} is no JSON number", remedy="use None or a text")
    if SMALLEST <= value <= LARGEST:
        return int(value)
    bits = int(value).bit_length()
    raise DataInvalid(
        f"{where}: an integer of {bits} bits is too large", remedy="keep it as a text; 64 bits are the most"
    )


def _depth(value: Any) -> int:
    """How many levels of objects and arrays a value has."""
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _frozen_items(value: Mapping[Any, Any], where: str, depth: int) -> Iterable[tuple[str, Any]]:
    for key, inner in value.items():
        if not isinstance(key, str):
            raise DataInvalid(f"{where}: the key {key!r} is no text", remedy="use text keys")
        name = key if type(key) is str and key.isascii() else _text(str.__str__(key), where)
        kind = type(inner)  # what most values are is not asked for with the words of an error at hand
        number = kind is bool or (kind is int and SMALLEST <= inner <= LARGEST)
        simple = number or inner is None or (kind is str and inner.isascii())
        yield name, inner if simple else freeze(inner, where=f"{where}.{key}", depth=depth + 1)


def _text(value: str, where: str) -> str:
    """The text, if it can be written in UTF-8."""
    if is_unicode(value):
        return value
    shown = value.encode(errors="backslashreplace").decode()
    raise DataInvalid(
        f"{where}: '{shown:.60}' is no Unicode text (surrogates not allowed)", remedy="decode it with errors='replace'"
    )


def is_unicode(value: str) -> bool:
    """Whether the text can be written in UTF-8: half of a surrogate pair cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _short(value: object, most: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Data, tuple[str, ...]]:
    """What was set and what was removed between two objects, by top-level key."""
    changed = {key: value for key, value in after.items() if key not in before or not _same(before[key], value)}
    return Data(changed), tuple(key for key in before if key not in after)


def merge(
    base: Mapping[str, Any], branches: Sequence[Mapping[str, Any]], *, where: str = "data", last_wins: bool = False
) -> Data:
    """Three-way merge of branches that started from ``base``.

    A key changed or removed in one branch wins; the same change in several is fine. Of different changes the last
    branch has its way with ``last_wins``.

    Raises:
        MergeConflict: Two branches changed a key differently. It names every such key.
    """
    merged = dict(base)
    conflicts: dict[str, tuple[Any, ...]] = {}
    for key in dict.fromkeys(key for branch in (base, *branches) for key in branch):
        changes = [branch.get(key, _GONE) for branch in branches if _changed(base, branch, key)]
        if not last_wins and len(different := _distinct(changes)) > 1:
            conflicts[f"{where}.{key}"] = tuple("removed" if value is _GONE else value for value in different)
        elif changes and changes[-1] is _GONE:
            merged.pop(key, None)
        elif changes:
            merged[key] = changes[-1]
    if conflicts:
        raise MergeConflict(conflicts)
    return Data(merged)


_GONE: Any = object()


def _changed(base: Mapping[str, Any], branch: Mapping[str, Any], key: str) -> bool:
    return not _same(base.get(key, _GONE), branch.get(key, _GONE))


def _distinct(values: list[Any]) -> list[Any]:
    kept: list[Any] = []
    for value in values:
        if not any(_same(value, other) for other in kept):
            kept.append(value)
    return kept


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: True is not 1, also inside of lists and objects."""
    if one is other:
        return True
    if isinstance(one, bool) or isinstance(other, bool):
        return False
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


Merge = Callable[[Sequence[Any]], Mapping[str, Any]]
