"""Assistants: a model that answers, with tools and a memory, as an executor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuit_breaker.errors import Fault, ParameterInvalid
from circuit_breaker.executors.declarations import parameter, validate
from circuit_breaker.executors.models.executor import ModelExecutor

__all__ = ["AssistantExecutor"]


@parameter("input", default=None, description="What the assistant is asked")
@parameter("prompt", default=None, description="The same; give one of them")
class AssistantExecutor(ModelExecutor):
    """Asks a model, which may call tools, and remembers the conversation from call to call of one instance.

    ::

        Assistant = AssistantExecutor.under(providers=[OpenAIProvider(api_key=key)])
        assistant = Assistant.define().use_model("gpt-4").with_parameters(temperature=0.7).add_tools([AnalysisTool()])
        outcome = await assistant.update_context(input="Analyze this document").execute()

    The outcome has ``output``, the answer as a text; ``parsed``, the answer as a value where ``output_schema`` is
    given; ``finish_reason``, ``iterations``, ``tool_calls``, ``usage`` and ``cost``. Its ``status`` is ``"completed"``,
    or ``"stopped"`` where a limit ended the work, or ``"approval_needed"``.

    Raises:
        ParameterInvalid: A parameter is missing or wrong, or nobody serves the model; every fault is named.
        ActionError: The model could not answer; the ``code`` says why, such as ``"rate_limit_exceeded"``.
    """

    input: str | None
    prompt: str | None

    @validate
    def asked_once(self, context: dict[str, Any]) -> None:
        """What is asked stands in one place."""
        if context["input"] and context["prompt"] and context["input"] != context["prompt"]:
            fault = Fault("parameter 'prompt'", "is given together with input", "give one of them")
            raise ParameterInvalid(faults=[fault])

    def said(self, context: Mapping[str, Any]) -> str:
        """What is asked."""
        return context["input"] or context["prompt"] or ""
