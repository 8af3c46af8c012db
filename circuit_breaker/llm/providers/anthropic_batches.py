"""Batches of Anthropic: requests in one document, and results in lines.

See https://docs.anthropic.com/en/api/creating-message-batches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from circuit_breaker.errors import RequestRefused
from circuit_breaker.llm.batch import BatchResult, BatchStatus
from circuit_breaker.llm.failures import Asked
from circuit_breaker.llm.providers.answers import misshapen
from circuit_breaker.llm.providers.batches import Batched
from circuit_breaker.llm.request import ChatCompletionRequest

__all__ = ["MessageBatches"]

_STATUS: Final[Mapping[str, Any]] = {"canceling": "cancelling", "ended": "ended"}
_NUMBERS: Final[Mapping[str, int]] = {
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "overloaded_error": 529,
}
"""What each type of error has as its number where it is answered at once; the others have 400."""
_HOME: Final = "v1/messages/batches"


class MessageBatches(Batched):
    """A provider whose batches are documents."""

    most_requests = 100_000

    async def submit_batch(self, requests: Mapping[str, ChatCompletionRequest]) -> BatchStatus:
        """Hands the requests over.

        Raises:
            LLMError: None of them was taken.
        """
        asked = await self.asked()
        drafts = await self._drafts(requests, asked)
        orders = [
            {"custom_id": name, "params": self.dialect(draft.request.model).body(draft)}
            for name, draft in drafts.items()
        ]
        return _status(await self.document(_HOME, asked, {"requests": orders}), asked)

    async def batch_status(self, batch: str) -> BatchStatus:
        """How a batch stands.

        Raises:
            LLMError: It cannot be had.
        """
        asked = await self.asked()
        return _status(await self.document(f"{_HOME}/{quote(batch, safe='')}", asked), asked)

    async def cancel_batch(self, batch: str) -> BatchStatus:
        """Lets the vendor begin none of its requests any more.

        Raises:
            LLMError: It cannot be cancelled.
        """
        asked = await self.asked()
        return _status(await self.document(f"{_HOME}/{quote(batch, safe='')}/cancel", asked, {}), asked)

    async def batch_results(
        self, batch: str, requests: Mapping[str, ChatCompletionRequest]
    ) -> Mapping[str, BatchResult]:
        """What became of each request, by name.

        Raises:
            LLMError: The results cannot be had.
        """
        asked = await self.asked()
        if not (await self.batch_status(batch)).ended:
            raise asked.error(RequestRefused, f"the batch '{batch}' has not ended", remedy="wait until it has")
        found: dict[str, BatchResult] = {}
        async for line in self._lines(f"{_HOME}/{quote(batch, safe='')}/results", asked):
            with misshapen(asked):
                name, result = line["custom_id"], line["result"]
            if name in requests:
                found[name] = await self._result(result, requests[name])
        return {
            name: found.get(name) or self._undone("ended", await self.asked(request.model))
            for name, request in requests.items()
        }

    async def _result(self, result: Any, request: ChatCompletionRequest) -> BatchResult:
        asked = await self.asked(request.model)
        with misshapen(asked):
            match result["type"]:
                case "succeeded":
                    return await self._answer(request, result["message"])
                case "errored":
                    error = result["error"]
                    return self._refused(error, _NUMBERS.get(error["error"]["type"], 400), asked)
                case "canceled":
                    return self._undone("was cancelled", asked)
                case _:
                    return self._undone("expired", asked)


def _status(document: Any, asked: Asked) -> BatchStatus:
    with misshapen(asked):
        counts = document["request_counts"]
        failed = sum(counts.get(name, 0) for name in ("errored", "canceled", "expired"))
        succeeded = counts.get("succeeded", 0)
        return BatchStatus(
            id=document["id"],
            status=_STATUS.get(document["processing_status"], "running"),
            total=counts.get("processing", 0) + succeeded + failed,
            succeeded=succeeded,
            failed=failed,
        )
