"""Names of models: who serves a model by the beginning of its name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["PREFIXES", "kind_of", "matches"]

PREFIXES: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys(("gpt-", "o1", "o3", "o4", "chatgpt-", "text-embedding-"), "openai")
    | {"claude-": "anthropic"}
    | {"gemini-": "google"}
    | dict.fromkeys(("llama", "codellama", "mistral", "qwen", "phi", "vicuna", "orca", "deepseek", "gemma"), "ollama")
)
"""How a model's name begins, and the kind of provider that serves it."""


def kind_of(model: str) -> str | None:
    """The kind of provider that serves models of such a name, or None where the name says nothing."""
    return next((kind for prefix, kind in PREFIXES.items() if model.startswith(prefix)), None)


def matches(pattern: str, model: str) -> bool:
    """Whether a name is the pattern, or begins like it where it ends in ``*``."""
    return model == pattern or (pattern.endswith("*") and model.startswith(pattern[:-1]))
