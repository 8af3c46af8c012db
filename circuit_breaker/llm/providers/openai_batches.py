"""Batches of OpenAI: a file of requests, one a line, and files of results.

See https://platform.openai.com/docs/guides/batch and https://platform.openai.com/docs/api-reference/batch.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
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
    batch_home = "batches"

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
        return self.standing(await self.document(self.batch_home, asked, order), asked)

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

    def standing(self, document: Any, asked: Asked) -> BatchStatus:
        """How the batch of that document stands.

        Raises:
            ResponseInvalid: The document has another form than the vendor's.
        """
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

    def result_paths(self, place: str, document: Any) -> Iterable[str]:
        """One file of what was answered and one of what was not, where there are such."""
        del place
        return [f"files/{quote(str(file), safe='')}/content" for file in map(document.get, _FILES) if file]

    def batch_end(self, document: Any) -> str:
        """How a batch ended, in the vendor's word."""
        return str(document.get("status"))

    async def read_result(self, document: Any, request: ChatCompletionRequest) -> BatchResult:
        """What a line says of its request.

        Raises:
            ResponseInvalid: The line has another form than the vendor's.
        """
        asked = await self.asked(request.model)
        with misshapen(asked):
            answer = document.get("response") or {}
            status, body = answer.get("status_code"), answer.get("body")
        if status == 200:
            return await self._answer(request, body)
        if status is None:  # expired or cancelled: never asked
            with misshapen(asked):
                return self._undone((document.get("error") or {}).get("message", "ended"), asked)
        return self._refused(body, status, asked)


def _form(mark: str, data: bytes) -> bytes:
    """The fields of the form in which a file is sent; see RFC 7578."""
    head = (
        f'--{mark}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="requests.jsonl"\r\n'
        "Content-Type: application/jsonl\r\n\r\n"
    )
    return head.encode() + data + f"\r\n--{mark}--\r\n".encode()
