"""Batches of OpenAI: a file of requests, one a line, and files of results.

See https://platform.openai.com/docs/guides/batch and https://platform.openai.com/docs/api-reference/batch.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from circuit_breaker.errors import RequestRefused
from circuit_breaker.llm.batch import BatchResult, BatchStatus
from circuit_breaker.llm.encoding import encoded
from circuit_breaker.llm.failures import Asked
from circuit_breaker.llm.providers.answers import misshapen, read_document
from circuit_breaker.llm.providers.batches import Batched
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.session import Call

__all__ = ["FileBatches"]

_ENDED: Final = frozenset({"failed", "completed", "expired", "cancelled"})
_FILES: Final = ("output_file_id", "error_file_id")


class FileBatches(Batched):
    """A provider whose batches are files."""

    most_requests = 50_000

    async def submit_batch(self, requests: Mapping[str, ChatCompletionRequest]) -> BatchStatus:
        """Hands the requests over; all must be for the same model.

        Raises:
            LLMError: None of them was taken.
        """
        models = sorted({request.model for request in requests.values()})
        asked = await self.asked(models[0] if len(models) == 1 else "")
        if len(models) > 1:
            told = f"a batch is for one model, not for {', '.join(models)}"
            raise asked.error(RequestRefused, told, remedy="make a batch for each")
        drafts = await self._drafts(requests, asked)
        dialect = self.dialect(asked.model)
        path = f"/v1/{dialect.path(next(iter(drafts.values())))}"
        lines = [
            encoded({"custom_id": name, "method": "POST", "url": path, "body": dialect.body(draft)})
            for name, draft in drafts.items()
        ]
        file = await self._uploaded(b"\n".join(lines), asked)
        order = {"input_file_id": file, "endpoint": path, "completion_window": "24h"}
        return _status(await self.document("batches", asked, order), asked)

    async def _uploaded(self, data: bytes, asked: Asked) -> str:
        """The name of a new file that holds the data."""
        mark = uuid.uuid4().hex
        plain = self._call("files", asked, _form(mark, data))
        headers = {**plain.headers, "Content-Type": f"multipart/form-data; boundary={mark}"}
        call = Call(url=plain.url, headers=headers, body=plain.body)
        answer = await self._connections.whole(call, asked, self._timeouts)
        document = read_document(answer.data, answer, asked, self.dialect(asked.model))
        with misshapen(asked):
            return str(document["id"])

    async def batch_status(self, batch: str) -> BatchStatus:
        """How a batch stands.

        Raises:
            LLMError: It cannot be had.
        """
        asked = await self.asked()
        return _status(await self.document(f"batches/{quote(batch, safe='')}", asked), asked)

    async def cancel_batch(self, batch: str) -> BatchStatus:
        """Lets the vendor begin none of its requests any more.

        Raises:
            LLMError: It cannot be cancelled.
        """
        asked = await self.asked()
        return _status(await self.document(f"batches/{quote(batch, safe='')}/cancel", asked, {}), asked)

    async def batch_results(
        self, batch: str, requests: Mapping[str, ChatCompletionRequest]
    ) -> Mapping[str, BatchResult]:
        """What became of each request, by name.

        Raises:
            LLMError: The results cannot be had.
        """
        asked = await self.asked()
        document = await self.document(f"batches/{quote(batch, safe='')}", asked)
        standing = _status(document, asked)
        if not standing.ended:
            raise asked.error(RequestRefused, f"the batch '{batch}' has not ended", remedy="wait until it has")
        found: dict[str, BatchResult] = {}
        for file in filter(None, map(document.get, _FILES)):
            async for line in self._lines(f"files/{quote(str(file), safe='')}/content", asked):
                with misshapen(asked):
                    name = line["custom_id"]
                if name in requests:
                    found[name] = await self._result(line, requests[name])
        how = "failed" if standing.message else str(document.get("status"))
        told = f"{how} ({standing.message})" if standing.message else how
        return {
            name: found.get(name) or self._undone(told, await self.asked(request.model))
            for name, request in requests.items()
        }

    async def _result(self, line: Any, request: ChatCompletionRequest) -> BatchResult:
        asked = await self.asked(request.model)
        with misshapen(asked):
            answer = line.get("response") or {}
            status, body = answer.get("status_code"), answer.get("body")
        if status == 200:
            return await self._answer(request, body)
        if status is None:  # expired or cancelled: never asked
            with misshapen(asked):
                return self._undone((line.get("error") or {}).get("message", "ended"), asked)
        return self._refused(body, status, asked)


def _form(mark: str, data: bytes) -> bytes:
    """The fields of the form in which a file is sent; see RFC 7578."""
    head = (
        f'--{mark}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="requests.jsonl"\r\n'
        "Content-Type: application/jsonl\r\n\r\n"
    )
    return head.encode() + data + f"\r\n--{mark}--\r\n".encode()


def _status(document: Any, asked: Asked) -> BatchStatus:
    with misshapen(asked):
        told, counts = document["status"], document.get("request_counts") or {}
        faults = (document.get("errors") or {}).get("data") or []
        return BatchStatus(
            id=document["id"],
            status="ended" if told in _ENDED else "cancelling" if told == "cancelling" else "running",
            total=counts.get("total", 0),
            succeeded=counts.get("completed", 0),
            failed=counts.get("failed", 0),
            message=asked.clean("; ".join(str(fault.get("message")) for fault in faults)),
        )
