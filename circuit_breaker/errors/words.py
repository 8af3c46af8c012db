"""What a message is made of: what somebody else's error says, and the known word nearest to a wrong one."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "nearest",
    "words_of",
]


def words_of(error: BaseException) -> str:
    """What an error of somebody else says, as text that can be written down; empty if it fails even at that."""
    try:
        return str(error).encode(errors="backslashreplace").decode()
    except Exception:  # noqa: BLE001 - whatever its own __str__ raises
        return ""


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the known word nearest to ``word``, and otherwise all of them; empty when none is known."""
    import difflib  # noqa: PLC0415 - only a mistake needs it, and it prepares patterns

    names = [str(name) for name in known]
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}" if names else ""
