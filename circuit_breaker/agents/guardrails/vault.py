"""The vault: what stands behind the placeholders of executions, in memory only."""

from __future__ import annotations

import threading
from collections import OrderedDict

import attrs

__all__ = ["Vault"]


@attrs.define
class _Drawer:
    """What one execution has hidden, both ways."""

    values: dict[str, str] = attrs.field(factory=dict, repr=False)
    placeholders: dict[tuple[str, str], str] = attrs.field(factory=dict, repr=False)
    counts: dict[str, int] = attrs.field(factory=dict)


class Vault:
    """Values by execution and placeholder. It is never written anywhere: what a process knew is gone with it.

    Args:
        most: Of how many executions it knows something; beyond that, those used longest ago are forgotten.
    """

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._drawers: OrderedDict[str, _Drawer] = OrderedDict()
        self._lock = threading.Lock()  # plain tools work in threads

    def __repr__(self) -> str:
        return f"Vault(of {len(self._drawers)} executions)"

    def placeholder(self, owner: str, kind: str, value: str) -> str:
        """What stands for a value in an execution: the same for the same value, such as ``"[EMAIL_1]"``."""
        with self._lock:
            drawer = self._drawer(owner)
            found = drawer.placeholders.get((kind, value))
            if found is None:
                number = drawer.counts[kind] = drawer.counts.get(kind, 0) + 1
                found = drawer.placeholders[kind, value] = f"[{kind.upper()}_{number}]"
                drawer.values[found] = value
            return found

    def value(self, owner: str, placeholder: str) -> str | None:
        """What it stands for in that execution; None where nobody here knows."""
        drawer = self._drawers.get(owner)
        return drawer.values.get(placeholder) if drawer is not None else None

    def forget(self, owner: str) -> None:
        """Forgets what an execution has hidden."""
        with self._lock:
            self._drawers.pop(owner, None)

    def _drawer(self, owner: str) -> _Drawer:
        drawer = self._drawers.setdefault(owner, _Drawer())
        self._drawers.move_to_end(owner)
        while len(self._drawers) > self._most:
            self._drawers.popitem(last=False)
        return drawer
