"""A marking: which tokens lie in which places. Immutable, hashable, and small where few places are marked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from circuit_breaker.net.structure import Net

__all__ = ["Marking"]

_new = object.__new__


class Marking:
    """Tokens by place; a token is any hashable value, and the oldest in a place comes first.

    Only marked places are kept, so that a marking costs what it holds, not what the net could hold.
    """

    __slots__ = ("_hash", "_tokens", "only")

    only: str | None
    """The place of the only token, or None where there is no token or more than one."""

    def __init__(self, tokens: Mapping[str, tuple[Any, ...]] | None = None) -> None:
        self._tokens = {place: tuple(held) for place, held in (tokens or {}).items() if held}
        self.only = _only(self._tokens)

    @classmethod
    def adopt(cls, tokens: dict[str, tuple[Any, ...]]) -> Marking:
        """A marking of exactly this dictionary, which nobody may change afterwards and which holds no empty place."""
        self = _new(cls)
        self._tokens = tokens
        self.only = _only(tokens)
        return self

    def at(self, place: str) -> tuple[Any, ...]:
        """The tokens in a place, the oldest first; empty where there are none."""
        return self._tokens.get(place, ())

    def count(self, place: str) -> int:
        """How many tokens lie in a place."""
        return len(self._tokens.get(place, ()))

    @property
    def places(self) -> tuple[str, ...]:
        """The marked places."""
        return tuple(self._tokens)

    def items(self) -> Iterable[tuple[str, tuple[Any, ...]]]:
        """Each marked place with its tokens."""
        return self._tokens.items()

    def counts(self, net: Net) -> tuple[int, ...]:
        """The number of tokens in every place of ``net``, in its order: the form in which state spaces are explored."""
        return tuple(len(self._tokens.get(place, ())) for place in net.places)

    def change(self, taken: Iterable[tuple[str, Any]], given: Iterable[tuple[str, Any]]) -> Marking:
        """The marking without the ``taken`` and with the ``given`` (place, token) pairs.

        Raises:
            ValueError: A token to take is not where it is said to be.
        """
        tokens = self._tokens.copy()
        for place, token in taken:
            held = tokens.get(place, ())
            if len(held) == 1 and held[0] is token:
                del tokens[place]
                continue
            position = held.index(token)
            rest = held[:position] + held[position + 1 :]
            if rest:
                tokens[place] = rest
            else:
                del tokens[place]
        for place, token in given:
            tokens[place] = (*tokens[place], token) if place in tokens else (token,)
        return Marking.adopt(tokens)

    def move(self, token: Any, moved: Any, source: str, target: str) -> Marking:
        """The marking in which ``token`` left ``source`` and ``moved`` came to ``target``.

        Raises:
            ValueError: The token is not in its source.
        """
        if self.only == source and self._tokens[source][0] is token:
            alone = _new(Marking)
            alone._tokens = {target: (moved,)}
            alone.only = target
            return alone
        return self.change(((source, token),), ((target, moved),))

    def __iter__(self) -> Iterator[Any]:
        for held in self._tokens.values():
            yield from held

    def __len__(self) -> int:
        return sum(map(len, self._tokens.values()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Marking):
            return NotImplemented
        return self._tokens == other._tokens

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            self._hash: int = hash(frozenset(self._tokens.items()))
            return self._hash

    def __repr__(self) -> str:
        return f"Marking({self._tokens!r})"


def _only(tokens: dict[str, tuple[Any, ...]]) -> str | None:
    if len(tokens) != 1:
        return None
    ((place, held),) = tokens.items()
    return place if len(held) == 1 else None
