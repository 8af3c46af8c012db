"""Naming: from what elements are called to names that states and transitions can have."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["Names", "cleaned"]

_STRANGE: Final = re.compile(r"[^\w .:/-]+")
_LOOSE: Final = re.compile(r" +(?=[:.])")
_LONGEST: Final = 80


def cleaned(text: str, *, otherwise: str = "element") -> str:
    """The text as a name: what a name cannot hold becomes a space."""
    name = _LOOSE.sub("", " ".join(_STRANGE.sub(" ", text).split()))[:_LONGEST].strip()
    name = name.lstrip(" .:/-")
    if not name:
        return otherwise
    return f"n{name}" if name[0].isdigit() or not re.match(r"[^\W\d]", name) else name


class Names:
    """Hands out names, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def free(self, wanted: str, ident: str) -> str:
        """The wanted name, or one with the id after it where that is taken."""
        name = cleaned(wanted, otherwise=cleaned(ident))
        choices = (name, f"{name} {cleaned(ident)}"[:100].strip())
        chosen = next((choice for choice in choices if choice not in self._taken), "")
        number = 1
        while not chosen or chosen in self._taken:
            number += 1
            chosen = f"{name} {number}"
        self._taken.add(chosen)
        return chosen
