"""What the vendors' batches have in common: requests as they go out, how a batch stands, and what became of each."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from decimal import Decimal
from typing import Any, ClassVar, Final
from urllib.parse import quote

from circuit_breaker.errors import LLMError, RequestRefused, ResponseInvalid
from circuit_breaker.llm.adapting import Draft
from circuit_breaker.llm.batch import BatchResult, BatchStatus
from circuit_breaker.llm.failures import Asked, VendorFault, http_failure
from circuit_breaker.llm.pricing import at_share
from circuit_breaker.llm.providers.answers import finished, misshapen, read_into, refuse
from circuit_breaker.llm.providers.base import HTTPProvider
from circuit_breaker.llm.providers.batch_lines import ResultLine, read_line, unread
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
    most_requests: ClassVar[int]
    batch_home: ClassVar[str]
    """The path of all batches."""

    # What a vendor's class gives.

    def standing(self, document: Any, asked: Asked) -> BatchStatus:
        """How the batch of that document stands.

        Raises:
            ResponseInvalid: The document has another form than the vendor's.
        """
        raise NotImplementedError

    def result_paths(self, place: str, document: Any) -> Iterable[str]:
        """Where the lines of results are, of a batch that has ended."""
        raise NotImplementedError

    async def read_result(self, document: Any, request: ChatCompletionRequest) -> BatchResult:
        """What a line says of its request.

        Raises:
            ResponseInvalid: The line has another form than the vendor's.
        """
        raise NotImplementedError

    def batch_end(self, document: Any) -> str:
        """How a batch ended, in a word or two."""
        del document
        return "ended"

    # The contract.

    async def batch_status(self, batch: str) -> BatchStatus:
        """How a batch stands.

        Raises:
            LLMError: It cannot be had.
        """
        asked = await self.asked()
        return self.standing(await self.document(self._place(batch), asked), asked)

    async def cancel_batch(self, batch: str) -> BatchStatus:
        """Lets the vendor begin none of its requests any more.

        Raises:
            LLMError: It cannot be cancelled.
        """
        asked = await self.asked()
        return self.standing(await self.document(f"{self._place(batch)}/cancel", asked, {}), asked)

    async def batch_results(
        self, batch: str, requests: Mapping[str, ChatCompletionRequest]
    ) -> Mapping[str, BatchResult]:
        """What became of each request, by name.

        A line that cannot be read is the error of its request. One that does not even tell its name is told to all
        requests that no line names.

        Raises:
            LLMError: The results cannot be had, or no line of them can be read.
        """
        asked = await self.asked()
        place = self._place(batch)
        document = await self.document(place, asked)
        standing = self.standing(document, asked)
        if not standing.ended:
            raise asked.error(RequestRefused, f"the batch '{batch}' has not ended", remedy="wait until it has")
        found: dict[str, BatchResult] = {}
        nameless: list[str] = []
        for path in self.result_paths(place, document):
            nameless += await self._read(path, asked, requests, found)
        if nameless and not found:
            raise asked.error(ResponseInvalid, unread(nameless))
        how = f"failed ({standing.message})" if standing.message else self.batch_end(document)
        return {
            name: found.get(name) or self._unheard(how, nameless, await self.asked(request.model))
            for name, request in requests.items()
        }

    # What the vendors' classes stand on.

    def _place(self, batch: str) -> str:
        return f"{self.batch_home}/{quote(batch, safe='')}"

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

    async def _read(
        self,
        path: str,
        asked: Asked,
        requests: Mapping[str, ChatCompletionRequest],
        found: dict[str, BatchResult],
    ) -> list[str]:
        """Adds what a file of results says to what was found; what is wrong with the lines that have no name."""
        nameless = []
        async with aclosing(self._lines(path, asked)) as lines:
            async for line in lines:
                if not line.name:
                    nameless.append(line.fault)
                elif line.name in requests and not (line.fault and line.name in found):
                    found[line.name] = await self._became(line, requests[line.name])
        return nameless

    async def _lines(self, path: str, asked: Asked) -> AsyncGenerator[ResultLine, None]:
        """The lines of a file of results, as they come; the last is nameless where the rest of it cannot be read."""
        call = self._call(path, asked, None)
        async with self._connections.exchange(call, asked, self._timeouts) as answer:
            if answer.status != 200:
                raise refuse(await answer.body(), answer, asked, self.dialect(asked.model))
            decoder, numbers = LineDecoder(MOST_LINE), itertools.count(1)
            try:
                while piece := await answer.more():
                    for line in decoder.feed(piece):
                        yield read_line(line.data, next(numbers))
                for line in decoder.end():
                    yield read_line(line.data, next(numbers))
            except StreamTooLong as error:
                yield ResultLine(fault=f"from line {next(numbers)} on, {error}")

    async def _became(self, line: ResultLine, request: ChatCompletionRequest) -> BatchResult:
        """What a line says of its request; the error of that request where it cannot be read."""
        if line.fault:
            asked = await self.asked(request.model)
            return BatchResult(answer=asked.error(ResponseInvalid, unread([line.fault])))
        try:
            return await self.read_result(line.document, request)
        except ResponseInvalid as error:
            return BatchResult(answer=error)

    def _unheard(self, how: str, nameless: list[str], asked: Asked) -> BatchResult:
        """What to tell of a request that no line names."""
        return (
            BatchResult(answer=asked.error(ResponseInvalid, unread(nameless))) if nameless else self._undone(how, asked)
        )

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
            error = http_failure(asked, fault, status=status, headers=NO_HEADERS, kinds=dialect.kinds)
        return BatchResult(answer=error)

    def _undone(self, what: str, asked: Asked) -> BatchResult:
        """What to tell of a request that the vendor never answered."""
        told = f"the batch {what} before the request was answered"
        return BatchResult(answer=asked.error(RequestRefused, told, remedy="hand it over again"))
