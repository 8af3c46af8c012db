"""Names of tools as a vendor takes them, and back: no two of ours become one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

__all__ = ["Names"]

LONGEST: Final = 64
_OTHER: Final = re.compile(r"[^a-zA-Z0-9_-]")


class Names:
    """Our names of tools and the vendor's, at most 64 letters, digits, ``_`` and ``-``.

    Args:
        ours: The names of the tools of a request, those in its history included.
        other: What may not stand in a vendor's name.
        longest: Characters of its longest name.
    """

    def __init__(self, ours: Iterable[str] = (), *, other: re.Pattern[str] = _OTHER, longest: int = LONGEST) -> None:
        self._other = other
        self._longest = longest
        names = list(dict.fromkeys(ours))
        # Names that need no change keep theirs, whatever the others become.
        self._vendor = {name: name for name in names if self._fits(name)}
        self._ours = dict(self._vendor)
        for name in names:
            if name not in self._vendor:
                self._add(name)

    def vendor(self, name: str) -> str:
        """What the vendor calls our tool."""
        return self._vendor.get(name) or self._add(name)

    def ours(self, name: str) -> str:
        """What we call the vendor's tool; a name that we never gave is taken as it is."""
        return self._ours.get(name, name)

    def known(self, name: str) -> bool:
        """Whether the vendor calls one of our tools so."""
        return name in self._ours

    def changed(self) -> dict[str, str]:
        """The names that differ: ours to the vendor's."""
        return {ours: vendor for ours, vendor in self._vendor.items() if ours != vendor}

    def _fits(self, name: str) -> bool:
        return 0 < len(name) <= self._longest and not self._other.search(name)

    def _add(self, name: str) -> str:
        if self._fits(name) and name not in self._ours:
            plain = name
        else:
            plain = self._other.sub("_", name)[: self._longest] or "_"
            if plain in self._ours or len(name) > self._longest:
                digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
                plain = f"{plain[: self._longest - len(digest) - 1]}_{digest}"
        self._vendor[name] = plain
        self._ours[plain] = name
        return plain
