"""A program that is killed: one case whose transition runs a container, which notes that it began and waits for a sign.

``python docker_program.py ADDRESS JOURNAL FOLDER`` may be killed and started again; it prints the output in the end.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from circuit_breaker import Engine, Workflow, connect, flow, states
from circuit_breaker.errors import CaseExists
from circuit_breaker.executors.docker import DockerExecutor
from tests.services.images import BUSYBOX

ADDRESS, JOURNAL, FOLDER = sys.argv[1:]
SCRIPT = "echo began | tee -a /folder/began; while [ ! -e /folder/go ]; do sleep 0.05; done; echo ended; exit $CODE"
CODE = "0" if not Path(FOLDER, "code").exists() else Path(FOLDER, "code").read_text()

waiting, done = states("waiting", "done")
work = Workflow(
    "work",
    flow(waiting >> done)
    .transition("run")
    .execute(
        DockerExecutor.under(base_url=ADDRESS, mounts=[FOLDER]),
        image=BUSYBOX,
        command=["sh", "-c", SCRIPT],
        environment={"CODE": CODE},
        volumes=[f"{FOLDER}:/folder"],
        result="container",
    )
    .retry(max_attempts=2),
)


async def main() -> None:
    async with Engine(work, storage=connect(f"sqlite:///{JOURNAL}")) as engine:
        try:
            case = await engine.start("work", id="case")
        except CaseExists:
            case = await engine.get("case")
        case = await engine.run(case)
        sys.stdout.write(f"{case.state} {case.token.results['container']['output']!r}\n")


asyncio.run(main())
