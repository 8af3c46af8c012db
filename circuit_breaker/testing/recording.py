"""Exchanges with a real provider recorded, and given again without a network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from circuit_breaker.errors import CircuitBreakerError
from circuit_breaker.llm.documents import from_document, to_document
from circuit_breaker.llm.profile import CAPABILITIES, ModelProfile
from circuit_breaker.llm.provider import Embeddings, EventStream, Provider, ProviderHealth
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.stream import StreamEvent
from circuit_breaker.outgoing.redaction import Redaction
from circuit_breaker.testing.exchange import (
    Exchange,
    cleaned,
    cleaned_whole,
    differences,
    first_difference,
    read_exchanges,
    write_exchanges,
)
from circuit_breaker.testing.pieces import PiecewiseStream

__all__ = ["NotRecorded", "Recorder", "Replayer"]

T = TypeVar("T")
_ALL: Final[Any] = CAPABILITIES


class NotRecorded(AssertionError):
    """Something was asked that the recording does not have."""


class Recorder:
    """A provider that passes everything on to another, and writes it down when it is left.

    Keys never come this far: they are the provider's. What requests and responses hold is searched for secrets.

    ::

        async with Recorder(OpenAIProvider(key=...), "tests/recordings/chat.json") as provider:
            await provider.complete(request)

    Args:
        provider: Who answers; it is entered and left with the recorder.
        path: The file. It is written when the block is left without an exception.
        secrets: Texts that must not be in the file; each is replaced by ``***``, and so is what looks like a key.
    """

    def __init__(self, provider: Provider, path: str | Path, *, secrets: Iterable[str] = ()) -> None:
        self._provider = provider
        self._path = Path(path)
        self._redact = Redaction.of(secrets).clean_spread
        self._exchanges: list[Exchange] = []
        self.name = provider.name
        self.kind = provider.kind

    async def __aenter__(self) -> Self:
        await self._provider.__aenter__()
        return self

    async def __aexit__(self, kind: object, *rest: object) -> None:
        await self._provider.__aexit__(kind, *rest)
        if kind is None:
            write_exchanges(self._path, self._exchanges)

    async def complete(self, request: ChatCompletionRequest) -> ChatCompletionResponse:
        """What the provider answers.

        Raises:
            LLMError: As the provider raised it; it is recorded.
        """
        return await self._noted("complete", to_document(request), self._provider.complete(request))

    @asynccontextmanager
    async def stream(self, request: ChatCompletionRequest) -> AsyncIterator[EventStream]:
        """What the provider answers, as it comes. A stream that is left early is recorded as far as it came.

        Raises:
            LLMError: As the provider raised it; it is recorded.
        """
        asked, events, entered = to_document(request), list[StreamEvent](), False
        try:
            async with self._provider.stream(request) as stream:
                entered = True
                try:
                    yield _Noted(stream, events)
                finally:
                    self._keep("stream", asked, events=to_document(cleaned_whole(events, self._redact)))
        except CircuitBreakerError as error:
            if not entered:
                self._keep("stream", asked, error=to_document(error))
            raise

    async def embed(self, texts: Sequence[str], *, model: str) -> Embeddings:
        """What the provider gives.

        Raises:
            LLMError: As the provider raised it; it is recorded.
        """
        asked = {"model": model, "texts": list(texts)}
        return await self._noted("embed", asked, self._provider.embed(texts, model=model))

    async def models(self) -> tuple[str, ...]:
        """What the provider serves."""
        return await self._noted("models", None, self._provider.models())

    async def health(self) -> ProviderHealth:
        """How the provider is; that is not recorded."""
        return await self._provider.health()

    def profile(self, model: str) -> ModelProfile:
        """What the provider knows of the model."""
        return self._provider.profile(model)

    async def _noted(self, kind: str, asked: Any, answer: Awaitable[T]) -> T:
        try:
            given = await answer
        except CircuitBreakerError as error:
            self._keep(kind, asked, error=to_document(error))
            raise
        self._keep(kind, asked, response=to_document(given))
        return given

    def _keep(self, kind: str, asked: Any, **came: Any) -> None:
        told = {name: cleaned(value, self._redact) for name, value in came.items()}
        self._exchanges.append(Exchange(kind=kind, request=cleaned(asked, self._redact), **told))


class _Noted:
    """The events of a stream, each noted when it is given."""

    def __init__(self, stream: EventStream, events: list[StreamEvent]) -> None:
        self._stream = stream
        self._events = events

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        event = await self._stream.__anext__()
        self._events.append(event)
        return event


class Replayer:
    """A provider that gives what was recorded, for requests that are equal to those recorded and for no others.

    A request that was recorded several times gets its answers in the order of the recording, each once.

    Args:
        path: The file that a :class:`Recorder` has written.
        secrets: The texts that the recorder was given, so that requests that hold them are found.
        name: What it is called.
        profile: What is known of its models; they can do everything unless given.

    Raises:
        DocumentInvalid: The file is no recording.
        FileNotFoundError: There is none.
    """

    kind = "recording"

    def __init__(
        self,
        path: str | Path,
        *,
        secrets: Iterable[str] = (),
        name: str = "recording",
        profile: ModelProfile | None = None,
    ) -> None:
        self.name = name
        self._left = read_exchanges(Path(path))
        self._path = Path(path)
        self._redact = Redaction.of(secrets).clean_spread
        self._profile = profile or ModelProfile(capabilities=_ALL)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""

    @property
    def unused(self) -> int:
        """How many exchanges of the recording were not asked for yet."""
        return len(self._left)

    async def complete(self, request: ChatCompletionRequest) -> ChatCompletionResponse:
        """What was answered to this request.

        Raises:
            NotRecorded: It was not recorded, or not so often; the message says what differs from the nearest.
            LLMError: That is what was recorded.
        """
        return from_document(self._found("complete", to_document(request)).response, ChatCompletionResponse)

    @asynccontextmanager
    async def stream(self, request: ChatCompletionRequest) -> AsyncIterator[EventStream]:
        """What was answered to this request, event by event.

        Raises:
            NotRecorded: It was not recorded, or not so often; or more is read than was recorded.
            LLMError: That is what was recorded.
        """
        found = self._found("stream", to_document(request))
        events: list[StreamEvent] = from_document(list(found.events), list[StreamEvent])
        yield PiecewiseStream(events)

    async def embed(self, texts: Sequence[str], *, model: str) -> Embeddings:
        """The vectors that were recorded.

        Raises:
            NotRecorded: They were not.
            LLMError: That is what was recorded.
        """
        return from_document(self._found("embed", {"model": model, "texts": list(texts)}).response, Embeddings)

    async def models(self) -> tuple[str, ...]:
        """The models that were recorded.

        Raises:
            NotRecorded: They were not.
        """
        return tuple(self._found("models", None).response)

    async def health(self) -> ProviderHealth:
        """It is always well."""
        return ProviderHealth(name=self.name, status="healthy")

    def profile(self, model: str) -> ModelProfile:
        """What it was told of its models."""
        del model
        return self._profile

    def _found(self, kind: str, document: Any) -> Exchange:
        asked = cleaned(document, self._redact)
        fitting = [each for each in self._left if each.kind == kind]
        found = next((each for each in fitting if each.request == asked), None)
        if found is None:
            raise NotRecorded(self._told(kind, asked, fitting))
        self._left.remove(found)
        if found.error is not None:
            raise from_document(found.error, CircuitBreakerError)
        return found

    def _told(self, kind: str, asked: Any, fitting: Sequence[Exchange]) -> str:
        if not fitting:
            return f"{self._path} has no exchange of kind '{kind}' that was not given yet; record it again"
        nearest = min(fitting, key=lambda each: differences(asked, each.request))
        how = first_difference(asked, nearest.request)
        return f"the request is not in {self._path}; from the nearest it differs at {how}; record it again"
