"""The context of an execution: for whom and where it happens, in a form that knows of no workflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final, Self

import attrs

from circuit_breaker.data import EMPTY, Data, freeze, freeze_optional, thaw
from circuit_breaker.errors import DataInvalid, nearest

__all__ = ["LONGEST_KEY", "ExecutionContext"]

PARTS: Final = ("user_context", "workflow_context", "custom_context")
MEMBERS: Final = ("tenant_id", "execution_id", *PARTS)
_MOST_KEYS: Final = 32
_SOUGHT: Final = (
    "workflow_context.resource_id",
    "workflow_context.token_id",
    "custom_context.machine.message_id",
    "custom_context.visit",
)
"""By these executions are found again after a crash: no other value may take their place among the keys."""
LONGEST_KEY: Final = 200


def _part(value: Any) -> Data:
    return freeze_optional(value, where="context")


@attrs.frozen(kw_only=True)
class ExecutionContext:
    """For whom and where an execution happens. Immutable; a change is a new context.

    Attributes:
        tenant_id: Whose it is.
        execution_id: Which execution; set when it begins.
        user_context: ``user_id``, ``session_id``, ``preferences`` and what else is known of a person.
        workflow_context: ``resource_id``, ``state_id``, ``transition_id``, ``metadata``, where a workflow is behind it.
        custom_context: Whatever else belongs to it.
    """

    tenant_id: str = ""
    execution_id: str = ""
    user_context: Data = attrs.field(default=EMPTY, converter=_part)
    workflow_context: Data = attrs.field(default=EMPTY, converter=_part)
    custom_context: Data = attrs.field(default=EMPTY, converter=_part)

    @classmethod
    def from_document(cls, document: Any) -> Self:
        """The context that a JSON object says; its five members may be left out.

        Raises:
            DataInvalid: It is no object, has another member, or something in it is no JSON.
        """
        if isinstance(document, cls):
            return document
        if not isinstance(document, Mapping):
            raise DataInvalid(f"a context is an object, not {document!r:.60}")
        for name in document:
            if name not in MEMBERS:
                raise DataInvalid(
                    f"context.{name} is not known",
                    remedy=f"{nearest(str(name), MEMBERS)}; your own go under custom_context",
                )
        for name in ("tenant_id", "execution_id"):
            if not isinstance(document.get(name, ""), str):
                raise DataInvalid(f"context.{name} is no text")
        return cls(**document)

    def to_document(self) -> dict[str, Any]:
        """The context as a JSON object, with all of its members."""
        return {name: thaw(getattr(self, name)) for name in MEMBERS}

    def lasting(self) -> dict[str, Any]:
        """What of it holds for several executions, as a JSON object without what is empty."""
        return {name: value for name, value in self.to_document().items() if value and name != "execution_id"}

    def get(self, path: str, default: Any = None) -> Any:
        """What is at a dotted path, such as ``"user_context.preferences.language"``."""
        first, *rest = path.split(".")
        found = getattr(self, first, default) if first in MEMBERS else default
        for step in rest:
            if isinstance(found, Mapping) and step in found:
                found = found[step]
            elif isinstance(found, list) and step.isascii() and step.isdigit() and int(step) < len(found):
                found = found[int(step)]
            else:
                return default
        return found

    def set(self, path: str, value: Any) -> Self:
        """The context with that value at a dotted path; what is missing on the way becomes an object.

        Raises:
            DataInvalid: The path leads nowhere, or the value is no JSON.
        """
        first, *rest = path.split(".")
        if first not in PARTS or not all(rest):
            raise DataInvalid(f"{path!r:.80} is no place in a context", remedy=f"begin with {', '.join(PARTS)}")
        changed = _put(getattr(self, first), rest, freeze(value, where=path), path) if rest else value
        return attrs.evolve(self, **{first: changed})

    def keys(self) -> dict[str, str]:
        """What executions are found by: each simple value in it by its path, 32 at most."""
        short = {path: text for path, text in self._leaves() if 0 < len(text) <= LONGEST_KEY >= len(path)}
        first = {path: short[path] for path in _SOUGHT if path in short}
        return dict(islice((first | short).items(), _MOST_KEYS))

    def _leaves(self) -> Iterator[tuple[str, str]]:
        if self.tenant_id:
            yield "tenant_id", self.tenant_id
        for part in ("workflow_context", "user_context", "custom_context"):
            yield from _leaves(getattr(self, part), part)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}")
    elif isinstance(value, str):
        yield path, value
    elif isinstance(value, (bool, int)):
        yield path, str(value).lower() if isinstance(value, bool) else str(value)


def _put(value: Any, steps: list[str], new: Any, path: str) -> Any:
    if not steps:
        return new
    if not isinstance(value, Mapping):
        raise DataInvalid(f"context: {path!r:.80} leads through something that is no object")
    step, *rest = steps
    return {**value, step: _put(value.get(step, EMPTY) if rest else None, rest, new, path)}
