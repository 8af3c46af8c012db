"""What the tests of functions share: an engine with a clock that they move, and executors that need no container."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import attrs
import pytest

from circuit_breaker import Engine, FunctionExecutor, Workflow, connect, field, flow, states
from circuit_breaker.errors import ProgramFailed
from circuit_breaker.executors import ExecutionContext
from circuit_breaker.functions import FunctionManager
from circuit_breaker.storage.memory import MemoryJournal, MemoryStore
from circuit_breaker.testing import ManualClock

pending, processing, done = states("pending", "processing", "done")
order = Workflow(
    "order",
    flow(pending >> processing).transition("process"),
    flow(processing >> done).transition("finish").guard(field("amount") > 100),
)


@attrs.define
class World:
    """What containers have done, and how they shall behave."""

    inputs: list = attrs.field(factory=list)
    failing: set = attrs.field(factory=set)
    hold: asyncio.Event | None = None

    def executor(self):
        """An executor that takes what the one for Docker takes, and gives back its input."""

        @FunctionExecutor.of
        async def container(context: ExecutionContext, image: str, input: object = None, **more: object):  # noqa: A002
            self.inputs.append((image, input))
            context.log(f"{image} begins")
            if self.hold is not None:
                await self.hold.wait()
            if image in self.failing:
                raise ProgramFailed(f"{image} ended with 3", exit_code=3)
            return {"output": {"result": input, "image": image}, "exit_code": 0, **more}

        return container


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def world():
    return World()


@pytest.fixture
def journals():
    """Journals on one storage in memory."""
    store = MemoryStore()
    return lambda: MemoryJournal(store)


@pytest.fixture
def opened(clock, world, journals):
    """Opens an engine and a manager on the storage that all of the test share."""

    @asynccontextmanager
    async def opened(*workflows, **options):
        async with AsyncExitStack() as stack:
            options.setdefault("executor", world.executor())
            storage = options.pop("storage", None) or journals()
            engine = await stack.enter_async_context(Engine(*(workflows or (order,)), storage=storage, clock=clock))
            yield engine, await stack.enter_async_context(FunctionManager(engine, **options))

    return opened


@pytest.fixture
async def both(opened):
    async with opened() as both:
        yield both


@pytest.fixture
def engine(both):
    return both[0]


@pytest.fixture
def functions(both):
    return both[1]


async def eventually(ask, *, seconds: float = 10.0):
    """What the function gives as soon as it is true."""
    async with asyncio.timeout(seconds):
        while not (given := await ask()):  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.005)
    return given


async def settled(functions, count: int, *, seconds: float = 10.0, **asked):
    """The executions, when there are so many and all have ended; then nothing more comes."""

    async def look():
        found = await functions.executions(**asked)
        return len(found) >= count and all(result.ended for result in found)

    await eventually(look, seconds=seconds)
    await asyncio.sleep(0.03)
    return await functions.executions(**asked)


__all__ = ["connect", "eventually", "order", "settled"]
