"""Dotted paths into a token, and how they are read.

A path begins with a namespace (``data``, ``metadata``, ``results``) or is ``state``; anything else is meant under
``data``. ``items.0.id`` steps into a list by number. A step into typed data reads declared attrs fields and nothing
else.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import attrs

from circuit_breaker.errors import RuleInvalid
from circuit_breaker.rules.constant import told
from circuit_breaker.rules.verdict import MISSING

__all__ = ["Path", "Read", "spelled_step", "steps_of"]

Read = Callable[[Any], Any]
"""Gives the value on a token, or :data:`MISSING`."""

NAMESPACES: Final = ("data", "metadata", "results")
LONGEST: Final = 300
_SPELLED = re.compile(r"`([^`]*)`(?=\.|$)|([^.]+)")
_STEP = re.compile(r"[^\s.{}|\[\]'\"\\]+")


@attrs.frozen
class Path:
    """A path that can be read.

    Attributes:
        namespace: ``"data"``, ``"metadata"``, ``"results"`` or ``"state"``.
        steps: The keys below it, in order; none of them means the whole namespace.
    """

    namespace: str
    steps: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: Any) -> Path:
        """The path that the text says.

        Raises:
            RuleInvalid: It is no text, is empty or too long, or has an empty or odd step.
        """
        if not isinstance(text, str):
            raise RuleInvalid(f"{text!r} is no path to a field", remedy="give its path as text")
        return _parsed(text)

    @property
    def text(self) -> str:
        """The path with its namespace, such as ``"data.score"``."""
        return ".".join((self.namespace, *self.steps))

    @property
    def expression(self) -> str:
        """The path as CEL text: ``data.items[0]["odd-key"]``."""
        return self.namespace + "".join(map(_select, self.steps))

    def reader(self) -> Read:
        """A function from a token to the value, or :data:`MISSING`."""
        whole = operator.attrgetter(self.namespace)
        if not self.steps:
            return whole
        if len(self.steps) == 1:
            return _shallow(whole, self.steps[0])
        return _deep(whole, self.steps)

    def changed(self, root: Any, value: Any) -> Any:
        """A copy of the namespace's value with this path set; what is missing on the way becomes a mapping.

        Raises:
            LookupError: Something on the way has no such place.
        """
        return _changed(root, self.steps, value)


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Path:
    first, *rest = text.split(".")
    if len(text) > LONGEST or not all(map(_STEP.fullmatch, (first, *rest))):
        raise RuleInvalid(
            f"{text[:LONGEST]!r} is no path to a field",
            remedy="join names with dots, such as 'data.author.name', 'metadata.source' or 'items.0.id'",
        )
    if first == "state" and rest:
        raise RuleInvalid(f"'{text}': a state has no fields", remedy=f"for a field of the data write 'data.{text}'")
    return Path(first, tuple(rest)) if first in (*NAMESPACES, "state") else Path("data", (first, *rest))


def _shallow(whole: Read, key: str) -> Read:
    def read(token: Any) -> Any:
        root = whole(token)
        return root.get(key, MISSING) if isinstance(root, dict) else step_into(root, key)

    return read


def _deep(whole: Read, steps: tuple[str, ...]) -> Read:
    def read(token: Any) -> Any:
        value = whole(token)
        for step in steps:
            value = value.get(step, MISSING) if isinstance(value, dict) else step_into(value, step)
            if value is MISSING:
                return MISSING
        return value

    return read


def spelled_step(name: str) -> str:
    """A key as a step of a path that tells where it ends: in backticks where it has a dot, or nothing at all."""
    return f"`{name}`" if "." in name or not name else name


@lru_cache(maxsize=4096)
def steps_of(path: str) -> tuple[str, ...]:
    """The steps of a path that a rule reads or a step writes, without the backticks that some have."""
    return tuple(quoted or plain for quoted, plain in _SPELLED.findall(path))


def step_into(value: Any, step: str) -> Any:
    """What is at the step: the value of a mapping's key, an item of a list, a declared field; or :data:`MISSING`."""
    if isinstance(value, Mapping):
        return value.get(step, MISSING)
    if isinstance(value, (list, tuple)):
        return value[int(step)] if _is_index(step, len(value)) else MISSING
    return told(getattr(value, step, MISSING)) if step in declared_fields(type(value)) else MISSING


def declared_fields(kind: Any) -> frozenset[str]:
    """The names of the attrs fields of a class; none for any other class."""
    return _declared_fields(kind)


@lru_cache(maxsize=256)
def _declared_fields(kind: Any) -> frozenset[str]:
    return frozenset(attrs.fields_dict(kind)) if attrs.has(kind) else frozenset()


def _is_index(step: str, length: int) -> bool:
    return step.isascii() and step.isdigit() and len(step) < 10 and int(step) < length


def _select(step: str) -> str:
    if step.isascii() and step.isidentifier():
        return f".{step}"
    return f"[{step}]" if step.isascii() and step.isdigit() else f'["{step}"]'


def _changed(value: Any, steps: tuple[str, ...], new: Any) -> Any:
    if not steps:
        return new
    step, *rest = steps
    inner = step_into(value, step)
    changed = _changed({} if inner is MISSING or inner is None else inner, tuple(rest), new)
    if isinstance(value, Mapping):
        return {**value, step: changed}
    if isinstance(value, (list, tuple)) and _is_index(step, len(value)):
        return [*value[: int(step)], changed, *value[int(step) + 1 :]]
    if step in declared_fields(type(value)):
        return attrs.evolve(value, **{attrs.fields_dict(type(value))[step].alias or step: changed})
    raise LookupError(step)
