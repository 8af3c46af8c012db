"""langgraph: the guarded loop as a graph with conditional edges, and its prebuilt agent; alone, and with its saver.

With the saver every step is asked to be durable before the next begins (``durability="sync"``); the saver itself keeps
SQLite's write-ahead log with ``synchronous=FULL``.
"""

from __future__ import annotations

import asyncio
import itertools
import operator
import sqlite3
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import create_react_agent

from benchmarks.timing import megabytes, microseconds, per_second, report

NEXT = {"draft": "review", "review": "approved", "approved": "draft"}
START_DATA = {"score": 9, "steps": 0}


class Data(TypedDict):
    """What the graph carries."""

    score: int
    steps: int


class Growing(Data):
    """What it carries when every step adds a page."""

    pages: Annotated[list[str], operator.add]


def graph(limit: int, *, page: str = "", saver: Any = None, asynchronous: bool = False) -> Any:
    """The loop that ends after ``limit`` steps; each step adds ``page`` when there is one."""

    def work(data: Data) -> dict[str, Any]:
        return {"steps": data["steps"] + 1} | ({"pages": [page]} if page else {})

    async def work_asynchronously(data: Data) -> dict[str, Any]:
        return work(data)

    def guard(target: str) -> Callable[[Data], str]:
        return lambda data: target if data["score"] >= 8 and data["steps"] < limit else END

    builder = StateGraph(Growing if page else Data)
    for state, target in NEXT.items():
        builder.add_node(state, work_asynchronously if asynchronous else work)
        builder.add_conditional_edges(state, guard(target), [target, END])
    builder.add_edge(START, "draft")
    return builder.compile(checkpointer=saver)


def config(limit: int, thread: int = 0) -> dict[str, Any]:
    return {"recursion_limit": limit + 10, "configurable": {"thread_id": str(thread)}}


def step_sync(limit: int = 300) -> float:
    compiled = graph(limit)
    return microseconds(lambda: compiled.invoke(START_DATA, config(limit)), calls=limit)


def step_async(limit: int = 300) -> float:
    compiled = graph(limit, asynchronous=True)
    with asyncio.Runner() as runner:
        return microseconds(lambda: runner.run(compiled.ainvoke(START_DATA, config(limit))), calls=limit)


def durable_one(limit: int = 1500) -> float:
    saver = SqliteSaver(sqlite3.connect("one.db", check_same_thread=False))
    compiled = graph(limit, saver=saver)

    def work() -> int:
        return int(compiled.invoke(START_DATA, config(limit), durability="sync")["steps"])

    return per_second(work)


def durable_hundred(limit: int = 30, threads: int = 100) -> float:
    async def all_threads() -> int:
        async with AsyncSqliteSaver.from_conn_string("hundred.db") as saver:
            compiled = graph(limit, saver=saver, asynchronous=True)
            runs = (compiled.ainvoke(START_DATA, config(limit, n), durability="sync") for n in range(threads))
            return sum(data["steps"] for data in await asyncio.gather(*runs))

    return per_second(lambda: asyncio.run(all_threads()))


def journal_size(limit: int = 800) -> float:
    connection = sqlite3.connect("size.db", check_same_thread=False)
    compiled = graph(limit, page="x" * 1000, saver=SqliteSaver(connection))
    compiled.invoke(START_DATA, config(limit), durability="sync")
    connection.close()
    return megabytes(Path())


class Model(BaseChatModel):
    """A chat model that has a tool called twice, and then answers."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **options: Any) -> Any:
        del tools, options
        return self

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **options: Any) -> ChatResult:
        del stop, run_manager, options
        said = sum(isinstance(message, AIMessage) for message in messages)
        if said < 2:
            call = {"name": "add", "args": {"a": said + 1, "b": 2}, "id": str(said)}
            message = AIMessage(content="", tool_calls=[call])
        else:
            message = AIMessage(content="The sums are three and four.")
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **options: Any) -> ChatResult:
        return self._generate(messages, stop, run_manager, **options)


@tool
async def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


async def agent(saver: Any = None) -> float:
    """Microseconds of processor time of one run of the prebuilt agent: the median of five rounds."""
    with warnings.catch_warnings(action="ignore"):
        prebuilt = create_react_agent(Model(), [add], prompt="You add numbers.", checkpointer=saver)
    found, threads = [], itertools.count()
    durable: Any = {"durability": "sync"} if saver is not None else {}
    for _ in range(6):
        began = time.process_time()
        for _ in range(50):
            await prebuilt.ainvoke({"messages": [("user", "Add.")]}, config(20, next(threads)), **durable)
        found.append((time.process_time() - began) / 50 * 1e6)
    return statistics.median(found[1:])


async def agent_durable() -> float:
    async with AsyncSqliteSaver.from_conn_string("agent.db") as saver:
        return await agent(saver)


if __name__ == "__main__":
    report(
        "langgraph",
        {
            "step_sync": ("µs", step_sync),
            "step_async": ("µs", step_async),
            "durable_one": ("steps/s", durable_one),
            "durable_hundred": ("steps/s", durable_hundred),
            "journal_size": ("MB", journal_size),
            "agent": ("µs", lambda: asyncio.run(agent())),
            "agent_durable": ("µs", lambda: asyncio.run(agent_durable())),
        },
    )
