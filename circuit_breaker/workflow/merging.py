"""Merging: ways to make the data of joining tokens one that a document can say. Give them to ``.merge(...)``.

Metadata and results are then those of the last token alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from circuit_breaker.rules import MISSING, Field
from circuit_breaker.workflow.dealing import path_of

__all__ = ["LAST", "Collect", "Last", "merge_document", "merge_from_document"]


@attrs.frozen
class Last:
    """The data of the token from the last of the states that are joined; the others are marks that end there."""

    def __call__(self, tokens: Sequence[Any]) -> Any:
        """The data of the last token."""
        return tokens[-1].data


LAST: Final = Last()


@attrs.frozen
class Collect:
    """The data of the token from the last state, with something of the one from the first added to a list in it.

    Attributes:
        into: The key of the list.
        value: The path of what is added; where a token has none, nothing is.
    """

    into: str
    value: str = attrs.field(default="data", converter=path_of)

    def __call__(self, tokens: Sequence[Any]) -> Any:
        """The data of the last token with one more item in the list."""
        found, data = Field(self.value).read(tokens[0]), tokens[-1].data
        if found is MISSING:
            return data
        if isinstance(data, Mapping):
            return {**data, self.into: [*(data.get(self.into) or ()), found]}
        return attrs.evolve(data, **{self.into: [*(getattr(data, self.into) or ()), found]})


def merge_document(function: object) -> dict[str, str] | None:
    """How a document says the function; None for one that it can only name."""
    if isinstance(function, Collect):
        return {"collect": function.into, "value": function.value}
    return {"keep": "last"} if isinstance(function, Last) else None


def merge_from_document(document: Mapping[str, Any]) -> Last | Collect | None:
    """The function that a document says; None where it says none."""
    if document == {"keep": "last"}:
        return LAST
    texts = all(isinstance(value, str) and value for value in document.values())
    if texts and {"collect"} <= document.keys() <= {"collect", "value"}:
        return Collect(document["collect"], document.get("value", "data"))
    return None
