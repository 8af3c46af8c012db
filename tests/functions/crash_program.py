"""A program that is killed: cases reach a state, and functions run because of it.

``python -m tests.functions.crash_program JOURNAL CASES`` may be ended at any moment and started again, also several
times at once; it ends when every case is completed and every function has run.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

from circuit_breaker import Engine, FunctionExecutor, Workflow, connect, flow, states
from circuit_breaker.errors import CaseExists
from circuit_breaker.functions import (
    ExecutionConfig,
    FunctionChain,
    FunctionConfig,
    FunctionDefinition,
    FunctionManager,
    ResourceState,
)

new, middle, done = states("new", "middle", "done")
jobs = Workflow("jobs", flow(new >> middle).transition("one"), flow(middle >> done).transition("two"))


@FunctionExecutor.of
async def work(input: object = None):  # noqa: A002 - the word of the parameter
    await asyncio.sleep(0.002)
    return {"output": input}


FUNCTIONS = (
    FunctionDefinition(id="later", executor=work),
    FunctionDefinition(id="linked", executor=work),
    FunctionDefinition(
        id="first",
        executor=work,
        triggers=[ResourceState("middle"), ResourceState("done")],
        chains=[FunctionChain("linked"), FunctionChain("later", delay=0.05)],
    ),
)
PER_CASE = 6
"""Executions for each case: two triggers, each with two links."""


async def begin(engine: Engine, number: int) -> None:
    with suppress(CaseExists):
        await engine.start("jobs", id=f"job{number:04}", data={"number": number})
    await engine.run(f"job{number:04}")


async def main(path: str, count: int) -> None:
    config = FunctionConfig(execution_config=ExecutionConfig(poll=0.05))
    async with (
        Engine(jobs, storage=connect(path)) as engine,
        FunctionManager(engine, executors={"work": work}, config=config) as functions,
    ):
        for definition in FUNCTIONS:
            await functions.create_function(definition)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for number in range(count):
            await begin(engine, number)
            await asyncio.sleep(0.001)
        while True:
            counts = [await engine.storage.count(workflow=f"function:{each.id}") for each in FUNCTIONS]
            if sum(counted.get("completed", 0) for counted in counts) >= PER_CASE * count:
                return
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
