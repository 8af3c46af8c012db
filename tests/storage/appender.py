"""A program that appends pairs of events to several cases at once, for the tests that kill it.

It prints the name of its worker, and then the case and the number of the last event of each acknowledged append.
"""

from __future__ import annotations

import asyncio
import sys

from circuit_breaker.errors import VersionConflict
from circuit_breaker.storage import connect
from tests.storage.cases import last, moved, started

CASES = 8


def say(text: str) -> None:
    """Writes a line in one piece."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def work(journal, case_id: str) -> None:
    """Appends to one case for ever, two events at a time."""
    case = await journal.load(case_id)
    if case is None:
        case = started(case_id)
        await journal.append(case, case.history)
    while True:
        longer = moved(moved(case, "one", step=case.sequence), "two")
        try:
            await journal.append(longer, last(longer, 2))
        except VersionConflict:
            longer = await journal.load(case_id)
        else:
            say(f"{case_id} {longer.sequence}")
        case = longer


async def main(path: str) -> None:
    """Works until it is killed."""
    async with connect(path) as journal, asyncio.TaskGroup() as group:
        say(journal.worker)
        for number in range(CASES):
            group.create_task(work(journal, str(number)))


asyncio.run(main(sys.argv[1]))
