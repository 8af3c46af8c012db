"""What a value must keep to beyond its type."""

from __future__ import annotations

import functools
import operator
import re
import types
from typing import Annotated, Any, Final

import attrs
import msgspec

from circuit_breaker.executors.schema import alternatives, nullable, spelled

__all__ = ["UNLIMITED", "Limits", "narrowed"]

_META: Final = {"minimum": "ge", "maximum": "le"}
_WORDS: Final = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "min_length": "of length {} or more",
    "max_length": "of length {} or less",
    "pattern": "matching {!r}",
}


@attrs.frozen
class Limits:
    """The limits of a parameter; None means no limit.

    Attributes:
        minimum: The least number.
        maximum: The greatest number.
        min_length: The fewest characters or items.
        max_length: The most characters or items.
        pattern: A regular expression of which a match must be found in the text.
    """

    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None

    def given(self) -> dict[str, Any]:
        """Those that are set, by name."""
        return attrs.asdict(self, filter=lambda _, value: value is not None)

    def __str__(self) -> str:
        return ", ".join(_WORDS[name].format(value) for name, value in self.given().items())


UNLIMITED: Final = Limits()


def narrowed(kind: Any, limits: Limits) -> Any:
    """The type with the limits on it; None stays a value where it was one.

    Raises:
        TypeError: A limit means nothing for this type, or is none itself.
    """
    if limits == UNLIMITED:
        return kind
    try:
        meta = msgspec.Meta(**{_META.get(name, name): value for name, value in limits.given().items()})
        bare = (part for part in alternatives(kind) if part is not types.NoneType)
        parts = [operator.getitem(Annotated, (part, meta)) for part in bare]
        for part in parts:
            msgspec.json.schema(part)
    except (TypeError, ValueError, re.error) as error:
        reason = str(error).partition(" - type")[0]
        raise TypeError(f"is limited to {limits}, which does not fit {spelled(kind)}: {reason}") from error
    narrow: Any = functools.reduce(operator.or_, parts)
    return narrow | None if nullable(kind) and kind is not Any else narrow
