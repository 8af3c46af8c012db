"""Dealing: a list of which every firing gives one item to one of its tokens."""

from __future__ import annotations

from typing import Any

import attrs

from circuit_breaker.data import EMPTY, Data
from circuit_breaker.rules import Field
from circuit_breaker.rules.path import Path

__all__ = ["Deal", "path_of"]


def path_of(text: str) -> str:
    """The whole path, with its namespace."""
    return Path.parse(text).text


@attrs.frozen
class Deal:
    """Which item goes where. See :meth:`circuit_breaker.workflow.Flow.deals`.

    Attributes:
        items: Where the list is.
        to: The name of the state of which the tokens get an item.
        item: The key of the data under which they get it.
        by: The metadata key that counts what was dealt before.
    """

    items: str = attrs.field(converter=path_of)
    to: str
    item: str
    by: str

    def given(self, token: Any) -> Data:
        """What is added to the data of a token in the state; nothing where the list has no such item.

        Args:
            token: The token that was taken, with what came with the firing.
        """
        items, number = Field(self.items).read(token), token.metadata.get(self.by)
        dealt = number if type(number) is int else 0
        if not isinstance(items, (list, tuple)) or not 0 <= dealt < len(items):
            return EMPTY
        return Data({self.item: items[dealt]})

    def to_document(self) -> dict[str, str]:
        """The deal as a document says it."""
        return {"items": self.items, "to": self.to, "item": self.item, "by": self.by}
