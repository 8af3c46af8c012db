"""A program that ends itself with ``kill -9`` in one of two branches, when the other one is done.

``python killed_branch.py FOLDER start`` begins and dies; with ``recover`` it takes up what is left. Actions append
their names to ``FOLDER/effects``.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from circuit_breaker import Engine, Workflow, connect, flow, states

s, a, b, c, d, e = states("s", "a", "b", "c", "d", "e")


def noting(folder: Path, engines: list[Engine]) -> Workflow:
    """The workflow; the slow branch dies the first time, once the journal has the end of the quick one."""
    effects = folder / "effects"

    def note(name: str) -> None:
        with effects.open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")

    async def slow(token: Any) -> None:
        note("slow")
        if effects.read_text(encoding="utf-8").count("slow") == 1:
            while "c" not in (await engines[0].get("case-1")).states:  # noqa: ASYNC110 - it is a crash that is awaited
                await asyncio.sleep(0.001)
            os.kill(os.getpid(), signal.SIGKILL)

    return Workflow(
        "w",
        flow(s >> (a, b)).transition("split"),
        flow(a >> c).transition("quick").action(lambda token: note("quick"), name="quick"),
        flow(b >> d).transition("slow").action(slow, name="slow"),
        flow((c, d) >> e).transition("join"),
        initial="s",
    )


async def main(folder: Path, *, begin: bool) -> None:
    engines: list[Engine] = []
    async with Engine(noting(folder, engines), storage=connect(folder / "work.db")) as engine:
        engines.append(engine)
        if begin:
            await engine.run(await engine.start("w", id="case-1"))
        await engine.recover()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), begin=sys.argv[2] == "start"))
