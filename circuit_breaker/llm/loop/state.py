"""The state of a loop: all that is needed to go on with it, which is a plain document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import attrs

from circuit_breaker.errors import DataInvalid
from circuit_breaker.llm.documents import from_document, to_document
from circuit_breaker.llm.messages import ChatMessage, tool_result
from circuit_breaker.llm.parts import ToolCall, ToolResult
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.usage import NO_USAGE, Usage

__all__ = ["CallRecord", "LoopState"]

VERSION: Final = 1
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@attrs.frozen(kw_only=True)
class CallRecord:
    """One call of a tool that was made.

    Attributes:
        iteration: After which answer of the model.
        call: The call.
        result: What it gave.
        seconds: How long it took.
        told: Whether the model was told that it repeats itself, in place of a result.
    """

    iteration: int
    call: ToolCall
    result: ToolResult
    seconds: float = 0.0
    told: bool = False

    def summary(self) -> dict[str, Any]:
        """What a rule may read of it, as JSON."""
        return {
            "id": self.call.id,
            "name": self.call.name,
            "arguments": self.call.arguments,
            "result": self.result.content,
            "is_error": self.result.is_error,
        }


@attrs.frozen(kw_only=True)
class LoopState:
    """What has happened in a loop. Immutable; a change is a new state.

    Attributes:
        messages: The conversation.
        iteration: How often the model was asked.
        usage: The tokens of all calls of models.
        dollars: What those calls cost whose price is known, in US dollars.
        unpriced: How many calls there were whose price nobody knows.
        calls: The calls of tools that were made, in order.
        plan: The steps of the plan, if one was made.
        repairs: How often the model was asked to mend its last answer.
        memory: What tools remember from call to call.
        seconds: How long it took before it was interrupted.
        model: The model that answered last.
        provider: Who served it.
        version: Of this form.
    """

    messages: tuple[ChatMessage, ...] = ()
    iteration: int = 0
    usage: Usage = NO_USAGE
    dollars: Decimal = Decimal(0)
    unpriced: int = 0
    calls: tuple[CallRecord, ...] = ()
    plan: tuple[str, ...] = ()
    repairs: int = 0
    memory: Mapping[str, Any] = _NOTHING
    seconds: float = 0.0
    model: str = ""
    provider: str = ""
    version: int = VERSION

    @property
    def pending(self) -> tuple[ToolCall, ...]:
        """Calls of the last answer that have no result yet."""
        given: set[str] = set()
        for message in reversed(self.messages):
            if message.role == "tool":
                given.update(result.call_id for result in message.tool_results)
            else:
                return tuple(call for call in message.tool_calls if call.id not in given)
        return ()

    @property
    def answer(self) -> str:
        """What the model said last."""
        said = (message.content for message in reversed(self.messages) if message.role == "assistant")
        return next((text for text in said if text), "")

    def plus(self, *messages: ChatMessage) -> LoopState:
        """The state after these messages."""
        return attrs.evolve(self, messages=(*self.messages, *messages))

    def answered(self, response: ChatCompletionResponse) -> LoopState:
        """The state after an answer of the model."""
        return self.paid(response, response.message, asked=1)

    def paid(self, response: ChatCompletionResponse, *messages: ChatMessage, asked: int = 0) -> LoopState:
        """The state with what a response took, after these messages; ``asked`` counts it as asked for so often."""
        dollars = response.cost.dollars
        return attrs.evolve(
            self,
            messages=(*self.messages, *messages),
            iteration=self.iteration + asked,
            usage=self.usage + response.usage,
            dollars=self.dollars + (dollars or 0),
            unpriced=self.unpriced + (dollars is None),
            model=response.model,
            provider=response.provider,
        )

    def done(self, records: Iterable[CallRecord]) -> LoopState:
        """The state after the calls of tools that the last answer wanted."""
        made = tuple(records)
        messages = (ChatMessage("tool", record.result) for record in made)
        return attrs.evolve(self, messages=(*self.messages, *messages), calls=(*self.calls, *made))

    def settled(self, why: str) -> LoopState:
        """The state without pending calls: each has a result that says what became of it."""
        return self.plus(*(tool_result(call, why, is_error=True) for call in self.pending))

    def to_document(self) -> dict[str, Any]:
        """All of it as a plain JSON document."""
        return {**to_document(self), "version": self.version}

    @classmethod
    def from_document(cls, document: Any) -> LoopState:
        """The state that was written.

        Raises:
            DataInvalid: It is none, or one of a later release.
        """
        if not isinstance(document, Mapping):
            raise DataInvalid(f"the state of a loop is a document, not {document!r:.80}")
        if document.get("version") != VERSION:
            raise DataInvalid(
                f"the state of the loop has version {document.get('version')!r:.20}, and {VERSION} is understood",
                remedy="give the document as it was given to you",
            )
        return from_document(document, cls)
