"""Google's answers: its contents, whole and streamed, as ours, and its errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from circuit_breaker.errors import (
    AuthenticationFailed,
    ContentFiltered,
    LLMError,
    ModelNotFound,
    ProviderOverloaded,
    QuotaExhausted,
    RateLimitExceeded,
    RequestRefused,
    ResponseInvalid,
    ResponseTimeout,
)
from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.encoding import decoded_piece, whole_object
from circuit_breaker.llm.failures import VendorFault, http_failure
from circuit_breaker.llm.response import FinishReason
from circuit_breaker.llm.sse import EventDecoder, ServerEvent, StreamTooLong
from circuit_breaker.llm.usage import Usage

__all__ = ["KINDS", "ContentReader", "Contents", "fault_of", "usage_of"]

KINDS: Final[Mapping[str, type[LLMError]]] = {
    "API_KEY_INVALID": AuthenticationFailed,
    "UNAUTHENTICATED": AuthenticationFailed,
    "PERMISSION_DENIED": AuthenticationFailed,
    "NOT_FOUND": ModelNotFound,
    "FAILED_PRECONDITION": RequestRefused,
    "QuotaFailure.PerDay": QuotaExhausted,
    "RESOURCE_EXHAUSTED": RateLimitExceeded,
    "INTERNAL": ProviderOverloaded,
    "UNAVAILABLE": ProviderOverloaded,
    "DEADLINE_EXCEEDED": ResponseTimeout,
}
_IN_STREAM: Final = {**KINDS, "INVALID_ARGUMENT": RequestRefused}
"""Where no number says what kind of fault it is."""

_REASONS: Final[Mapping[str, FinishReason]] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "FUNCTION_CALL": "tool_calls",
}
_FAILED: Final[Mapping[str, type[LLMError]]] = {
    "MALFORMED_FUNCTION_CALL": ResponseInvalid,
    "MALFORMED_RESPONSE": ResponseInvalid,
    "UNEXPECTED_TOOL_CALL": ResponseInvalid,
    "TOO_MANY_TOOL_CALLS": ResponseInvalid,
    "MISSING_THOUGHT_SIGNATURE": RequestRefused,
}
"""Reasons that are no end of an answer, but its failure."""

_LONGEST_ERROR: Final = 256 * 1024
_MOST_LINES: Final = 1000
_SECONDS: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
_KNOWN: Final = frozenset({"candidates", "usageMetadata", "modelVersion", "responseId", "error"})
_KNOWN_OF_CANDIDATE: Final = frozenset({"content", "finishReason", "index"})
_COUNTED: Final = dict.fromkeys(
    ("promptTokenCount", "toolUsePromptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount",
     "cachedContentTokenCount")
)  # fmt: skip
_TEXTS: Final = frozenset({"text", "thought", "thoughtSignature"})


def fault_of(document: Any) -> VendorFault | None:
    """What is wrong, in the vendor's words; an array of one is taken too."""
    if isinstance(document, list):
        document = document[0] if document else None
    told = document.get("error") if isinstance(document, dict) else None
    if isinstance(told, str):
        return VendorFault(message=told)
    if not isinstance(told, dict):
        return None
    details = [one for one in told.get("details") or () if isinstance(one, dict)]
    message, status = str(told.get("message") or ""), str(told.get("status") or "")
    return VendorFault(message=message, type=status, code=_code(details), retry_after=_wait(details))


def _code(details: list[dict[str, Any]]) -> str:
    """Why, where the details say so more closely."""
    quotas = (quota for one in details for quota in one.get("violations") or () if isinstance(quota, dict))
    if any("PerDay" in str(quota.get("quotaId")) for quota in quotas):
        return "QuotaFailure.PerDay"
    return next((str(one["reason"]) for one in details if one.get("reason")), "")


def _wait(details: list[dict[str, Any]]) -> float | None:
    """Seconds to wait (google.rpc.RetryInfo)."""
    for one in details:
        found = _SECONDS.fullmatch(str(one.get("retryDelay") or ""))
        if found:
            return float(found[1])
    return None


def usage_of(usage: Mapping[str, Any]) -> Usage:
    """The tokens that it tells of; thoughts are told beside the answer, and count as output."""
    thoughts = usage.get("thoughtsTokenCount") or 0
    return Usage(
        input_tokens=(usage.get("promptTokenCount") or 0) + (usage.get("toolUsePromptTokenCount") or 0),
        output_tokens=(usage.get("candidatesTokenCount") or 0) + thoughts,
        cached_tokens=usage.get("cachedContentTokenCount") or 0,
        reasoning_tokens=thoughts,
    )


class Contents:
    """Tells an assembly of an answer, or of the events of one, which have the same form."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._calls = 0
        self._ids: set[str] = set()

    def take(self, document: Any) -> None:
        """Tells of an answer, or of what an event brings of it.

        Raises:
            LLMError: It is an error, or the vendor refuses to answer.
        """
        assembly = self._assembly
        if document.get("error"):
            raise http_failure(assembly.asked, fault_of(document) or VendorFault(), kinds=_IN_STREAM)
        assembly.started(id=document.get("responseId") or "", model=document.get("modelVersion") or "")
        if document.get("usageMetadata"):
            assembly.usage = usage_of(document["usageMetadata"])
            assembly.members.count(_COUNTED, document["usageMetadata"])
        assembly.members.keep({name: document[name] for name in document.keys() - _KNOWN})
        blocked = (document.get("promptFeedback") or {}).get("blockReason")
        if blocked and not document.get("candidates"):
            raise assembly.asked.error(ContentFiltered, f"it refuses the request: {blocked}")
        for candidate in document.get("candidates") or ():
            self._candidate(candidate)

    def _candidate(self, candidate: Any) -> None:
        index = candidate.get("index") or 0
        for part in (candidate.get("content") or {}).get("parts") or ():
            self._part(part, index)
        if len(candidate) > 3:
            self._assembly.members.keep({name: candidate[name] for name in candidate.keys() - _KNOWN_OF_CANDIDATE})
        reason = candidate.get("finishReason")
        if not reason:
            return
        failed = _FAILED.get(reason)
        if failed is not None:
            told = candidate.get("finishMessage") or ""
            raise self._assembly.asked.error(failed, f"the model failed to answer: {reason} {told}".strip())
        self._assembly.finish(_REASONS.get(reason, "other"), reason, index=index)

    def _part(self, part: Any, index: int) -> None:
        signature = part.get("thoughtSignature")
        if "functionCall" in part:
            self._call(part["functionCall"], signature, index)
        elif part.get("thought"):
            self._assembly.thinking(part.get("text"), index=index, signature=signature)
        elif part.get("text"):
            extra = {"thoughtSignature": signature} if signature else {}
            self._assembly.text(part["text"], index=index, extra=extra)
        elif signature:
            self._assembly.thinking(None, index=index, signature=signature)
        elif not part.keys() <= _TEXTS:
            self._assembly.members.gather({"parts": [part]})

    def _call(self, function: Any, signature: str | None, index: int) -> None:
        """A call, which comes whole; the next one is another, whatever its id."""
        given = function.get("id")
        own = {"functionCallId": given} if given else {}
        extra = {**own, **({"thoughtSignature": signature} if signature else {})}
        fresh = given if given not in self._ids else None
        self._ids.add(given or "")
        arguments = function.get("args") or {}
        self._assembly.call(arguments, at=self._calls, id=fresh, name=function["name"], index=index, extra=extra)
        self._assembly.call_ended(at=self._calls, index=index)
        self._calls += 1


class ContentDecoder(EventDecoder):
    """Server-sent events, among which a bare JSON object may stand: that is how the vendor tells of an error."""

    def __init__(self) -> None:
        super().__init__()
        self._bare: list[bytes] = []

    def _take(self, line: bytes, found: list[ServerEvent]) -> None:
        if not self._bare and not line.startswith(b"{"):
            super()._take(line, found)
            return
        self._bare.append(line)
        whole = b"\n".join(self._bare)
        if len(self._bare) > _MOST_LINES or len(whole) > _LONGEST_ERROR:
            raise StreamTooLong(f"an error has more than {_MOST_LINES} lines or {_LONGEST_ERROR} bytes")
        if line.rstrip().endswith(b"}") and whole_object(whole.decode("utf-8", "replace")):
            found.append(ServerEvent(whole, "error"))
            self._bare = []


class ContentReader:
    """Reads a streamed answer, which ends when its body does."""

    over = False

    def __init__(self, assembly: Assembly) -> None:
        self.decoder = ContentDecoder()
        self._contents = Contents(assembly)

    def take(self, event: ServerEvent) -> None:
        """Tells the assembly of an event.

        Raises:
            LLMError: The event is an error.
        """
        if event.data.strip():
            self._contents.take(decoded_piece(event.data))
