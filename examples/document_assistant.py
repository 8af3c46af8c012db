"""An assistant that analyses a document: a model with tools that measure the text, find its mood and suggest changes.

It runs offline on a scripted model. With OLLAMA_BASE_URL in the environment it asks qwen2.5-coder there instead.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from circuit_breaker.executors import AssistantExecutor
from circuit_breaker.llm import (
    ContentAnalysisTool,
    ImprovementTool,
    OllamaProvider,
    Provider,
    SentimentAnalysisTool,
)
from circuit_breaker.testing import ModelTurn, ScriptedProvider

DOCUMENT = """The new billing service is wonderful and customers love it. However, in order to be able to make use
of it, it is necessary that a very large number of forms is filled in. Support was slow, and two outages annoyed
everybody."""


def provider() -> Provider:
    """Ollama where the environment says where it is, and otherwise a script that calls each tool once."""
    if address := os.environ.get("OLLAMA_BASE_URL"):
        return OllamaProvider(base_url=address)
    given = {"text": DOCUMENT}
    return ScriptedProvider(
        ModelTurn(calls=tuple((tool, given) for tool in ("content_analysis", "sentiment_analysis", "improvement"))),
        "The mood is mixed: the service is praised, the forms and the outages are not. Shorten the second sentence.",
        "'To use it, you must fill in many forms.'",
        name="ollama",
    )


async def analysed(document: str) -> list[dict[str, Any]]:
    """What the assistant says of the document, and to a question after that."""
    assistant = (
        AssistantExecutor.under(providers=[provider()])
        .define()
        .use_model("qwen2.5-coder")
        .with_system_prompt("You are a document analysis assistant. Use the tools, then say what stands out.")
        .with_parameters(temperature=0.7, top_p=0.9, top_k=40)
        .add_tools([ContentAnalysisTool(), SentimentAnalysisTool(), ImprovementTool()])
    )
    first = await assistant.update_context(input=f"Analyze this document:\n\n{document}").execute()
    # The assistant remembers the document and what it found.
    second = await assistant.update_context(input="How would you write the second sentence?").execute()
    return [first, second]


async def main() -> None:
    first, second = await analysed(DOCUMENT)
    for call in first["tool_calls"]:
        print(f"{call['name']}: {call['result'][:100]}...")
    print(f"\n{first['output']}\n{second['output']}")
    usage = first["usage"]["total_tokens"] + second["usage"]["total_tokens"]
    print(f"\n{first['iterations'] + second['iterations']} calls of the model, {usage} tokens")


if __name__ == "__main__":
    asyncio.run(main())
