"""Halves: characters beyond the sixteen bits of UTF-16 that a server has cut in two, put together again.

Servers that write JSON in UTF-16 escape such a character, an emoji for one, in two halves (RFC 8259, 7). Some cut
their pieces between these, so that no piece can be read alone.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["Halves", "without_halves"]

_ANY: Final = re.compile("[\ud800-\udfff]")
_FIRST: Final = ("\ud800", "\udbff")
_WHOLE: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_UNKNOWN: Final = "\ufffd"


class Halves:
    """Puts pieces of one text together, where a character may be cut in two between them."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def joined(self, piece: str) -> str:
        """The piece with the half that was left of the last one; a half at its own end is kept for the next."""
        if not self._held and (piece.isascii() or _ANY.search(piece) is None):
            return piece
        piece, self._held = self._held + piece, ""
        if _FIRST[0] <= piece[-1] <= _FIRST[1]:
            piece, self._held = piece[:-1], piece[-1]
        return without_halves(piece)

    def rest(self) -> str:
        """What stands for a half whose other half never came; nothing where there is none."""
        held, self._held = self._held, ""
        return _UNKNOWN if held else ""


def without_halves(text: str) -> str:
    """The text with its halves put together; one without the other is told as ``U+FFFD``."""
    return _ANY.sub(_UNKNOWN, _WHOLE.sub(_together, text))


def _together(found: re.Match[str]) -> str:
    return found[0].encode("utf-16", "surrogatepass").decode("utf-16")
