"""Usage as OpenAI's API tells it."""

from __future__ import annotations

from typing import Any

from circuit_breaker.llm.usage import Usage

__all__ = ["usage_document"]


def usage_document(usage: Usage) -> dict[str, Any]:
    """Tokens as OpenAI tells them."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
