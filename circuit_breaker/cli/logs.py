"""Logs: what the engine logs is a warning on standard error, as long as a command works."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, NoReturn

import structlog

from circuit_breaker.cli.output import Output

__all__ = ["logs_to"]


@contextmanager
def logs_to(output: Output) -> Iterator[None]:
    """Tells people what is logged meanwhile; where a module of the user has set up its own logging, that counts."""

    def tell(_: Any, __: str, event: MutableMapping[str, Any]) -> NoReturn:
        facts = ", ".join(f"{name} {value}" for name, value in event.items() if name != "event")
        output.warn(f"{event.get('event', '')}{f': {facts}' if facts else ''}")
        raise structlog.DropEvent

    if structlog.is_configured():
        yield
        return
    structlog.configure(processors=[tell], cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.reset_defaults()
