"""The loop: model, tools, model, tools, until there is an answer or a reason to stop.

It decides by its state alone. What is finished is kept by whoever is given as ``keep``, so that a loop that is begun
again after a crash comes to the same place without asking a model or calling a tool for a second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs

from circuit_breaker.errors import CircuitBreakerError
from circuit_breaker.llm.loop.approvals import Decisions
from circuit_breaker.llm.loop.events import LoopEvent
from circuit_breaker.llm.loop.model import Answering
from circuit_breaker.llm.loop.options import LoopOptions
from circuit_breaker.llm.loop.outcome import LoopOutcome
from circuit_breaker.llm.loop.state import LoopState
from circuit_breaker.llm.loop.surroundings import Surroundings
from circuit_breaker.llm.loop.work import Work
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.tools.context import ToolContext
from circuit_breaker.llm.tools.toolset import Toolset

__all__ = ["Loop"]


class Loop:
    """A model with tools at work.

    Args:
        model: Who answers; see :func:`answering`.
        request: What every call of the model has in common: the model, parameters, the form of the answer. Its messages
            begin the conversation.
        toolset: What the model may call.
        options: How it goes about its work.
        context: The surroundings of the tools: roles, limits, what takes secrets out.
    """

    def __init__(
        self,
        model: Answering,
        request: ChatCompletionRequest,
        toolset: Toolset | None = None,
        *,
        options: LoopOptions | None = None,
        context: ToolContext | None = None,
    ) -> None:
        self._model = model
        self._request = request
        self._options = options or LoopOptions()
        self._context = context or ToolContext()
        self._toolset = (toolset or Toolset()).open_to(self._context.roles)

    async def run(
        self,
        state: LoopState | None = None,
        *,
        decisions: Decisions = None,
        around: Surroundings | None = None,
    ) -> LoopOutcome:
        """What comes of it.

        Args:
            state: Where to go on; the beginning when left out.
            decisions: What a person has said of calls that needed approval: the digest of these calls is a yes to
                exactly them, False a no, and a mapping says either by the digest of each call. What was said of other
                calls counts for nothing: the outcome then asks again.
            around: Who is told of events, and who keeps what is finished.

        Raises:
            LLMError: The model could not answer, or not in the form that was asked for.
            DataInvalid: The decisions are none.
        """
        begun = state or LoopState(messages=self._request.messages)
        work = Work(self._model, self._request, self._toolset, self._options, self._context, around or Surroundings())
        return await work.outcome(begun, decisions)

    @asynccontextmanager
    async def events(
        self,
        state: LoopState | None = None,
        *,
        decisions: Decisions = None,
        around: Surroundings | None = None,
    ) -> AsyncIterator[AsyncIterator[LoopEvent]]:
        """The events as they happen: ``async with loop.events() as events: async for event in events: ...``.

        The last is :class:`LoopEnded` with the outcome. Leaving the block ends the work.

        Raises:
            LLMError: As :meth:`run`; it is raised where the events are read.
        """
        surroundings = around or Surroundings()
        queue: asyncio.Queue[LoopEvent | None] = asyncio.Queue()
        running = asyncio.get_running_loop()

        def tell(event: LoopEvent) -> None:
            surroundings.tell(event)
            running.call_soon_threadsafe(queue.put_nowait, event)

        async def work() -> LoopOutcome | CircuitBreakerError:
            try:
                return await self.run(state, decisions=decisions, around=attrs.evolve(surroundings, tell=tell))
            except CircuitBreakerError as error:
                return error
            finally:
                running.call_soon(queue.put_nowait, None)

        async with asyncio.TaskGroup() as group:
            task = group.create_task(work())
            try:
                yield _read(queue, task)
            finally:
                task.cancel()


async def _read(
    queue: asyncio.Queue[LoopEvent | None], task: asyncio.Task[LoopOutcome | CircuitBreakerError]
) -> AsyncIterator[LoopEvent]:
    while (event := await queue.get()) is not None:
        yield event
    if isinstance(ended := await task, CircuitBreakerError):
        raise ended
