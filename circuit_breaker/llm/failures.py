"""Failures of a provider as errors: who was asked for what, what it answered, what to do; and never a key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import attrs

from circuit_breaker import outgoing
from circuit_breaker.errors import (
    APIError,
    AuthenticationFailed,
    ConnectionFailed,
    ContentFiltered,
    ContextTooLong,
    LLMError,
    ModelNotFound,
    ProviderOverloaded,
    QuotaExhausted,
    RateLimitExceeded,
    RequestRefused,
    ResponseInvalid,
    ResponseTimeout,
    ResponseTooLong,
)
from circuit_breaker.llm.discretion import without_keys
from circuit_breaker.outgoing.redaction import Redaction

__all__ = ["READ", "Asked", "VendorFault", "http_failure", "request_id_in", "wait_of"]

LONGEST: Final = 500
"""Characters that a message repeats of what a vendor says."""

READ: Final = 20_000
"""Characters that are read at all of what a vendor says."""

SHORTEST: Final = 6
"""Characters of the shortest text that is taken for a secret: a header such as ``X-Team: red`` is none."""

_UNSEEN: Final = re.compile(r"(?:\x1b\[[0-9;]*[A-Za-z]|[\x00-\x1f\x7f-\x9f])+")
_CONTEXT: Final = re.compile(
    r"maximum context length|context[ _](?:length|size|window)|prompt is too long|input token count", re.IGNORECASE
)
_NO_MODEL: Final = re.compile(r"model\b.*\b(?:not found|does not exist|not exist|unknown)", re.IGNORECASE | re.DOTALL)

NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
NO_KINDS: Final[Mapping[str, type[LLMError]]] = MappingProxyType({})
_AGAIN: Final[Mapping[str, bool]] = {"true": True, "false": False}
_NUMBER: Final = re.compile(r"\d{1,12}(?:\.\d{1,6})?")

_BY_STATUS: Final[Mapping[int, type[LLMError]]] = {
    401: AuthenticationFailed,
    402: QuotaExhausted,
    403: AuthenticationFailed,
    408: ResponseTimeout,
    409: ProviderOverloaded,
    413: ContextTooLong,
    425: ProviderOverloaded,
    429: RateLimitExceeded,
    504: ResponseTimeout,
}

_REMEDIES: Final[Mapping[type[LLMError], str]] = {
    AuthenticationFailed: "check the key, and that it may use this model",
    QuotaExhausted: "top up the account, or use another provider",
    RateLimitExceeded: "wait, or spread the requests over several keys or providers",
    ContextTooLong: "shorten the conversation, or use a model with a longer context",
    ModelNotFound: "check the name; models() tells which there are",
    ProviderOverloaded: "try again later, or use another provider",
    ContentFiltered: "change what is asked",
    RequestRefused: "change the request as the provider says",
    ResponseTimeout: "try again, or allow more time",
    ResponseInvalid: "try again, or use another model",
    ResponseTooLong: "use another model, or allow more",
    ConnectionFailed: "try again, and check that it is up",
    APIError: "check the base address, and what stands between here and there",
}


@attrs.frozen(kw_only=True)
class Asked:
    """Who was asked for what: it is named by every error.

    Attributes:
        provider: The name of the provider.
        model: The model, or an empty text.
        secrets: What must not be shown, such as the key.
    """

    provider: str
    model: str = ""
    secrets: tuple[str, ...] = attrs.field(default=(), repr=False)

    def __str__(self) -> str:
        return f"provider '{self.provider}'" + (f", model '{self.model}'" if self.model else "")

    def clean(self, text: str, most: int = LONGEST, *, whole: bool = True) -> str:
        """The text in one line, without keys, and not too long.

        Args:
            text: What a vendor says.
            most: Characters of it that are told.
            whole: Whether it is all that was said; otherwise a key may be cut at its end.
        """
        secrets = _without(self.secrets)
        if len(text) > READ:
            text, whole = text[:READ], False
        text = secrets.clean_spread(text)
        if not whole:
            text = text[: max(0, len(text) - secrets.longest)]
        seen = without_keys(_UNSEEN.sub(" ", text)).strip()
        return seen if len(seen) <= most else f"{seen[:most]}…"

    def error(
        self,
        kind: type[LLMError],
        what: str,
        *,
        remedy: str = "",
        status: int | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> LLMError:
        """The error of that class: who was asked, and what happened."""
        return kind(
            f"{self}: {self.clean(what)}",
            provider=self.provider,
            model=self.model,
            status=status,
            retry_after=retry_after,
            request_id=request_id,
            remedy=remedy or _REMEDIES.get(kind, ""),
        )


@lru_cache(maxsize=16)
def _without(secrets: tuple[str, ...]) -> Redaction:
    """What takes them out; the spellings of a key take longer to find than all else that is told of an error."""
    return Redaction.of(secret for secret in secrets if len(secret) >= SHORTEST)


@attrs.frozen(kw_only=True)
class VendorFault:
    """What a vendor says is wrong.

    Attributes:
        message: In its words.
        type: What kind of fault, in its words.
        code: Which fault, in its words.
        retry_after: Seconds that it wants one to wait, where it says so in the document, or None.
    """

    message: str = ""
    type: str = ""
    code: str = ""
    retry_after: float | None = None


def http_failure(
    asked: Asked,
    fault: VendorFault,
    *,
    status: int | None = None,
    headers: Mapping[str, str] = NO_HEADERS,
    kinds: Mapping[str, type[LLMError]] = NO_KINDS,
) -> LLMError:
    """The error that a vendor's answer stands for.

    Args:
        asked: Who was asked.
        fault: What it says.
        status: The number that it answered with; None for an error in the middle of a stream.
        headers: Those of the answer.
        kinds: Classes for the vendor's own codes and types of faults; the code comes first.
    """
    kind = kinds.get(fault.code) or kinds.get(fault.type) or _kind(fault, status)
    told = f" ({'/'.join(filter(None, (fault.type, fault.code)))})" if fault.type or fault.code else ""
    number = f"answered {status}: " if status is not None else "broke off: "
    error = asked.error(
        kind,
        f"{number}{fault.message or 'it gives no reason'}{told}",
        remedy=_remedy(kind, status),
        status=status,
        retry_after=fault.retry_after if fault.retry_after is not None else wait_of(headers),
        request_id=request_id_in(headers),
    )
    # What the vendors' own clients obey: whether it would help is known to the server alone.
    again = _AGAIN.get(headers.get("x-should-retry", ""))
    if again is not None:
        error.again = again
    return error


def _remedy(kind: type[LLMError], status: int | None) -> str:
    if kind is APIError and status is not None and 300 <= status < 400:
        return "redirects are not followed: configure the address that it leads to"
    if kind is RequestRefused and status == 404:
        return "check the base address: that of OpenAI and of compatible servers ends in /v1, others have no version"
    return _REMEDIES.get(kind, "")


def _kind(fault: VendorFault, status: int | None) -> type[LLMError]:
    """The class for a fault whose code says nothing to us."""
    if status is None:
        return ProviderOverloaded
    if status in (400, 404, 413, 422):
        if _CONTEXT.search(fault.message):
            return ContextTooLong
        if _NO_MODEL.search(fault.message):
            return ModelNotFound
    if status >= 500:
        return _BY_STATUS.get(status, ProviderOverloaded)
    return _BY_STATUS.get(status, RequestRefused if status >= 400 else APIError)


def request_id_in(headers: Mapping[str, str]) -> str | None:
    """What to tell the vendor's support."""
    return headers.get("x-request-id") or headers.get("request-id")


def wait_of(headers: Mapping[str, str]) -> float | None:
    """The seconds that an answer wants one to wait, or None; fractions and milliseconds are understood."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        text = headers.get(name, "")
        if _NUMBER.fullmatch(text):
            return float(text) / unit
    text = headers.get("retry-after", "")
    return outgoing.retry_after(text) if text else None
