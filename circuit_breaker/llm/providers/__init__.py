"""Providers: who serves models, each in its vendor's wire format. Each name is loaded when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily

if TYPE_CHECKING:
    from circuit_breaker.llm.providers.anthropic import AnthropicProvider
    from circuit_breaker.llm.providers.custom import CustomProvider
    from circuit_breaker.llm.providers.google import GoogleProvider
    from circuit_breaker.llm.providers.ollama import OllamaProvider
    from circuit_breaker.llm.providers.openai import OpenAIProvider

__all__ = ["AnthropicProvider", "CustomProvider", "GoogleProvider", "OllamaProvider", "OpenAIProvider"]

__getattr__ = lazily(
    __name__,
    {
        "anthropic": ("AnthropicProvider",),
        "custom": ("CustomProvider",),
        "google": ("GoogleProvider",),
        "ollama": ("OllamaProvider",),
        "openai": ("OpenAIProvider",),
    },
)
