"""Suggestion: what it would take for a transition to fire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from circuit_breaker.data import thaw
from circuit_breaker.workflow.explain.need import Need, SetValue
from circuit_breaker.workflow.explain.token_need import BringToken, EmptyState

__all__ = ["Suggestion", "joined_words"]


@attrs.frozen
class Suggestion:
    """The fewest changes after which a transition can fire.

    Attributes:
        needs: The changes, in the order in which they are made; see :mod:`circuit_breaker.workflow.explain.need`.
        certain: Whether it was applied to the case, and the transition could fire then. Otherwise ``unknown`` says what
            keeps that from being known; the needs are then only those that are known.
        minimal: Whether it is proved that no fewer changes would do. A token is brought only where one is lacking.
        way: The ids of the transitions by which the tokens could come, the fewest, in their order, whatever their rules
            say; empty where no token is lacking, or none can come.
        unknown: What cannot be said, in words.
        give: The data that whoever fires it has to give: whole values by key, so that nothing beside them is lost.
            Empty where none is lacking, or where giving would not do, since single tokens have to carry it before.
    """

    needs: tuple[Need, ...] = ()
    certain: bool = False
    minimal: bool = False
    way: tuple[str, ...] = ()
    unknown: str = ""
    give: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def changes(self) -> dict[str, Any]:
        """The new values on the tokens, by dotted path."""
        return {need.path: thaw(need.value) for need in self.needs if isinstance(need, SetValue)}

    @property
    def text(self) -> str:
        """What it would take, in words; empty where nothing is known."""
        shown = [need for need in self.needs if not (self.way and isinstance(need, (BringToken, EmptyState)))]
        after = f"after {', '.join(map(_stage, self.way))}" if self.way else ""
        return " ".join(filter(None, (after, f"with {joined_words(list(map(self._worded, shown)))}" if shown else "")))

    def _worded(self, need: Need) -> str:
        """A change in words; of a value that cannot be given with the firing, also the tokens that it has to be on."""
        if isinstance(need, SetValue) and need.path.startswith("data.") and not self.give:
            return f"{need.text} on {' and '.join(need.tokens)}"
        return need.text

    def to_document(self) -> dict[str, Any]:
        """The suggestion as plain JSON."""
        said: Mapping[str, Any] = {"way": list(self.way), "give": dict(self.give), "unknown": self.unknown}
        return {
            "needs": [need.to_document() for need in self.needs],
            "certain": self.certain,
            "minimal": self.minimal,
        } | {name: value for name, value in said.items() if value}


def _stage(transition: str) -> str:
    name, _, route = transition.rpartition("/")
    ended = {"otherwise": "refused", "failed": "failed"}.get(route)
    return f"'{name}' ({ended})" if ended else f"'{transition}'"


def joined_words(parts: list[str]) -> str:
    """The parts as an enumeration."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
