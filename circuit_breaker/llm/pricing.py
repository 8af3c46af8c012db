"""What tokens cost: usage and the price of a profile, in exact decimal dollars."""

from __future__ import annotations

from decimal import Decimal

import attrs

from circuit_breaker.llm.profile import ModelProfile, Price
from circuit_breaker.llm.usage import Cost, Usage

__all__ = ["UNPRICED", "at_share", "cost_of", "dollars_of", "worst_case"]

UNPRICED = Cost()
"""Nobody knows the price, which is not the same as free."""


def dollars_of(usage: Usage, price: Price) -> Decimal:
    """US dollars for these tokens, exactly.

    Tokens from the vendor's cache and tokens written into it have prices of their own, that of input where these are
    not known. Tokens of thoughts are part of the output.
    """
    price = price.of(usage.input_tokens)
    cached = price.input if price.cached is None else price.cached
    written = price.input if price.cache_write is None else price.cache_write
    fresh = max(0, usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens)
    millionths = (
        fresh * price.input
        + usage.cached_tokens * cached
        + usage.cache_write_tokens * written
        + usage.output_tokens * price.output
    )
    return millionths.scaleb(-6)


def cost_of(usage: Usage, profile: ModelProfile) -> Cost:
    """What these tokens cost by the price of a profile; :data:`UNPRICED` where it has none."""
    if profile.price is None:
        return UNPRICED
    return Cost(dollars_of(usage, profile.price), profile.price.source)


def worst_case(input_tokens: int, output_tokens: int, price: Price) -> Decimal:
    """The most US dollars that so many tokens can cost: none from the cache, all written into it if that is dearer."""
    price = price.of(input_tokens)
    dearest = max(price.input, price.cached or price.input, price.cache_write or price.input)
    return (input_tokens * dearest + output_tokens * price.output).scaleb(-6)


def at_share(profile: ModelProfile, share: Decimal) -> ModelProfile:
    """The profile at a part of its price, such as the half that vendors take for batches."""
    return profile if profile.price is None else attrs.evolve(profile, price=_part(profile.price, share))


def _part(price: Price, share: Decimal) -> Price:
    kinds = ("input", "output", "cached", "cache_write")
    parts = {kind: amount * share for kind in kinds if (amount := getattr(price, kind)) is not None}
    longer = None if price.longer is None else _part(price.longer, share)
    return attrs.evolve(price, **parts, longer=longer)
