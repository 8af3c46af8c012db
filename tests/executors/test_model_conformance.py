"""Assistants and agents keep to what holds for every executor."""

from __future__ import annotations

import pytest

from circuit_breaker.errors import RequestRefused
from circuit_breaker.executors import AgentExecutor, AssistantExecutor
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.toolbox import CalculatorTool
from circuit_breaker.testing import ExecutorConformance, ExecutorSubject
from circuit_breaker.testing.models import ScriptedProvider
from circuit_breaker.testing.script import HANG


def answer(request):
    """What the model says, which follows from the request alone."""
    last = request.messages[-1]
    if "fail" in last.content:
        return RequestRefused("it is refused")
    if "hang" in last.content:
        return HANG
    if last.role == "user":
        return ToolCall(id="one", name="calculator", arguments='{"expression": "2 + 3"}')
    return "It is 5."


def subject_of(executor, asks):
    model = ScriptedProvider(always=answer, name="openai")
    return ExecutorSubject(
        executor.under(providers=[model]),
        right={asks: "Add 2 and 3.", "tools": [CalculatorTool()]},
        wrong={asks: 3, "max_iterations": "many"},
        failure={asks: "fail"},
        slowness={asks: "hang"},
        volatile=["usage"],  # the second call of an instance is shown the first
    )


class TestAssistant(ExecutorConformance):
    shows = ("failure", "slowness")

    @pytest.fixture
    def subject(self):
        return subject_of(AssistantExecutor, "input")


class TestAgent(ExecutorConformance):
    shows = ("failure", "slowness")

    @pytest.fixture
    def subject(self):
        return subject_of(AgentExecutor, "task")
