"""The outcome of an executor: a JSON object with a status."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from circuit_breaker.data import DEEPEST
from circuit_breaker.errors import OutcomeInvalid

__all__ = ["COMPLETED", "normalised"]

COMPLETED: Final = "completed"


def normalised(value: Any, *, source: str) -> dict[str, Any]:
    """The outcome as a plain dict of its own, with ``"status": "completed"`` unless it says otherwise.

    None is an outcome without anything but the status.

    Raises:
        OutcomeInvalid: It is no mapping, its status is no text, or something in it is no JSON; the path is named.
    """
    if value is None:
        return {"status": COMPLETED}
    if not isinstance(value, Mapping):
        raise OutcomeInvalid(f"{source}: the outcome is a {type(value).__name__}", remedy="return a mapping, or None")
    outcome: dict[str, Any] = _plain(value, f"{source}: outcome", 0)
    status = outcome.setdefault("status", COMPLETED)
    if not isinstance(status, str):
        raise OutcomeInvalid(
            f"{source}: outcome.status is a {type(status).__name__}", remedy="use a text, such as 'completed'"
        )
    return outcome


def _plain(value: Any, path: str, depth: int) -> Any:
    if value is None or type(value) in (str, int, bool):
        return value
    if isinstance(value, float):
        return _finite(value, path)
    if isinstance(value, (Mapping, list, tuple)) and depth >= DEEPEST:
        raise OutcomeInvalid(f"{path} is nested deeper than {DEEPEST}", remedy="flatten it")
    if isinstance(value, Mapping):
        return {_key(key, path): _plain(inner, f"{path}.{key}", depth + 1) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner, f"{path}[{index}]", depth + 1) for index, inner in enumerate(value)]
    if isinstance(value, (str, int)):
        return str.__str__(value) if isinstance(value, str) else int(value)
    raise OutcomeInvalid(
        f"{path} is a {type(value).__name__}, which is no JSON",
        remedy="use text, numbers, booleans, None, lists and dicts",
    )


def _finite(value: float, path: str) -> float:
    if not math.isfinite(value):
        raise OutcomeInvalid(f"{path} is {value!r}, which is no JSON number", remedy="use None or a text")
    return float(value)


def _key(key: Any, path: str) -> str:
    if not isinstance(key, str):
        raise OutcomeInvalid(f"{path} has a key that is a {type(key).__name__}", remedy="use text keys")
    return str(key)
