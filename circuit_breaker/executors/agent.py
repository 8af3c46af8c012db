"""Agents: a model that works on a task in several steps, with tools, as an executor."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from circuit_breaker.executors.declarations import parameter
from circuit_breaker.executors.models.executor import ModelExecutor
from circuit_breaker.executors.models.progress import LoopProgress
from circuit_breaker.llm.loop.outcome import LoopOutcome

__all__ = ["AgentExecutor"]


@parameter("task", default=None, description="What the agent is to do")
@parameter("context", default={}, description="Data that it is given with the task, as JSON")
@parameter("plan", default=False, description="Whether it makes a plan first")
@parameter("events", default=False, description="Whether the outcome has a list of what happened")
class AgentExecutor(ModelExecutor):
    """Works on a task: a model plans, calls tools and goes on, until it answers or has to stop.

    ::

        Agent = AgentExecutor.under(providers=[OpenAIProvider(api_key=key)])
        agent = Agent.define().use_model("gpt-4").with_tools(AgentTools.default_toolset()).with_memory_size(10)
        outcome = await agent.update_context(task="Research and summarize").execute()

    The outcome has ``report``, what the agent said at the end, and what :class:`AssistantExecutor` gives; with ``plan``
    also the steps of the plan, with ``events`` also what happened. In a workflow each finished call of the model and of
    a tool is kept: after a crash the agent goes on where it was.

    Raises:
        ParameterInvalid: A parameter is missing or wrong, or nobody serves the model; every fault is named.
        ActionError: The model could not answer; the ``code`` says why, such as ``"rate_limit_exceeded"``.
    """

    asks: ClassVar[str] = "task"

    task: str | None
    context: dict[str, Any]
    plan: bool
    events: bool

    def with_plan(self) -> Self:
        """This instance, which makes a plan first."""
        return self.update_context(plan=True)

    def said(self, context: Mapping[str, Any]) -> str:
        """The task, with the data that belongs to it."""
        task, data = context["task"] or "", context["context"]
        if not task or not data:
            return task
        return f"{task}\n\nContext, as JSON:\n{json.dumps(data, ensure_ascii=False, default=str)}"

    def planned(self, context: Mapping[str, Any]) -> bool:
        """Whether a plan is to be made first."""
        return bool(context["plan"])

    def told(self, outcome: LoopOutcome, progress: LoopProgress) -> dict[str, Any]:
        """The outcome, with the report."""
        events = {"events": progress.noted} if self.events else {}
        return {**outcome.document(), "report": outcome.output, **events}
