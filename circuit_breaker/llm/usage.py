"""Usage: the tokens that a call took, counted once, and what they cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import attrs

__all__ = ["NO_USAGE", "Cost", "Usage"]

_MOST: Final = 10**12
"""Tokens that nobody takes in one call, nor in very many together."""


def _counted(told: Any) -> int:
    """A number of tokens as a server tells it. What cannot be one is 0, which gives no money back and takes none."""
    if type(told) is int and 0 <= told <= _MOST:
        return told
    whole = isinstance(told, float) and 0 <= told <= _MOST and told.is_integer()
    return int(told) if whole else 0


@attrs.frozen(kw_only=True)
class Usage:
    """Tokens of one call, or of several together.

    Attributes:
        input_tokens: All that went in, those from a cache included.
        output_tokens: All that came out, those of thoughts included.
        cached_tokens: Of the input, those that the vendor had in its cache.
        cache_write_tokens: Of the input, those that it wrote into its cache.
        reasoning_tokens: Of the output, those of thoughts.
        estimated: Whether we counted, because the vendor did not say.
    """

    input_tokens: int = attrs.field(default=0, converter=_counted)
    output_tokens: int = attrs.field(default=0, converter=_counted)
    cached_tokens: int = attrs.field(default=0, converter=_counted)
    cache_write_tokens: int = attrs.field(default=0, converter=_counted)
    reasoning_tokens: int = attrs.field(default=0, converter=_counted)
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            estimated=self.estimated or other.estimated,
        )


NO_USAGE = Usage()


@attrs.frozen
class Cost:
    """What a call cost.

    Attributes:
        dollars: US dollars, or None where nobody knows the price: "unpriced" is not free.
        source: Where the price is from, such as ``"built in, 2026-11"`` or ``"yours"``; empty when unpriced.
    """

    dollars: Decimal | None = None
    source: str = ""

    def __str__(self) -> str:
        return "unpriced" if self.dollars is None else f"${self.dollars:f}"
