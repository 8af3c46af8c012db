"""What a container writes to a root that it can write to, which no engine limits on every file system."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from circuit_breaker.errors import OutputTooLarge, ServiceFailed, ServiceUnavailable
from circuit_breaker.executors.docker.streams import beside

if TYPE_CHECKING:
    from circuit_breaker.executors.docker.engine import DockerEngine

__all__ = ["watched"]

_TURN: Final = 0.5
_SHARE: Final = 4
"""How much longer it is waited than the engine needed to measure."""


@contextmanager
def watched(engine: DockerEngine, container: str, *, most: int) -> Iterator[None]:
    """Measures about every half second meanwhile, and kills the container when it has written more.

    Raises:
        OutputTooLarge: It has.
    """
    over = threading.Event()

    def watch() -> None:
        pause = _TURN
        while not over.wait(pause):
            begun = time.monotonic()
            with suppress(ServiceFailed, ServiceUnavailable):  # an engine that is lost is told by whoever waits for it
                _check(engine, container, most)
            pause = max(_TURN, _SHARE * (time.monotonic() - begun))

    with beside(watch):
        try:
            yield
        finally:
            over.set()


def _check(engine: DockerEngine, container: str, most: int) -> None:
    if engine.written(container) > most:
        engine.kill(container)
        raise OutputTooLarge(
            f"the container wrote more than {most} bytes to its files",
            remedy="let it write less; an operator allows more with .under(max_disk=...)",
        )
