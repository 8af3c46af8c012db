"""A command as a definition writes it: a text, or a list of words."""

from __future__ import annotations

import shlex

__all__ = ["split_command"]


def split_command(command: str | list[str]) -> list[str]:
    """The program and its arguments; a text is split as a shell would.

    Raises:
        ValueError: It is empty, a quotation in it does not end, or it has a null character.
    """
    words = shlex.split(command) if isinstance(command, str) else command
    if not words or not words[0]:
        raise ValueError("it names no program")
    if any("\0" in word for word in words):
        raise ValueError("it has a null character")
    return words
