"""pydantic-ai: an agent with two calls of a tool over a model that is a function."""

from __future__ import annotations

import asyncio
import statistics
import time

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from benchmarks.timing import report


def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """Two calls, and then the answer."""
    del info
    said = sum(isinstance(message, ModelResponse) for message in messages)
    if said < 2:
        return ModelResponse(parts=[ToolCallPart("add", {"a": said + 1, "b": 2}, tool_call_id=str(said))])
    return ModelResponse(parts=[TextPart("The sums are three and four.")])


async def execution() -> float:
    """Microseconds of processor time of one run: the median of five rounds."""
    agent = Agent(FunctionModel(answer), system_prompt="You add numbers.")

    @agent.tool_plain
    async def add(a: int, b: int) -> int:
        """Adds two numbers."""
        return a + b

    found = []
    for _ in range(6):
        began = time.process_time()
        for _ in range(100):
            await agent.run("Add.")
        found.append((time.process_time() - began) / 100 * 1e6)
    return statistics.median(found[1:])


if __name__ == "__main__":
    report("pydantic-ai", {"execution": ("µs", lambda: asyncio.run(execution()))})
