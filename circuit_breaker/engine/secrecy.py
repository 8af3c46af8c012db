"""Secrets are named by definitions: data that names one, which anybody may have sent, is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from circuit_breaker.errors import ParameterInvalid

__all__ = ["REFERENCE", "innocent"]

REFERENCE: Final = "$secret"
"""The key of a reference: ``{"$secret": "API_KEY"}`` stands for the secret of that name."""


def innocent(value: Any, source: object) -> Any:
    """The value, which was read from a token.

    Raises:
        ParameterInvalid: It refers to a secret. The executor would reveal it to whoever wrote the data.
    """
    if _refers(value):
        raise ParameterInvalid(
            f"{source} holds a reference to a secret",
            remedy=f"write '{REFERENCE}' in the definition; data may not choose what is revealed",
        )
    return value


def _refers(value: Any) -> bool:
    if isinstance(value, Mapping):
        return REFERENCE in value or any(map(_refers, value.values()))
    return isinstance(value, (list, tuple)) and any(map(_refers, value))
