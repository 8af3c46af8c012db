"""The arguments of a function as JSON Schema, and the values of its types that JSON arguments stand for."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs
import msgspec

from circuit_breaker.errors import Fault, ToolInvalid
from circuit_breaker.llm.tools.context import ToolContext

__all__ = ["Arguments"]

_NAMED: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@attrs.frozen
class Arguments:
    """What a function takes.

    Attributes:
        schema: JSON Schema of all arguments.
        context: The name of the parameter that takes the :class:`ToolContext`, or None.
    """

    schema: Mapping[str, Any]
    context: str | None
    _kind: type[msgspec.Struct]

    @classmethod
    def of(cls, function: Callable[..., Any], descriptions: Mapping[str, str]) -> Arguments:
        """What the function takes, by its signature.

        Raises:
            ToolInvalid: Parameters of it cannot be given by name, or have types that JSON has not; all are named.
        """
        kinds, faults = _types(function)
        given = list(inspect.signature(function).parameters.values())
        context = next((each.name for each in given if kinds.get(each.name) is ToolContext), None)
        fields = [each for each in given if each.name != context]
        faults += _faults(fields, kinds)
        if faults:
            raise ToolInvalid(f"the function '{function.__name__}' is no tool:", faults=faults)
        kind = msgspec.defstruct(
            "Arguments", [_field(each, kinds) for each in fields], kw_only=True, forbid_unknown_fields=True
        )
        return cls(_schema(kind, descriptions), context, kind)

    def values(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as values of the types that the function declares, defaults included.

        Raises:
            ValueError: They do not fit; the message says where.
        """
        made = msgspec.convert(dict(arguments), self._kind)
        return {name: getattr(made, name) for name in self._kind.__struct_fields__}


def _types(function: Callable[..., Any]) -> tuple[dict[str, Any], list[Fault]]:
    try:
        return typing.get_type_hints(function, include_extras=True), []
    except (NameError, TypeError, AttributeError, SyntaxError) as error:
        return {}, [Fault("its annotations", f"cannot be read: {error}", "use types that exist where it is defined")]


def _faults(fields: list[inspect.Parameter], kinds: Mapping[str, Any]) -> list[Fault]:
    return [fault for each in fields for fault in _faults_of(each, kinds.get(each.name, Any))]


def _faults_of(parameter: inspect.Parameter, kind: Any) -> Iterator[Fault]:
    place = f"parameter '{parameter.name}'"
    if parameter.kind not in _NAMED:
        yield Fault(place, "has no name that a model could use", "name every parameter: no *args, **kwargs or '/'")
    elif parameter.name.startswith("_"):
        yield Fault(place, "begins with '_'", "give it a name that tells the model what it is")
    try:
        msgspec.json.schema(kind)
    except (TypeError, ValueError, NameError) as error:
        reason = str(error).partition("\n")[0]
        yield Fault(place, f"{kind!r} is no type of JSON values: {reason}", "use text, numbers, lists, dicts or attrs")


def _field(parameter: inspect.Parameter, kinds: Mapping[str, Any]) -> tuple[Any, ...]:
    kind, default = kinds.get(parameter.name, Any), parameter.default
    if default is parameter.empty:
        return parameter.name, kind
    if isinstance(default, (list, dict, set)):  # each call gets one of its own
        return parameter.name, kind, msgspec.field(default_factory=default.copy)
    return parameter.name, kind, default


def _schema(kind: type[msgspec.Struct], descriptions: Mapping[str, str]) -> dict[str, Any]:
    """The schema, with the classes that it refers to beside it."""
    (_,), found = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    named = {name: _plain(schema) for name, schema in found.items()}
    schema = named.pop("Arguments")
    properties = {
        name: {"description": descriptions[name]} | each if name in descriptions else each
        for name, each in schema["properties"].items()
    }
    closed = {"type": "object", "properties": properties, "additionalProperties": False}
    return closed | {"required": schema.get("required", [])} | ({"$defs": named} if named else {})


def _plain(schema: Any) -> Any:
    """The schema without the titles of classes, which say nothing to a model."""
    return {key: value for key, value in schema.items() if key != "title"} if isinstance(schema, dict) else schema
