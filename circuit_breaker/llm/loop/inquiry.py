"""One inquiry: the model is asked, whole or as a stream, again where that may help, and what it answered is kept."""

from __future__ import annotations

from typing import Any, Final

import attrs

from circuit_breaker.attempts import repeated
from circuit_breaker.errors import LLMError, ResponseInvalid
from circuit_breaker.llm.documents import from_document, to_document
from circuit_breaker.llm.loop.events import AnswerDelta, ThoughtDelta
from circuit_breaker.llm.loop.model import Answering
from circuit_breaker.llm.loop.surroundings import Surroundings
from circuit_breaker.llm.patience import Retries
from circuit_breaker.llm.provider import EventStream
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.stream import StreamEnded, StreamFailed, TextDelta, ThinkingDelta

__all__ = ["Inquiry"]

_DELTAS: Final[dict[type, Any]] = {TextDelta: AnswerDelta, ThinkingDelta: ThoughtDelta}


@attrs.define
class Inquiry:
    """One call of the model.

    Attributes:
        model: Who is asked.
        request: What it is asked.
        around: Who is told, and who keeps the answer.
        iteration: Of which number it is.
        retries: How often it is asked again; a provider that has asked again by itself is not.
        streamed: Whether the answer is told while it is made.
    """

    model: Answering
    request: ChatCompletionRequest
    around: Surroundings = attrs.field(kw_only=True)
    iteration: int = attrs.field(kw_only=True)
    retries: Retries = attrs.field(kw_only=True)
    streamed: bool = attrs.field(kw_only=True)
    _delivered: bool = attrs.field(default=False, init=False)

    async def answer(self, name: str) -> tuple[ChatCompletionResponse, bool]:
        """The answer, kept under the name, and whether it was kept from before.

        Raises:
            LLMError: It cannot be had.
        """
        answered: list[ChatCompletionResponse] = []

        async def asked() -> Any:
            answered.append(await self._repeated())
            return to_document(answered[0])

        document, kept = await self.around.kept(name, asked)
        return (answered[0] if answered else from_document(document, ChatCompletionResponse)), kept

    async def _repeated(self) -> ChatCompletionResponse:
        return await repeated(self._once, again=self._again, pause=self.retries.wait, tell=_nobody)

    def _again(self, error: Exception, attempt: int) -> bool:
        tried_already = isinstance(error, LLMError) and error.attempt > 1
        return not self._delivered and not tried_already and self.retries.again(error, attempt)

    async def _once(self, attempt: int) -> ChatCompletionResponse:
        del attempt
        if not self.streamed:
            return await self.model.complete(self.request)
        async with self.model.stream(self.request) as events:
            return await self._followed(events)

    async def _followed(self, events: EventStream) -> ChatCompletionResponse:
        """The whole response of a stream, whose pieces are told.

        Raises:
            LLMError: It broke off.
        """
        async for event in events:
            if isinstance(event, StreamEnded):
                return event.response
            if isinstance(event, StreamFailed):
                raise event.error
            if (told := _DELTAS.get(type(event))) is not None:
                self._delivered = True
                self.around.tell(told(iteration=self.iteration, text=event.text))  # type: ignore[union-attr]
        raise ResponseInvalid("the stream ended without an end", model=self.request.model, remedy="ask again")


async def _nobody(*_: object) -> None:
    """Nobody is told of an attempt that failed; the last error says how many there were."""
