"""Batches of Anthropic: requests in one document, and results in lines.

See https://docs.anthropic.com/en/api/creating-message-batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

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


class MessageBatches(Batched):
    """A provider whose batches are documents."""

    most_requests = 100_000
    batch_home = "v1/messages/batches"

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
        return self.standing(await self.document(self.batch_home, asked, {"requests": orders}), asked)

    def standing(self, document: Any, asked: Asked) -> BatchStatus:
        """How the batch of that document stands.

        Raises:
            ResponseInvalid: The document has another form than the vendor's.
        """
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

    def result_paths(self, place: str, document: Any) -> Iterable[str]:
        """One file, beside the batch."""
        del document
        return [f"{place}/results"]

    async def read_result(self, document: Any, request: ChatCompletionRequest) -> BatchResult:
        """What a line says of its request.

        Raises:
            ResponseInvalid: The line has another form than the vendor's.
        """
        asked = await self.asked(request.model)
        with misshapen(asked):
            result = document["result"]
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
