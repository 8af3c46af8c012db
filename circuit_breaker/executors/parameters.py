"""A parameter of an executor: its type, its default, and the way from a given value to a checked one."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs
import msgspec

from circuit_breaker.errors import Fault, nearest
from circuit_breaker.executors.limits import UNLIMITED, Limits, narrowed
from circuit_breaker.executors.schema import nullable, optional, shown, spelled

__all__ = ["REQUIRED", "Parameter", "Required", "unknown"]

_ATOMS: Final = frozenset({str, int, float, bool, type(None)})
_EXACT: Final = frozenset({str, int, float, bool, list, dict})


@attrs.frozen
class Required:
    """The absence of a default: the parameter must be given."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = Required()


class Unfit(ValueError):
    """A value does not fit its parameter."""


@attrs.frozen(kw_only=True, repr=False)
class Parameter:
    """One declared parameter.

    Attributes:
        name: How it is called, as a keyword and as an attribute of the instance.
        kind: Its type in Python; a default of None adds None to it.
        default: The value when none is given, copied for each instance, or :data:`REQUIRED`.
        description: What it is for.
        choices: The only values possible, if any.
        limits: What else the value must keep to.
        secret: Never shown: not in messages, in a repr or in the schema.
        exposed: Whether instances have it as an attribute.
    """

    name: str
    kind: Any
    default: Any = REQUIRED
    description: str = ""
    choices: tuple[Any, ...] = ()
    limits: Limits = UNLIMITED
    secret: bool = False
    exposed: bool = True
    checked: Any = attrs.field(init=False, eq=False)
    _exact: Any = attrs.field(init=False, eq=False)

    @checked.default
    def _narrowed(self) -> Any:
        kind = optional(self.kind) if self.default is None else self.kind
        return narrowed(kind, self.limits)

    @_exact.default
    def _plain(self) -> Any:
        return self.kind if self.checked in _EXACT and not self.choices else None

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is REQUIRED

    def fresh(self) -> Any:
        """The default, as a copy of its own where it could be changed."""
        return self.default if type(self.default) in _ATOMS else copy.deepcopy(self.default)

    def read(self, value: Any) -> Any:
        """The value as the executor sees it: of the declared type, objects of attrs classes built.

        Raises:
            Unfit: It is of another type, outside the limits or none of the choices.
        """
        if type(value) is self._exact:
            return value
        try:
            converted = msgspec.convert(value, self.checked)
        except msgspec.ValidationError as error:
            raise Unfit(self._mismatch(value, str(error))) from error
        if self.choices and not self._chosen(converted):
            raise Unfit(self._mismatch(value, "Expected one of the choices"))
        return converted

    @property
    def wanted(self) -> str:
        """What is accepted, in words, such as ``"integer, at least 1"``."""
        if self.choices and not self.secret:
            return f"one of {', '.join(map(repr, self.choices))}"
        return ", ".join(filter(None, (spelled(self.checked), str(self.limits))))

    def _mismatch(self, value: Any, detail: str) -> str:
        """Why a value was not accepted; ``detail`` tells where in it, and nothing that is secret is repeated."""
        if self.secret:
            return "its value is not accepted"
        message = f"{shown(value)} is not accepted"
        plain = detail.startswith(("Expected", "Invalid enum value")) and " - at `" not in detail
        return message if plain else f"{message}: {detail[:1].lower()}{detail[1:]}"

    def _chosen(self, value: Any) -> bool:
        if value is None and nullable(self.checked):
            return True
        return any(type(choice) is type(value) and choice == value for choice in self.choices)

    def fault(self, message: str, remedy: str = "") -> Fault:
        """Something that is wrong with the value of this parameter."""
        return Fault(f"parameter '{self.name}'", message, remedy)

    @property
    def missing(self) -> Fault:
        """The fault when it is required and was not given."""
        return self.fault("is required and was not given", f"give {self.wanted}")

    def misfit(self, error: Unfit, value: Any) -> Fault:
        """The fault for a value that could not be read."""
        close = nearest(value, map(str, self.choices)) if self.choices and isinstance(value, str) else ""
        return self.fault(str(error), close if close.startswith("did") and not self.secret else f"give {self.wanted}")

    def displayed(self, value: Any) -> str:
        """The value as a message or a repr may show it."""
        return "***" if self.secret else shown(value)

    def __repr__(self) -> str:
        default = repr(self.default) if self.required else self.displayed(self.default)
        return f"Parameter({self.name!r}, {self.wanted}, default={default})"

    def document(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON Schema of the parameter, from the schema of its type."""
        document = dict(schema)
        if self.choices and not self.secret:
            document["enum"] = [*self.choices, None] if nullable(self.checked) else list(self.choices)
        if self.description:
            document["description"] = self.description
        if self.secret:
            document["writeOnly"] = True
        elif not self.required:
            document["default"] = msgspec.to_builtins(self.default)
        return document


def unknown(name: str, known: Iterable[str]) -> Fault:
    """The fault for a parameter that is not declared; its value, which may be a secret, is not told."""
    return Fault(f"parameter '{name}'", "is not known", nearest(name, known) or "there are no parameters")
