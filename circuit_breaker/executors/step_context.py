"""The surroundings of one step of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from circuit_breaker.executors.execution import ExecutionContext
from circuit_breaker.executors.plan import Ledger

__all__ = ["StepContext"]


@attrs.frozen
class StepContext:
    """The surroundings of one step: those of the whole, with a share of the progress and names of its own.

    Attributes:
        executors: What steps of a step may run.
    """

    whole: ExecutionContext
    name: str
    ledger: Ledger
    executors: Mapping[Any, Any]

    @property
    def case_id(self) -> str | None:
        """The case of the whole."""
        return self.whole.case_id

    @property
    def transition(self) -> str | None:
        """The transition of the whole."""
        return self.whole.transition

    @property
    def attempt(self) -> int:
        """Which attempt of the whole this is."""
        return self.whole.attempt

    @property
    def results(self) -> Mapping[str, Any]:
        """What the journal knows of earlier work of the case."""
        return self.whole.results

    @property
    def idempotency_key(self) -> str:
        """A key of its own."""
        return f"{self.whole.idempotency_key}:{self.name}"

    def progress(self, fraction: float, message: str = "") -> None:
        """Tells how much of the whole is done."""
        text = f"{self.name}: {message}" if message else self.name
        self.whole.progress(self.ledger.share(self.name, fraction), text)

    def log(self, line: str, *, stream: str = "stdout") -> None:
        """Passes on a line."""
        self.whole.log(line, stream=stream)

    async def step(self, name: str, call: Callable[[], Any]) -> Any:
        """What the call gives, under a name of its own."""
        return await self.whole.step(f"{self.name}/{name}", call)

    def step_sync(self, name: str, call: Callable[[], Any]) -> Any:
        """The same, for work in a worker thread."""
        return self.whole.step_sync(f"{self.name}/{name}", call)
