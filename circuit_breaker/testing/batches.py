"""Batches for tests: a scripted provider whose vendor answers a batch as soon as somebody looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from circuit_breaker.errors import LLMError, RequestRefused
from circuit_breaker.llm.batch import BatchResult, BatchStatus
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.testing.models import ScriptedProvider

__all__ = ["ScriptedBatches"]


class ScriptedBatches(ScriptedProvider):
    """A scripted provider that takes batches; each of their requests is answered by the next turn of its script.

    Args:
        turns: See :class:`ScriptedProvider`.
        options: See :class:`ScriptedProvider`.
    """

    batch_share = Decimal("0.5")

    def __init__(self, *turns: Any, **options: Any) -> None:
        super().__init__(*turns, **options)
        self._batches: dict[str, Mapping[str, ChatCompletionRequest]] = {}
        self._results: dict[str, dict[str, BatchResult]] = {}

    async def submit_batch(self, requests: Mapping[str, ChatCompletionRequest]) -> BatchStatus:
        """Takes the requests."""
        batch = f"batch-{len(self._batches) + 1}"
        self._batches[batch] = dict(requests)
        return BatchStatus(id=batch, status="running", total=len(requests))

    async def batch_status(self, batch: str) -> BatchStatus:
        """How a batch stands: it has ended."""
        results = self._results.get(batch) or await self._answered(batch)
        failed = sum(isinstance(result.answer, LLMError) for result in results.values())
        return BatchStatus(id=batch, status="ended", total=len(results), succeeded=len(results) - failed, failed=failed)

    async def cancel_batch(self, batch: str) -> BatchStatus:
        """Cancels what nobody has looked at yet."""
        cancelled = BatchResult(answer=RequestRefused("the batch was cancelled", provider=self.name))
        self._results.setdefault(batch, dict.fromkeys(self._batches[batch], cancelled))
        return await self.batch_status(batch)

    async def batch_results(
        self, batch: str, requests: Mapping[str, ChatCompletionRequest]
    ) -> Mapping[str, BatchResult]:
        """What became of each request, by name."""
        await self.batch_status(batch)
        return {name: self._results[batch][name] for name in requests}

    async def _answered(self, batch: str) -> dict[str, BatchResult]:
        results = self._results[batch] = {}
        for name, request in self._batches[batch].items():
            results[name] = await self._result(request)
        return results

    async def _result(self, request: ChatCompletionRequest) -> BatchResult:
        try:
            answer = await self.complete(request)
        except LLMError as error:
            return BatchResult(answer=error)
        return BatchResult(answer=answer, usage=answer.usage)
