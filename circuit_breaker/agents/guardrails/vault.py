"""The vault: what stands behind the placeholders of executions, in memory only."""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from collections import OrderedDict
from typing import Final

__all__ = ["Vault"]

_SHORT: Final = 6


class Vault:
    """Values by owner and placeholder. It is never written anywhere: what a process knew is gone with it.

    A placeholder comes from the value, its owner and a secret. So it is the same for the same value, and none that
    another process has made is ever taken for one of this process, unless both have the same secret.

    Args:
        most: Of how many owners it knows something; beyond that, those used longest ago are forgotten.
        secret: A secret text of 32 characters or more, the same for all processes, where they shall make the same
            placeholders; random unless given.

    Raises:
        ValueError: The secret is shorter.
    """

    def __init__(self, most: int = 1000, *, secret: str | None = None) -> None:
        if secret is not None and len(secret) < 32:
            raise ValueError("the secret of a vault has 32 characters or more")
        self._most = most
        self._secret = os.urandom(32) if secret is None else secret.encode()
        self._values: OrderedDict[str, dict[str, str]] = OrderedDict()
        self._lock = threading.Lock()  # plain tools work in threads

    def __repr__(self) -> str:
        return f"Vault(of {len(self._values)} owners)"

    def placeholder(self, owner: str, kind: str, value: str) -> str:
        """What stands for a value of an execution or a conversation, such as ``"[EMAIL_3f9a1c]"``."""
        digest = hmac.digest(self._secret, f"{len(owner)}:{owner}{kind}:{value}".encode(), hashlib.sha256).hex()
        with self._lock:
            known = self._of(owner)
            lengths = range(_SHORT, len(digest) + 1)
            names = (f"[{kind.upper()}_{digest[:length]}]" for length in lengths)
            return next(name for name in names if known.setdefault(name, value) == value)

    def value(self, owner: str, placeholder: str) -> str | None:
        """What it stands for; None where nobody here knows."""
        return self._values.get(owner, {}).get(placeholder)

    def forget(self, owner: str) -> None:
        """Forgets what an owner has hidden."""
        with self._lock:
            self._values.pop(owner, None)

    def _of(self, owner: str) -> dict[str, str]:
        known = self._values.setdefault(owner, {})
        self._values.move_to_end(owner)
        while len(self._values) > self._most:
            self._values.popitem(last=False)
        return known
