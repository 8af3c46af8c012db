"""Answers: their bytes as documents, their faults as errors, and a response as it leaves the provider."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final, Protocol

import attrs

from circuit_breaker.errors import LLMError, ResponseInvalid
from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.encoding import decoded
from circuit_breaker.llm.failures import READ, Asked, VendorFault, http_failure, request_id_in
from circuit_breaker.llm.pricing import cost_of
from circuit_breaker.llm.profile import ModelProfile
from circuit_breaker.llm.providers.dialect import Dialect
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.structured import Reading
from circuit_breaker.llm.usage import Usage

__all__ = [
    "MISSHAPEN",
    "Headed",
    "finished",
    "misshaped",
    "misshapen",
    "read_document",
    "read_into",
    "refuse",
    "request_id_of",
]

MISSHAPEN: Final = (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError)
"""What reading a document raises that is JSON, but of another form than the vendor's."""

_EXCERPT: Final = 200
_TAGS: Final = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>", re.DOTALL | re.IGNORECASE)


class Headed(Protocol):
    """The head of an answer."""

    @property
    def status(self) -> int:
        """As HTTP has it."""

    @property
    def headers(self) -> Mapping[str, str]:
        """By name, in any case of letters."""


def request_id_of(answer: Headed) -> str | None:
    """What to tell the vendor's support."""
    return request_id_in(answer.headers)


def read_document(data: bytes, answer: Headed, asked: Asked, dialect: Dialect) -> Any:
    """The document of an answer.

    Raises:
        LLMError: The vendor answers with an error, or with no document.
    """
    try:
        document = decoded(data)
    except ValueError as error:
        if answer.status != 200:
            raise _failure(VendorFault(message=_excerpt(data, asked)), answer, asked, dialect) from error
        raise asked.error(
            ResponseInvalid,
            f"what it answered is no JSON: {_excerpt(data, asked)!r}",
            remedy="check the base address",
            status=answer.status,
            request_id=request_id_of(answer),
        ) from error
    if answer.status == 200 and not (isinstance(document, dict) and document.get("error")):
        return document
    with misshapen(asked):
        fault = dialect.fault(document) or VendorFault(message=_excerpt(data, asked))
    raise _failure(fault, answer, asked, dialect)


def refuse(data: bytes, answer: Headed, asked: Asked, dialect: Dialect) -> LLMError:
    """The error that an answer with another status than 200 stands for."""
    try:
        read_document(data, answer, asked, dialect)
    except LLMError as error:
        return error
    raise AssertionError("an answer with this status is an error")


def _failure(fault: VendorFault, answer: Headed, asked: Asked, dialect: Dialect) -> LLMError:
    return http_failure(asked, fault, status=answer.status, headers=answer.headers, kinds=dialect.kinds)


def _excerpt(data: bytes, asked: Asked) -> str:
    """The beginning of what came instead of JSON; of a page, what can be read of it; no part of a key."""
    text = data[:READ].decode("utf-8", "replace")
    seen = " ".join(_TAGS.sub(" ", text).split())
    return asked.clean(seen, _EXCERPT, whole=len(data) <= READ)


@contextmanager
def misshapen(asked: Asked) -> Iterator[None]:
    """Tells that a document has another form than the vendor's.

    Raises:
        ResponseInvalid: It has.
    """
    try:
        yield
    except LLMError:
        raise
    except MISSHAPEN as error:
        raise misshaped(asked, error) from error


def misshaped(asked: Asked, error: Exception) -> LLMError:
    """What to tell of such an error."""
    what = f"what it answered has not the form that it should have: {type(error).__name__}: {error}"
    return asked.error(ResponseInvalid, what, remedy="check the base address and the kind of provider")


def read_into(assembly: Assembly, document: Any, dialect: Dialect) -> None:
    """Tells the assembly of a whole answer.

    Raises:
        LLMError: It is none.
    """
    with misshapen(assembly.asked):
        dialect.read(document, assembly)


def finished(
    response: ChatCompletionResponse,
    found: Reading,
    asked: Asked,
    profile: ModelProfile,
    *,
    before: Sequence[Usage] = (),
) -> ChatCompletionResponse:
    """The response with its value, and with the tokens and the cost of it and of those before that did not fit.

    Raises:
        ResponseInvalid: It does not fit the form that was asked for.
    """
    if found.faults:
        told = "; ".join(found.faults)
        remedy = "allow more max_tokens" if response.finish_reason == "length" else "ask for a simpler form"
        what = f"the answer does not fit the form that was asked for: {told}"
        error = asked.error(ResponseInvalid, what, remedy=remedy)
        if isinstance(error, ResponseInvalid):
            error.misfit = True
        raise error
    cost = cost_of(response.usage, profile)
    usage = sum(before, response.usage)
    if before and cost.dollars is not None:
        # Each answer has a price of its own: that of a long input may be dearer.
        costs = (cost_of(one, profile).dollars or Decimal(0) for one in before)
        cost = attrs.evolve(cost, dollars=sum(costs, cost.dollars))
    return attrs.evolve(response, parsed=found.value, usage=usage, cost=cost)
