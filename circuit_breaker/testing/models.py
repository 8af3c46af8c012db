"""Models for tests: a provider that answers as a script says, whole or in pieces, and notes what it was asked."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self

import attrs

from circuit_breaker.errors import ModelNotFound, nearest
from circuit_breaker.llm.pricing import cost_of
from circuit_breaker.llm.profile import CAPABILITIES, ModelProfile
from circuit_breaker.llm.provider import Embeddings, ProviderHealth
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.tokens import count_tokens
from circuit_breaker.llm.usage import Usage
from circuit_breaker.testing.model_turns import ModelTurn, break_of, response_of, turn_of
from circuit_breaker.testing.pieces import PiecewiseStream, broken_off, in_pieces
from circuit_breaker.testing.script import HANG, ScriptExhausted

__all__ = ["MockLLMProvider", "ScriptedProvider"]

_DIMENSIONS = 64
_ALL: Any = CAPABILITIES


class ScriptedProvider:
    """A provider that answers each request with the next turn of its script.

    ::

        model = ScriptedProvider(ToolCall(id="1", name="search", arguments='{"query": "nets"}'), "They are sound.")
        ...
        assert ["search"] == [tool.name for tool in model.requests[0].tools]

    A turn is a text, a :class:`ToolCall` or several, a message, a response, an exception to raise, :data:`HANG`, a
    :class:`ModelTurn`, or a function of the request, plain or async, that gives one of these.

    Args:
        *turns: What it answers, in order.
        always: What it answers when the turns are used up; without it, that is an error.
        name: What it is called.
        models: What it serves; any model when empty.
        profile: What is known of them; they can do everything unless given. Answers cost what its price says.
        healthy: Whether it says that it is well.

    Attributes:
        requests: What it was asked, in order.
        embedded: Texts that it was to make vectors of, in order.
        stopped: How many streams were left before their end.
    """

    kind = "scripted"

    def __init__(
        self,
        *turns: Any,
        always: Any = None,
        name: str = "scripted",
        models: Sequence[str] = (),
        profile: ModelProfile | None = None,
        healthy: bool = True,
    ) -> None:
        self.name = name
        self.requests: list[ChatCompletionRequest] = []
        self.embedded: list[str] = []
        self.stopped = 0
        self._turns = list(turns)
        self._always = always
        self._models = tuple(models)
        self._profile = profile or ModelProfile(capabilities=_ALL)
        self._healthy = healthy

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""

    async def complete(self, request: ChatCompletionRequest) -> ChatCompletionResponse:
        """The answer that the script has for the request.

        Raises:
            ScriptExhausted: The turns are used up.
            LLMError: The script says so, or there is no such model.
        """
        turn = await self._next(request)
        response = self._response(turn, request)
        if turn.breaks_after is not None:
            raise break_of(turn, self.name, request.model)
        return response

    @asynccontextmanager
    async def stream(self, request: ChatCompletionRequest) -> AsyncIterator[PiecewiseStream]:
        """The answer that the script has for the request, in pieces.

        Raises:
            ScriptExhausted: The turns are used up.
            LLMError: The script says so, or there is no such model.
        """
        turn = await self._next(request)
        response = self._response(turn, request)
        events = in_pieces(response, turn.pieces)
        if turn.breaks_after is not None:
            events = broken_off(events, turn.breaks_after, break_of(turn, self.name, request.model), response)
        stream = PiecewiseStream(events, turn.between)
        try:
            yield stream
        finally:
            self.stopped += not stream.ended

    async def embed(self, texts: Sequence[str], *, model: str) -> Embeddings:
        """A vector of 64 numbers for each text: texts that share words have similar ones."""
        self._check_model(model)
        self.embedded.extend(texts)
        usage = Usage(input_tokens=sum(int(count_tokens(text)) for text in texts), estimated=True)
        return Embeddings(model=model, vectors=tuple(map(_vector, texts)), usage=usage)

    async def models(self) -> tuple[str, ...]:
        """What it serves."""
        return self._models

    async def health(self) -> ProviderHealth:
        """Whether it is well, as it was told."""
        return ProviderHealth(
            name=self.name,
            status="healthy" if self._healthy else "unhealthy",
            last_check=datetime.now(UTC),
            latency_ms=0.0,
        )

    def profile(self, model: str) -> ModelProfile:
        """What is known of every model that it serves."""
        del model
        return self._profile

    async def _next(self, request: ChatCompletionRequest) -> ModelTurn:
        self._check_model(request.model)
        self.requests.append(request)
        if not self._turns and self._always is None:
            raise ScriptExhausted(
                f"request {len(self.requests)} to a scripted model, which has a script for {len(self.requests) - 1}: "
                f"{request.messages[-1].content!r:.200} (add an answer, or give always=)"
            )
        turn = await turn_of(self._turns.pop(0) if self._turns else self._always, request)
        await asyncio.sleep(turn.after)
        if turn.says is HANG:
            await asyncio.Event().wait()
        if isinstance(turn.says, BaseException) or (
            isinstance(turn.says, type) and issubclass(turn.says, BaseException)
        ):
            raise turn.says
        return turn

    def _response(self, turn: ModelTurn, request: ChatCompletionRequest) -> ChatCompletionResponse:
        response = response_of(turn, request, provider=self.name, number=len(self.requests))
        if self._profile.price is None or response is turn.says:
            return response
        return attrs.evolve(response, cost=cost_of(response.usage, self._profile))

    def _check_model(self, model: str) -> None:
        if self._models and model not in self._models:
            raise ModelNotFound(
                f"there is no model '{model}'", provider=self.name, model=model, remedy=nearest(model, self._models)
            )


class MockLLMProvider(ScriptedProvider):
    """A provider that gives texts one after the other, each after a delay."""

    @classmethod
    def with_responses(cls, responses: Iterable[Any], *, delay: float = 0.1, name: str = "mock") -> Self:
        """A provider that answers with these, in order.

        Args:
            responses: Texts, or whatever a turn of a :class:`ScriptedProvider` can be.
            delay: Seconds before each answer.
            name: What it is called.
        """
        return cls(*(_delayed(response, delay) for response in responses), name=name)


def _delayed(response: Any, delay: float) -> Callable[[ChatCompletionRequest], Any]:
    async def answer(request: ChatCompletionRequest) -> ModelTurn:
        turn = await turn_of(response, request)
        return attrs.evolve(turn, after=turn.after + delay)

    return answer


def _vector(text: str) -> tuple[float, ...]:
    """Counts of words in fields that their hash chooses, brought to length 1."""
    counts = [0.0] * _DIMENSIONS
    for word in text.lower().split():
        counts[hashlib.sha256(word.encode()).digest()[0] % _DIMENSIONS] += 1.0
    length = math.sqrt(math.fsum(count * count for count in counts)) or 1.0
    return tuple(count / length for count in counts)
