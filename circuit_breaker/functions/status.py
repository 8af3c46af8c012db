"""How an execution stands."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from circuit_breaker.errors import FunctionInvalid, nearest

__all__ = ["ENDED", "ExecutionStatus"]


class ExecutionStatus(StrEnum):
    """How an execution stands; the last four are ends."""

    PENDING = "pending"
    RUNNING = "running"
    IN_DOUBT = "in_doubt"
    SUCCESS = "success"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"

    @classmethod
    def of(cls, value: Any) -> ExecutionStatus:
        """The status of that name.

        Raises:
            FunctionInvalid: There is none.
        """
        known = [status.value for status in cls]
        if value not in known:
            raise FunctionInvalid(f"no execution has the status {value!r:.60}", remedy=nearest(str(value), known))
        return cls(value)


ENDED: Final = frozenset(
    {ExecutionStatus.SUCCESS, ExecutionStatus.FAILED, ExecutionStatus.TIMED_OUT, ExecutionStatus.CANCELLED}
)
"""The statuses of what has ended."""
