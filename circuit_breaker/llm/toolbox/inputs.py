"""The schemas of arguments that several tools of the toolbox share."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["CSV", "MONEY", "NUMBERS", "PERCENT", "ROWS", "TEXT"]

TEXT: Final[dict[str, Any]] = {"type": "string", "minLength": 1, "maxLength": 200_000}
CSV: Final[dict[str, Any]] = {"type": "string", "maxLength": 1_000_000}
ROWS: Final[dict[str, Any]] = {"type": "array", "items": {"type": "object"}, "maxItems": 10_000}
NUMBERS: Final[dict[str, Any]] = {
    "type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 100_000
}  # fmt: skip
MONEY: Final[dict[str, Any]] = {"type": "number", "minimum": 0, "maximum": 1e12}
PERCENT: Final[dict[str, Any]] = {"type": "number", "minimum": 0, "maximum": 100}
