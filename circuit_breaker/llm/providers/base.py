"""What every provider over HTTP does: adapts the request, sends it, reads the answer, and tells faults as ours.

A vendor is a :class:`~circuit_breaker.llm.providers.dialect.Dialect`, which knows its wire format and nothing of
connections, and a class of provider.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from functools import cached_property
from typing import ClassVar, Literal

from circuit_breaker.errors import LLMError, ProviderOverloaded, RateLimitExceeded, RequestRefused
from circuit_breaker.llm.adapting import Draft, adapted
from circuit_breaker.llm.allowance import most_characters
from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.encoding import encoded
from circuit_breaker.llm.failures import Asked
from circuit_breaker.llm.keys import Secret
from circuit_breaker.llm.metering import meter
from circuit_breaker.llm.patience import PATIENCE, Patience, persisted
from circuit_breaker.llm.profile import ModelProfile
from circuit_breaker.llm.profiles import Profiles
from circuit_breaker.llm.provider import Embeddings, EventStream, ProviderHealth
from circuit_breaker.llm.providers.answers import finished, read_document, read_into, request_id_of
from circuit_breaker.llm.providers.dialect import Dialect
from circuit_breaker.llm.providers.endpoint import HEALTH, Endpoint
from circuit_breaker.llm.providers.streaming import Opening, Streaming
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.session import Call, Connections
from circuit_breaker.llm.structured import Plan, reading, repairing
from circuit_breaker.llm.usage import Usage

__all__ = ["HEALTH", "HTTPProvider"]


class HTTPProvider(Endpoint):
    """A provider over HTTP, an async context manager.

    Args:
        name: What the user calls it.
        base_url: Where it is. It is trusted: it may be any address of this machine or network.
        api_key: The key, or a function that gives it.
        headers: More headers; a value may be a function, as the key may.
        connections: Those that it shares with other providers; its own unless given.
        profiles: The user's own, which come before the built-in ones.
        patience: How long it is waited for, and how often it is asked again.
        model: The model that is meant where nobody names one.

    Raises:
        ValueError: The address is none.
    """

    kind: str = "custom"
    family: ClassVar[str] = "custom"
    """Which profiles are its own."""

    def __init__(
        self,
        *,
        name: str,
        base_url: str,
        api_key: Secret = None,
        headers: Mapping[str, Secret] | None = None,
        connections: Connections | None = None,
        profiles: Sequence[ModelProfile] = (),
        patience: Patience = PATIENCE,
        model: str = "",
    ) -> None:
        super().__init__(
            name=name,
            base_url=base_url,
            api_key=api_key,
            headers=headers,
            connections=connections,
            timeouts=patience.timeouts,
        )
        self.model = model
        self._own_profiles = tuple(profiles)
        self._retries = patience.retries
        self.repairs = patience.repairs

    # What a vendor's class gives.

    async def made_ready(self, request: ChatCompletionRequest, asked: Asked) -> ChatCompletionRequest:
        """The request, with what has to be had from elsewhere before it can be sent."""
        del asked
        return request

    # The contract.

    def profile(self, model: str) -> ModelProfile:
        """What is known of a model; that of the provider's family where nothing is known of this one."""
        return self._profiles.of(model)

    @cached_property
    def _profiles(self) -> Profiles:
        return Profiles.of_family(self.family, self._own_profiles)

    async def complete(self, request: ChatCompletionRequest) -> ChatCompletionResponse:
        """The answer, whole; asked again by itself as :class:`~circuit_breaker.llm.patience.Retries` says.

        Raises:
            LLMError: It cannot be had, or does not fit the form that was asked for.
        """
        asked = await self.asked(request.model)
        plan, response = await self._completed(request, asked)
        found = reading(plan, response)
        before: tuple[Usage, ...] = ()
        for _ in range(self.repairs):
            if not found.faults or response.finish_reason == "length":
                break
            before = (*before, response.usage)
            request = repairing(request, response, found.faults)
            plan, response = await self._completed(request, asked)
            found = reading(plan, response)
        return finished(response, found, asked, self.profile(request.model), before=before)

    def stream(self, request: ChatCompletionRequest) -> AbstractAsyncContextManager[EventStream]:
        """The answer as it comes; what is wrong before the first byte is raised on entering.

        Raises:
            LLMError: It cannot be had.
        """
        return Streaming(lambda: self._streamed(request))

    async def models(self) -> tuple[str, ...]:
        """The names of the models that it serves now, in order.

        Raises:
            LLMError: They cannot be had.
        """
        raise NotImplementedError

    async def embed(self, texts: Sequence[str], *, model: str) -> Embeddings:
        """The texts as vectors.

        Raises:
            LLMError: They cannot be had, or the vendor has none.
        """
        del texts
        raise Asked(provider=self.name, model=model).error(RequestRefused, "it makes no embeddings")

    async def health(self) -> ProviderHealth:
        """Whether it can be reached and lets us in; never raises for a provider that is down."""
        begun = time.perf_counter()
        status: Literal["healthy", "degraded", "unhealthy"] = "healthy"
        message = ""
        try:
            await self.ping()
        except (RateLimitExceeded, ProviderOverloaded) as error:
            status, message = "degraded", error.message
        except LLMError as error:
            status, message = "unhealthy", error.message
        return ProviderHealth(
            name=self.name,
            status=status,
            last_check=datetime.now(UTC),
            latency_ms=(time.perf_counter() - begun) * 1000,
            message=message,
        )

    async def ping(self) -> None:
        """Asks for something that costs nothing.

        Raises:
            LLMError: It cannot be had.
        """
        raise NotImplementedError

    # What the vendors' classes stand on.

    async def _draft(self, request: ChatCompletionRequest, asked: Asked, *, stream: bool) -> Draft:
        """The request as it goes out.

        Raises:
            RequestRefused: It is wrong, whoever is asked; every fault is named.
        """
        faults = request.faults()
        if faults:
            told = "; ".join(map(str, faults))
            raise asked.error(RequestRefused, f"the request is wrong: {told}", remedy="change the request")
        request = await self.made_ready(request, asked)
        return adapted(request, self.profile(request.model), kind=self.kind, stream=stream)

    async def _completed(self, request: ChatCompletionRequest, asked: Asked) -> tuple[Plan, ChatCompletionResponse]:
        """One answer and how it was asked for; asked again as the retries say."""
        draft = await self._draft(request, asked, stream=False)
        dialect = self.dialect(request.model)
        call = self._call(dialect.path(draft), asked, encoded(dialect.body(draft)))
        paid = meter()

        async def attempt(number: int) -> ChatCompletionResponse:
            try:
                with paid.call():
                    response = await self._answered(call, draft, dialect, asked)
            except LLMError as error:
                error.attempt = number
                raise
            paid.took(response.usage)
            return response

        return draft.plan, await persisted(attempt, paid.retries(self._retries))

    async def _answered(self, call: Call, draft: Draft, dialect: Dialect, asked: Asked) -> ChatCompletionResponse:
        assembly = self._assembly(draft, dialect, asked)
        answer = await self._connections.whole(call, asked, self._timeouts)
        document = read_document(answer.data, answer, asked, dialect)
        assembly.request_id = request_id_of(answer)
        read_into(assembly, document, dialect)
        return assembly.response()

    async def _streamed(self, request: ChatCompletionRequest) -> Opening:
        """What a stream is read with."""
        asked = await self.asked(request.model)
        draft = await self._draft(request, asked, stream=True)
        dialect = self.dialect(request.model)
        call = self._call(dialect.path(draft), asked, encoded(dialect.body(draft)))
        return Opening(
            exchange=self._connections.exchange(call, asked, self._timeouts),
            assembly=self._assembly(draft, dialect, asked),
            dialect=dialect,
            plan=draft.plan,
            profile=draft.profile,
        )

    def _assembly(self, draft: Draft, dialect: Dialect, asked: Asked) -> Assembly:
        tool = draft.plan.tool
        return Assembly(
            asked,
            kind=dialect.kind,
            names=draft.names,
            losses=draft.losses,
            answer_tool=draft.names.vendor(tool) if tool else "",
            conversation=draft.request.messages,
            most=most_characters(draft.request, draft.profile),
        )
