"""How the input of a function is made of what happened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import attrs

from circuit_breaker.data import thaw
from circuit_breaker.errors import DataInvalid, FunctionInvalid
from circuit_breaker.functions.subject import subject_path, subject_template
from circuit_breaker.rules import MISSING, Template
from circuit_breaker.rules.path import Path
from circuit_breaker.workflow.token import Token

__all__ = ["FULL_DATA", "FieldMapping", "FullData", "InputMapping", "MergedMapping", "TemplateMapping"]


class InputMapping(ABC):
    """Makes an input of a token: of a case, or of the result of a function."""

    @abstractmethod
    def apply(self, token: Token) -> Any:
        """The input, as plain JSON.

        Raises:
            DataInvalid: It cannot be made.
        """

    @abstractmethod
    def to_document(self) -> Any:
        """The mapping as JSON."""


@attrs.frozen
class FullData(InputMapping):
    """All of the data: of the token, or what the function before gave."""

    def apply(self, token: Token) -> Any:
        """The data."""
        return thaw(token.data)

    def to_document(self) -> Any:
        """Its name."""
        return "FullData"


FULL_DATA: Final = FullData()


def _paths(value: Any) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or not value:
        raise FunctionInvalid(
            f"a field mapping is no {value!r:.60}", remedy="map fields to names, such as {'result': 'data'}"
        )
    for path, name in value.items():
        subject_path(path)
        if not isinstance(name, str) or not name:
            raise FunctionInvalid(f"field '{path}' is mapped to {name!r:.60}", remedy="give the name in the input")
    return dict(value)


@attrs.frozen(slots=False)
class FieldMapping(InputMapping):
    """Some fields, under other names: ``FieldMapping({"result": "data"})`` puts the field ``result`` under ``data``.

    Attributes:
        fields: For each path the name in the input; what is missing is left out. A path is meant under the data
            unless it begins with ``metadata``, ``results``, ``event`` or is ``state``.
    """

    fields: Mapping[str, str] = attrs.field(converter=_paths)

    @cached_property
    def _readers(self) -> Mapping[str, Any]:
        return {name: subject_path(path).reader() for path, name in self.fields.items()}

    def apply(self, token: Token) -> Any:
        """An object of these fields."""
        values = {name: read(token) for name, read in self._readers.items()}
        return {name: thaw(value) for name, value in values.items() if value is not MISSING}

    def to_document(self) -> Any:
        """The fields under the name of the kind."""
        return {"FieldMapping": dict(self.fields)}


@attrs.frozen(slots=False)
class TemplateMapping(InputMapping):
    """JSON whose texts are templates: ``TemplateMapping({"text": "Order {id}", "total": "{amount}"})``.

    A text that is one place and nothing else stands for the value itself, so ``total`` is a number where ``amount`` is.

    Attributes:
        template: The JSON.
    """

    template: Any

    @cached_property
    def _compiled(self) -> Any:
        return _compiled(self.template)

    def __attrs_post_init__(self) -> None:
        _ = self._compiled

    def apply(self, token: Token) -> Any:
        """The JSON with what the templates say."""
        return _filled(self._compiled, token)

    def to_document(self) -> Any:
        """The JSON under the name of the kind."""
        return {"Template": self.template}


def _compiled(value: Any) -> Any:
    if isinstance(value, str):
        return subject_template(value)
    if isinstance(value, Mapping):
        return {str(key): _compiled(inner) for key, inner in value.items()}
    return [_compiled(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _filled(value: Any, token: Token) -> Any:
    if isinstance(value, Template):
        return _said(value, token)
    if isinstance(value, dict):
        return {key: _filled(inner, token) for key, inner in value.items()}
    return [_filled(inner, token) for inner in value] if isinstance(value, list) else value


def _said(template: Template, token: Token) -> Any:
    """The value of the only place of a template, as it is; otherwise its text."""
    if len(template.pieces) == 1 and template.slots and template.slots[0].default is None:
        value = Path.parse(template.slots[0].path).reader()(token)
        if value is not MISSING:
            return thaw(value)
    return template.render(token)


def _parts(value: Any) -> tuple[InputMapping, ...]:
    parts = tuple(value) if isinstance(value, (list, tuple)) else ()
    if not parts or not all(isinstance(part, InputMapping) for part in parts):
        raise FunctionInvalid(f"a merged mapping is no {value!r:.60}", remedy="give a list of mappings")
    return parts


@attrs.frozen
class MergedMapping(InputMapping):
    """Several mappings, each an object; where two give the same name, the later one counts.

    Attributes:
        parts: The mappings.
    """

    parts: tuple[InputMapping, ...] = attrs.field(converter=_parts)

    def apply(self, token: Token) -> Any:
        """All of their fields in one object."""
        merged: dict[str, Any] = {}
        for part in self.parts:
            value = part.apply(token)
            if not isinstance(value, Mapping):
                raise DataInvalid(f"{value!r:.60} is no object and cannot be merged", remedy="map it to a field first")
            merged.update(value)
        return merged

    def to_document(self) -> Any:
        """The parts under the name of the kind."""
        return {"Merged": [part.to_document() for part in self.parts]}
