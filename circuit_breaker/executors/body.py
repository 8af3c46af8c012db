"""What stands in the body of an executor class about its parameters, and the attributes that take its place."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

import attrs

from circuit_breaker.errors import Fault
from circuit_breaker.executors.declarations import HOOKS, hook_of
from circuit_breaker.executors.schema import resolved, understood

__all__ = ["Attribute", "Body"]

_METHODS: Final = (types.FunctionType, classmethod, staticmethod, property)


class Attribute:
    """A parameter as an attribute of the instances: reads the value, and cannot be set."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, executor: Any, owner: type | None = None) -> Any:
        if executor is None:
            return self
        try:
            return executor.__dict__["_values"][self.name]
        except KeyError:
            raise AttributeError(f"{type(executor).__name__} was not given '{self.name}'") from None

    def __set__(self, executor: Any, value: Any) -> None:
        raise AttributeError(
            f"'{self.name}' is a parameter of {type(executor).__name__}; "
            f"give it to update_context(), or change it in the context of a hook"
        )


@attrs.frozen
class Body:
    """What stands in a class body about its parameters.

    Attributes:
        kinds: The types of the annotated attributes; Any where the annotation is wrong.
        defaults: The values assigned to them, or to inherited parameters.
        faults: What is wrong with the annotations.
    """

    kinds: Mapping[str, Any] = attrs.field(factory=dict)
    defaults: Mapping[str, Any] = attrs.field(factory=dict)
    faults: tuple[Fault, ...] = ()

    @classmethod
    def of(cls, owner: type, inherited: Iterable[str]) -> Body:
        """The body of a class that has just been made."""
        kinds: dict[str, Any] = {}
        faults: list[Fault] = []
        scope = vars(sys.modules[owner.__module__]) if owner.__module__ in sys.modules else {}
        for name, annotation in inspect.get_annotations(owner).items():
            if name.startswith("_"):
                continue
            try:
                kind = resolved(annotation, scope, owner=owner)
                if kind is not ClassVar and typing.get_origin(kind) is not ClassVar:
                    kinds[name] = understood(kind)
            except TypeError as error:
                kinds[name] = Any
                faults.append(
                    Fault(f"attribute '{name}'", str(error), "use a type of JSON values, or Any and @validate")
                )
        named = {*kinds, *inherited}
        defaults = {name: value for name, value in vars(owner).items() if name in named and not _is_method(value)}
        return cls(kinds, defaults, tuple(faults))


def _is_method(member: object) -> bool:
    return isinstance(member, _METHODS) or hook_of(member) in HOOKS
