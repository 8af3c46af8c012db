"""Token: what moves through a workflow. A change is a new token."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from circuit_breaker.data import EMPTY, Data, thaw

__all__ = ["Fork", "Token", "common_fork"]


class Fork(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Where a token came from when it was split: what the branches are compared with when they join.

    Attributes:
        id: The token that was split.
        data: The data that all branches began with.
        metadata: The metadata that they began with.
        results: The results that they began with.
        outer: The split around this one.
    """

    id: str
    data: Data = EMPTY
    metadata: Data = EMPTY
    results: Data = EMPTY
    outer: Fork | None = None


class Token(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One token.

    Attributes:
        id: Unique, and kept while the token moves; a split or a join makes new ids.
        state: The name of the state it is in.
        data: Its colour: a JSON object. With typed data, an instance of that class.
        metadata: What is said about it, apart from its data.
        results: The outcomes of executors that were given a ``result`` name.
        entered: When it entered its state.
        sequence: The number of the event that made this version of it.
        fork: The split that it came from, or None.
    """

    id: str
    state: str
    data: Any = EMPTY
    metadata: Data = EMPTY
    results: Data = EMPTY
    entered: datetime | None = None
    sequence: int = 0
    fork: Fork | None = None

    def __hash__(self) -> int:
        return hash((self.id, self.sequence))

    def updated(self, *, data: Data = EMPTY, metadata: Data = EMPTY, results: Data = EMPTY) -> Token:
        """The token with what is given added to its data, metadata and results."""
        return Token(
            self.id,
            self.state,
            Data({**self.data, **data}) if data else self.data,
            Data({**self.metadata, **metadata}) if metadata else self.metadata,
            Data({**self.results, **results}) if results else self.results,
            self.entered,
            self.sequence,
            self.fork,
        )

    def to_document(self) -> dict[str, Any]:
        """The token as plain JSON: where it is since when, and all that it carries."""
        return {
            "id": self.id,
            "state": self.state,
            "entered": self.entered.isoformat() if self.entered else None,
            "data": thaw(self.data),
            "metadata": thaw(self.metadata),
            "results": thaw(self.results),
        }


def common_fork(tokens: tuple[Token, ...]) -> Fork | None:
    """The innermost split that all these tokens descend from, or None."""
    first, *others = tokens
    fork = first.fork
    while fork is not None:
        if all(_descends(token.fork, fork) for token in others):
            return fork
        fork = fork.outer
    return None


def _descends(fork: Fork | None, ancestor: Fork) -> bool:
    while fork is not None:
        if fork.id == ancestor.id:
            return True
        fork = fork.outer
    return False
