"""Where: a condition on markings by name, for which a state space is searched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from circuit_breaker.net.statespace.compact import Layout, Test
from circuit_breaker.net.statespace.moves import Moves

__all__ = ["Where"]


def _frozen(given: Mapping[str, int] | None) -> dict[str, int]:
    return dict(given or {})


@attrs.frozen(kw_only=True)
class Where:
    """Markings with so many tokens in some places.

    Attributes:
        at_least: For some places, the fewest tokens that they hold.
        at_most: For some places, the most tokens that they hold.
        stuck: Whether nothing may be enabled (True), something must be (False), or it does not matter (None).
    """

    at_least: Mapping[str, int] = attrs.field(factory=dict, converter=_frozen)
    at_most: Mapping[str, int] = attrs.field(factory=dict, converter=_frozen)
    stuck: bool | None = None

    @classmethod
    def exactly(cls, marking: Mapping[str, int], places: tuple[str, ...]) -> Where:
        """The one marking that holds these tokens and no others.

        Args:
            marking: The marked places.
            places: All places of the net.
        """
        counts = {place: marking.get(place, 0) for place in places}
        return cls(at_least=counts, at_most=counts)

    def test(self, layout: Layout, moves: Moves) -> Test:
        """The condition in integers, but for what it says about being stuck.

        Raises:
            KeyError: It names a place that the net does not have.
        """
        index: dict[str, Any] = {place: number for number, place in enumerate(moves.places)}
        moves.counted({**self.at_least, **self.at_most})
        least = {index[place]: count for place, count in self.at_least.items() if count > 0}
        below = {index[place]: count + 1 for place, count in self.at_most.items()}
        return layout.test(least, below)
