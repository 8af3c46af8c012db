"""What an operator decides about functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from circuit_breaker.errors import FunctionInvalid

__all__ = ["ExecutionConfig", "FunctionConfig"]


def _at_least_one(_: object, attribute: Any, value: object) -> None:
    if type(value) is not int or value < 1:
        raise FunctionInvalid(f"{attribute.name}={value!r} is no whole number from 1")


def _positive(_: object, attribute: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise FunctionInvalid(f"{attribute.name}={value!r} is no number of seconds", remedy="give more than zero")


@attrs.frozen(kw_only=True)
class ExecutionConfig:
    """How functions are run.

    Attributes:
        concurrency: How many executions that triggers asked for run here at the same time.
        poll: Seconds after which what other processes did is noticed at the latest.
        generations: How many functions may lead to one another before that is taken for a loop.
        followers: How many executions one event, call or time may lead to, by functions that lead to one another.
        log_bytes: How much of the end of the logs of an execution is kept.
        lateness: Seconds after which a scheduled time counts as missed.
    """

    concurrency: int = attrs.field(default=16, validator=_at_least_one)
    poll: float = attrs.field(default=5.0, validator=_positive)
    generations: int = attrs.field(default=32, validator=_at_least_one)
    followers: int = attrs.field(default=1000, validator=_at_least_one)
    log_bytes: int = attrs.field(default=64 * 1024, validator=_at_least_one)
    lateness: float = attrs.field(default=60.0, validator=_positive)


@attrs.frozen(kw_only=True)
class FunctionConfig:
    """What an operator decides about functions.

    Attributes:
        docker_config: Settings of the executor for Docker, as its ``under`` takes them.
        executor_configs: Settings of other executors, by name, as their ``under`` takes them.
        execution_config: How functions are run.
    """

    docker_config: Mapping[str, Any] = attrs.field(factory=dict)
    executor_configs: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    execution_config: ExecutionConfig = attrs.field(factory=ExecutionConfig)
