"""The declarations of an executor class, gathered into one frozen value."""

from __future__ import annotations

import types
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import attrs
import msgspec

from circuit_breaker.errors import Fault
from circuit_breaker.executors.parameters import Parameter, Unfit, unknown

__all__ = ["ExecutorConfig"]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
Values = dict[str, Any]


def _read_only(parameters: Mapping[str, Parameter]) -> Mapping[str, Parameter]:
    return types.MappingProxyType(dict(parameters))


@attrs.frozen(kw_only=True)
class ExecutorConfig:
    """What an executor class declares, its bases included.

    Attributes:
        parameters: By name, in the order of declaration, those of the bases first.
        own: The names of those that the class itself declares.
        extensible: Whether parameters that are not declared are accepted as well.
        validate: The names of the methods that check the parameters, in the order in which they run.
        before_execute: The names of the methods that prepare; those of the bases run first.
        after_execute: The names of the methods that get the result; those of the bases run last.
        finally_execute: The names of the methods that clean up; those of the bases run last.
    """

    parameters: Mapping[str, Parameter] = attrs.field(default=types.MappingProxyType({}), converter=_read_only)
    own: frozenset[str] = frozenset()
    extensible: bool = False
    validate: tuple[str, ...] = ()
    before_execute: tuple[str, ...] = ()
    after_execute: tuple[str, ...] = ()
    finally_execute: tuple[str, ...] = ()

    def prepared(self, given: Mapping[str, Any]) -> Values:
        """What was given, unchecked, with the defaults for what was not."""
        values = {
            name: given[name] if name in given else parameter.fresh()
            for name, parameter in self.parameters.items()
            if name in given or not parameter.required
        }
        for name in given:
            if name not in values:
                values[name] = given[name]
        return values

    def read(self, given: Mapping[str, Any], pending: Collection[str] = ()) -> tuple[Values, list[Fault]]:
        """The values that the executor works with, and everything that is wrong with what was given.

        Those of the names in ``pending`` are not known yet, and are left out of both.
        """
        values: Values = {}
        faults: list[Fault] = []
        for name, parameter in self.parameters.items():
            if name in pending:
                continue
            if name not in given:
                if parameter.required:
                    faults.append(parameter.missing)
                else:
                    values[name] = parameter.fresh()
                continue
            try:
                values[name] = parameter.read(given[name])
            except Unfit as error:
                faults.append(parameter.misfit(error, given[name]))
        if given.keys() - self.parameters.keys():
            faults.extend(self._strangers(given, values))
        return values, faults

    def _strangers(self, given: Mapping[str, Any], values: Values) -> Iterator[Fault]:
        for name in given:
            if name in self.parameters:
                continue
            if self.extensible:
                values[name] = given[name]
            else:
                yield unknown(name, self.parameters)

    def faults(self, given: Mapping[str, Any], references: tuple[type, ...] = ()) -> list[Fault]:
        """What is wrong with parameters of which some are references, whose values are not known yet."""
        pending = {name for name, value in given.items() if _refers(value, references)}
        return self.read(given, pending)[1]

    def document(self, title: str, description: str) -> dict[str, Any]:
        """The parameters as a JSON Schema (2020-12) of one object."""
        parameters = self.parameters.values()
        schemas, definitions = msgspec.json.schema_components(
            [parameter.checked for parameter in parameters], ref_template="#/$defs/{name}"
        )
        document: dict[str, Any] = {
            "$schema": DIALECT,
            "title": title,
            "description": description,
            "type": "object",
            "properties": {p.name: p.document(schema) for p, schema in zip(parameters, schemas, strict=True)},
            "required": [parameter.name for parameter in parameters if parameter.required],
            "additionalProperties": self.extensible,
        }
        return document | ({"$defs": definitions} if definitions else {})


def _refers(value: Any, references: tuple[type, ...]) -> bool:
    """Whether the value is, or holds, one whose content is not known yet."""
    if isinstance(value, references):
        return True
    if isinstance(value, Mapping):
        return any(_refers(inner, references) for inner in value.values())
    return isinstance(value, (list, tuple)) and any(_refers(inner, references) for inner in value)
