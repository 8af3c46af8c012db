"""A program that is killed: drives cases of several workflows until all of them rest for good.

``python crash_program.py JOURNAL EFFECTS FOLDER`` may be ended at any moment and started again. EFFECTS is a file to
which actions append one line for every effect that they have on the world.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

from circuit_breaker import Case, Engine, Workflow, connect, field, flow, states
from circuit_breaker.errors import CaseExists, NotEnabled, Refused

EXAMPLES = Path(__file__).parents[2] / "examples"
CASES = 8
AT_ONCE = 4
MOST = 12
GIVEN = {"payment_verified": True, "items_shipped": True, "ok": True}


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def note(line: str) -> None:
    """One line to the file of effects, at once and whole."""
    descriptor = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)


def noted(line: str) -> bool:
    return line in Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()


async def measure(token: Any, context: Any) -> dict[str, Any]:
    """Idempotent: may be repeated after a crash, but its finished step may not."""
    await context.step("measured", lambda: note(f"measured {context.idempotency_key}"))
    await asyncio.sleep(0.04)
    return {token.state: len(token.data["text"])}


async def pay(token: Any, context: Any) -> dict[str, Any]:
    """At most once: whether it was done is looked up in the effects."""
    await asyncio.sleep(0.04)
    note(f"paid {context.idempotency_key}")
    await asyncio.sleep(0.04)
    return {"paid": context.idempotency_key}


start, left, right, measured_left, measured_right, joined, paid, checked = states(
    "start", "left", "right", "measured_left", "measured_right", "joined", "paid", "checked"
)
ledger = Workflow(
    "ledger",
    flow(start >> (left, right)).transition("split"),
    flow(left >> measured_left).transition("measure_left").action(measure),
    flow(right >> measured_right).transition("measure_right").action(measure),
    flow((measured_left, measured_right) >> joined).transition("join"),
    flow(joined >> paid).transition("pay").action(pay).effect("at_most_once"),
    flow(paid >> checked).transition("check").guard(field("paid").exists()).manual(),
    flow(checked >> start)
    .transition("again")
    .guard(field("rounds").missing())
    .action(lambda token: {"rounds": 1})
    .manual(),
    initial="start",
)


def workflows() -> list[Workflow]:
    found = [ledger]
    for name in ("order_processing", "data_pipeline", "parallel_review", "support"):
        if (EXAMPLES / f"{name}.py").exists():
            found += [value for value in vars(example(name)).values() if isinstance(value, Workflow)]
    return found


def data_of(workflow: Workflow, number: int) -> dict[str, Any]:
    readings = sorted((EXAMPLES / "readings").glob("*.json"))
    text = f"def number{number}(): pass\n"
    return {
        "text": text,
        "number": number,
        "file": str(EXAMPLES / ("order_processing.py", "rules.py")[number % 2]),
        "question": ("where is my invoice", "broken again, refund")[number % 2],
        "customer": f"customer {number}",
        "input_file": str(readings[number % len(readings)]),
        "folder": sys.argv[3],
    }


async def drive(engine: Engine, workflow: Workflow, number: int) -> None:
    ident = f"{workflow.name}-{number}"
    try:
        case = await engine.start(workflow, id=ident, data=data_of(workflow, number))
    except CaseExists:
        case = await engine.get(ident)
    while True:
        case = await settle(engine, await engine.run(case))
        fired = len((await engine.history(case)).by_type("TransitionFired"))
        if case.status != "waiting" or fired >= MOST or not (case := await choose(engine, case, fired)):  # type: ignore[assignment]
            return


async def settle(engine: Engine, case: Case) -> Case:
    """Says of every action in doubt what the world says."""
    for pending in case.pending:
        if pending.doubt and noted(f"paid {pending.key}"):
            case = await engine.resolve(case, pending.transition, outcome={"paid": pending.key})
        elif pending.doubt:
            case = await engine.resolve(case, pending.transition, again=True)
    return await engine.run(case)


async def choose(engine: Engine, case: Case, fired: int) -> Case | None:
    """Fires one of the manual transitions, always the same one for the same moment of a case."""
    manual = [reason.transition for reason in engine.explain(case).reasons if reason.trigger == "manual"]
    for offset in range(len(manual)):
        name = manual[(zlib.crc32(f"{case.id}{fired}".encode()) + offset) % len(manual)]
        try:
            return await engine.fire(case, name, by="driver", data=GIVEN)
        except (NotEnabled, Refused):
            case = await engine.get(case)
    return None


async def main() -> None:
    known = workflows()
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(workflow: Workflow, number: int) -> None:
        async with turns:
            await drive(engine, workflow, number)

    async with Engine(*known, storage=connect(f"sqlite:///{sys.argv[1]}")) as engine, asyncio.TaskGroup() as group:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for number in range(CASES):
            for workflow in known:
                group.create_task(one(workflow, number))


if __name__ == "__main__":
    Path(sys.argv[2]).touch()
    asyncio.run(main())
