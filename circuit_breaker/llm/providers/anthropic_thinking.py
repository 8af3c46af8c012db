"""How much a model of Anthropic's is to think, and what then cannot be asked for as well.

Source: https://platform.claude.com/docs/en/build-with-claude/extended-thinking
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from circuit_breaker.llm.adapting import Draft
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.parts import Thinking, ToolCall

__all__ = ["thinking_members"]

BUDGETS: Final[Mapping[str, int]] = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 24576}
"""Tokens for thoughts by how much is to be thought, for models that are told so; the least is 1024."""

_LEAST: Final = 1024
_FORCED: Final = "a model that must call a tool does not think before"


def thinking_members(draft: Draft, body: dict[str, Any], output: Mapping[str, Any]) -> dict[str, Any]:
    """The members that say how much to think and of which form the answer is.

    Members of the body that cannot stand beside them are taken out of it. A profile that calls ``reasoning_effort``
    ``effort`` is that of a model which decides by itself how long to think.

    Args:
        draft: The request.
        body: The document so far.
        output: What is asked of the form of the answer.
    """
    members = {**_deciding(draft, body), **_with_budget(draft, body)}
    if members.get("thinking", {}).get("type") == "adaptive":
        effort = draft.members["effort"]
        output = {"effort": "low" if effort == "minimal" else effort, **output}
    if output:
        members["output_config"] = output
    _one_of_two(draft, body)
    if members.get("thinking", {}).get("type") in ("enabled", "adaptive"):
        _warmth(draft, body)
    return members


def _forced(body: Mapping[str, Any]) -> bool:
    """Whether a tool must be called."""
    return body.get("tool_choice", {}).get("type") in ("any", "tool")


def _deciding(draft: Draft, body: Mapping[str, Any]) -> dict[str, Any]:
    """The member for a model that decides by itself how long to think."""
    effort = draft.members.get("effort")
    if effort is None:
        return {}
    if effort != "none" and _forced(body):
        draft.lose("reasoning_effort", "dropped", _FORCED)
        effort = "none"
    return {"thinking": {"type": "disabled" if effort == "none" else "adaptive"}}


def _with_budget(draft: Draft, body: Mapping[str, Any]) -> dict[str, Any]:
    """The member for a model that is told how many tokens to think, unless something else excludes it."""
    effort = draft.members.get("reasoning_effort")
    if effort is None or effort == "none":
        return {}
    most = body.get("max_tokens", 0)
    budget = min(BUDGETS.get(effort, BUDGETS["medium"]), most // 2)
    excluded = ""
    if _forced(body):
        excluded = _FORCED
    elif _in_the_middle(draft.request.messages):
        excluded = "the conversation is in the middle of calls that were made without a thought of this vendor's"
    elif budget < _LEAST:
        excluded = f"max_tokens of {most} leaves no room for a thought"
    if excluded:
        draft.lose("reasoning_effort", "dropped", excluded)
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _in_the_middle(messages: tuple[ChatMessage, ...]) -> bool:
    """Whether the model spoke last in calls that no thought stands before: the vendor refuses to think after these."""
    last = next((message.parts for message in reversed(messages) if message.role == "assistant"), ())
    return any(isinstance(part, ToolCall) for part in last) and not isinstance(last[0], Thinking)


def _warmth(draft: Draft, body: dict[str, Any]) -> None:
    """Takes out what a model that thinks does not take."""
    for name in ("temperature", "top_k"):
        if body.pop(name, 1) != 1:
            draft.lose(name, "dropped", "a model that thinks does not take it")
    if body.get("top_p", 1) < 0.95:
        draft.lose("top_p", "changed", f"a model that thinks takes 0.95 to 1, not {body['top_p']!r}")
        body["top_p"] = 0.95


def _one_of_two(draft: Draft, body: dict[str, Any]) -> None:
    """Takes out one of two members that some models do not take together."""
    if "temperature+top_p" in draft.profile.refused and "temperature" in body and body.pop("top_p", None) is not None:
        draft.lose("top_p", "dropped", "the model does not take it together with temperature")
