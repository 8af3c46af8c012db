"""Texts that come in many small pieces, kept in little memory until they are wanted whole."""

from __future__ import annotations

from typing import Final

__all__ = ["GatheredText"]

_TOGETHER: Final = 32
"""Pieces that are put together: each alone takes ten times the memory of its characters."""


class GatheredText:
    """A text that grows at its end."""

    __slots__ = ("_blocks", "_pieces")

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._pieces: list[str] = []

    def write(self, piece: str) -> None:
        """Adds a piece."""
        self._pieces.append(piece)
        if len(self._pieces) >= _TOGETHER:
            self._blocks.append("".join(self._pieces))
            self._pieces.clear()

    def getvalue(self) -> str:
        """All of it."""
        return "".join((*self._blocks, *self._pieces))
