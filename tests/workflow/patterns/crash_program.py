"""A program that plays the scenarios of some patterns, and kills itself with ``kill -9`` after a certain event.

``python crash_program.py JOURNAL EVENTS NUMBER...`` takes up what is there, and lives for so many events; 0 lets it
live to the end.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any, Self

from circuit_breaker import Engine, connect
from circuit_breaker.errors import CaseExists
from circuit_breaker.workflow.patterns.catalogue import pattern
from tests.workflow.patterns.playing import play_engine
from tests.workflow.patterns.scenarios import SCENARIOS


class Mortal:
    """A journal that kills the program once so many events are written."""

    def __init__(self, journal: Any, life: int) -> None:
        self._journal = journal
        self._life = life

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def __aenter__(self) -> Self:
        await self._journal.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._journal.__aexit__(*exc)

    async def append(self, case: Any, events: Any, **options: Any) -> None:
        await self._journal.append(case, events, **options)
        self._life -= len(events)
        if -len(events) < self._life <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


async def main(journal: str, life: int, numbers: list[int]) -> None:
    workflows = {number: pattern(number).workflow() for number in numbers}
    mortal = Mortal(connect(f"sqlite:///{journal}"), life)
    async with Engine(*workflows.values(), storage=mortal) as engine:
        for number, workflow in workflows.items():
            try:
                await engine.start(workflow, id=workflow.name, data=SCENARIOS[number].data)
            except CaseExists:
                await engine.recover()
            await play_engine(engine, SCENARIOS[number], workflow.name)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), [int(number) for number in sys.argv[3:]]))
