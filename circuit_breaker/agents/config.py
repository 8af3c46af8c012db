"""What an operator decides about the engine of agents."""

from __future__ import annotations

from typing import Any

import attrs

from circuit_breaker.agents.numbers import is_count, is_duration
from circuit_breaker.errors import AgentInvalid

__all__ = ["AgentEngineConfig"]


def _at_least_one(_: object, attribute: Any, value: object) -> None:
    if not is_count(value):
        raise AgentInvalid(f"{attribute.name}={value!r} is no whole number from 1")


def _positive(_: object, attribute: Any, value: Any) -> None:
    if not is_duration(value):
        raise AgentInvalid(f"{attribute.name}={value!r} is no number of seconds", remedy="give more than zero")


@attrs.frozen(kw_only=True)
class AgentEngineConfig:
    """How executions are run and followed.

    Attributes:
        max_concurrent_executions: How many run here at the same time; those that others want wait for nobody.
        max_waiting: How many may wait for their turn; one more is refused.
        stream_buffer_size: How many of the last events of an execution are kept in memory for those who follow.
        chunk_size: The most characters of one piece of content; longer ones are split.
        connection_timeout: Seconds that a follower waits until he knows that he may follow.
        execution_timeout: Seconds of an execution whose agent names no time.
        cleanup_interval: Seconds between two looks for what has to be taken up, cancelled or removed.
        retention: Seconds that an execution is kept after its end; None for ever. What an execution or a case that is
            not over has wanted stays for longer, where it counts for a limit or its answer was not taken yet.
        recover: Whether executions that other processes left behind are taken up.
        poll: Seconds between two looks at an execution that another process carries out.
    """

    max_concurrent_executions: int = attrs.field(default=50, validator=_at_least_one)
    max_waiting: int = attrs.field(default=10_000, validator=_at_least_one)
    stream_buffer_size: int = attrs.field(default=1000, validator=_at_least_one)
    chunk_size: int = attrs.field(default=16 * 1024, validator=_at_least_one)
    connection_timeout: float = attrs.field(default=30.0, validator=_positive)
    execution_timeout: float = attrs.field(default=300.0, validator=_positive)
    cleanup_interval: float = attrs.field(default=60.0, validator=_positive)
    retention: float | None = attrs.field(default=None, validator=attrs.validators.optional(_positive))
    recover: bool = True
    poll: float = attrs.field(default=0.25, validator=_positive)
