"""When what two operators decided is the same: as JSON that is equal only then, without any secret in it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import PurePath
from typing import Any, Final
from weakref import WeakKeyDictionary

import attrs
import msgspec

from circuit_breaker.executors.base import BaseExecutor

__all__ = ["decided"]

_SECRETS: Final = "secrets"
_KEPT: Final[WeakKeyDictionary[type[BaseExecutor], tuple[Any, Any]]] = WeakKeyDictionary()


def decided(executor: type[BaseExecutor]) -> Any:
    """The settings of an executor class as JSON.

    Values, paths, collections and classes of attrs stand for themselves. Anything else, such as a function or what is
    not shown, is like nothing but itself: it becomes a text that is the same for this class in this process only.
    """
    if executor not in _KEPT or _KEPT[executor][0] is not executor.settings:
        _KEPT[executor] = executor.settings, _described(executor.settings, uuid.uuid4().hex)
    return _KEPT[executor][1]


def _described(value: Any, unlike: str) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return [type(value).__name__, value]
    if isinstance(value, PurePath):
        return ["path", str(value)]
    if isinstance(value, Mapping):
        return ["mapping", _sorted([_described(key, unlike), _described(one, unlike)] for key, one in value.items())]
    if isinstance(value, AbstractSet):
        return ["set", _sorted(_described(one, unlike) for one in value)]
    if isinstance(value, (list, tuple)):
        return ["list", [_described(one, unlike) for one in value]]
    if attrs.has(type(value)):
        return [_place(type(value)), [_field(value, field, unlike) for field in attrs.fields(type(value))]]
    return ["other", unlike]


def _field(value: Any, field: attrs.Attribute[Any], unlike: str) -> Any:
    """One setting; of one that is not shown, which may hold a secret, only whether there is any."""
    if field.name == _SECRETS:
        return [field.name]
    found = getattr(value, field.name)
    hidden = field.repr is False and bool(found)
    return [field.name, ["other", unlike] if hidden else _described(found, unlike)]


def _sorted(values: Any) -> list[Any]:
    return sorted(values, key=msgspec.json.encode)


def _place(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"
