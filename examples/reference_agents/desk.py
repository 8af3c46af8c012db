"""Agents that work on texts and talk with people."""

from __future__ import annotations

import json
import re
from typing import Any

from models import calling, given, results

from circuit_breaker.llm import ChatCompletionRequest

TEXTS = {
    "nets.md": "Petri nets describe concurrent systems. A workflow net is sound if every case can end properly. "
    "Soundness was defined by van der Aalst (1998). It can be decided before anything runs.",
    "engines.md": "Durable engines write a journal. After a crash they read it, and repeat nothing that has finished.",
}


def document_review(request: ChatCompletionRequest) -> str:
    """A review in the form that the agent asks for."""
    text = given(request)["document_content"]
    missing = [word for word in ("owner", "valid from") if word not in text.lower()]
    review = {
        "assessment": "NEEDS_REVISION" if missing else "APPROVE",
        "issues": [f"the policy has no '{word}'" for word in missing],
        "recommended_actions": [f"add '{word}'" for word in missing],
        "confidence_score": 8,
    }
    return json.dumps(review)


def content_classification(request: ChatCompletionRequest) -> str:
    """One category, and how sure it is."""
    is_invoice = "pay within" in request.messages[-1].content
    return json.dumps({"category": "invoice" if is_invoice else "other", "confidence_score": 0.97})


def customer_order(request: ChatCompletionRequest) -> str:
    """An answer that knows who asks, and what was said before."""
    *before, last = (message.content for message in request.messages if message.role == "user")
    if not before:
        return "I am sorry to hear that. What is the number of the order?"
    who = "cust_123" if "cust_123" in request.messages[0].content else "dear customer"
    return f"Thank you, {who}: order {re.findall('[0-9]+', last)[0]} leaves our house today."


def document_analysis(request: ChatCompletionRequest) -> Any:
    """All three tools, and then what stands out in what they gave."""
    found = results(request)
    if not found:
        question = request.messages[-1].content
        text = question.partition(">")[2].rpartition("<")[0].strip()
        return calling(*((tool, {"text": text}) for tool in ("content_analysis", "sentiment_analysis", "improvement")))
    measured, mood, advice = found
    return (
        f"The text has {measured['words']} words at {measured['words_per_sentence']:.0f} a sentence; its mood is "
        f"{mood['label']}. {advice['count']} things could be better: {advice['suggestions'][0]['advice']}."
    )


def soundness(request: ChatCompletionRequest) -> Any:
    """Search, then the sources of what was found, then the answer."""
    found = results(request)
    if not found:
        return calling(("search", {"query": "soundness of workflow nets"}))
    if len(found) == 1:
        return calling(("summarize", {"text": TEXTS["nets.md"]}), ("citations", {"text": TEXTS["nets.md"]}))
    return "A workflow net is sound if every case can end properly (van der Aalst, 1998; nets.md)."
