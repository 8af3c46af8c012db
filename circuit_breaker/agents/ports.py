"""What agents need of a storage."""

from __future__ import annotations

from typing import Protocol

from circuit_breaker.engine.records import Records
from circuit_breaker.engine.streams import Streams

__all__ = ["AgentStorage"]


class AgentStorage(Protocol):
    """Records and streams of one tenant, and who else is at work; every journal is one."""

    @property
    def worker(self) -> str:
        """The name of this process among all that use the storage."""
        ...

    @property
    def records(self) -> Records:
        """Documents by kind and id."""
        ...

    @property
    def streams(self) -> Streams:
        """Numbered documents."""
        ...

    async def alive(self, worker: str) -> bool:
        """Whether the process of that name still has the storage open."""
        ...
