"""Profiles: what a model supports, refuses, needs and costs, as data."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, Literal

import attrs

from circuit_breaker.llm.several import names_of

__all__ = ["CAPABILITIES", "ModelProfile", "Price"]

CAPABILITIES: Final = frozenset(
    {"tools", "parallel_tools", "images", "files", "json_object", "json_schema", "thinking", "streaming", "embeddings",
     "system", "audio"}
)  # fmt: skip
"""What a model may be able to do."""

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


@attrs.frozen(kw_only=True)
class Price:
    """US dollars for a million tokens; None where it is not known.

    Attributes:
        input: Of the input.
        output: Of the output.
        cached: Of input that the vendor had in its cache; that of input where it is None.
        cache_write: Of input that it wrote into its cache; that of input where it is None.
        source: Where the price is from.
        longer_than: Tokens of input above which ``longer`` holds for the whole call, or None.
        longer: What a call with more than that costs, or None.
    """

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    cache_write: Decimal | None = None
    source: str = ""
    longer_than: int | None = None
    longer: Price | None = None

    def of(self, input_tokens: int) -> Price:
        """What a call with so many tokens of input costs."""
        if self.longer is None or self.longer_than is None or input_tokens <= self.longer_than:
            return self
        return self.longer


@attrs.frozen(kw_only=True)
class ModelProfile:
    """What is known of a model. Differences between models are here, and never an ``if`` on a name.

    Attributes:
        pattern: Which models it is of: a name, or its beginning with ``*`` at the end.
        capabilities: Some of :data:`CAPABILITIES`.
        context_tokens: The most tokens of input and output together, or None where it is not known.
        max_output_tokens: The most tokens of an answer, or None.
        defaults: Members of the request that are set unless the request does.
        required: Members that the vendor wants in any case, with the value for a request without; also what its dialect
            has to know of the model, such as ``thinking_levels``.
        renamed: The vendor's names of members, such as ``max_tokens`` → ``max_completion_tokens``.
        refused: Members that the model does not take; they are dropped, and the response says so. Two with a ``+``
            between them are not taken together, and ``prefill`` is to go on with what the model is said to have begun.
        fixed: Members of which it takes one value only; another is changed to it, and the response says so.
        ranges: The least and the greatest value of members whose range is narrower than ours; of ``stop``, how many.
        passes: Members of a client's document that go to the vendor although we do not know them. List none that
            changes what a call costs, what it may reach or whose data it sees: the document may be anybody's.
        schema_dialect: Which JSON Schema it takes: ``"full"``, ``"openai_strict"``, ``"anthropic"``, ``"gemini"``.
        foreign_thinking: What becomes of the thoughts of other vendors' models: ``"dropped"``, or told as ``"text"``.
        price: What it costs, or None where nobody knows.
        tags: What it is good for, such as ``"fast"``, ``"coding"``; virtual models ask for these.
        aliases: Other names of it.
        api: Which of a vendor's interfaces it needs, such as ``"responses"``; empty for the usual one.
    """

    pattern: str = "*"
    capabilities: frozenset[str] = attrs.field(default=frozenset({"streaming", "system"}), converter=names_of)
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    defaults: Mapping[str, Any] = _NONE
    required: Mapping[str, Any] = _NONE
    renamed: Mapping[str, str] = _NONE
    refused: frozenset[str] = attrs.field(default=frozenset(), converter=names_of)
    fixed: Mapping[str, Any] = _NONE
    ranges: Mapping[str, tuple[float, float]] = _NONE
    passes: frozenset[str] = attrs.field(default=frozenset(), converter=names_of)
    schema_dialect: str = "full"
    foreign_thinking: Literal["dropped", "text"] = "dropped"
    price: Price | None = None
    tags: frozenset[str] = attrs.field(default=frozenset(), converter=names_of)
    aliases: tuple[str, ...] = ()
    api: str = ""

    def fits(self, model: str) -> bool:
        """Whether it is of this model."""
        prefix = self.pattern.removesuffix("*")
        return model == self.pattern or (prefix != self.pattern and model.startswith(prefix))

    def can(self, *capabilities: str) -> bool:
        """Whether the model can do all of this."""
        return self.capabilities.issuperset(capabilities)
