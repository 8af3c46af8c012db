"""Keys: given as a text or as a function that is asked before each call; never shown."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Final

__all__ = ["NO_KEY", "Key", "Secret"]

Secret = str | Callable[[], str | Awaitable[str]] | None
"""A text, a function that gives it (at once or awaited), or None where there is none."""


class Key:
    """A key that is had when it is needed.

    Args:
        secret: The key, or a function that gives it.

    Raises:
        TypeError: It is neither.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: Secret) -> None:
        if not (secret is None or isinstance(secret, str) or callable(secret)):
            raise TypeError(f"a key is a text or a function that gives one, not a {type(secret).__name__}")
        self._secret = secret

    def __repr__(self) -> str:
        return "Key(***)" if self._secret else "Key(none)"

    def __bool__(self) -> bool:
        return bool(self._secret)

    async def value(self) -> str:
        """The key, without blanks around it; an empty text where there is none."""
        secret = self._secret
        if callable(secret):
            given = secret()
            secret = await given if inspect.isawaitable(given) else given
        return (secret or "").strip()


NO_KEY: Final = Key(None)
