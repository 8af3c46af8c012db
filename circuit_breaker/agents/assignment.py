"""An assignment: what an execution asks of which model, with which tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final

import attrs

from circuit_breaker.agents.asking import messages_of
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.prompts import Insert, as_it_is
from circuit_breaker.data import thaw
from circuit_breaker.errors import AgentError, Fault, NoProviderAvailable, ProviderNotFound
from circuit_breaker.executors.models.sampling import form_of
from circuit_breaker.executors.models.settings import KEYS, LOCAL_OLLAMA, ModelSettings, UnknownProvider
from circuit_breaker.executors.models.tools import gathered_tools
from circuit_breaker.executors.secrets import NO_SECRETS
from circuit_breaker.llm.messages import ChatMessage, user
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.tools.toolset import Toolset

__all__ = ["WHO", "Assignment", "provider_faults"]

WHO: Final = ("model", "llm_provider")
"""The overrides that say who answers; the others are parameters of the model."""


@attrs.frozen(kw_only=True)
class Assignment:
    """What is asked, and of whom.

    Attributes:
        definition: Of the agent.
        settings: Who answers, and which tools there are.
        overrides: What takes the place of members of ``llm_config``, and of ``llm_provider``.
    """

    definition: AgentDefinition
    settings: ModelSettings
    overrides: Mapping[str, Any]

    def source(self) -> AbstractAsyncContextManager[Any]:
        """Whoever answers, open for the block.

        Raises:
            AgentError: Nobody has given such a provider.
        """
        if self.settings.router is not None:
            return nullcontext(self.settings.router)
        try:
            return self.settings.provider(self._provider(), ollama=LOCAL_OLLAMA)
        except UnknownProvider as unknown:
            raise AgentError(str(unknown), remedy="give it to the engine of agents") from unknown

    def provider_faults(self, tenant: str = "") -> list[Fault]:
        """What is wrong with whoever would answer, also where only the name of the model says who that is."""
        if self.settings.router is None:
            return provider_faults(self._provider(), self.settings)
        explain = getattr(self.settings.router, "explain", None)
        try:
            if explain is not None:
                explain(ChatCompletionRequest(model=self.model, messages=(user("?"),)), tenant=tenant)
        except (NoProviderAvailable, ProviderNotFound) as nobody:
            return [Fault("llm_provider", nobody.message, nobody.remedy)]
        return []

    def _provider(self) -> str:
        return self._wanted() or self.settings.detected(self._named())[0]

    def _wanted(self) -> str:
        return str(self.overrides.get("llm_provider", self.definition.llm_provider))

    def _named(self) -> str:
        return str(self.overrides.get("model", self.definition.model))

    @property
    def model(self) -> str:
        """The model as whoever answers calls it."""
        provider, model = self._wanted(), self._named()
        if self.settings.router is not None:
            return f"{provider}/{model}" if provider else model
        return model if provider else self.settings.detected(model)[1]

    def tools(self, more: Toolset) -> Toolset:
        """The tools of the agent and those beside them, each with the approval that it needs.

        Raises:
            CircuitBreakerError: One is not there any more, or they do not go together.
        """
        known, definition = self.settings.tools, self.definition
        own = gathered_tools(definition.tools, known, ()).add_tools(more)
        return gathered_tools([own], known, definition.approve) if definition.approve else own

    def request(
        self, execution: AgentExecution, history: Sequence[ChatMessage] = (), *, insert: Insert = as_it_is
    ) -> ChatCompletionRequest:
        """What the model is asked: what was said before stands between the instructions and the question.

        Args:
            execution: For which execution.
            history: What was said before.
            insert: Gives what stands in a prompt for a variable, by its name and its text.

        Raises:
            DataInvalid: A prompt needs a value that nobody has given, or nothing is asked.
        """
        *instructions, asked = messages_of(self.definition, execution.input, execution.context, insert=insert)
        changed = {name: thaw(value) for name, value in self.overrides.items() if name not in WHO}
        return ChatCompletionRequest(
            model=self.model,
            messages=(*instructions, *history, asked),
            response_format=form_of(self.definition.output_schema),
            **self.definition.parameters | changed,
        )


def provider_faults(name: str, settings: ModelSettings) -> list[Fault]:
    """What is wrong with the provider of that name; nothing with an empty one, which leaves the choice to others."""
    if not name or settings.router is not None or name in settings.providers or name == "ollama":
        return []
    if name in KEYS and settings.secrets is not NO_SECRETS:
        return []
    known = ", ".join(settings.providers) or "none is given"
    return [Fault("llm_provider", f"there is no provider '{name:.80}'", f"known: {known}")]
