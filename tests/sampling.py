"""How many random cases a run tries: a quarter, or all with ``CB_ALL_CASES=1`` or ``CB_REQUIRE_SERVICES=1``."""

from __future__ import annotations

import os

__all__ = ["ALL", "share"]

ALL = "1" in (os.environ.get("CB_ALL_CASES"), os.environ.get("CB_REQUIRE_SERVICES"))


def share(count: int) -> int:
    """So many cases of the number that is tried where all are."""
    return count if ALL else max(1, count // 4)
