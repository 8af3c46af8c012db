"""A router over two providers: virtual models, failover, streaming, a budget, and the reasons for its choices.

It runs without a network, on models that follow a script. With ``OPENAI_API_KEY`` or ``ANTHROPIC_API_KEY`` in the
environment the real providers answer.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from decimal import Decimal

from circuit_breaker.errors import BudgetExceeded, ProviderOverloaded
from circuit_breaker.llm import (
    Access,
    Budget,
    ChatCompletionRequest,
    Failover,
    LLMConfig,
    LLMRouter,
    ModelProfile,
    Price,
    user,
)
from circuit_breaker.llm.providers import AnthropicProvider, OpenAIProvider
from circuit_breaker.testing import ScriptedProvider

QUESTION = "Explain quantum computing in one sentence."
ANSWER = "A quantum computer calculates with states that are several values at once until they are measured."


def scripted() -> list[Access]:
    """The first has a bad day, the second answers."""
    profile = ModelProfile(
        capabilities={"tools", "streaming", "system"},
        price=Price(input=Decimal(3), output=Decimal(15), source="example"),
    )
    busy = ScriptedProvider(always=ProviderOverloaded("too much to do"), name="openai", profile=profile)
    well = ScriptedProvider(always=ANSWER, name="claude", profile=profile)
    return [Access(busy, models=("gpt-4",)), Access(well, models=("claude-3-opus",))]


def real() -> list[Access]:
    """Those whose key is in the environment."""
    found = []
    if key := os.environ.get("OPENAI_API_KEY"):
        found.append(Access(OpenAIProvider(api_key=key), models=("gpt-4",)))
    if key := os.environ.get("ANTHROPIC_API_KEY"):
        found.append(Access(AnthropicProvider(api_key=key), name="claude", models=("claude-3-opus",)))
    return found


def asking(model: str, *, max_tokens: int = 200) -> ChatCompletionRequest:
    return ChatCompletionRequest(model=model, messages=[user(QUESTION)], max_tokens=max_tokens)


async def main() -> None:
    config = LLMConfig(
        providers=real() or scripted(),
        failover=Failover(order=("claude", "openai")),
        budgets=[Budget("this example", dollars="0.05", period="day", unpriced="allow")],
    )
    async with LLMRouter(config) as router:
        print(router.explain(asking("cb:smart-chat")))

        response = await router.chat_completion(asking(router.explain(asking("auto")).candidates[0].model))
        print(f"\n{response.provider}: {response.content}")
        for attempt in response.attempts:
            print(f"  {attempt.number}. {attempt.provider}/{attempt.model}: {attempt.outcome} {attempt.error}".rstrip())
        print(f"  it cost {response.cost}")

        async with aclosing(router.chat_completion_stream(asking("auto"))) as chunks:
            async for chunk in chunks:
                if chunk.choices and chunk.choices[0].delta.content:
                    print(chunk.choices[0].delta.content, end="", flush=True)
        print()

        try:
            await router.chat_completion(asking("auto", max_tokens=4_000))
        except BudgetExceeded as error:
            print("refused:", error)
        for health in await router.get_provider_health():
            print(f"{health.name}: {health.status}")


if __name__ == "__main__":
    asyncio.run(main())
