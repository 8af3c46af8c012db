"""Batches: requests that a vendor answers when it has the time, within a day, for less money."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, Protocol, runtime_checkable

import attrs

from circuit_breaker.errors import LLMError
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.usage import NO_USAGE, Usage

__all__ = ["BatchResult", "BatchStatus", "BatchVendor"]


@attrs.frozen(kw_only=True)
class BatchStatus:
    """How a batch stands.

    Attributes:
        id: The vendor's name for it.
        status: ``"running"``, ``"cancelling"`` or ``"ended"``; only of one that has ended are there results.
        total: How many requests it has.
        succeeded: How many are answered.
        failed: How many are not and will not be: wrong, cancelled, or not begun within the time.
        message: What the vendor says is wrong with the batch as a whole, or an empty text.
    """

    id: str
    status: Literal["running", "cancelling", "ended"]
    total: int = 0
    succeeded: int = 0
    failed: int = 0
    message: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.status == "ended"


@attrs.frozen(kw_only=True)
class BatchResult:
    """What became of one request of a batch.

    Attributes:
        answer: The answer, at the price of the batch; or the error in its place.
        usage: What it took, also where the answer does not fit the form that it should have.
    """

    answer: ChatCompletionResponse | LLMError
    usage: Usage = NO_USAGE


@runtime_checkable
class BatchVendor(Protocol):
    """A provider whose vendor takes batches.

    Attributes:
        batch_share: Which part of the usual price is paid, such as a half.
    """

    batch_share: Decimal

    async def submit_batch(self, requests: Mapping[str, ChatCompletionRequest]) -> BatchStatus:
        """Hands the requests over.

        Args:
            requests: Each under a name of its own: letters, digits, ``-`` and ``_``, 64 at most.

        Raises:
            LLMError: None of them was taken.
        """
        ...

    async def batch_status(self, batch: str) -> BatchStatus:
        """How a batch stands.

        Raises:
            LLMError: It cannot be had.
        """
        ...

    async def cancel_batch(self, batch: str) -> BatchStatus:
        """Lets the vendor begin none of its requests any more; those that are answered stay answered.

        Raises:
            LLMError: It cannot be cancelled.
        """
        ...

    async def batch_results(
        self, batch: str, requests: Mapping[str, ChatCompletionRequest]
    ) -> Mapping[str, BatchResult]:
        """What became of each request, by name.

        Args:
            batch: A batch that has ended.
            requests: Those that were handed over, by the names that they had.

        Raises:
            LLMError: The results cannot be had.
        """
        ...
