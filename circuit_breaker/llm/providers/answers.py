"""Answers: their bytes as documents, their faults as errors, and a response as it leaves the provider."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol

import attrs

from circuit_breaker.errors import LLMError, ResponseInvalid
from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.encoding import decoded
from circuit_breaker.llm.failures import Asked, VendorFault, http_failure, request_id_in
from circuit_breaker.llm.pricing import cost_of
from circuit_breaker.llm.profile import ModelProfile
from circuit_breaker.llm.providers.dialect import Dialect
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.structured import Reading

__all__ = ["Headed", "finished", "misshapen", "read_document", "read_into", "refuse", "request_id_of"]

_MISSHAPEN: Final = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What reading a document raises that is JSON, but of another form than the vendor's."""

_TAGS: Final = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>", re.DOTALL | re.IGNORECASE)


class Headed(Protocol):
    """The head of an answer."""

    status: int
    headers: Mapping[str, str]


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
            raise _failure(VendorFault(message=_excerpt(data)), answer, asked, dialect) from error
        raise asked.error(
            ResponseInvalid,
            f"what it answered is no JSON: {_excerpt(data)!r}",
            remedy="check the base address",
            status=answer.status,
            request_id=request_id_of(answer),
        ) from error
    if answer.status == 200 and not (isinstance(document, dict) and document.get("error")):
        return document
    with misshapen(asked):
        fault = dialect.fault(document) or VendorFault(message=_excerpt(data))
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


def _excerpt(data: bytes) -> str:
    """The beginning of what came instead of JSON; of a page, what can be read of it."""
    text = data[:20_000].decode("utf-8", "replace")
    return " ".join(_TAGS.sub(" ", text).split())[:200]


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
    except _MISSHAPEN as error:
        what = f"what it answered has not the form that it should have: {type(error).__name__}: {error}"
        raise asked.error(ResponseInvalid, what, remedy="check the base address and the kind of provider") from error


def read_into(assembly: Assembly, document: Any, dialect: Dialect) -> None:
    """Tells the assembly of a whole answer.

    Raises:
        LLMError: It is none.
    """
    with misshapen(assembly.asked):
        dialect.read(document, assembly)


def finished(
    response: ChatCompletionResponse, found: Reading, asked: Asked, profile: ModelProfile
) -> ChatCompletionResponse:
    """The response with its value and what it cost.

    Raises:
        ResponseInvalid: It does not fit the form that was asked for.
    """
    if found.faults:
        told = "; ".join(found.faults)
        remedy = "allow more max_tokens" if response.finish_reason == "length" else "ask for a simpler form"
        raise asked.error(
            ResponseInvalid, f"the answer does not fit the form that was asked for: {told}", remedy=remedy
        )
    return attrs.evolve(response, parsed=found.value, cost=cost_of(response.usage, profile))
