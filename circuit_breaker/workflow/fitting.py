"""Fitting: whether what patterns put into declared data is of the class that the workflow declares for it.

Collecting adds to a list, and dealing sets a key, without anybody who could be told that it is of the wrong type: the
tokens would stand still.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import attrs

from circuit_breaker.errors import Fault
from circuit_breaker.rules.path import steps_of
from circuit_breaker.workflow.dealing import Deal
from circuit_breaker.workflow.merging import Collect
from circuit_breaker.workflow.shape import DICTS, LISTS, step_fault, types_at

__all__ = ["fits", "misfits", "validated_together"]

KINDS: Final[Mapping[Any, str]] = {str: "text", int: "number", float: "number", bool: "boolean", types.NoneType: "null"}


@attrs.frozen
class _Put:
    """What is put into declared data.

    Attributes:
        step: The step of the flow that says so.
        key: Where it is put.
        given: The types of it; nothing where they are not known.
        wanted: The types of what may be there; nothing where that may be anything.
        into_list: Whether it is added to a list there; None where there is none.
    """

    step: str
    key: str
    given: Collection[Any]
    wanted: Collection[Any]
    into_list: bool = True

    @property
    def fits(self) -> bool:
        """Whether it is certain that it may be put there."""
        return not self.wanted or (bool(self.given) and all(each in self.wanted for each in self.given))

    @property
    def misfits(self) -> bool:
        """Whether it is certain that it may not."""
        given, wanted = _kinds(self.given), _kinds(self.wanted)
        return bool(given and wanted) and given.isdisjoint(wanted)


def misfits(schema: type, title: str, merging: Any, deal: Deal | None) -> Iterator[Fault]:
    """What is wrong with what a flow collects or deals.

    Args:
        schema: The attrs class of the data.
        title: What the flow is called.
        merging: How it makes one token of several.
        deal: What it deals.
    """
    for put in _puts(schema, merging, deal):
        found = step_fault(schema, [put.key])
        if found is not None:
            yield Fault(title, f".{put.step}() puts something into '{put.key}', but {found[0]}", found[1])
        elif not put.into_list:
            text = f".{put.step}() collects into 'data.{put.key}', which is no list"
            yield Fault(title, text, "declare it as a list")
        elif put.misfits:
            given, wanted = _spelled(put.given), _spelled(put.wanted)
            text = f".{put.step}() puts {given} into 'data.{put.key}', where {wanted} is declared"
            yield Fault(title, text, "declare it as what is put there, or put something else there")


def fits(schema: type, merging: Any, deal: Deal | None) -> bool:
    """Whether it is certain that what a flow collects and deals is of the declared types."""
    return all(put.fits for put in _puts(schema, merging, deal))


def validated_together(schema: type | None) -> bool:
    """Whether a class can refuse values for what others are: by a validator of its own, or by its making."""
    if schema is None:
        return False
    own = any(hasattr(schema, name) for name in ("__attrs_pre_init__", "__attrs_post_init__", "__attrs_init__"))
    given = [each.validator for each in attrs.fields(schema) if each.validator is not None]
    validators = [each for some in given for each in getattr(some, "_validators", (some,))]
    return own or any(type(each).__module__ != "attr.validators" for each in validators)


def _puts(schema: type, merging: Any, deal: Deal | None) -> Iterator[_Put]:
    if isinstance(merging, Collect):
        there = [each for each in types_at(schema, [merging.into]) if each is not types.NoneType]
        lists = [each for each in there if _origin(each) in LISTS]
        items = [] if len(lists) < len(there) else types_at(schema, [merging.into, "0"])
        yield _Put("merge", merging.into, _at(schema, merging.value), _known(items), bool(lists) or Any in there)
    if deal is not None:
        yield _Put("deals", deal.item, _at(schema, f"{deal.items}.0"), _known(types_at(schema, [deal.item])))


def _at(schema: type, path: str) -> list[Any]:
    """The types of what is at a path; nothing where they are not known."""
    space, *steps = steps_of(path)
    return _known(types_at(schema, steps)) if space == "data" else []


def _known(found: list[Any]) -> list[Any]:
    return [] if Any in found else found


def _origin(declared: Any) -> Any:
    return typing.get_origin(declared) or declared


def _kinds(declared: Collection[Any]) -> set[str]:
    """The kinds of JSON that values of these types are; nothing where one of them may be several."""
    found = {_kind(each) for each in declared}
    return found if "" not in found else set()


def _kind(declared: Any) -> str:
    origin = _origin(declared)
    if origin in LISTS:
        return "list"
    if origin in DICTS or (isinstance(origin, type) and attrs.has(origin)):
        return "object"
    return KINDS.get(declared, "")


def _spelled(declared: Collection[Any]) -> str:
    names = (each.__name__ if isinstance(each, type) and not typing.get_args(each) else str(each) for each in declared)
    return " | ".join(names)
