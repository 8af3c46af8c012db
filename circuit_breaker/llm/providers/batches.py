"""What the vendors' batches have in common: requests as they go out, and lines of results read one by one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any, Final

from circuit_breaker.errors import LLMError, RequestRefused, ResponseInvalid
from circuit_breaker.llm.adapting import Draft
from circuit_breaker.llm.batch import BatchResult
from circuit_breaker.llm.encoding import decoded
from circuit_breaker.llm.failures import Asked, VendorFault, http_failure
from circuit_breaker.llm.pricing import at_share
from circuit_breaker.llm.providers.answers import finished, misshapen, read_into, refuse
from circuit_breaker.llm.providers.base import HTTPProvider
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.sse import LineDecoder, StreamTooLong
from circuit_breaker.llm.structured import reading

__all__ = ["Batched"]

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MOST_LINE: Final = 64 * 1024 * 1024
"""Bytes of the longest line of results: one answer."""
NO_HEADERS: Final[Mapping[str, str]] = {}


class Batched(HTTPProvider):
    """A provider whose vendor takes batches; see :class:`circuit_breaker.llm.batch.BatchVendor`."""

    batch_share = Decimal("0.5")
    most_requests: int

    async def _drafts(self, requests: Mapping[str, ChatCompletionRequest], asked: Asked) -> dict[str, Draft]:
        """The requests as they go out, by name.

        Raises:
            RequestRefused: There are none or too many, a name is wrong, or a request.
        """
        if not 0 < len(requests) <= self.most_requests:
            what = f"a batch has 1 to {self.most_requests:,} requests, not {len(requests):,}"
            raise asked.error(RequestRefused, what, remedy="make several batches")
        if wrong := [name for name in requests if not _NAME.fullmatch(name)]:
            remedy = "use letters, digits, '-' and '_', 64 at most"
            raise asked.error(RequestRefused, f"{wrong[0]!r:.80} is no name for a request", remedy=remedy)
        return {name: await self._draft(request, asked, stream=False) for name, request in requests.items()}

    async def _lines(self, path: str, asked: Asked) -> AsyncIterator[Any]:
        """The documents of a file of lines, as they come."""
        call = self._call(path, asked, None)
        async with self._connections.exchange(call, asked, self._timeouts) as answer:
            if answer.status != 200:
                raise refuse(await answer.body(), answer, asked, self.dialect(asked.model))
            lines = LineDecoder(MOST_LINE)
            try:
                while piece := await answer.more():
                    for line in lines.feed(piece):
                        yield _document(line.data, asked)
                for line in lines.end():
                    yield _document(line.data, asked)
            except StreamTooLong as error:
                raise asked.error(ResponseInvalid, f"a result cannot be read: {error}") from error

    async def _answer(self, request: ChatCompletionRequest, document: Any) -> BatchResult:
        """What an answer says, at the price of the batch."""
        asked = await self.asked(request.model)
        draft = await self._draft(request, asked, stream=False)
        dialect = self.dialect(request.model)
        assembly = self._assembly(draft, dialect, asked)
        try:
            read_into(assembly, document, dialect)
            response = assembly.response()
        except LLMError as error:
            return BatchResult(answer=error, **({"usage": assembly.usage} if assembly.usage else {}))
        try:
            profile = at_share(draft.profile, self.batch_share)
            told = finished(response, reading(draft.plan, response), asked, profile)
        except LLMError as error:
            return BatchResult(answer=error, usage=response.usage)
        return BatchResult(answer=told, usage=told.usage)

    def _refused(self, document: Any, status: int, asked: Asked) -> BatchResult:
        """What an error says."""
        dialect = self.dialect(asked.model)
        with misshapen(asked):
            fault = dialect.fault(document) or VendorFault(message=repr(document))
        return BatchResult(answer=http_failure(asked, fault, status=status, headers=NO_HEADERS, kinds=dialect.kinds))

    def _undone(self, what: str, asked: Asked) -> BatchResult:
        """What to tell of a request that the vendor never answered."""
        told = f"the batch {what} before the request was answered"
        return BatchResult(answer=asked.error(RequestRefused, told, remedy="hand it over again"))


def _document(line: bytes, asked: Asked) -> Any:
    try:
        return decoded(line)
    except ValueError as error:
        raise asked.error(ResponseInvalid, f"a line of the results is no JSON: {error}") from error
