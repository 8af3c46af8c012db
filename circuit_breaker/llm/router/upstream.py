"""The upstream side of a stream: one provider's events, from the first content on."""

from __future__ import annotations

from collections import deque
from contextlib import AsyncExitStack
from typing import Final

from circuit_breaker.errors import CircuitBreakerError, LLMError, ResponseInvalid
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.provider import EventStream
from circuit_breaker.llm.response import ChatCompletionResponse, Choice
from circuit_breaker.llm.router.needs import size_of
from circuit_breaker.llm.router.trial import Trial, at_provider
from circuit_breaker.llm.stream import (
    StreamEnded,
    StreamEvent,
    StreamFailed,
    StreamStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)

__all__ = ["Upstream"]

_WITH_TEXT: Final = (TextDelta, ThinkingDelta)


class Upstream:
    """One provider's stream, opened as far as its first content, or its end if it has none.

    A stream that fails before that has delivered nothing, whatever it answered at first: it fails as :meth:`open`.

    Args:
        trial: The call of the provider.
    """

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self._held: deque[StreamEvent] = deque()
        self._stack = AsyncExitStack()
        self._events: EventStream
        self._over = False

    async def open(self) -> None:
        """Calls the provider, and waits for the first content.

        Raises:
            LLMError: It cannot be had.
        """
        async with AsyncExitStack() as stack:
            trial = await stack.enter_async_context(self.trial)
            with at_provider(trial):
                self._events = await stack.enter_async_context(trial.route.lane.provider.stream(trial.request))
                await self._await_content()
            self._stack = stack.pop_all()

    async def _await_content(self) -> None:
        while True:
            event = await self._next()
            if isinstance(event, StreamFailed):
                raise event.error
            self._held.append(event)
            if not isinstance(event, StreamStarted):
                self.trial.first_token()
                return

    async def _next(self) -> StreamEvent:
        try:
            return await self._events.__anext__()
        except StopAsyncIteration:
            raise ResponseInvalid("the stream ended without an end", remedy="ask again") from None

    async def pull(self) -> StreamEvent:
        """The next event; the last is the end with the whole response, or the failure with what came before.

        Raises:
            StopAsyncIteration: The last one was given.
        """
        if self._held:
            event = self._held.popleft()
        elif self._over:
            raise StopAsyncIteration
        else:
            try:
                event = await self._events.__anext__()
            except Exception as error:  # noqa: BLE001 - the boundary of provider calls
                event = self._failure(error)
        if isinstance(event, _WITH_TEXT):
            self.trial.bill.delivered += size_of(event.text)
        elif isinstance(event, ToolCallDelta):
            self.trial.bill.delivered += size_of(event.arguments)
            self.trial.calls_tools = True
        elif isinstance(event, StreamEnded):
            self._over = True
            return StreamEnded(self.trial.answered(event.response))
        elif isinstance(event, StreamFailed):
            self._over = True
            return self._broke(event)
        return event

    def _failure(self, error: Exception) -> StreamFailed:
        """The failure of a stream that breaks the contract: it raises, or ends without an end."""
        if isinstance(error, StopAsyncIteration):
            error = ResponseInvalid("the stream ended without an end", remedy="ask again")
        try:
            with at_provider(self.trial):
                raise error
        except CircuitBreakerError as told:
            return StreamFailed(told, self._nothing_known())

    def _nothing_known(self) -> ChatCompletionResponse:
        empty = Choice(message=ChatMessage("assistant"), finish_reason="error")
        return ChatCompletionResponse(id="", model=self.trial.route.model, choices=(empty,))

    def _broke(self, event: StreamFailed) -> StreamFailed:
        """The failure, with what the part that came has cost."""
        error = event.error
        if isinstance(error, LLMError):
            error.provider, error.attempt = self.trial.route.lane.name, self.trial.number
            error.model = error.model or self.trial.route.model
        return StreamFailed(error, self.trial.broke(error, event.partial))

    async def close(self) -> None:
        """Stops the call at the vendor's, if it still runs, and settles it."""
        await self._stack.aclose()
