"""A program that is killed: one case whose only transition runs steps, of which the last waits for a file.

``python steps_program.py JOURNAL FOLDER MODE`` with ``sequence`` or ``parallel``; each step that begins adds its name
to the file ``begun`` in the folder, and the last one waits until there is a file ``go``.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from circuit_breaker import Engine, FunctionExecutor, StepExecutor, Workflow, connect, flow, states
from circuit_breaker.errors import CaseExists

JOURNAL, FOLDER, MODE = sys.argv[1], Path(sys.argv[2]), sys.argv[3]


@FunctionExecutor.of
async def work(name: str) -> dict[str, str]:
    with (FOLDER / "begun").open("a") as file:
        file.write(f"{name}\n")
    while name == "last" and not (FOLDER / "go").exists():  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(0.01)
    return {"made": name}


@FunctionExecutor.of
async def following(made: str) -> dict[str, str]:
    return await work(name=f"after {made}").execute()


new, done = states("new", "done")
sequence = [
    {"executor": work, "name": "first", "context": {"name": "first"}},
    {"executor": following, "name": "second"},
    {"executor": work, "name": "last", "context": {"name": "last"}},
]
parallel = [{"executor": work, "name": name, "context": {"name": name}} for name in ("first", "second", "last")]
steps = {"sequence": sequence, "parallel": parallel}[MODE]
workflow = Workflow(
    "steps",
    flow(new >> done).transition("go").execute(StepExecutor, steps=steps, parallel=MODE == "parallel", result="steps"),
)


async def main() -> None:
    async with Engine(workflow, storage=connect(f"sqlite:///{JOURNAL}")) as engine:
        try:
            case = await engine.start("steps", id="one")
        except CaseExists:
            case = await engine.get("one")
        await engine.run(case)


asyncio.run(main())
