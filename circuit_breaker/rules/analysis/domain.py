"""Domain: what is assumed of the value at a path, so that less has to be reckoned with."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Annotated, Any, Final, Literal, Union

import attrs

from circuit_breaker.errors import RuleInvalid, nearest
from circuit_breaker.lazy import deferred
from circuit_breaker.rules.constant import frozen, kind_of, plain, same
from circuit_breaker.rules.verdict import MISSING

__all__ = ["Domain", "domains_of"]

field_types = deferred("circuit_breaker.wire", "field_types")

KINDS: Final = ("missing", "null", "boolean", "integer", "number", "text", "list", "object")


def _set(kinds: Iterable[str]) -> frozenset[str]:
    return frozenset(kinds)


@attrs.frozen
class Domain:
    """What can stand at a path: every value of some kinds, and some single values.

    Attributes:
        kinds: Of ``missing``, ``null``, ``boolean``, ``integer`` (whole numbers that are no doubles), ``number``,
            ``text``, ``list``, ``object``.
        values: Single values beside these.
        held: Whether it is missing only where what it belongs to is no object.

    Raises:
        RuleInvalid: There is no such kind.
    """

    kinds: frozenset[str] = attrs.field(default=frozenset(KINDS), converter=_set)
    values: tuple[Any, ...] = ()
    held: bool = attrs.field(default=False, eq=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        for kind in sorted(self.kinds - set(KINDS)):
            raise RuleInvalid(f"a domain has no kind {kind!r}", remedy=nearest(kind, KINDS))

    @classmethod
    def of(cls, *kinds: str) -> Domain:
        """Every value of these kinds, such as ``Domain.of("number", "missing")``."""
        return cls(frozenset(kinds))

    @classmethod
    def among(cls, *values: Any, missing: bool = False) -> Domain:
        """One of these JSON values; or none at all, where it may be missing."""
        kept = tuple(plain(frozen(value, where="a domain")) for value in values)
        return cls(frozenset({"missing"} if missing else ()), kept)

    def admits(self, value: Any) -> bool:
        """Whether the value, or :data:`~circuit_breaker.rules.MISSING`, can stand there."""
        if value is MISSING:
            return "missing" in self.kinds
        kind = kind_of(value)
        whole = kind == "number" and "integer" in self.kinds and isinstance(value, int)
        return kind in self.kinds or whole or any(same(value, each) for each in self.values)

    def without(self, *kinds: str) -> Domain:
        """The domain without the values of these kinds."""
        gone = {*kinds, "integer"} if "number" in kinds else set(kinds)
        left = tuple(value for value in self.values if kind_of(value) not in gone)
        return Domain(self.kinds - gone, left, held=self.held)

    def __or__(self, other: Domain) -> Domain:
        return Domain(self.kinds | other.kinds, self.values + other.values)


def domains_of(kind: type, *, namespace: str = "data") -> dict[str, Domain]:
    """The domains that the declared fields of an attrs class give, by dotted path.

    Args:
        kind: The class; fields that are attrs classes are followed.
        namespace: What the paths begin with.

    Raises:
        NameError: An annotation names something that cannot be found.
    """
    return dict(_declared(kind, namespace, (kind,), missing=False))


def _declared(kind: type, where: str, within: tuple[type, ...], *, missing: bool) -> Iterator[tuple[str, Domain]]:
    for name, declared in field_types(kind).items():
        path = f"{where}.{name}"
        domain = _domain(declared)
        yield path, Domain(domain.kinds | {"missing"}, domain.values, held=True) if missing else domain
        for inner in _classes(declared):
            if inner not in within:
                optional = missing or domain.kinds != {"object"}
                yield from _declared(inner, path, (*within, inner), missing=optional)


def _classes(declared: Any) -> list[type]:
    """The one attrs class that a type allows, beside None; nothing where there are several."""
    members = typing.get_args(declared) if typing.get_origin(declared) in (Union, types.UnionType) else (declared,)
    found = [member for member in members if isinstance(member, type) and attrs.has(member)]
    return found if len(found) == 1 else []


_OF_TYPES: Final[Mapping[Any, tuple[str, ...]]] = {
    int: ("integer",),
    float: ("number",),
    str: ("text",),
    bool: ("boolean",),
    types.NoneType: ("null",),
    None: ("null",),
}
_LISTS: Final = (list, tuple, set, frozenset, Sequence, AbstractSet)
_OBJECTS: Final = (dict, Mapping)


def _domain(declared: Any) -> Domain:
    """The values of a type, which is always there."""
    while typing.get_origin(declared) is Annotated:
        declared = typing.get_args(declared)[0]
    origin, inner = typing.get_origin(declared) or declared, typing.get_args(declared)
    if origin in (Union, types.UnionType):
        return _united(map(_domain, inner))
    if origin is Literal:
        return Domain.among(*(each.value if isinstance(each, Enum) else each for each in inner))
    if isinstance(origin, type) and issubclass(origin, Enum):
        return _among_members(origin)
    if origin in _OF_TYPES:
        return Domain.of(*_OF_TYPES[origin])
    if origin in _LISTS:
        return Domain.of("list")
    if origin in _OBJECTS or (isinstance(origin, type) and attrs.has(origin)):
        return Domain.of("object")
    return Domain.of(*(kind for kind in KINDS if kind != "missing"))


def _united(domains: Iterable[Domain]) -> Domain:
    first, *others = domains
    for other in others:
        first = first | other
    return first


def _among_members(kind: type[Enum]) -> Domain:
    try:
        return Domain.among(*(member.value for member in kind))
    except RuleInvalid:  # members that are no JSON are kept in a form that is not known here
        return Domain.of(*(each for each in KINDS if each != "missing"))
