"""What an agent costs beside its model: an execution with two calls of tools, its events live and replayed, on disk."""

from __future__ import annotations

import asyncio
import gc
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.registry import Peer, benchmark
from circuit_breaker.agents import AgentDefinition, AgentPrompts
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.events import ContentChunk, decode, encode
from circuit_breaker.llm.messages import system, user
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.tools import tool
from circuit_breaker.llm.usage import Usage
from circuit_breaker.storage import connect
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.models import ScriptedProvider

USAGE = Usage(input_tokens=50, output_tokens=10)
EXECUTIONS, CHUNKS, FOLLOWERS = 1000, 200, 3
STREAMS, BATCHES, BATCH = 100, 40, 10
REPLAYED = 10_000


@tool
async def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


TURNS = (
    *(
        ModelTurn(calls=(ToolCall(id=str(n), name="add", arguments=f'{{"a": {n}, "b": 2}}'),), usage=USAGE)
        for n in (1, 2)
    ),
    ModelTurn(says="The sums are three and four.", usage=USAGE, pieces=100),
)
CALCULATOR = AgentDefinition(
    id="calculator",
    llm_provider="scripted",
    llm_config={"model": "m"},
    prompts=AgentPrompts(system="You add numbers.", user_template="{q}"),
    inputs=("q",),
    tools=("add",),
)
WRITER = CALCULATOR.evolve(id="writer", tools=())


def _model() -> ScriptedProvider:
    """A model whose answer depends on how often it has answered in the conversation."""
    return ScriptedProvider(always=lambda request: TURNS[sum(one.role == "assistant" for one in request.messages)])


@asynccontextmanager
async def _agents(
    storage: str, model: ScriptedProvider, config: AgentEngineConfig | None = None
) -> AsyncIterator[AgentEngine]:
    async with (
        connect(storage) as journal,
        AgentEngine(journal, providers=[model], tools=[add], config=config) as agents,
    ):
        for definition in (CALCULATOR, WRITER):
            await agents.register(definition)
        yield agents


async def _cost(work: Callable[[], Awaitable[object]], times: int = 200) -> float:
    """Microseconds of processor time of one piece of work: the median of five rounds."""
    found = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(times):
            await work()
        found.append((time.process_time() - began) / times * 1e6)
    return statistics.median(found)


async def _execution(storage: str) -> float:
    async with _agents(storage, _model()) as agents:
        return await _cost(lambda: agents.run("calculator", {"q": "Add."}))


async def _model_alone() -> float:
    """What the scripted model itself takes for the three answers of an execution."""
    model = ScriptedProvider(always=TURNS[-1])
    request = ChatCompletionRequest(model="m", messages=(system("You add numbers."), user("Add.")))

    async def three_answers() -> None:
        for _ in TURNS:
            async with model.stream(request) as events:
                async for _ in events:
                    pass

    return await _cost(three_answers)


@benchmark("µs", Peer("pydantic-ai", "execution"), Peer("langgraph", "agent"))
def agent_execution_with_two_tools() -> float:
    """Processor time of an execution with two calls of a tool, in memory, its model included."""
    return asyncio.run(_execution("memory://"))


@benchmark("µs")
def agent_overhead() -> float:
    """The same without what the scripted model takes."""
    return asyncio.run(_execution("memory://")) - asyncio.run(_model_alone())


@benchmark("µs", Peer("langgraph", "agent_durable"))
def durable_agent_execution() -> float:
    """Processor time of the same on SQLite, where each finished call is on disk before the next one begins."""
    with tempfile.TemporaryDirectory() as directory:
        return asyncio.run(_execution(f"sqlite:///{directory}/agents.db"))


@benchmark("ms")
def agent_first_event() -> float:
    """From asking for an execution on SQLite to its first event at a follower: the median of a hundred."""
    with tempfile.TemporaryDirectory() as directory:
        return asyncio.run(_first_event(f"sqlite:///{directory}/agents.db"))


async def _first_event(storage: str) -> float:
    found = []
    async with _agents(storage, _model()) as agents:
        for _ in range(100):
            began = time.perf_counter()
            execution = await agents.start("calculator", {"q": "Add."})
            async with agents.events.subscribe_raw(execution.id) as following:
                await anext(following)
                found.append(time.perf_counter() - began)
            await agents.wait(execution.id)
    return statistics.median(found) * 1e3


@benchmark("ms")
def agent_replay_of_10000_events() -> float:
    """How long it takes to read 10,000 events of an execution again from SQLite, decoded: the best of five."""
    with tempfile.TemporaryDirectory() as directory:
        return asyncio.run(_replay(f"sqlite:///{directory}/agents.db"))


async def _replay(storage: str) -> float:
    async with _agents(storage, _model()) as agents:
        done = await agents.run("calculator", {"q": "Add."})
        events = _events(done.id, done.events + 1, REPLAYED)
        await agents.storage.streams.append(f"agent:{done.id}", events, after=done.events)
        found = []
        for _ in range(5):
            began = time.perf_counter()
            events_again = [*map(decode, await agents.events.read(done.id))]
            found.append(time.perf_counter() - began)
            if len(events_again) != REPLAYED + done.events:
                raise AssertionError("an event was lost")
    return min(found) * 1e3


def _events(execution_id: str, first: int, count: int) -> list[bytes]:
    """So many pieces of content."""
    now = datetime.now(UTC)
    return [
        encode(ContentChunk(execution_id=execution_id, sequence=number, timestamp=now, content="word ", iteration=1))
        for number in range(first, first + count)
    ]


@benchmark("events/s")
def durable_agent_events() -> float:
    """Events that a hundred executions write to SQLite in a second, ten in a write, each write on disk at its end."""
    with tempfile.TemporaryDirectory() as directory:
        return asyncio.run(_durable(Path(directory) / "agents.db"))


async def _durable(file: Path) -> float:
    async with connect(file) as journal:

        async def execution(name: str) -> None:
            for number in range(BATCHES):
                events = _events(name, number * BATCH + 1, BATCH)
                await journal.streams.append(f"agent:{name}", events, after=number * BATCH)

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(STREAMS):
                group.create_task(execution(str(number)))
        return STREAMS * BATCHES * BATCH / (time.perf_counter() - began)


@benchmark("s")
def thousand_agents_at_once() -> float:
    """A thousand executions at once, each with 200 pieces of content and three followers, none of which is lost."""
    return asyncio.run(_thousand())[0]


@benchmark("KB")
def agent_memory_left() -> float:
    """What an execution leaves in memory beside what its storage keeps, once it is over and nobody follows it."""
    return asyncio.run(_thousand(measured=True))[1]


async def _thousand(*, measured: bool = False) -> tuple[float, float]:
    text = "".join(f"piece {number:03} " for number in range(CHUNKS))
    turn = ModelTurn(says=text, pieces=10, between=0.005, usage=USAGE)
    config = AgentEngineConfig(max_concurrent_executions=EXECUTIONS)
    with tempfile.TemporaryDirectory() as directory:
        async with _agents(f"sqlite:///{directory}/a.db", ScriptedProvider(always=turn), config) as agents:
            await _followed(agents, text, 20)
            gc.collect()
            if measured:
                tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            began = time.perf_counter()
            await _followed(agents, text, EXECUTIONS)
            seconds = time.perf_counter() - began
            agents.settings.providers["scripted"].requests.clear()  # type: ignore[attr-defined]
            gc.collect()
            left = tracemalloc.get_traced_memory()[0] - before
            tracemalloc.stop()
    return seconds, left / EXECUTIONS / 1000


async def _followed(agents: AgentEngine, text: str, executions: int) -> None:
    """So many executions at once, with followers who hear all of the text."""

    async def heard(execution_id: str) -> str:
        async with agents.events.subscribe(execution_id) as following:
            return "".join([event.content async for event in following if isinstance(event, ContentChunk)])

    begun = [await agents.start("writer", {"q": "Write."}) for _ in range(executions)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(heard(one.id)) for one in begun for _ in range(FOLLOWERS)]
    if any(task.result() != text for task in tasks):
        raise AssertionError("a follower lost a piece")
