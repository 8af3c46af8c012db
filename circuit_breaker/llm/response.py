"""A response of a model, in one form whoever gave it, with what it cost and what was lost on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.parts import EXTRA, ToolCall
from circuit_breaker.llm.usage import NO_USAGE, Cost, Usage

__all__ = ["ChatCompletionResponse", "Choice", "FinishReason", "Loss"]

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "paused", "error", "other"]
"""Why an answer ended: complete, too long, tools to be called, filtered, broken off, or as only the vendor knows.

An answer that is ``"paused"`` goes on when the conversation is sent again with it: a vendor's own tools take long.
"""


@attrs.frozen
class Loss:
    """One thing that was asked for and could not be sent as it was.

    Attributes:
        what: The member of the request, such as ``"top_k"`` or ``"messages[2].image"``.
        how: What became of it: it was dropped, renamed, changed (down-levelled), or is checked on our side.
        why: Why, in a sentence.
    """

    what: str
    how: Literal["dropped", "renamed", "changed", "checked"]
    why: str


@attrs.frozen(kw_only=True)
class Choice:
    """One answer.

    Attributes:
        index: Which of several.
        message: What the model said.
        finish_reason: Why it ended.
        raw_finish_reason: The vendor's own word for that.
        extra: Members of the vendor's that we do not know, such as ``logprobs``; in ``message`` those of its message.
    """

    index: int = 0
    message: ChatMessage
    finish_reason: FinishReason = "stop"
    raw_finish_reason: str = ""
    extra: Mapping[str, Any] = attrs.field(default=EXTRA, repr=False)

    @property
    def compatible_reason(self) -> str:
        """Why it ended, in OpenAI's words, which know no other reasons."""
        return self.finish_reason if self.finish_reason not in {"paused", "error", "other"} else "stop"


@attrs.frozen(kw_only=True)
class ChatCompletionResponse:
    """What a model answered.

    Attributes:
        id: The vendor's, or ours where it gives none.
        model: The model that answered, in the vendor's words.
        provider: The name of the provider.
        choices: The answers; one unless more were asked for.
        usage: The tokens.
        cost: What they cost.
        created: Seconds since 1970.
        losses: What could not be sent as it was asked for.
        parsed: The answer as a value, where a form was asked for that has one.
        requested_model: What the request called the model, where that was another name.
        attempts: What was tried before, as the router tells it.
        request_id: What to tell the vendor's support, or None.
        extra: Members of the vendor's that we do not know.
    """

    id: str
    model: str
    provider: str = ""
    choices: tuple[Choice, ...]
    usage: Usage = NO_USAGE
    cost: Cost = Cost()
    created: int = 0
    losses: tuple[Loss, ...] = ()
    parsed: Any = None
    requested_model: str = ""
    attempts: tuple[Any, ...] = ()
    request_id: str | None = None
    extra: Mapping[str, Any] = attrs.field(default=EXTRA, repr=False)

    @property
    def object(self) -> str:
        """What kind of thing it is, in OpenAI's words."""
        return "chat.completion"

    @property
    def message(self) -> ChatMessage:
        """The first answer."""
        return self.choices[0].message

    @property
    def content(self) -> str:
        """The text of the first answer."""
        return self.message.content

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that the first answer wants to be called."""
        return self.message.tool_calls

    @property
    def finish_reason(self) -> FinishReason:
        """Why the first answer ended."""
        return self.choices[0].finish_reason
