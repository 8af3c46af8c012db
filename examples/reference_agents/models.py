"""Who answers: the real providers whose keys are in the environment, or scripts that work with what the tools give."""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from circuit_breaker.llm import Access, ChatCompletionRequest, LLMConfig, LLMRouter
from circuit_breaker.llm.providers import AnthropicProvider, OllamaProvider, OpenAIProvider
from circuit_breaker.testing import ModelTurn, ScriptedProvider

Script = Callable[[ChatCompletionRequest], Any]
SCRIPTED = "openai-gpt4"  # two of the agents name their provider so


def real() -> list[Access]:
    """The providers whose keys are in the environment."""
    found = []
    if key := os.environ.get("OPENAI_API_KEY"):
        found.append(Access(OpenAIProvider(api_key=key, name=SCRIPTED)))
    if key := os.environ.get("ANTHROPIC_API_KEY"):
        found.append(Access(AnthropicProvider(api_key=key)))
    if address := os.environ.get("OLLAMA_BASE_URL"):
        found.append(Access(OllamaProvider(base_url=address)))
    return found


@asynccontextmanager
async def answering(script: Script) -> AsyncIterator[dict[str, Any]]:
    """What an engine of agents is given: a router over real providers, or the script."""
    if providers := real():
        async with LLMRouter(LLMConfig(providers=providers)) as router:
            yield {"router": router}
    else:
        yield {"providers": [ScriptedProvider(always=script, name=SCRIPTED)]}


# What scripts need


def given(request: ChatCompletionRequest) -> dict[str, Any]:
    """The input, which stands in the question as JSON."""
    text = next(message.content for message in request.messages if message.role == "user")
    value, _ = json.JSONDecoder().raw_decode(text, text.index("{"))
    return value


def results(request: ChatCompletionRequest) -> list[dict[str, Any]]:
    """What the tools gave so far."""
    texts = (result.content for message in request.messages for result in message.tool_results)
    return [json.loads(re.sub(r"</?untrusted-\w+>", "", text)) for text in texts]


def calling(*calls: tuple[str, dict[str, Any]]) -> ModelTurn:
    """Calls of tools."""
    return ModelTurn(calls=calls)
